//! Events are delivered: to everyone, in order, at least once.

mod steps;

use std::collections::BTreeSet;

use uuid::Uuid;

use self::steps::*;
use super::emitter::event as change;
use super::fixture::{StoreFixture, TxOf};
use super::setup::{at, open_run, subscribe, within};
use crate::{
    AfterFailure, Channel, ClaimedEvent, DeliveryStore, EventBody, EventId, Lane, Outbox, OutboxEvent,
    ParkedFilter, RecordRef, Signal, Start, UnitOfWork,
};

/// A store whose events are delivered.
pub trait OutboxFixture:
    StoreFixture<Store: Outbox<TxOf<Self>> + DeliveryStore<TxOf<Self>> + Signal>
{
}

impl<F> OutboxFixture for F where F: StoreFixture<Store: Outbox<TxOf<F>> + DeliveryStore<TxOf<F>> + Signal> {}

/// INV-OUT-1: every consumer of the lane hears each event as it was published, and those of a transaction that was
/// rolled back, or undone to a savepoint, are heard by nobody.
pub async fn committed_events_reach_every_consumer<F: OutboxFixture>(f: F) {
    let store = f.store();
    register(&f, "one", &[Lane::Change]).await;
    register(&f, "two", &[Lane::Change, Lane::Outbound]).await;
    register(&f, "other", &[Lane::Inbound]).await;
    let sent = [message(1, Some("r1")), message(2, None), message(3, Some("r2"))];
    commit(&*store, async |tx| {
        store.savepoint(tx).await.unwrap();
        store.publish(tx, &[message(7, Some("undone"))]).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
        store.publish(tx, &sent).await.unwrap();
        store.publish(tx, &[]).await.unwrap();
    })
    .await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.publish(&mut tx, &[message(8, Some("r1"))]).await.unwrap();
    store.rollback(tx).await.unwrap();
    for consumer in ["one", "two"] {
        let heard: Vec<_> = drain(&f, consumer, Lane::Change, 100).await;
        assert_eq!(heard, sent, "{consumer}");
    }
    assert!(claim(&f, "other", Lane::Inbound, 0, 9).await.1.is_empty());
    assert!(claim(&f, "nobody", Lane::Change, 0, 9).await.1.is_empty());
}

/// INV-OUT-1: applied changes are events of the change lane, with the record and the account they are about.
pub async fn applied_changes_are_events<F: OutboxFixture>(f: F) {
    let store = f.store();
    register(&f, "one", &Lane::ALL).await;
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let sent = change(run, &"r1".into(), "Ünïcode 🦀");
    commit(&*store, async |tx| f.emitter().emit(tx, &scope, std::slice::from_ref(&sent)).await.unwrap())
        .await;
    let heard = drain(&f, "one", Lane::Change, 10).await;
    let expected = OutboxEvent {
        id: sent.id,
        lane: Lane::Change,
        kind: sent.kind,
        tenant: None,
        connection: Some(scope.connection),
        record: Some(RecordRef::new("sample", "r1")),
        source: "integration".to_owned(),
        body: EventBody::Change {
            local_id: sent.local_id,
            operation: sent.operation,
            changed_fields: sent.changed_fields,
            run,
            subscription: scope.subscription,
        },
        at: sent.at,
    };
    assert_eq!(heard, [expected]);
}

/// INV-OUT-1: a new consumer hears what is still kept, or only what comes, as it wishes; registering again changes
/// nothing.
pub async fn new_consumer_starts_where_it_wants<F: OutboxFixture>(f: F) {
    publish(&f, &[message(1, Some("r1"))]).await;
    let store = f.store();
    commit(&*store, async |tx| {
        store.register(tx, &"all".into(), &[Lane::Change], Start::Kept, at(0)).await.unwrap();
        store.register(tx, &"new".into(), &[Lane::Change], Start::Now, at(0)).await.unwrap();
    })
    .await;
    publish(&f, &[message(2, Some("r1"))]).await;
    register(&f, "new", &[Lane::Change]).await;
    commit(&*store, async |tx| {
        store.register(tx, &"all".into(), &[Lane::Change], Start::Kept, at(0)).await.unwrap();
    })
    .await;
    assert_eq!(numbers(&drain(&f, "all", Lane::Change, 10).await), [1, 2]);
    assert_eq!(numbers(&drain(&f, "new", Lane::Change, 10).await), [2]);
}

/// INV-OUT-2: while an event is being delivered, later ones of its record are not handed out, and others are.
pub async fn record_is_not_overtaken<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    publish(&f, &[message(1, Some("r1"))]).await;
    let (first, claimed) = claim(&f, "one", Lane::Change, 0, 10).await;
    assert_eq!(of(&claimed), [1]);
    publish(&f, &[message(2, Some("r1")), message(3, Some("r2")), message(4, None)]).await;
    let (second, claimed) = claim_all(&f, "one", Lane::Change, 0).await;
    assert_eq!(of(&claimed), [3, 4]);
    acknowledge(&f, &second, &claimed).await;
    assert!(claim(&f, "one", Lane::Change, 0, 10).await.1.is_empty());
    assert_eq!(settle(&f, &first, &[1]).await, 1);
    assert_eq!(of(&claim(&f, "one", Lane::Change, 0, 10).await.1), [2]);
}

/// INV-OUT-2: the same external id of another tenant, account or entity is another record.
pub async fn records_are_told_apart<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    let base =
        OutboxEvent { tenant: Some("a".into()), connection: Some("x".into()), ..message(1, Some("r1")) };
    publish(&f, std::slice::from_ref(&base)).await;
    assert_eq!(of(&claim(&f, "one", Lane::Change, 0, 10).await.1), [1]);
    let other = |n: u128, event: OutboxEvent| OutboxEvent { id: EventId(Uuid::from_u128(n)), ..event };
    publish(
        &f,
        &[
            other(2, OutboxEvent { tenant: Some("b".into()), ..base.clone() }),
            other(3, OutboxEvent { connection: Some("y".into()), ..base.clone() }),
            other(4, OutboxEvent { record: Some(RecordRef::new("other", "r1")), ..base.clone() }),
            other(5, base),
        ],
    )
    .await;
    assert_eq!(of(&claim_all(&f, "one", Lane::Change, 0).await.1), [2, 3, 4]);
}

/// INV-OUT-2: one claim takes many events of a record, in their order.
pub async fn claim_takes_a_record_in_order<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    let sent: Vec<_> = (1..=300).map(|n| message(n, Some(["r1", "r2", "r3"][n as usize % 3]))).collect();
    publish(&f, &sent).await;
    let mut heard: Vec<u128> = Vec::new();
    loop {
        let (key, claimed) = claim(&f, "one", Lane::Change, 0, 50).await;
        if claimed.is_empty() {
            break;
        }
        assert!(claimed.len() <= 60, "{}", claimed.len());
        assert!(claimed.is_sorted_by_key(|event| event.position));
        heard.extend(of(&claimed));
        acknowledge(&f, &key, &claimed).await;
    }
    for rest in 0..3 {
        let of_record: Vec<u128> = heard.iter().copied().filter(|n| n % 3 == rest).collect();
        assert!(of_record.is_sorted() && of_record.len() == 100, "{of_record:?}");
    }
}

/// INV-OUT-3: a claim that ended is claimed again with the same ids, and the old claim settles nothing.
pub async fn ended_claim_is_claimed_again<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    publish(&f, &[message(1, Some("r1")), message(2, Some("r1"))]).await;
    let (stale, first) = claim(&f, "one", Lane::Change, 0, 10).await;
    assert!(claim(&f, "one", Lane::Change, 29, 10).await.1.is_empty());
    let (key, again) = claim(&f, "one", Lane::Change, 30, 10).await;
    let lapsed = |event: ClaimedEvent| ClaimedEvent { lapsed: event.lapsed + 1, ..event };
    assert_eq!(again, first.iter().cloned().map(lapsed).collect::<Vec<_>>());
    assert_eq!(settle(&f, &stale, &[1, 2]).await, 0);
    fail(&f, &stale, &first, AfterFailure::Park).await;
    let store = f.store();
    let positions: Vec<i64> = first.iter().map(|event| event.position).collect();
    commit(&*store, async |tx| store.release(tx, &stale, &positions).await.unwrap()).await;
    assert!(claim(&f, "one", Lane::Change, 31, 10).await.1.is_empty());
    // Released ones keep the number.
    commit(&*store, async |tx| store.release(tx, &key, &positions).await.unwrap()).await;
    let (key, released) = claim(&f, "one", Lane::Change, 31, 10).await;
    assert_eq!(released, again);
    assert_eq!(acknowledge(&f, &key, &again).await, 2);
    assert_eq!(waiting(&f, "one").await, 0);
}

/// INV-OUT-3: released events are there at once, without an attempt more.
pub async fn released_events_are_free<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    publish(&f, &[message(1, Some("r1"))]).await;
    let (key, claimed) = claim(&f, "one", Lane::Change, 0, 10).await;
    let store = f.store();
    commit(&*store, async |tx| store.release(tx, &key, &[claimed[0].position]).await.unwrap()).await;
    assert_eq!(claim(&f, "one", Lane::Change, 0, 10).await.1, claimed);
}

/// INV-OUT-3: a claim that was rolled back never was, nor was its settling.
pub async fn rolled_back_claim_is_free<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    publish(&f, &[message(1, Some("r1"))]).await;
    let store = f.store();
    let mut tx = store.begin_across_tenants().await.unwrap();
    let taken = store.claim(&mut tx, &request("one", Lane::Change, 0, 10)).await.unwrap();
    assert_eq!(taken.len(), 1);
    store.rollback(tx).await.unwrap();
    let (key, claimed) = claim(&f, "one", Lane::Change, 0, 10).await;
    assert_eq!(claimed.len(), 1);
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert_eq!(store.acknowledge(&mut tx, &key, &[claimed[0].position]).await.unwrap(), 1);
    store.rollback(tx).await.unwrap();
    assert_eq!(acknowledge(&f, &key, &claimed).await, 1);
}

/// INV-OUT-3: of several who claim at the same time, each gets events of its own, and all are handed out.
pub async fn simultaneous_claims_share<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    let sent: Vec<_> = (1..=400).map(|n| message(n, Some(&format!("r{}", n % 80)))).collect();
    publish(&f, &sent).await;
    let worker = async || {
        let mut heard = Vec::new();
        let mut idle = 0;
        while idle < 50 {
            let (key, claimed) = claim(&f, "one", Lane::Change, 0, 20).await;
            idle = if claimed.is_empty() { idle + 1 } else { 0 };
            tokio::task::yield_now().await;
            heard.extend(of(&claimed));
            acknowledge(&f, &key, &claimed).await;
        }
        heard
    };
    let (a, b, c, d) = tokio::join!(worker(), worker(), worker(), worker());
    let all: Vec<u128> = [a, b, c, d].concat();
    assert_eq!(all.len(), 400);
    assert_eq!(all.iter().copied().collect::<BTreeSet<_>>().len(), 400);
}

/// INV-OUT-4: what one consumer has received, failed or claimed changes nothing for another, nor for its other lane.
pub async fn consumers_and_lanes_are_apart<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change, Lane::Outbound]).await;
    register(&f, "two", &[Lane::Change]).await;
    let outbound = OutboxEvent { lane: Lane::Outbound, ..message(3, Some("r1")) };
    publish(&f, &[message(1, Some("r1")), message(2, Some("r1")), outbound]).await;
    let (key, claimed) = claim(&f, "one", Lane::Change, 0, 10).await;
    assert_eq!(of(&claimed), [1, 2]);
    fail(&f, &key, &claimed[..1], AfterFailure::Park).await;
    assert_eq!(of(&claim(&f, "one", Lane::Outbound, 0, 10).await.1), [3]);
    assert_eq!(numbers(&drain(&f, "two", Lane::Change, 10).await), [1, 2]);
    let store = f.store();
    assert!(commit(&*store, async |tx| store.forget_consumer(tx, &"one".into()).await.unwrap()).await);
    assert!(!commit(&*store, async |tx| store.forget_consumer(tx, &"one".into()).await.unwrap()).await);
    publish(&f, &[message(4, Some("r1"))]).await;
    assert_eq!(numbers(&drain(&f, "two", Lane::Change, 10).await), [4]);
    assert!(claim(&f, "one", Lane::Change, 1_000, 10).await.1.is_empty());
}

/// INV-OUT-5: a failed event comes again at its time, holds up its record until then, and counts its attempts.
pub async fn failed_event_comes_again<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    publish(&f, &[message(1, Some("r1")), message(2, Some("r1")), message(3, Some("r2"))]).await;
    let (key, claimed) = claim_all(&f, "one", Lane::Change, 0).await;
    assert_eq!(of(&claimed), [1, 2, 3]);
    fail(&f, &key, &claimed[..1], AfterFailure::Retry(at(10))).await;
    let store = f.store();
    commit(&*store, async |tx| store.release(tx, &key, &[claimed[1].position]).await.unwrap()).await;
    assert_eq!(settle(&f, &key, &[3]).await, 1);
    assert!(claim(&f, "one", Lane::Change, 9, 10).await.1.is_empty());
    assert!(claim(&f, "one", Lane::Change, 9, 10).await.1.is_empty());
    let state = queue(&f, "one").await;
    assert_eq!((state.waiting, state.retrying, state.parked), (2, 1, 0));
    // The later one is there again, at the latest once the failed one was delivered.
    let (key, claimed) = claim(&f, "one", Lane::Change, 10, 10).await;
    assert_eq!((of(&claimed)[0], claimed[0].attempts), (1, 1));
    acknowledge(&f, &key, &claimed).await;
    let rest = drain(&f, "one", Lane::Change, 10).await;
    assert_eq!(claimed.len() + rest.len(), 2);
    assert_eq!(waiting(&f, "one").await, 0);
}

/// INV-OUT-5: a parked event holds up its record and nothing else, says why, and comes when it is replayed.
pub async fn parked_event_waits_for_its_replay<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    register(&f, "two", &[Lane::Change]).await;
    publish(&f, &[message(1, Some("r1"))]).await;
    let (key, claimed) = claim(&f, "one", Lane::Change, 0, 10).await;
    fail(&f, &key, &claimed, AfterFailure::Park).await;
    publish(&f, &[message(2, Some("r1")), message(3, Some("r2"))]).await;
    assert_eq!(numbers(&drain(&f, "one", Lane::Change, 10).await), [3]);
    let parked = parked_of(&f, &ParkedFilter::default()).await;
    assert_eq!((parked.len(), parked[0].attempts, parked[0].blocks), (1, 1, true));
    assert_eq!((parked[0].error.as_str(), &parked[0].event), ("refused · \u{fffd}", &claimed[0].event));
    assert_eq!(queue(&f, "one").await.parked, 1);
    for filter in not_meant(&claimed[0]) {
        assert_eq!(replay(&f, &filter).await, 0, "{filter:?}");
        assert!(parked_of(&f, &filter).await.is_empty(), "{filter:?}");
    }
    let meant = ParkedFilter {
        consumer: Some("one".into()),
        lane: Some(Lane::Change),
        event: Some(claimed[0].event.id),
    };
    assert_eq!(replay(&f, &meant).await, 1);
    let mut heard = drain(&f, "one", Lane::Change, 1).await;
    heard.extend(drain(&f, "one", Lane::Change, 10).await);
    assert_eq!(numbers(&heard), [1, 2]);
    assert!(parked_of(&f, &ParkedFilter::default()).await.is_empty());
}

/// INV-OUT-5: where later events are to pass a parked one, they do, also those that waited behind its retries.
pub async fn later_events_may_pass<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    publish(&f, &[message(1, Some("r1"))]).await;
    let (key, claimed) = claim(&f, "one", Lane::Change, 0, 10).await;
    fail(&f, &key, &claimed, AfterFailure::Retry(at(5))).await;
    publish(&f, &[message(2, Some("r1"))]).await;
    assert!(claim(&f, "one", Lane::Change, 0, 10).await.1.is_empty());
    let (key, claimed) = claim(&f, "one", Lane::Change, 5, 1).await;
    assert_eq!(of(&claimed), [1]);
    fail(&f, &key, &claimed, AfterFailure::ParkAndPass).await;
    publish(&f, &[message(3, Some("r1"))]).await;
    assert_eq!(numbers(&drain(&f, "one", Lane::Change, 10).await), [2, 3]);
    assert!(!parked_of(&f, &ParkedFilter::default()).await[0].blocks);
    assert_eq!(replay(&f, &ParkedFilter::default()).await, 1);
    assert_eq!(numbers(&drain(&f, "one", Lane::Change, 10).await), [1]);
}

/// INV-OUT-5: thousands of events behind a parked one hold up no other record.
pub async fn long_tail_of_a_parked_event_is_passed_by<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    publish(&f, &[message(1, Some("r1"))]).await;
    let (key, claimed) = claim(&f, "one", Lane::Change, 0, 10).await;
    fail(&f, &key, &claimed, AfterFailure::Park).await;
    let tail: Vec<_> = (2..3_000).map(|n| message(n, Some("r1"))).collect();
    publish(&f, &tail).await;
    let others: Vec<_> = (3_000..3_040).map(|n| message(n, Some(&format!("o{n}")))).collect();
    publish(&f, &others).await;
    let mut heard = numbers(&drain(&f, "one", Lane::Change, 100).await);
    heard.sort_unstable();
    assert_eq!(heard, (3_000..3_040).collect::<Vec<u128>>());
    replay(&f, &ParkedFilter::default()).await;
    assert_eq!(numbers(&drain(&f, "one", Lane::Change, 1_000).await), (1..3_000).collect::<Vec<u128>>());
}

/// INV-OUT-6: what all have received is purged by its age; what waits or is parked stays.
pub async fn only_received_events_are_purged<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    register(&f, "two", &[Lane::Change]).await;
    let sent: Vec<_> =
        (1..=6).map(|n| OutboxEvent { at: at(n), ..message(n.unsigned_abs().into(), None) }).collect();
    publish(&f, &sent).await;
    assert_eq!(purge(&f, 100).await, 0);
    assert_eq!(drain(&f, "one", Lane::Change, 10).await.len(), 6);
    assert_eq!(purge(&f, 100).await, 0);
    let (key, claimed) = claim_all(&f, "two", Lane::Change, 0).await;
    let parked: Vec<_> = claimed.iter().filter(|event| number(&event.event) == 2).cloned().collect();
    let rest: Vec<_> = claimed.iter().filter(|event| number(&event.event) != 2).cloned().collect();
    fail(&f, &key, &parked, AfterFailure::ParkAndPass).await;
    acknowledge(&f, &key, &rest).await;
    // Of those before the fifth, 1, 3 and 4 were received; two at most at a time.
    assert_eq!(purge(&f, 5).await, 2);
    assert_eq!(purge(&f, 5).await, 1);
    assert_eq!(purge(&f, 5).await, 0);
    assert_eq!(replay(&f, &ParkedFilter::default()).await, 1);
    assert_eq!(numbers(&drain(&f, "two", Lane::Change, 10).await), [2]);
    assert_eq!(purge(&f, 100).await, 2);
    assert_eq!(purge(&f, 100).await, 1);
}

/// How far each consumer is, is told per lane.
pub async fn queues_tell_the_lag<F: OutboxFixture>(f: F) {
    register(&f, "two", &[Lane::Outbound]).await;
    register(&f, "one", &[Lane::Change, Lane::Inbound]).await;
    let sent = [3, 1, 2].map(|n| OutboxEvent { at: at(n), ..message(n.unsigned_abs().into(), None) });
    publish(&f, &sent).await;
    let (_, claimed) = claim(&f, "one", Lane::Change, 0, 1).await;
    let store = f.store();
    let queues = commit(&*store, async |tx| store.queues(tx).await.unwrap()).await;
    let told: Vec<_> =
        queues.iter().map(|q| (q.consumer.as_str(), q.lane, q.waiting, q.claimed, q.oldest)).collect();
    let n_claimed = claimed.len() as u64;
    let expected = [
        ("one", Lane::Change, 3, n_claimed, Some(at(1))),
        ("one", Lane::Inbound, 0, 0, None),
        ("two", Lane::Outbound, 0, 0, None),
    ];
    assert_eq!(told, expected);
    assert!(n_claimed > 0);
}

/// INV-SIG-1: who listens is told of a commit, also of one that came before it began to wait, and of a replay.
pub async fn listener_is_told_of_commits<F: OutboxFixture>(f: F) {
    register(&f, "one", &[Lane::Change]).await;
    let store = f.store();
    let mut listener = store.listen(Channel::Outbox).await.unwrap();
    publish(&f, &[message(1, Some("r1"))]).await;
    within(listener.told()).await.unwrap();
    let later = [message(2, Some("r1"))];
    let (told, ()) = tokio::join!(within(listener.told()), publish(&f, &later));
    told.unwrap();
    let (key, claimed) = claim(&f, "one", Lane::Change, 0, 10).await;
    fail(&f, &key, &claimed, AfterFailure::Park).await;
    let all = ParkedFilter::default();
    let (told, _) = tokio::join!(within(listener.told()), replay(&f, &all));
    told.unwrap();
}

/// R1: an event without a tenant is refused where tenants are told apart; each line keeps its own.
pub async fn events_keep_their_tenant<F: OutboxFixture>(f: F) {
    let store = f.store();
    register(&f, "one", &[Lane::Change]).await;
    if F::REFUSES_MISSING_TENANT {
        let mut tx = store.begin_across_tenants().await.unwrap();
        assert!(store.publish(&mut tx, &[message(1, Some("r1"))]).await.is_err());
    }
    let of_tenant = |tenant: &str, n| OutboxEvent { tenant: Some(tenant.into()), ..message(n, Some("r1")) };
    for event in [of_tenant("a", 2), of_tenant("b", 3)] {
        let mut tx = store.begin_for(event.tenant.as_ref()).await.unwrap();
        store.publish(&mut tx, std::slice::from_ref(&event)).await.unwrap();
        store.commit(tx).await.unwrap();
    }
    let heard = drain(&f, "one", Lane::Change, 10).await;
    let mut tenants: Vec<_> = heard.iter().map(|event| (number(event), event.tenant.clone())).collect();
    tenants.sort();
    assert_eq!(tenants, [(2, Some("a".into())), (3, Some("b".into()))]);
}
