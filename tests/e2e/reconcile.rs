//! Repairs of what a cursor can't see, and what keeps them from doing harm.

use std::time::Duration;

use crm_sandbox::salesforce::{RowChange, RowChanges};
use crm_sandbox::{Fault, FaultRule};
use e2e::edit::{fields, live};
use e2e::on_stores;
use e2e::store::Backend;
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use serde_json::json;
use sync_core::{Brake, Operation, RunFailure, RunStatus, SourceError};

on_stores! { [memory, sqlite, postgres]
    /// R20: a record that was removed for good leaves no trace in any feed; comparing ids finds it, and says how.
    #[tokio::test]
    async fn purged_record_is_found_by_comparing() = purged;
    /// R20: a listing that is cut off, or whose place is lost, deletes nothing.
    #[tokio::test]
    async fn cut_off_listing_deletes_nothing() = cut_off;
    /// R20: more deletions than the brake allows are not carried out, until somebody allows them.
    #[tokio::test]
    async fn brake_stops_a_mass_deletion() = braked;
    /// R20: what became visible later than the overlap reaches is repaired.
    #[tokio::test]
    async fn change_that_came_too_late_is_repaired() = too_late;
}

fn setup() -> Setup {
    Setup { page: 200, batch: 100, ..Setup::opportunities(600) }
}

async fn purged<S: Backend>() {
    let Some(world) = World::<S>::start(setup()).await else { return };
    world.run_all().await;
    let gone = live::<Opportunity>(world.crm())[10];
    world.crm().purge(gone).unwrap();
    world.run::<Opportunity>().await;
    assert!(!world.rows::<Opportunity>().await[gone.as_str()].state.deleted, "no feed tells of it");

    let report = world.reconcile::<Opportunity>(Brake::default()).await;
    assert_eq!((report.status, report.counts.deleted, report.counts.applied()), (RunStatus::Success, 1, 1));
    assert_eq!(world.check().await, Vec::<String>::new());
    let audit = world.audit::<Opportunity>().await;
    let item = &audit.applied(gone.as_str()).last().unwrap().item;
    assert_eq!((item.operation, item.reason.as_deref()), (Operation::Deleted, Some("id_sweep")));
    assert!(item.last_image.is_some(), "its last image is kept");
}

async fn cut_off<S: Backend>() {
    let Some(mut world) = World::<S>::start(setup()).await else { return };
    world.run_all().await;
    for gone in live::<Opportunity>(world.crm()).into_iter().step_by(100) {
        world.crm().purge(gone).unwrap();
    }
    let before = world.rows::<Opportunity>().await;
    for fault in [Fault::Truncate { bytes: 500 }, Fault::Drop, Fault::InvalidLocator, Fault::Html] {
        world.faults([FaultRule::new(fault.clone()).on("query_more").skip(1)]);
        let report = world.reconcile::<Opportunity>(Brake::OFF).await;
        assert_eq!((report.status, report.counts.deleted), (RunStatus::Failed, 0), "{fault:?}");
        assert_eq!(world.rows::<Opportunity>().await, before, "{fault:?}");
    }
    world.faults([]);
    world.restart().await;
    let report = world.reconcile::<Opportunity>(Brake::default()).await;
    assert_eq!((report.status, report.counts.deleted), (RunStatus::Success, 6));
    assert_eq!(world.check().await, Vec::<String>::new());
}

async fn braked<S: Backend>() {
    let Some(world) = World::<S>::start(setup()).await else { return };
    world.run_all().await;
    for gone in live::<Opportunity>(world.crm()).into_iter().take(40) {
        world.crm().purge(gone).unwrap();
    }
    let before = world.rows::<Opportunity>().await;
    let report = world.reconcile::<Opportunity>(Brake::default()).await;
    // 5 % of some 600, and never less than 20.
    let stopped = matches!(
        report.failure,
        Some(RunFailure::Source(SourceError::Braked { ghosts: 40, limit: 20..=30, .. }))
    );
    assert!(stopped, "{:?}", report.failure);
    assert_eq!(world.rows::<Opportunity>().await, before);
    let report = world.reconcile::<Opportunity>(Brake::OFF).await;
    assert_eq!((report.status, report.counts.deleted), (RunStatus::Success, 40));
    assert_eq!(world.check().await, Vec::<String>::new());
}

async fn too_late<S: Backend>() {
    let Some(world) = World::<S>::start(setup()).await else { return };
    world.run_all().await;
    let ids = live::<Opportunity>(world.crm());
    let edit = |id, step: &str| RowChange::Update { id, fields: fields(json!({ "NextStep": step })) };
    let late =
        RowChanges { visible_after_s: Some(7_200), ops: vec![edit(ids[0], "late")], ..RowChanges::default() };
    assert!(world.crm().apply(&late).iter().all(Result::is_ok));
    // Other edits carry the cursor beyond the overlap before the late one can be seen.
    world.later(Duration::from_secs(3_600));
    let timely = RowChanges { ops: vec![edit(ids[1], "timely")], ..RowChanges::default() };
    assert!(world.crm().apply(&timely).iter().all(Result::is_ok));
    world.run::<Opportunity>().await;
    world.later(Duration::from_secs(7_200));
    let missed = world.run::<Opportunity>().await;
    assert_eq!(missed.counts.applied(), 0, "behind the cursor by more than the overlap");

    let report = world.reconcile::<Opportunity>(Brake::default()).await;
    assert_eq!((report.status, report.counts.updated, report.counts.found), (RunStatus::Success, 1, 1));
    assert_eq!(world.check().await, Vec::<String>::new());
}
