//! One task: claim, deliver, settle, again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sync_core::{
    AfterFailure, BoxError, ClaimId, ClaimKey, ClaimRequest, ClaimedEvent, FailedDelivery, Lane, OutboxEvent,
    StoreError, UnitOfWork,
};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::relay::{Delivery, Outcome};

pub(super) struct Worker<S: UnitOfWork> {
    shared: Arc<Shared<S>>,
    lane: Lane,
    batch: u32,
    woken: watch::Receiver<u64>,
    /// When the next of the failures it has seen is due.
    next_retry: Option<DateTime<Utc>>,
}

/// What a round came to.
enum Round {
    /// Nothing was due.
    Idle,
    /// Something was delivered or failed.
    Worked,
    /// The relay can't be reached.
    Down(BoxError),
}

impl<S: UnitOfWork> Worker<S> {
    pub(super) fn new(shared: Arc<Shared<S>>, lane: Lane, batch: u32, woken: watch::Receiver<u64>) -> Self {
        Self { shared, lane, batch, woken, next_retry: None }
    }

    /// Delivers until it is stopped.
    pub(super) async fn run(mut self, stop: &CancellationToken) {
        let mut n_stalls = 0;
        while !stop.is_cancelled() {
            // Seen before asking, so that what is published meanwhile ends the wait at once.
            self.woken.mark_unchanged();
            match self.round().await {
                Ok(Round::Worked) => n_stalls = 0,
                Ok(Round::Idle) => {
                    n_stalls = 0;
                    stop.run_until_cancelled(self.wait()).await;
                }
                Ok(Round::Down(error)) => {
                    n_stalls += 1;
                    self.tell_of_stall(&*error);
                    self.stall(stop, n_stalls).await;
                }
                Err(error) => {
                    n_stalls += 1;
                    self.tell_of_stall(&error);
                    self.stall(stop, n_stalls).await;
                }
            }
        }
    }

    /// Delivers until nothing is due, or the relay can't be reached.
    pub(super) async fn drain(mut self) -> Result<(), StoreError> {
        loop {
            match self.round().await? {
                Round::Worked => {}
                Round::Idle => return Ok(()),
                Round::Down(error) => {
                    self.tell_of_stall(&*error);
                    return Ok(());
                }
            }
        }
    }

    async fn round(&mut self) -> Result<Round, StoreError> {
        let (key, mut claimed) = self.claim().await?;
        if claimed.is_empty() {
            return Ok(Round::Idle);
        }
        self.set_apart(&key, &mut claimed).await?;
        if let [only] = &claimed[..]
            && only.lapsed > 0
            && only.attempts + only.lapsed >= self.shared.settings.attempts
        {
            self.park_deadly(&key, only).await?;
            return Ok(Round::Worked);
        }
        let (places, events): (Vec<_>, Vec<OutboxEvent>) = claimed
            .into_iter()
            .map(|claimed| ((claimed.position, claimed.attempts + claimed.lapsed), claimed.event))
            .unzip();
        let delivery = self.deliver(&events).await;
        self.settle(&key, &places, &events, &delivery).await?;
        Ok(delivery.down.map_or(Round::Worked, Round::Down))
    }

    async fn claim(&self) -> Result<(ClaimKey, Vec<ClaimedEvent>), StoreError> {
        let shared = &*self.shared;
        let now = shared.clock.now();
        let request = ClaimRequest {
            consumer: shared.settings.consumer.clone(),
            lane: self.lane,
            claim: ClaimId(shared.ids.next_id()),
            now,
            until: now + shared.settings.claim_for,
            limit: self.batch,
        };
        let mut tx = shared.store.begin_across_tenants().await?;
        let claimed = shared.deliveries.claim(&mut tx, &request).await?;
        shared.store.commit(tx).await?;
        Ok((ClaimKey { consumer: request.consumer, lane: self.lane, claim: request.claim }, claimed))
    }

    /// Whoever delivered an event whose claim lapsed may have died of it. So it is delivered alone, in its turn, and
    /// what was claimed with it is released before: no other event shares its fate a second time.
    async fn set_apart(&self, key: &ClaimKey, claimed: &mut Vec<ClaimedEvent>) -> Result<(), StoreError> {
        let Some(suspect) = claimed.iter().position(|event| event.lapsed > 0) else { return Ok(()) };
        let rest: Vec<_> = claimed.split_off(suspect.max(1)).iter().map(|event| event.position).collect();
        let shared = &*self.shared;
        let mut tx = shared.store.begin_across_tenants().await?;
        shared.deliveries.release(&mut tx, key, &rest).await?;
        shared.store.commit(tx).await
    }

    /// It was cut off too often to be tried again.
    async fn park_deadly(&mut self, key: &ClaimKey, claimed: &ClaimedEvent) -> Result<(), StoreError> {
        let lapsed = claimed.lapsed;
        let error =
            format!("its delivery was cut off {lapsed} times, perhaps because the process died of it");
        let delivery = Delivery { outcomes: vec![Outcome::Refused(error)], down: None };
        let places = [(claimed.position, claimed.attempts)];
        self.settle(key, &places, std::slice::from_ref(&claimed.event), &delivery).await
    }

    /// Bounded by the claim: nothing new begins in its last third, and its last tenth is for settling.
    async fn deliver(&self, events: &[OutboxEvent]) -> Delivery {
        let claim_for = self.shared.settings.claim_for;
        let start = Instant::now();
        let delivery = self.shared.relay.deliver(events, start + claim_for * 2 / 3);
        match timeout_at(start + claim_for * 9 / 10, delivery).await {
            Ok(delivery) => delivery,
            Err(_) => Delivery::down(events.len(), "the delivery took longer than the claim"),
        }
    }

    async fn settle(
        &mut self,
        key: &ClaimKey,
        places: &[(i64, u32)],
        events: &[OutboxEvent],
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let (mut done, mut failed, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        let outcomes = delivery.outcomes.iter().chain(std::iter::repeat(&Outcome::NotTried));
        for (((position, attempts), event), outcome) in places.iter().zip(events).zip(outcomes) {
            match outcome {
                Outcome::Done => done.push(*position),
                Outcome::NotTried => rest.push(*position),
                Outcome::Failed(error) => {
                    failed.push(self.failure(*position, *attempts, event, error, false));
                }
                Outcome::Refused(error) => {
                    failed.push(self.failure(*position, *attempts, event, error, true));
                }
            }
        }
        let shared = Arc::clone(&self.shared);
        let mut tx = shared.store.begin_across_tenants().await?;
        let n_done = shared.deliveries.acknowledge(&mut tx, key, &done).await?;
        shared.deliveries.fail(&mut tx, key, &failed).await?;
        shared.deliveries.release(&mut tx, key, &rest).await?;
        shared.store.commit(tx).await?;
        let n_parked =
            failed.iter().filter(|failure| !matches!(failure.then, AfterFailure::Retry(_))).count();
        let counts = &shared.counts;
        let add = |count: &AtomicU64, n: u64| count.fetch_add(n, Ordering::Relaxed);
        add(&counts.delivered, n_done);
        add(&counts.outrun, (done.len() as u64).saturating_sub(n_done));
        add(&counts.parked, n_parked as u64);
        add(&counts.failed, (failed.len() - n_parked) as u64);
        Ok(())
    }

    /// What comes of a failure; says so.
    fn failure(
        &mut self,
        position: i64,
        attempts: u32,
        event: &OutboxEvent,
        error: &str,
        for_good: bool,
    ) -> FailedDelivery {
        let settings = &self.shared.settings;
        let attempts = attempts + 1;
        let then = if for_good || attempts >= settings.attempts {
            if settings.pass_parked { AfterFailure::ParkAndPass } else { AfterFailure::Park }
        } else {
            let at = self.shared.clock.now() + self.backoff(attempts);
            self.next_retry = Some(self.next_retry.map_or(at, |earlier| earlier.min(at)));
            AfterFailure::Retry(at)
        };
        let (id, kind, consumer) = (event.id, &event.kind, settings.consumer.as_str());
        match then {
            AfterFailure::Retry(_) => {
                tracing::warn!(%id, kind, consumer, attempts, error, "an event was not delivered; it is tried again");
            }
            _ => tracing::error!(
                %id, kind, consumer, attempts, error,
                "an event was parked; mend the cause and replay it"
            ),
        }
        FailedDelivery { position, error: error.to_owned(), then }
    }

    /// Waits until something was published, the next retry is due, or it is time to look.
    async fn wait(&mut self) {
        let now = self.shared.clock.now();
        let poll = self.shared.settings.poll_every;
        let until_retry = self.next_retry.map(|at| (at - now).to_std().unwrap_or_default());
        if until_retry.is_some_and(|wait| wait.is_zero()) {
            self.next_retry = None;
        }
        let wait = until_retry.map_or(poll, |wait| wait.clamp(Duration::from_millis(1), poll));
        // The sender outlives the workers; should it not, the time-out is what is left.
        let _ = tokio::time::timeout(wait, self.woken.changed()).await;
    }

    async fn stall(&self, stop: &CancellationToken, n_stalls: u32) {
        stop.run_until_cancelled(tokio::time::sleep(self.backoff(n_stalls))).await;
    }

    fn tell_of_stall(&self, error: &(dyn std::error::Error + 'static)) {
        self.shared.counts.stalled.fetch_add(1, Ordering::Relaxed);
        let (consumer, relay) = (self.shared.settings.consumer.as_str(), self.shared.relay.label());
        tracing::warn!(
            consumer,
            relay,
            lane = self.lane.as_str(),
            error,
            "events can't be delivered for now"
        );
    }

    /// Doubling, bounded, and spread over half its length.
    fn backoff(&self, attempts: u32) -> Duration {
        let settings = &self.shared.settings;
        let doubled = settings.retry_first.saturating_mul(1 << attempts.saturating_sub(1).min(30));
        doubled.min(settings.retry_max).mul_f64(0.5 + self.shared.jitter.fraction() / 2.0)
    }
}
