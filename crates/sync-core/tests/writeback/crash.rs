//! The process dies at every named place of an outbound run; the next one goes on.

use fail::FailScenario;
use sync_core::*;

use crate::world::{World, deal};

const PLACES: [&str; 11] = [
    "outbound.opened",
    "outbound.claimed",
    "outbound.fetched",
    "outbound.intended",
    "outbound.written",
    "outbound.sent",
    "outbound.rows_written",
    "outbound.edits_settled",
    "outbound.before_commit",
    "outbound.committed",
    "run.closing",
];

/// R9: after a crash anywhere, a restart leaves each side as if nothing had happened: each write once, no edit lost, no
/// record twice, an audit that folds to the rows.
#[tokio::test]
async fn crash_anywhere_is_survived() {
    let scenario = FailScenario::setup();
    for place in PLACES {
        for nth in 0..2 {
            survives(place, nth).await;
        }
    }
    scenario.teardown();
}

async fn survives(place: &str, nth: usize) {
    let world = World::new(ConflictRule::Ask).await;
    for id in ["A", "B", "C"] {
        world.shared(id, deal("Big", "Open")).await;
    }
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.delete("B").await;
    world.create(deal("New", "Open")).await;
    world.edit("C", |deal| deal.stage = Some("Won".into())).await;
    world.crm.put([("C".into(), deal("Big", "Lost"))]);
    let calm = if nth == 0 { String::new() } else { format!("{nth}*off->") };
    fail::cfg(place, &format!("{calm}1*panic->off")).unwrap();
    let (writeback, request) = (world.writeback(), world.request());
    let died = tokio::spawn(async move { writeback.execute(request).await }).await.is_err();
    fail::remove(place);
    assert!(died || nth > 0, "{place} was never reached");
    // What comes in between must not take the writes for somebody else's.
    world.later(120);
    world.inbound().await;
    world.later(120);
    world.outbound().await;
    world.inbound().await;
    assert_eq!(
        (world.here("A"), world.there("A")),
        (Some(deal("Big", "Won")), Some(deal("Big", "Won"))),
        "{place}"
    );
    assert_eq!((world.here("B"), world.there("B")), (None, None), "{place}");
    let live: Vec<_> = world.sink.rows(&world.scope()).into_iter().filter(|(_, row)| !row.deleted).collect();
    assert_eq!(live.len(), 3, "{place}: {live:?}");
    let made = live.iter().find(|(_, row)| row.record.name.as_deref() == Some("New")).unwrap();
    assert_eq!(world.there(made.0.as_str()), Some(deal("New", "Open")), "{place}");
    let mut done = world.done();
    done.sort();
    assert_eq!(
        done,
        ["archive B".to_owned(), format!("create {}", made.0), "update A".to_owned()],
        "{place}"
    );
    let conflicts = world.conflicts().await;
    assert_eq!(conflicts.len(), 1, "{place}");
    assert_eq!(conflicts[0].external_id.as_str(), "C", "{place}");
    for id in ["A", "B", made.0.as_str()] {
        world.check_audit(id).await;
    }
}

/// The places of this file are those of the source.
#[test]
fn every_place_is_here() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/writeback");
    let mut there = vec!["run.closing".to_owned()];
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let names = source.split("failpoint!(\"").skip(1).filter_map(|rest| rest.split('"').next());
        there.extend(names.map(str::to_owned));
    }
    there.sort_unstable();
    let mut here = PLACES.map(str::to_owned).to_vec();
    here.sort_unstable();
    assert_eq!(here, there);
}
