//! Crashes at every named place of a run: each is reached, and survived by a restart once the lease has run out.
//!
//! The places are the failpoints of the engine. Their registry is global, so these tests live in a program of their
//! own and take turns.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail the test")]

use std::time::Duration;

use e2e::edit::{live, update};
use e2e::on_stores;
use e2e::store::Backend;
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use fail::FailScenario;
use serde_json::json;
use sync_core::{ConnectionKey, Notice, NoticeKind, RunStatus};
use sync_wiring::salesforce;
use sync_wiring::webhooks::DrainFeed;
use tokio_util::sync::CancellationToken;

macro_rules! crash_points {
    ($($name:ident = $point:literal,)+) => {
        $(mod $name {
            use super::*;

            async fn story<S: Backend>() {
                crashes_at::<S>($point).await;
            }

            on_stores! { [memory, sqlite, postgres]
                /// R2, R9, R11, R12, R16, R19: whoever comes next closes the run and goes on.
                #[tokio::test]
                async fn survived() = story;
            }

            async fn noticed<S: Backend>() {
                webhooks_crash_at::<S>($point).await;
            }

            on_stores! { [memory, sqlite, postgres]
                /// INV-INB-2, R9, R16: every notice is applied, and none leaves a trace twice.
                #[tokio::test]
                async fn notices_survive() = noticed;
            }
        })+

        /// The places of this file are those of the engine.
        #[test]
        fn every_place_of_the_engine_is_here() {
            let mut here = vec![$($point),+];
            let mut there = places_of_the_engine();
            here.sort_unstable();
            there.sort_unstable();
            assert_eq!(here, there);
        }
    };
}

crash_points! {
    run_opened = "run.opened",
    batch_begun = "batch.begun",
    batch_decided = "batch.decided",
    rows_written = "batch.rows_written",
    items_recorded = "batch.items_recorded",
    events_emitted = "batch.events_emitted",
    letters_settled = "batch.letters_settled",
    cursor_moved = "batch.cursor_moved",
    notices_settled = "batch.notices_settled",
    before_commit = "batch.before_commit",
    committed = "batch.committed",
    run_closing = "run.closing",
}

/// What the engine's source names.
fn places_of_the_engine() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/sync-core/src/engine");
    let mut places = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let names = source.split("failpoint!(\"").skip(1).filter_map(|rest| rest.split('"').next());
        places.extend(names.map(str::to_owned));
    }
    places
}

/// The process dies at its first visit to the place, the next one at its second, and so on
/// until a run does not come there that often.
async fn crashes_at<S: Backend>(point: &str) {
    let Some(mut world) = World::<S>::start(Setup { batch: 25, ..Setup::opportunities(100) }).await else {
        return;
    };
    let scenario = FailScenario::setup();
    // One that can't be written, so that there are letters to settle.
    let unfit = live::<Opportunity>(world.crm())[30];
    update(world.crm(), unfit, json!({"Name": "bad\u{0}name"}));
    let mut crashes = 0;
    loop {
        let calm = if crashes == 0 { String::new() } else { format!("{crashes}*off->") };
        fail::cfg(point, &format!("{calm}1*panic->off")).unwrap();
        world.settle();
        let (engine, request) = (world.engine::<Opportunity>().build().unwrap(), world.request());
        let run = tokio::spawn(async move { engine.execute(request).await });
        match run.await {
            Ok(report) => {
                report.unwrap();
                break;
            }
            Err(died) => {
                let words = died.into_panic();
                let words = words.downcast_ref::<String>().map_or("", String::as_str);
                assert!(words.contains(point), "it died elsewhere: {words}");
                crashes += 1;
                world.restart().await;
            }
        }
    }
    assert!(crashes > 0, "{point} was never reached");
    fail::remove(point);
    assert_eq!(world.check_one::<Opportunity>().await, [unfit.to_string()]);

    update(world.crm(), unfit, json!({"Name": "a good name"}));
    world.later(Duration::from_secs(3_600));
    assert_eq!(world.run::<Opportunity>().await.status, RunStatus::Success);
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
    scenario.teardown();
}

/// The same for a run that applies what a webhook told: two notices of each record, batch by batch.
async fn webhooks_crash_at<S: Backend>(point: &str) {
    let Some(mut world) = World::<S>::start(Setup { batch: 25, ..Setup::opportunities(100) }).await else {
        return;
    };
    let scenario = FailScenario::setup();
    let feed = world.subscription::<Opportunity>().clone();
    let ids = live::<Opportunity>(world.crm());
    let notice = |n: usize| Notice {
        key: ConnectionKey::new(feed.tenant.clone(), feed.connection.clone()),
        subscription: feed.id,
        dedup_key: format!("event {n}").into(),
        external_id: ids[n % ids.len()].as_str().into(),
        kind: NoticeKind::Changed,
        merged_into: None,
        occurred_at: chrono::DateTime::default(),
        body: None,
    };
    let notices: Vec<Notice> = (0..2 * ids.len()).map(notice).collect();
    let mut tx = world.store.begin().await.unwrap();
    world.store.stage(&mut tx, &notices, world.clock().now()).await.unwrap();
    world.store.commit(tx).await.unwrap();

    let mut crashes = 0;
    loop {
        let calm = if crashes == 0 { String::new() } else { format!("{crashes}*off->") };
        fail::cfg(point, &format!("{calm}1*panic->off")).unwrap();
        world.settle();
        let drain = salesforce::drain::<Opportunity, S>(&world.module(), &world.crm, feed.clone()).unwrap();
        let run = tokio::spawn(async move { drain.drain(CancellationToken::new()).await });
        match run.await {
            Ok(drained) => {
                drained.unwrap();
                break;
            }
            Err(_died) => {
                crashes += 1;
                world.restart().await;
            }
        }
    }
    assert!(crashes > 0, "{point} was never reached");
    fail::remove(point);
    let mut tx = world.store.begin().await.unwrap();
    let waiting = world.store.waiting(&mut tx, feed.tenant.as_ref(), feed.id, 1_000).await.unwrap();
    world.store.rollback(tx).await.unwrap();
    assert_eq!(waiting, []);
    // A run that was left open is closed by the next one, whatever that reads.
    world.run::<Opportunity>().await;
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
    assert_eq!(world.audit::<Opportunity>().await.n_applied(), ids.len(), "each created once");
    scenario.teardown();
}
