//! Answers that are cut off, refused, or something else altogether.

use crm_sandbox::{Fault, FaultRule};
use e2e::store::Backend;
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use sync_core::{RunFailure, RunStatus, SourceError};
use sync_sqlite::SqliteStore;

/// Three pages.
fn three_pages() -> Setup {
    Setup { page: 200, batch: 100, ..Setup::opportunities(600) }
}

/// One answer in the middle goes wrong, and the run does not mind. Then all of them do: the run fails with the first
/// page applied and its cursor there, and the next one goes on.
async fn survives<S: Backend>(fault: Fault) {
    let Some(world) = World::<S>::start(three_pages()).await else { return };
    world.faults([FaultRule::new(fault.clone()).on("query_more").times(1)]);
    let report = world.run::<Opportunity>().await;
    assert_eq!(report.status, RunStatus::Success, "{fault:?} once: {:?}", report.failure);
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());

    let Some(mut world) = World::<S>::start(three_pages()).await else { return };
    world.faults([
        FaultRule::new(fault.clone()).on("query_more"),
        // The way round a lost place is a fresh query, which is the second of the run.
        FaultRule::new(fault.clone()).on("query").skip(1),
    ]);
    let report = world.run::<Opportunity>().await;
    assert_eq!(
        (report.status, report.counts.found),
        (RunStatus::Failed, 200),
        "{fault:?}: {:?}",
        report.failure
    );
    assert!(matches!(report.failure, Some(RunFailure::Source(_))), "{:?}", report.failure);
    assert!(
        report.cursor_before.is_none() && report.cursor_after.is_some(),
        "the cursor is at the first page's end"
    );
    assert_eq!(world.runs::<Opportunity>().await.last().unwrap().cursor_after, report.cursor_after);

    let again = world.run::<Opportunity>().await;
    assert_eq!((again.status, again.counts.applied()), (RunStatus::Failed, 0), "{:?}", again.failure);
    assert_eq!(again.cursor_after, report.cursor_after, "a cursor is never overwritten with nothing");
    world.faults([]);
    world.restart().await;
    let last = world.run::<Opportunity>().await;
    assert_eq!(last.status, RunStatus::Success, "{:?}", last.failure);
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// R5: JSON that stops in the middle.
#[tokio::test]
async fn truncated_page_is_asked_for_again() {
    survives::<SqliteStore>(Fault::Truncate { bytes: 3_000 }).await;
}

/// R5: a connection that closes without an answer.
#[tokio::test]
async fn dropped_connection_is_made_anew() {
    survives::<SqliteStore>(Fault::Drop).await;
}

/// R5: a page of some gateway under status 200.
#[tokio::test]
async fn html_with_status_200_is_no_page() {
    survives::<SqliteStore>(Fault::Html).await;
}

/// R5: bytes that are not JSON under a JSON content type.
#[tokio::test]
async fn garbage_is_no_page() {
    survives::<SqliteStore>(Fault::Garbage).await;
}

/// R5: 503.
#[tokio::test]
async fn unavailable_org_is_waited_for() {
    survives::<SqliteStore>(Fault::Unavailable { retry_after_s: None }).await;
}

/// R5: 502 with a page of HTML.
#[tokio::test]
async fn bad_gateway_is_waited_for() {
    survives::<SqliteStore>(Fault::BadGateway).await;
}

/// R5: 429.
#[tokio::test]
async fn throttle_is_waited_for() {
    survives::<SqliteStore>(Fault::TooManyRequests { retry_after_s: None }).await;
}

/// R5, INV-SRC-3: 401 while paging.
#[tokio::test]
async fn session_that_ends_while_paging_is_renewed() {
    survives::<SqliteStore>(Fault::Unauthorized).await;
}

/// R5: a locator that the org forgot.
#[tokio::test]
async fn forgotten_locator_is_replaced_by_a_query() {
    survives::<SqliteStore>(Fault::InvalidLocator).await;
}

/// R5: an org that is away from the start leaves the cursor alone and no row behind.
#[tokio::test]
async fn failure_before_the_first_change_leaves_nothing() {
    let Some(world) = World::<SqliteStore>::start(three_pages()).await else { return };
    world.faults([FaultRule::new(Fault::InternalError)]);
    let report = world.run::<Opportunity>().await;
    assert_eq!((report.status, report.counts.found), (RunStatus::Failed, 0));
    assert_eq!((report.cursor_after, world.rows::<Opportunity>().await.len()), (None, 0));
}

/// R18: when only the reserve of API calls is left, the run ends early, says so, and resumes.
#[tokio::test]
async fn spent_budget_ends_a_run_cleanly() {
    let Some(mut world) = World::<SqliteStore>::start(three_pages()).await else { return };
    // 80 of 100 may be used: token, description and the first page pass.
    world.crm().set_api_limit(77, 100);
    let report = world.run::<Opportunity>().await;
    assert!(
        matches!(report.failure, Some(RunFailure::Source(SourceError::BudgetSpent { .. }))),
        "{report:?}"
    );
    assert_eq!(report.status, RunStatus::Cancelled);
    assert!(report.counts.found < 600, "{:?}", report.counts);
    world.crm().set_api_limit(0, 1_000_000);
    world.restart().await;
    assert_eq!(world.run::<Opportunity>().await.status, RunStatus::Success);
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}
