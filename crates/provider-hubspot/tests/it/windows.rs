//! Windows: ties beyond what a search reaches, and runs that die anywhere within them.

use std::collections::BTreeSet;
use std::time::Duration;

use crm_sandbox::hubspot::{HubspotSettings, RowChange, RowChanges};
use crm_sandbox::{Fault, FaultRule};
use futures::StreamExt;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use sync_core::{ChangeSource, Cursor};

use crate::entity::Opportunity;
use crate::world::{Replica, World, fresh, id, properties, small_pages, subscription};

const BEFORE: &str =
    r#"{"v":1,"at":"done","until":"2026-01-05T07:59:00Z","archived":"2026-01-05T07:59:00Z"}"#;

/// A mass edit stamps more records alike than a search reaches. Each page goes on after the last id, so none is
/// skipped, none comes twice, and a run that dies is gone on with where it died.
#[tokio::test(flavor = "multi_thread")]
async fn thirty_thousand_records_of_one_stamp_are_read_once_each() {
    let world = World::new().await;
    let ids: BTreeSet<_> = world.seed(30_000).into_iter().map(id).collect();
    // Older than the overlap: should a second pass between two runs, the next window holds none of them again.
    world.control().advance(Duration::from_hours(1));
    let mut replica = Replica { cursor: Some(Cursor::new(BEFORE)), ..Replica::default() };
    let mut seen = BTreeSet::new();
    for broken_off_after in [9_999, 1, 12_345, usize::MAX] {
        let source = world.source();
        let mut stream = source.list_changes(&subscription(), replica.cursor.as_ref());
        let mut taken = 0;
        while let Some(change) = stream.next().await {
            let change = change.unwrap();
            replica.apply(&change);
            assert!(seen.insert(change.external_id.clone()), "{} came twice", change.external_id);
            taken += 1;
            if taken == broken_off_after {
                break;
            }
        }
    }
    assert_eq!(seen, ids);
    assert_eq!(replica.rows, world.truth());
    assert!(replica.cursor.unwrap().as_str().contains(r#""at":"done""#));
    // The account refuses what lies beyond the ten thousandth result, so no page was an offset.
    assert!((150..=170).contains(&world.asked("search")), "{}", world.asked("search"));
}

#[tokio::test]
async fn load_that_dies_goes_on_with_its_page_and_then_reads_what_changed_meanwhile() {
    let world = World::paged(10).await;
    let ids = world.seed(95);
    let mut replica = Replica::default();
    assert_eq!(replica.run_briefly(&world, 47).await, 47);
    world.update(ids[3], &json!({"dealname": "Behind the page"}));
    let new = world.seed(1);
    world.control().reset_request_counts();
    let changes = replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
    assert!(changes.iter().any(|change| change.external_id == id(new[0])));
    // Of ten pages four were done. A call more is the list of archived records, another may have been under way.
    assert!((7..=8).contains(&world.asked("list")), "{}", world.asked("list"));
}

#[tokio::test]
async fn empty_account_has_no_position_and_the_first_record_is_found() {
    let world = World::new().await;
    let mut replica = Replica::default();
    assert!(replica.run(&world).await.unwrap().is_empty());
    world.seed(1);
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
    assert!(fresh(&replica.run(&world).await.unwrap()).is_empty());
}

/// New ids need not be larger than old ones.
#[tokio::test]
async fn ids_out_of_order_make_no_difference() {
    let settings = HubspotSettings { ids_out_of_order: true, ..HubspotSettings::without_bursts() };
    let world = World::with(small_pages(4), settings).await;
    world.seed(20);
    let mut replica = Replica::default();
    replica.run_briefly(&world, 9).await;
    world.seed(20);
    replica.run(&world).await.unwrap();
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn hundreds_of_properties_are_read_by_id() {
    let world = World::paged(50).await;
    for n in 0..400 {
        let name = format!("customer_made_property_number_{n}");
        let spec = crm_sandbox::hubspot::schema::PropertySpec { name, ..Default::default() };
        world.control().add_property("deals", &spec).unwrap();
    }
    let ids = world.seed(120);
    world.update(ids[7], &json!({"customer_made_property_number_399": "far"}));
    world.settle();
    let mut replica = Replica::default();
    let loaded = replica.run(&world).await.unwrap();
    assert_eq!((loaded.len(), world.asked("batch_read")), (120, 3));
    world.update(ids[8], &json!({"customer_made_property_number_399": "farther"}));
    world.settle();
    let changes = replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
    let value = |changes: &[sync_core::Change<Opportunity>], deal: u64| {
        let change = changes.iter().find(|change| change.external_id == id(deal)).unwrap();
        let sync_core::Payload::Upsert(record) = &change.payload else { panic!("{change:?}") };
        record.value.custom.get("customer_made_property_number_399").unwrap().to_json()
    };
    assert_eq!((value(&loaded, ids[7]), value(&changes, ids[8])), (json!("far"), json!("farther")));
}

/// What an operator sees of the costs: a window of a mass edit is one search per 200 records.
#[tokio::test]
async fn position_within_a_window_names_it() {
    let world = World::paged(10).await;
    world.seed(30);
    let mut replica = Replica { cursor: Some(Cursor::new(BEFORE)), ..Replica::default() };
    replica.run_briefly(&world, 15).await;
    let cursor = replica.cursor.unwrap();
    assert!(
        cursor
            .as_str()
            .contains(r#""at":"window","from":"2026-01-05T07:49:00Z","fresh":"2026-01-05T07:59:00Z""#),
        "{cursor}"
    );
}

#[derive(Clone, Debug)]
enum Step {
    Insert(usize),
    Edit(Vec<Index>),
    Archive(Index),
    Restore,
    Merge(Index, Index),
    Pass(u64),
    Run(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1_usize..12).prop_map(Step::Insert),
        proptest::collection::vec(any::<Index>(), 1..9).prop_map(Step::Edit),
        any::<Index>().prop_map(Step::Archive),
        Just(Step::Restore),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Step::Merge(a, b)),
        (0_u64..400).prop_map(Step::Pass),
        (0_usize..40).prop_map(Step::Run),
    ]
}

async fn carry_out(world: &World, replica: &mut Replica, step: Step) {
    let deals = || -> Vec<u64> {
        let id = |row: &serde_json::Value| row["id"].as_str().unwrap().parse().unwrap();
        world.control().rows("deals", false).iter().map(id).collect()
    };
    let live = deals();
    match step {
        Step::Insert(n) => {
            world.seed(n);
        }
        Step::Edit(picks) if !live.is_empty() => {
            let stamp = world.control().clock().now_ms();
            let edit = |pick: &Index| RowChange::Update {
                object: "deals".to_owned(),
                id: *pick.get(&live),
                properties: properties(&json!({"dealname": format!("Edited at {stamp}")})),
            };
            let changes = RowChanges { ops: picks.iter().map(edit).collect(), ..RowChanges::default() };
            world.apply(&changes);
        }
        Step::Archive(pick) if !live.is_empty() => {
            world.control().archive("deals", *pick.get(&live)).unwrap();
        }
        Step::Restore => {
            if let Some(row) = world.control().rows("deals", true).first() {
                world.control().restore("deals", row["id"].as_str().unwrap().parse().unwrap()).unwrap();
            }
        }
        Step::Merge(winner, loser) if winner.index(live.len().max(1)) != loser.index(live.len().max(1)) => {
            world.control().merge("deals", *winner.get(&live), *loser.get(&live)).unwrap();
        }
        Step::Pass(seconds) => world.control().advance(Duration::from_secs(seconds)),
        Step::Run(n_changes) => {
            replica.run_briefly(world, n_changes).await;
        }
        Step::Edit(_) | Step::Archive(_) | Step::Merge(..) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, with an index that lags and runs that die: in the end the consumer has
    /// every record, and none that is gone.
    #[test]
    fn nothing_is_lost_whatever_happens(steps in proptest::collection::vec(step(), 1..40), new_ids: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let settings = HubspotSettings {
                index_lag: Duration::from_secs(20),
                index_lag_jitter: Duration::from_secs(200),
                merge_makes_new_id: new_ids,
                ..HubspotSettings::without_bursts()
            };
            let world = World::with(small_pages(5), settings).await;
            let mut replica = Replica::default();
            for step in steps {
                carry_out(&world, &mut replica, step).await;
            }
            // The index catches up, and what it shows late lies within the overlap.
            world.control().advance(Duration::from_secs(240));
            replica.run(&world).await.unwrap();
            world.settle();
            replica.run(&world).await.unwrap();
            assert_eq!(replica.rows, world.truth());
        });
    }
}

#[tokio::test]
async fn passing_faults_between_pages_of_a_window_lose_nothing() {
    let world = World::with(small_pages(7), HubspotSettings::without_bursts()).await;
    world.seed(60);
    let rule = FaultRule::new(Fault::Truncate { bytes: 300 }).on("search").probability(0.3);
    world.control().add_fault(rule);
    let mut replica = Replica { cursor: Some(Cursor::new(BEFORE)), ..Replica::default() };
    while replica.run(&world).await.is_err() {}
    assert_eq!(replica.rows, world.truth());
}
