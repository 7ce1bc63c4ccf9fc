//! The books: everything is counted, recorded once, and folds back to the rows.

use std::sync::Arc;

use proptest::prelude::*;
use sync_core::history::{fold, image};
use sync_core::*;

use crate::world::{Deal, World, deal, gone, seen};

/// R9, R16: after any sequence of changes, failures included, each record's audit folds to exactly its row.
#[test]
fn audit_folds_to_the_rows() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let step = (0..5_usize, 0..4_u8, proptest::option::of(0..4_i64), any::<bool>());
    let runs = proptest::collection::vec(proptest::collection::vec(step, 0..8), 1..6);
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(runs in runs)| {
        runtime.block_on(async {
            let mut world = World::new().await;
            world.options.batch_size = 3.try_into().unwrap();
            let mut cursor = 0;
            for run in runs {
                let mut refused = Vec::new();
                let mut changes = Vec::new();
                for (record, kind, amount, refuse) in run {
                    cursor += 1;
                    let id = format!("R{record}");
                    if refuse && kind == 3 { refused.push((id.clone(), amount.is_some())); }
                    changes.push(match kind {
                        0 => gone(&id, cursor),
                        1 => {
                            let fields = FieldSet::named::<Deal>(["amount"]);
                            Change::partial(id.as_str(), Deal { amount, ..Deal::default() }, fields)
                                .at(Cursor::new(cursor.to_string()))
                        }
                        _ => {
                            let mut record = Deal { amount, ..deal("name", if refuse { "a" } else { "b" }) };
                            if let Some(n) = amount { record.custom.set(format!("F{n}__c"), FieldValue::Int(n)); }
                            seen(&id, record, cursor)
                        }
                    });
                }
                *world.sink.refused.lock().unwrap() = refused.into_iter().collect();
                world.clock.advance(std::time::Duration::from_secs(90));
                let report = world.sync(changes).await;
                assert!(report.counts.conserved(), "{:?}", report.counts);
            }
            for record in 0..5 {
                let id = format!("R{record}");
                let folded = fold(&world.history(&id).await, None);
                let row = world.row(&id).await;
                match (folded, row) {
                    (Some(folded), Some(row)) => {
                        let differences = folded.differences(&image(&row.record, row.deleted));
                        assert!(differences.is_empty(), "{id}: {differences:?}");
                    }
                    (None, None) => {}
                    (folded, row) => panic!("{id}: {folded:?} {row:?}"),
                }
            }
        });
    });
}

/// R16: the history answers what a record was at any time.
#[tokio::test]
async fn history_answers_what_was() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    let between = world.clock.now();
    world.clock.advance(std::time::Duration::from_secs(3_600));
    world.sync([seen("A", deal("a", "won"), 2)]).await;
    let history = world.history("A").await;
    let stage = |at| fold(&history, at).unwrap().fields["stage"].clone();
    assert_eq!(stage(Some(between)), FieldValue::Text("new".into()));
    assert_eq!(stage(None), FieldValue::Text("won".into()));
    assert_eq!(fold(&history, Some(between - chrono::Duration::hours(1))), None);
}

/// R19: every change that arrives is accounted for, whatever became of it.
#[tokio::test]
async fn counts_are_conserved() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1).version(5)]).await;
    world.sink.refused.lock().unwrap().insert("X".into(), true);
    let report = world
        .sync([
            seen("A", deal("a", "new"), 2).version(5),
            seen("A", deal("a", "old"), 3).version(4),
            seen("B", deal("b", "new"), 4),
            seen("X", deal("x", "new"), 5),
            gone("A", 6),
            Change::new("S", Payload::Skip("left out".into())).at(Cursor::new("7")),
        ])
        .await;
    let expected =
        Counts { found: 6, created: 1, deleted: 1, noop: 1, skipped: 2, parked: 1, ..Counts::default() };
    assert_eq!(report.counts, expected);
    assert!(report.counts.conserved());
    assert_eq!(world.items(&report).await.len(), 6);
}

/// R19: noops can be counted instead of recorded one by one; the books still balance.
#[tokio::test]
async fn noops_can_be_counted_only() {
    let mut world = World::new().await;
    world.options.noops = NoopPolicy::Count;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    let report = world.sync([seen("A", deal("a", "new"), 2), seen("B", deal("b", "new"), 3)]).await;
    assert_eq!(world.story(&report).await, ["B created/success"]);
    assert_eq!(report.counts.noop, 1);
    assert!(report.counts.conserved());
}

/// R19: what is read again within an overlap and changes nothing is counted, and leaves no line.
#[tokio::test]
async fn rereads_leave_no_line() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    let again = Change { reread: true, cursor: None, ..seen("A", deal("a", "new"), 1) };
    let late = Change { reread: true, cursor: None, ..seen("B", deal("b", "new"), 1) };
    let report = world.sync([again, late]).await;
    assert_eq!(world.story(&report).await, ["B created/success"]);
    assert_eq!((report.counts.found, report.counts.noop), (2, 1));
}

/// R9: an event for each applied change goes out with its batch, and none for what changed nothing.
#[tokio::test]
async fn applied_changes_are_emitted() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    world.says([
        seen("A", deal("a", "new"), 2),
        seen("A", deal("a", "won"), 3),
        seen("B", deal("b", "new"), 4),
    ]);
    let engine = world.builder().emitter(Arc::clone(&world.store) as _).build().unwrap();
    engine.execute(world.request()).await.unwrap();
    let events: Vec<_> =
        world.store.outbox().iter().map(|event| format!("{} {}", event.kind, event.external_id)).collect();
    assert_eq!(events, ["deal_updated A", "deal_created B"]);
}
