//! The outbox.

use uuid::Uuid;

use super::fixture::StoreFixture;
use super::setup::{at, commit, ids, open_run, subscribe};
use crate::{
    ChangeEvent, ChangedFields, EventId, ExternalId, FieldValue, LocalId, Operation, RunId, Scope, UnitOfWork,
};

/// INV-EMT-1: events are published with their transaction, and come out as they went in.
pub async fn committed_events_come_out<F: StoreFixture>(f: F) {
    let (store, emitter) = (f.store(), f.emitter());
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let sent = event(run, &"r1".into(), "Ünïcode ' \" 🦀");
    commit(&*store, async |tx| emitter.emit(tx, &scope, std::slice::from_ref(&sent)).await.unwrap()).await;
    assert_eq!(f.published().await, [sent]);
}

/// INV-EMT-1: events of a transaction that was rolled back were never published.
pub async fn rolled_back_events_stay_in<F: StoreFixture>(f: F) {
    let (store, emitter) = (f.store(), f.emitter());
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    emitter.emit(&mut tx, &scope, &[event(run, &"r1".into(), "a")]).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert!(f.published().await.is_empty());
}

/// INV-EMT-1: events that were undone to a savepoint were never published, though their transaction was committed.
pub async fn events_go_with_their_savepoint<F: StoreFixture>(f: F) {
    let (store, emitter) = (f.store(), f.emitter());
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    commit(&*store, async |tx| {
        store.savepoint(tx).await.unwrap();
        emitter.emit(tx, &scope, &[event(run, &"r1".into(), "undone")]).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
        emitter.emit(tx, &scope, &[event(run, &"r1".into(), "kept")]).await.unwrap();
    })
    .await;
    assert_eq!(stages(&f.published().await), ["kept"]);
}

/// INV-EMT-2: events of one record come out in the order of its changes, within a call, within a transaction and
/// across transactions.
pub async fn order_of_changes_is_kept<F: StoreFixture>(f: F) {
    let (store, emitter) = (f.store(), f.emitter());
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let record = ExternalId::from("r1");
    let emit = async |stages: [&str; 2]| {
        let batch = stages.map(|stage| event(run, &record, stage));
        commit(&*store, async |tx| {
            emitter.emit(tx, &scope, &batch).await.unwrap();
            emitter.emit(tx, &scope, &[event(run, &record, "single")]).await.unwrap();
        })
        .await;
    };
    emit(["z", "m"]).await;
    emit(["a", "k"]).await;
    assert_eq!(stages(&f.published().await), ["z", "m", "single", "a", "k", "single"]);
}

/// INV-EMT-2: a full batch keeps its order too, and an empty one is no error.
pub async fn large_batches_keep_their_order<F: StoreFixture>(f: F) {
    let (store, emitter) = (f.store(), f.emitter());
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let events: Vec<ChangeEvent> = ids(5_000).iter().rev().map(|id| event(run, id, "x")).collect();
    commit(&*store, async |tx| {
        emitter.emit(tx, &scope, &[]).await.unwrap();
        emitter.emit(tx, &scope, &events).await.unwrap();
    })
    .await;
    let published = f.published().await;
    assert_eq!(published.len(), events.len());
    assert!(published.iter().map(|event| event.id).eq(events.iter().map(|event| event.id)));
}

pub(super) fn event(run: RunId, record: &ExternalId, stage: &str) -> ChangeEvent {
    let mut changed_fields = ChangedFields::default();
    changed_fields.push("name", FieldValue::Null, FieldValue::Text(stage.to_owned()));
    ChangeEvent {
        id: EventId(Uuid::now_v7()),
        kind: "sample_updated".to_owned(),
        external_id: record.clone(),
        local_id: LocalId::from(Uuid::from_u128(7)),
        operation: Operation::Updated,
        changed_fields,
        run,
        source: "integration",
        at: at(3),
    }
}

fn stages(events: &[ChangeEvent]) -> Vec<String> {
    let stage = |event: &ChangeEvent| match &event.changed_fields.get("name").unwrap().to {
        FieldValue::Text(stage) => stage.clone(),
        other => panic!("no text: {other:?}"),
    };
    events.iter().map(stage).collect()
}

/// Emits one event of a scope; for the suite on tenants.
pub(super) async fn emit_one<F: StoreFixture>(
    f: &F,
    tx: &mut super::TxOf<F>,
    scope: &Scope,
    run: RunId,
) -> Result<(), crate::StoreError> {
    f.emitter().emit(tx, scope, &[event(run, &"r1".into(), "a")]).await
}
