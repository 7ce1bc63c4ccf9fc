//! Delivery of events.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{
    AfterFailure, Channel, ClaimId, ClaimKey, ClaimRequest, ClaimedEvent, ConnectionId, ConsumerName,
    DeliveryStore, EventId, FailedDelivery, Lane, OutboxEvent, ParkedDelivery, ParkedFilter, QueueState,
    RecordRef, Start, StoreError, TenantId,
};

use crate::MemoryStore;
use crate::state::State;
use crate::tx::{MemoryTx, Writer};

/// Who, in which lane.
pub(crate) type QueueKey = (ConsumerName, &'static str);

/// An event that a consumer has not received, by its position.
pub(crate) type DeliveryKey = (ConsumerName, &'static str, i64);

#[derive(Clone)]
pub(crate) struct Delivery {
    standing: Standing,
    attempts: u32,
    lapsed: u32,
    error: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Standing {
    Ready,
    Claimed(ClaimId, DateTime<Utc>),
    Retry(DateTime<Utc>),
    Parked { blocks: bool },
}

impl Delivery {
    fn new() -> Self {
        Self { standing: Standing::Ready, attempts: 0, lapsed: 0, error: String::new() }
    }

    fn is_parked(&self) -> bool {
        matches!(self.standing, Standing::Parked { .. })
    }

    fn may_be_claimed(&self, now: DateTime<Utc>) -> bool {
        match self.standing {
            Standing::Ready => true,
            Standing::Claimed(_, until) => until <= now,
            Standing::Retry(at) => at <= now,
            Standing::Parked { .. } => false,
        }
    }
}

/// What events are kept in order by; an event about no record has an order of its own.
#[derive(PartialEq, Eq, Hash)]
enum Record<'a> {
    Of(Option<&'a TenantId>, Option<&'a ConnectionId>, &'a RecordRef),
    None(EventId),
}

impl<'a> Record<'a> {
    fn of(event: &'a OutboxEvent) -> Self {
        match &event.record {
            Some(record) => Self::Of(event.tenant.as_ref(), event.connection.as_ref(), record),
            None => Self::None(event.id),
        }
    }
}

/// Sets a delivery, or takes it away.
fn set(w: &mut Writer<'_>, key: DeliveryKey, delivery: Option<Delivery>) {
    let before = put(w.state, key.clone(), delivery);
    w.on_undo(move |state| drop(put(state, key, before)));
}

fn put(state: &mut State, key: DeliveryKey, delivery: Option<Delivery>) -> Option<Delivery> {
    match delivery {
        Some(delivery) => state.deliveries.insert(key, delivery),
        None => state.deliveries.remove(&key),
    }
}

/// A delivery of an event to each consumer of its lane.
pub(crate) fn fan_out(w: &mut Writer<'_>, position: i64, event: &OutboxEvent) {
    let lane = event.lane.as_str();
    let consumers: Vec<_> = w.state.consumers.iter().filter(|(_, of)| *of == lane).cloned().collect();
    for (consumer, lane) in consumers {
        set(w, (consumer, lane, position), Some(Delivery::new()));
    }
}

/// The deliveries of a claim that are still its own, among these.
fn own(w: &Writer<'_>, key: &ClaimKey, positions: impl Iterator<Item = i64>) -> Vec<(DeliveryKey, Delivery)> {
    let delivery = |position| {
        let place = (key.consumer.clone(), key.lane.as_str(), position);
        let delivery = w.state.deliveries.get(&place)?;
        let own = matches!(delivery.standing, Standing::Claimed(claim, _) if claim == key.claim);
        own.then(|| (place, delivery.clone()))
    };
    positions.filter_map(delivery).collect()
}

fn is_meant(filter: &ParkedFilter, key: &DeliveryKey, event: &OutboxEvent) -> bool {
    filter.consumer.as_ref().is_none_or(|consumer| *consumer == key.0)
        && filter.lane.is_none_or(|lane| lane.as_str() == key.1)
        && filter.event.is_none_or(|id| id == event.id)
}

/// Parked deliveries in the order of their publishing.
fn parked_of<'a>(state: &'a State, filter: &ParkedFilter) -> Vec<(&'a DeliveryKey, &'a Delivery)> {
    let meant =
        |key: &DeliveryKey| state.outbox.get(&key.2).is_some_and(|event| is_meant(filter, key, event));
    let mut found: Vec<_> =
        state.deliveries.iter().filter(|(key, delivery)| delivery.is_parked() && meant(key)).collect();
    found.sort_by(|(a, _), (b, _)| (a.2, &a.0).cmp(&(b.2, &b.0)));
    found
}

#[async_trait]
impl DeliveryStore<MemoryTx> for MemoryStore {
    async fn register(
        &self,
        tx: &mut MemoryTx,
        consumer: &ConsumerName,
        lanes: &[Lane],
        start: Start,
        _now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            for lane in lanes {
                let key: QueueKey = (consumer.clone(), lane.as_str());
                if !w.state.consumers.insert(key.clone()) {
                    continue;
                }
                w.on_undo(move |state| {
                    state.consumers.remove(&key);
                });
                if start == Start::Kept {
                    let of_lane =
                        |(position, event): (&i64, &OutboxEvent)| (event.lane == *lane).then_some(*position);
                    let kept: Vec<i64> = w.state.outbox.iter().filter_map(of_lane).collect();
                    for position in kept {
                        set(w, (consumer.clone(), lane.as_str(), position), Some(Delivery::new()));
                    }
                }
            }
        });
        Ok(())
    }

    async fn forget_consumer(&self, tx: &mut MemoryTx, consumer: &ConsumerName) -> Result<bool, StoreError> {
        Ok(tx.write(|w| {
            let waiting: Vec<_> =
                w.state.deliveries.keys().filter(|key| key.0 == *consumer).cloned().collect();
            for key in waiting {
                set(w, key, None);
            }
            let known: Vec<_> = w.state.consumers.iter().filter(|key| key.0 == *consumer).cloned().collect();
            for key in &known {
                w.state.consumers.remove(key);
            }
            let any = !known.is_empty();
            w.on_undo(move |state| state.consumers.extend(known));
            any
        }))
    }

    async fn claim(
        &self,
        tx: &mut MemoryTx,
        request: &ClaimRequest,
    ) -> Result<Vec<ClaimedEvent>, StoreError> {
        Ok(tx.write(|w| {
            let taken = choose(w.state, request);
            for claimed in &taken {
                let key = (request.consumer.clone(), request.lane.as_str(), claimed.position);
                if let Some(mut delivery) = w.state.deliveries.get(&key).cloned() {
                    delivery.standing = Standing::Claimed(request.claim, request.until);
                    delivery.lapsed = claimed.lapsed;
                    set(w, key, Some(delivery));
                }
            }
            taken
        }))
    }

    async fn acknowledge(
        &self,
        tx: &mut MemoryTx,
        key: &ClaimKey,
        positions: &[i64],
    ) -> Result<u64, StoreError> {
        Ok(tx.write(|w| {
            let done = own(w, key, positions.iter().copied());
            let n_done = done.len() as u64;
            for (key, _) in done {
                set(w, key, None);
            }
            n_done
        }))
    }

    async fn fail(
        &self,
        tx: &mut MemoryTx,
        key: &ClaimKey,
        failed: &[FailedDelivery],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            for failure in failed {
                for (key, mut delivery) in own(w, key, std::iter::once(failure.position)) {
                    delivery.attempts += 1;
                    delivery.error.clone_from(&failure.error);
                    delivery.standing = match failure.then {
                        AfterFailure::Retry(at) => Standing::Retry(at),
                        AfterFailure::Park => Standing::Parked { blocks: true },
                        AfterFailure::ParkAndPass => Standing::Parked { blocks: false },
                    };
                    set(w, key, Some(delivery));
                }
            }
        });
        Ok(())
    }

    async fn release(&self, tx: &mut MemoryTx, key: &ClaimKey, positions: &[i64]) -> Result<(), StoreError> {
        tx.write(|w| {
            for (key, mut delivery) in own(w, key, positions.iter().copied()) {
                delivery.standing = Standing::Ready;
                set(w, key, Some(delivery));
            }
        });
        Ok(())
    }

    async fn parked(
        &self,
        tx: &mut MemoryTx,
        filter: &ParkedFilter,
        limit: u32,
    ) -> Result<Vec<ParkedDelivery>, StoreError> {
        let parked = |state: &State, key: &DeliveryKey, delivery: &Delivery| {
            Some(ParkedDelivery {
                consumer: key.0.clone(),
                attempts: delivery.attempts,
                error: delivery.error.clone(),
                blocks: delivery.standing == Standing::Parked { blocks: true },
                event: state.outbox.get(&key.2)?.clone(),
            })
        };
        Ok(tx.read(|state| {
            let found = parked_of(state, filter).into_iter().take(limit as usize);
            found.filter_map(|(key, delivery)| parked(state, key, delivery)).collect()
        }))
    }

    async fn replay(&self, tx: &mut MemoryTx, filter: &ParkedFilter) -> Result<u64, StoreError> {
        let n_replayed = tx.write(|w| {
            let meant: Vec<_> = parked_of(w.state, filter).into_iter().map(|(key, _)| key.clone()).collect();
            let n_replayed = meant.len() as u64;
            for key in meant {
                set(w, key, Some(Delivery::new()));
            }
            n_replayed
        });
        tx.tell_at_commit(Channel::Outbox);
        Ok(n_replayed)
    }

    async fn queues(&self, tx: &mut MemoryTx) -> Result<Vec<QueueState>, StoreError> {
        Ok(tx.read(|state| state.consumers.iter().filter_map(|key| queue(state, key)).collect()))
    }

    async fn purge(&self, tx: &mut MemoryTx, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        Ok(tx.write(|w| {
            let wanted: HashSet<i64> = w.state.deliveries.keys().map(|key| key.2).collect();
            let is_old =
                |(position, event): &(&i64, &OutboxEvent)| event.at < before && !wanted.contains(position);
            let mut old: Vec<_> =
                w.state.outbox.iter().filter(is_old).map(|(position, event)| (event.at, *position)).collect();
            old.sort_unstable();
            old.truncate(limit as usize);
            for (_, position) in &old {
                if let Some(event) = w.state.outbox.remove(position) {
                    let position = *position;
                    w.on_undo(move |state| drop(state.outbox.insert(position, event)));
                }
            }
            old.len() as u64
        }))
    }
}

/// What may be claimed: in order, and nothing behind an event of its record that may not.
fn choose(state: &State, request: &ClaimRequest) -> Vec<ClaimedEvent> {
    let lane = request.lane.as_str();
    let first = (request.consumer.clone(), lane, i64::MIN);
    let last = (request.consumer.clone(), lane, i64::MAX);
    let mut blocked = HashSet::new();
    let mut taken = Vec::new();
    for (key, delivery) in state.deliveries.range(first..=last) {
        if taken.len() >= request.limit.max(1) as usize {
            break;
        }
        let Some(event) = state.outbox.get(&key.2) else { continue };
        if delivery.standing == (Standing::Parked { blocks: false }) {
            continue;
        }
        if blocked.contains(&Record::of(event)) || !delivery.may_be_claimed(request.now) {
            blocked.insert(Record::of(event));
            continue;
        }
        let cut_off = matches!(delivery.standing, Standing::Claimed(..));
        taken.push(ClaimedEvent {
            position: key.2,
            attempts: delivery.attempts,
            lapsed: delivery.lapsed + u32::from(cut_off),
            event: event.clone(),
        });
    }
    taken
}

fn queue(state: &State, (consumer, lane): &QueueKey) -> Option<QueueState> {
    let first = (consumer.clone(), *lane, i64::MIN);
    let last = (consumer.clone(), *lane, i64::MAX);
    let mut queue = QueueState {
        consumer: consumer.clone(),
        lane: Lane::parse(lane)?,
        waiting: 0,
        claimed: 0,
        retrying: 0,
        parked: 0,
        oldest: None,
    };
    for (key, delivery) in state.deliveries.range(first..=last) {
        if delivery.is_parked() {
            queue.parked += 1;
            continue;
        }
        queue.waiting += 1;
        queue.claimed += u64::from(matches!(delivery.standing, Standing::Claimed(..)));
        queue.retrying += u64::from(matches!(delivery.standing, Standing::Retry(_)));
        let at = state.outbox.get(&key.2).map(|event| event.at);
        queue.oldest = [queue.oldest, at].into_iter().flatten().min();
    }
    Some(queue)
}
