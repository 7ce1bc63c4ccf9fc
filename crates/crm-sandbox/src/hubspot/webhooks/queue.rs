//! Events that wait, and when requests are sent again.

use std::collections::VecDeque;

use serde_json::Value as Json;

use super::log::{Delivery, DeliveryLog};
use super::{App, WebhookSettings, payload};
use crate::hubspot::model::{Account, time::DAY_MS};

/// More events wait nowhere; older ones are dropped.
const MAX_WAITING: usize = 200_000;

/// One request's worth of events.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) events: Vec<Json>,
    pub(super) attempt: u32,
    due: i64,
}

/// Everything about webhooks that changes.
#[derive(Debug)]
pub(crate) struct Webhooks {
    pub(crate) app: App,
    pub(super) log: DeliveryLog,
    rng: fastrand::Rng,
    fresh: VecDeque<(i64, Json)>,
    again: Vec<Batch>,
    pub(super) in_flight: usize,
    /// Good answers that get lost, besides those lost at random.
    pub(crate) answers_to_lose: u64,
    /// Requests that were sent in vain as often as allowed.
    pub(crate) given_up: u64,
}

impl Webhooks {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            app: App::default(),
            log: DeliveryLog::default(),
            rng: fastrand::Rng::with_seed(seed ^ 0x5eed),
            fresh: VecDeque::new(),
            again: Vec::new(),
            in_flight: 0,
            answers_to_lose: 0,
            given_up: 0,
        }
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.log.entries()
    }

    pub(crate) fn forget_deliveries(&mut self) {
        self.log.clear();
    }

    /// Takes what happened since, worded for each subscription.
    pub(crate) fn collect(&mut self, account: &mut Account, app_id: u64, settings: &WebhookSettings) {
        for event in account.events.take() {
            let def = &account.tables[event.object].def;
            let wanted: Vec<_> = self.app.all().filter(|one| one.wants(&event, def)).cloned().collect();
            for one in wanted {
                let id = if settings.same_event_ids { 100 } else { u64::from(self.rng.u32(1..)) };
                let body = payload::of(account, app_id, id, &event, &one);
                self.put(body, account.now_ms(), settings);
            }
        }
    }

    /// Queues an event, perhaps twice.
    pub(crate) fn put(&mut self, event: Json, now: i64, settings: &WebhookSettings) {
        let due = now.saturating_add(i64::try_from(settings.delay_ms).unwrap_or(i64::MAX));
        if self.rng.u8(..100) < settings.duplicate_percent {
            self.fresh.push_back((due, event.clone()));
        }
        self.fresh.push_back((due, event));
        if self.fresh.len() > MAX_WAITING {
            tracing::warn!("too many webhook events wait; the oldest are dropped");
            self.fresh.drain(..MAX_WAITING / 2);
        }
    }

    /// The next request that is due: one to repeat, else fresh events.
    pub(super) fn next(&mut self, now: i64, settings: &WebhookSettings) -> Option<Batch> {
        if let Some(place) = self.again.iter().position(|batch| batch.due <= now) {
            return Some(self.again.remove(place));
        }
        let due = self.fresh.iter().take_while(|(due, _)| *due <= now).count();
        if settings.shuffled && due > 1 {
            self.rng.shuffle(&mut self.fresh.make_contiguous()[..due]);
        }
        let events: Vec<Json> =
            self.fresh.drain(..due.min(settings.batch_max.max(1))).map(|(_, one)| one).collect();
        (!events.is_empty()).then_some(Batch { events, attempt: 0, due: now })
    }

    /// Puts a request back that was not taken, or gives it up.
    pub(super) fn retry(&mut self, mut batch: Batch, now: i64, settings: &WebhookSettings) {
        if batch.attempt >= settings.retries {
            self.given_up += 1;
            return;
        }
        batch.attempt += 1;
        batch.due = now.saturating_add(wait_ms(&mut self.rng, batch.attempt, settings));
        self.again.push(batch);
    }

    /// Whether a good answer gets lost.
    pub(super) fn loses_answer(&mut self, settings: &WebhookSettings) -> bool {
        if self.answers_to_lose > 0 {
            self.answers_to_lose -= 1;
            return true;
        }
        self.rng.u8(..100) < settings.lost_answer_percent
    }

    /// When the next request is due; nothing when none waits.
    pub(super) fn due(&self) -> Option<i64> {
        let fresh = self.fresh.front().map(|(due, _)| *due);
        self.again.iter().map(|batch| batch.due).chain(fresh).min()
    }

    /// Nothing is on its way or due.
    pub(crate) fn settled(&self, now: i64) -> bool {
        self.in_flight == 0 && self.due().is_none_or(|due| due > now)
    }
}

/// How long to wait before an attempt: growing, at random, all of them together within 24 hours.
fn wait_ms(rng: &mut fastrand::Rng, attempt: u32, settings: &WebhookSettings) -> i64 {
    let retries = f64::from(settings.retries.max(1));
    let share = |attempt: u32| (f64::from(attempt) / retries).powi(3);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a day in milliseconds")]
    let wait = ((share(attempt) - share(attempt - 1)) * DAY_MS as f64 * (0.5 + rng.f64() / 2.0)) as i64;
    (wait / i64::from(settings.retry_speed.max(1))).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_retries_grow_and_fit_a_day() {
        let settings = WebhookSettings::default();
        for seed in 0..50 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let waits: Vec<i64> = (1..=10).map(|attempt| wait_ms(&mut rng, attempt, &settings)).collect();
            assert!(waits.iter().sum::<i64>() <= DAY_MS, "{waits:?}");
            assert!(waits[0] < waits[9] / 10 && waits[0] > 10_000, "{waits:?}");
        }
    }
}
