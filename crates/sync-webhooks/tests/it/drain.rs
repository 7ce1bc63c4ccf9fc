//! What waits becomes runs: whatever comes late, twice, in any order or is cut off, rows end up as polling leaves them.

mod feeds;
mod world;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use sync_core::{Action, Notice, NoticeKind, Operation, RunStatus, SubscriptionStore, UnitOfWork};
use sync_webhooks::{DrainFeed, DrainOptions, Drained, Drainer, Wake};
use tokio_util::sync::CancellationToken;

use self::world::{World, deal};

fn token() -> CancellationToken {
    CancellationToken::new()
}

/// Many events of one record cost one fetch and one line in the audit, and all are counted (R19).
#[tokio::test]
async fn events_of_one_record_are_one_fetch() {
    let world = World::start().await;
    world.crm.put([("1".into(), deal("a")), ("2".into(), deal("b"))]);
    world
        .stage(&[
            world.notice("k1", "1"),
            world.notice("k2", "2"),
            world.notice("k3", "1"),
            world.notice("k4", "1"),
        ])
        .await;
    let Drained::Applied { n_notices: 4, more: false, report } = world.feed().drain(token()).await.unwrap()
    else {
        panic!("not applied");
    };
    assert_eq!(world.fetches(), [["1", "2"]]);
    assert_eq!((report.counts.found, report.counts.created, report.counts.skipped), (4, 2, 2));
    assert!(report.counts.conserved());
    let run = world.store.recorder().latest_run(world.subscription.id).unwrap();
    assert_eq!((run.action, run.status), (Action::Webhook, RunStatus::Success));
    assert_eq!(world.store.recorder().items_for_run(run.id).len(), 2);
    assert!(matches!(world.feed().drain(token()).await.unwrap(), Drained::Nothing));
    assert_eq!(world.store.subscriptions()[0].cursor, None, "the position is polling's");
}

/// A deletion is by the feed's evidence when the feed told it, and the record is looked up first: it may be back.
#[tokio::test]
async fn deletions_are_confirmed_and_restores_come_back() {
    let world = World::start().await;
    world.crm.put([("1".into(), deal("a")), ("2".into(), deal("b")), ("3".into(), deal("c"))]);
    world.stage(&["1", "2", "3"].map(|id| world.notice(&format!("c{id}"), id))).await;
    world.drain_all().await;
    world.crm.delete(&"1".into());
    world.crm.delete(&"2".into());
    let deleted = |key: &str, id: &str| Notice { kind: NoticeKind::Deleted, ..world.notice(key, id) };
    // Of 2 nobody told that it is gone; 3 was deleted and is back since.
    world.stage(&[deleted("d1", "1"), world.notice("u2", "2"), deleted("d3", "3")]).await;
    world.drain_all().await;
    assert_eq!(world.rows().await, [("3".to_owned(), deal("c"))]);
    assert_eq!(world.reasons("1"), ["feed"]);
    assert_eq!(world.reasons("2"), ["looked_up"]);
    // A restore, and the deletion that it undoes comes after it.
    world.crm.put([("1".into(), deal("a"))]);
    world.stage(&[world.notice("r1", "1")]).await;
    world.drain_all().await;
    world.stage(&[deleted("late", "1")]).await;
    world.drain_all().await;
    assert_eq!(world.rows().await.len(), 2);
    assert_eq!(world.operations("1"), [Operation::Created, Operation::Deleted, Operation::Restored]);
}

/// Losers of a merge go without a question, and say where they went; a purge too.
#[tokio::test]
async fn merges_and_purges_ask_nobody() {
    let world = World::start().await;
    world.crm.put(["1", "2", "3"].map(|id| (id.into(), deal(id))));
    world.stage(&["1", "2", "3"].map(|id| world.notice(&format!("c{id}"), id))).await;
    world.drain_all().await;
    world.forget_fetches();
    world.crm_is_away(true);
    let merged = Notice { kind: NoticeKind::Merged, merged_into: Some("2".into()), ..world.notice("m", "1") };
    let purged = Notice { kind: NoticeKind::Purged, ..world.notice("p", "3") };
    let gone = Notice { kind: NoticeKind::Deleted, ..world.notice("d", "1") };
    world.stage(&[world.notice("u", "2"), gone, merged, purged, world.notice("after", "3")]).await;
    // The survivor can't be read now; the others are applied and settled all the same.
    world.feed().drain(token()).await.unwrap_err();
    assert_eq!(world.rows().await, [("2".to_owned(), deal("2"))]);
    assert_eq!(world.reasons("1"), ["feed; merged into 2"]);
    assert_eq!(world.reasons("3"), ["feed"]);
    assert_eq!(world.waiting().await, ["u"]);
    world.crm_is_away(false);
    world.drain_all().await;
    assert!(world.waiting().await.is_empty());
}

/// As in polling: what the filters leave out does not come in, and what is here of it stays as it is.
#[tokio::test]
async fn records_that_are_filtered_out_are_passed_over() {
    let world = World::start().await;
    world.crm.put([("1".into(), deal("a")), ("2".into(), deal("b"))]);
    world.stage(&[world.notice("k1", "1")]).await;
    world.drain_all().await;
    world.crm.put([("1".into(), deal("left the filter"))]);
    for (key, id) in [("k2", "1"), ("k3", "2")] {
        world.filter_out(id);
        world.stage(&[world.notice(key, id)]).await;
        let Drained::Applied { report, .. } = world.feed().drain(token()).await.unwrap() else {
            panic!("not applied");
        };
        assert_eq!((report.counts.found, report.counts.skipped), (1, 1));
    }
    assert_eq!(world.rows().await, [("1".to_owned(), deal("a"))]);
    assert!(world.waiting().await.is_empty());
}

/// R14: what is carried is applied in the order of its versions, and never over something newer.
#[tokio::test]
async fn carried_records_go_by_their_version() {
    let world = World::start().await;
    world
        .stage(&[("k3", 3), ("k1", 1), ("k2", 2)].map(|(key, version)| world.carrying(key, "1", version)))
        .await;
    world.crm.put([("1".into(), deal("v3"))]);
    let feed = world.carrying_feed();
    feed.drain(token()).await.unwrap();
    assert_eq!(world.rows().await, [("1".to_owned(), deal("v3"))]);
    let n_fetches = world.fetches().len();
    world.stage(&[world.carrying("late", "1", 2)]).await;
    let Drained::Applied { report, .. } = feed.drain(token()).await.unwrap() else { panic!("not applied") };
    assert_eq!((report.counts.skipped, report.counts.applied()), (1, 0));
    assert_eq!(world.rows().await, [("1".to_owned(), deal("v3"))]);
    assert_eq!(world.fetches().len(), n_fetches, "nothing was asked");
    // One that does not say which version it is, is a hint.
    for name in ["v4", "v5", "now"] {
        world.crm.put([("1".into(), deal(name))]);
    }
    world.stage(&[Notice { body: Some("{}".into()), ..world.notice("hint", "1") }]).await;
    feed.drain(token()).await.unwrap();
    assert_eq!(world.rows().await, [("1".to_owned(), deal("now"))]);
}

/// A record that can't be mapped is parked (R11), and its notice is settled: the letter holds it from now on.
#[tokio::test]
async fn unreadable_record_is_parked_and_settled() {
    let world = World::start().await;
    world.crm.put([("1".into(), deal("a"))]);
    world.crm.spoil(&"1".into());
    world.stage(&[world.notice("k", "1")]).await;
    let Drained::Applied { report, .. } = world.feed().drain(token()).await.unwrap() else {
        panic!("not applied")
    };
    assert_eq!(report.counts.parked, 1);
    assert!(world.waiting().await.is_empty());
    assert_eq!(world.store.open_letters(world.subscription.id).len(), 1);
}

/// An engine without the inbox would apply the same for ever; a subscription that is paused or run by another waits.
#[tokio::test]
async fn drain_tells_what_is_wrong() {
    let world = World::start().await;
    world.crm.put([("1".into(), deal("a"))]);
    world.stage(&[world.notice("k", "1")]).await;
    let error = world.feed_without_inbox().drain(token()).await.unwrap_err().to_string();
    assert!(error.contains("inbox"), "{error}");
    let mut tx = world.store.begin().await.unwrap();
    world.store.set_paused(&mut tx, None, world.subscription.id, true).await.unwrap();
    world.store.commit(tx).await.unwrap();
    assert!(matches!(world.feed().drain(token()).await.unwrap(), Drained::Paused));
    assert_eq!(world.waiting().await, ["k"]);
}

/// The loop: woken at once, goes on after failures, takes up what others staged, and forgets what is old.
#[tokio::test(start_paused = true)]
async fn loop_applies_what_comes() {
    let world = World::start().await;
    let (wake, stop) = (Arc::new(Wake::default()), token());
    let feed: Arc<dyn DrainFeed> = Arc::new(world.feed());
    let options = DrainOptions { keep_settled: Duration::ZERO, ..DrainOptions::default() };
    let drainer = Drainer::new(Arc::new(world.store.clone()), Arc::clone(&wake), [feed], options);
    let drainer = tokio::spawn(drainer.run(stop.clone()));
    tokio::time::sleep(Duration::from_millis(100)).await;

    world.crm.put([("1".into(), deal("a"))]);
    world.stage(&[world.notice("k1", "1")]).await;
    wake.staged([world.subscription.id]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.rows().await.len(), 1, "woken");

    world.crm.put([("2".into(), deal("b"))]);
    world.stage(&[world.notice("k2", "2")]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.rows().await.len(), 2, "found by asking");

    world.crm_is_away(true);
    world.crm.put([("3".into(), deal("c"))]);
    world.stage(&[world.notice("k3", "3")]).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let n_tries = world.fetches().len();
    assert!((4..40).contains(&n_tries), "{n_tries} tries in ten minutes");
    world.crm_is_away(false);
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(world.rows().await.len(), 3, "tried again");

    tokio::time::sleep(Duration::from_secs(3_700)).await;
    assert_eq!(world.stage(&[world.notice("k1", "1")]).await, 1, "the old one was removed");
    stop.cancel();
    drainer.await.unwrap();
}

/// One thing that happens in the CRM, and what HubSpot says of it.
#[derive(Clone, Debug)]
enum Happening {
    Put(u8, u8),
    Delete(u8),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let put = (0..5_u8, any::<u8>()).prop_map(|(id, value)| Happening::Put(id, value));
    let delete = (0..5_u8).prop_map(Happening::Delete);
    prop::collection::vec(prop_oneof![3 => put, 1 => delete], 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Events out of order, late and twice, drained at any moment: the rows are those that polling makes.
    #[test]
    fn rows_end_as_polling_leaves_them(
        happenings in happenings(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 60),
        cuts in prop::collection::vec(0..25_usize, 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (by_webhook, by_polling) = runtime.block_on(async {
            let world = World::start().await;
            let mut late = Vec::new();
            for (n, happening) in happenings.iter().enumerate() {
                let (id, kind) = match happening {
                    Happening::Put(id, value) => {
                        world.crm.put([(id.to_string().into(), deal(&value.to_string()))]);
                        (id, NoticeKind::Changed)
                    }
                    Happening::Delete(id) => {
                        world.crm.delete(&id.to_string().into());
                        (id, NoticeKind::Deleted)
                    }
                };
                let notice = Notice { kind, ..world.notice(&format!("e{n}"), &id.to_string()) };
                late.push(Notice { occurred_at: chrono::DateTime::from_timestamp_millis(n as i64).unwrap(), ..notice });
                if cuts.contains(&n) && !late.is_empty() {
                    // Some of what happened so far arrives, some of it twice.
                    let some: Vec<_> = order[..n.min(10)].iter().map(|index| index.get(&late).clone()).collect();
                    world.stage(&some).await;
                    world.drain_all().await;
                }
            }
            let mut shuffled: Vec<Notice> = Vec::new();
            let mut rest = late.clone();
            for index in order.iter().cycle() {
                if rest.is_empty() { break }
                shuffled.push(rest.swap_remove(index.index(rest.len())));
            }
            for call in shuffled.chunks(4) {
                world.stage(call).await;
            }
            world.stage(&late[..late.len() / 2]).await;
            world.drain_all().await;
            (world.rows().await, world.polled_rows().await)
        });
        prop_assert_eq!(by_webhook, by_polling);
    }
}
