//! What the cases of delivery do again and again.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::setup::at;
use super::OutboxFixture;
use crate::{
    AfterFailure, ClaimId, ClaimKey, ClaimRequest, ClaimedEvent, ConsumerName, DeliveryStore, EventBody,
    EventId, FailedDelivery, Lane, Outbox, OutboxEvent, ParkedFilter, QueueState, RecordRef, Start,
    UnitOfWork,
};

/// An event of the application with a number to tell it by.
pub(super) fn message(n: u128, record: Option<&str>) -> OutboxEvent {
    OutboxEvent {
        id: EventId(Uuid::from_u128(n)),
        lane: Lane::Change,
        kind: "sample_noted".to_owned(),
        tenant: None,
        connection: Some("connection".into()),
        record: record.map(|id| RecordRef::new("sample", id)),
        source: "application".to_owned(),
        body: EventBody::Message(serde_json::json!({"n": 1, "text": "Ünïcode ' \" 🦀", "nothing": null})),
        at: at(0),
    }
}

pub(super) fn number(event: &OutboxEvent) -> u128 {
    event.id.0.as_u128()
}

pub(super) fn numbers(events: &[OutboxEvent]) -> Vec<u128> {
    events.iter().map(number).collect()
}

pub(super) fn of(claimed: &[ClaimedEvent]) -> Vec<u128> {
    claimed.iter().map(|event| number(&event.event)).collect()
}

pub(super) fn not_meant(claimed: &ClaimedEvent) -> [ParkedFilter; 3] {
    let meant = ParkedFilter { consumer: None, lane: None, event: Some(claimed.event.id) };
    [
        ParkedFilter { consumer: Some("two".into()), ..meant.clone() },
        ParkedFilter { lane: Some(Lane::Outbound), ..meant.clone() },
        ParkedFilter { event: Some(EventId(Uuid::from_u128(99))), ..meant },
    ]
}

pub(super) fn request(consumer: &str, lane: Lane, now: i64, limit: u32) -> ClaimRequest {
    let until: DateTime<Utc> = at(now + 30);
    ClaimRequest {
        consumer: consumer.into(),
        lane,
        claim: ClaimId(Uuid::now_v7()),
        now: at(now),
        until,
        limit,
    }
}

/// Runs `work` in a transaction of its own for all tenants and commits.
pub(super) async fn commit<S: UnitOfWork, R>(store: &S, work: impl AsyncFnOnce(&mut S::Tx) -> R) -> R {
    let mut tx = store.begin_across_tenants().await.unwrap();
    let answer = work(&mut tx).await;
    store.commit(tx).await.unwrap();
    answer
}

pub(super) async fn register<F: OutboxFixture>(f: &F, consumer: &str, lanes: &[Lane]) {
    let store = f.store();
    let consumer = ConsumerName::from(consumer);
    commit(&*store, async |tx| store.register(tx, &consumer, lanes, Start::Now, at(0)).await.unwrap()).await;
}

pub(super) async fn publish<F: OutboxFixture>(f: &F, events: &[OutboxEvent]) {
    let store = f.store();
    commit(&*store, async |tx| store.publish(tx, events).await.unwrap()).await;
}

/// Claims for 30 seconds.
pub(super) async fn claim<F: OutboxFixture>(
    f: &F,
    consumer: &str,
    lane: Lane,
    now: i64,
    limit: u32,
) -> (ClaimKey, Vec<ClaimedEvent>) {
    let store = f.store();
    let request = request(consumer, lane, now, limit);
    let claimed = commit(&*store, async |tx| store.claim(tx, &request).await.unwrap()).await;
    (ClaimKey { consumer: request.consumer, lane, claim: request.claim }, claimed)
}

/// Claims under one name until nothing is left, in the order of publishing.
pub(super) async fn claim_all<F: OutboxFixture>(
    f: &F,
    consumer: &str,
    lane: Lane,
    now: i64,
) -> (ClaimKey, Vec<ClaimedEvent>) {
    let store = f.store();
    let request = request(consumer, lane, now, 100);
    let mut all = Vec::new();
    loop {
        let claimed = commit(&*store, async |tx| store.claim(tx, &request).await.unwrap()).await;
        if claimed.is_empty() {
            all.sort_by_key(|event: &ClaimedEvent| event.position);
            return (ClaimKey { consumer: request.consumer, lane, claim: request.claim }, all);
        }
        all.extend(claimed);
    }
}

pub(super) async fn acknowledge<F: OutboxFixture>(f: &F, key: &ClaimKey, claimed: &[ClaimedEvent]) -> u64 {
    let store = f.store();
    let positions: Vec<i64> = claimed.iter().map(|event| event.position).collect();
    commit(&*store, async |tx| store.acknowledge(tx, key, &positions).await.unwrap()).await
}

/// Acknowledges by the positions that events 1, 2, … of a fresh store have.
pub(super) async fn settle<F: OutboxFixture>(f: &F, key: &ClaimKey, positions: &[i64]) -> u64 {
    let store = f.store();
    commit(&*store, async |tx| store.acknowledge(tx, key, positions).await.unwrap()).await
}

pub(super) async fn fail<F: OutboxFixture>(
    f: &F,
    key: &ClaimKey,
    claimed: &[ClaimedEvent],
    then: AfterFailure,
) {
    let store = f.store();
    let failed: Vec<_> = claimed
        .iter()
        .map(|event| FailedDelivery {
            position: event.position,
            error: "refused · \u{fffd}".to_owned(),
            then,
        })
        .collect();
    commit(&*store, async |tx| store.fail(tx, key, &failed).await.unwrap()).await;
}

/// Claims and acknowledges until nothing is due; answers in the order of the claims.
pub(super) async fn drain<F: OutboxFixture>(
    f: &F,
    consumer: &str,
    lane: Lane,
    limit: u32,
) -> Vec<OutboxEvent> {
    let mut heard = Vec::new();
    loop {
        let (key, claimed) = claim(f, consumer, lane, 0, limit).await;
        if claimed.is_empty() {
            return heard;
        }
        assert_eq!(acknowledge(f, &key, &claimed).await, claimed.len() as u64);
        heard.extend(claimed.into_iter().map(|event| event.event));
    }
}

pub(super) async fn parked_of<F: OutboxFixture>(f: &F, filter: &ParkedFilter) -> Vec<crate::ParkedDelivery> {
    let store = f.store();
    commit(&*store, async |tx| store.parked(tx, filter, 100).await.unwrap()).await
}

pub(super) async fn replay<F: OutboxFixture>(f: &F, filter: &ParkedFilter) -> u64 {
    let store = f.store();
    commit(&*store, async |tx| store.replay(tx, filter).await.unwrap()).await
}

/// Purges at most two.
pub(super) async fn purge<F: OutboxFixture>(f: &F, before: i64) -> u64 {
    let store = f.store();
    commit(&*store, async |tx| store.purge(tx, at(before), 2).await.unwrap()).await
}

pub(super) async fn queue<F: OutboxFixture>(f: &F, consumer: &str) -> QueueState {
    let store = f.store();
    let queues = commit(&*store, async |tx| store.queues(tx).await.unwrap()).await;
    queues.into_iter().find(|queue| queue.consumer.as_str() == consumer).unwrap()
}

pub(super) async fn waiting<F: OutboxFixture>(f: &F, consumer: &str) -> u64 {
    queue(f, consumer).await.waiting
}
