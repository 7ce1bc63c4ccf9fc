//! The checks themselves: each kind of damage is seen, so that their silence means something.

use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use sqlx::AssertSqlSafe;
use sync_sqlite::SqliteStore;

/// A synced world, damaged by a statement past the store, and checked.
async fn damaged(statement: &str) {
    let world = World::<SqliteStore>::start(Setup::default()).await.unwrap();
    world.run_all().await;
    assert_eq!(world.check().await, Vec::<String>::new(), "sound so far");
    let done =
        sqlx::query(AssertSqlSafe(statement)).execute(&mut world.home.connection().await).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "one row is damaged");
    world.check_one::<Opportunity>().await;
}

const ONE: &str = "(select max(external_id) from opportunities where account_id is not null)";

/// R16: a value that differs from the org's.
#[tokio::test]
#[should_panic(expected = "differs in [\"amount\"]")]
async fn changed_value_is_seen() {
    damaged(&format!("update opportunities set amount = '0.001' where external_id = {ONE}")).await;
}

/// R16: a row that is not there.
#[tokio::test]
#[should_panic(expected = "is missing")]
async fn missing_row_is_seen() {
    damaged(&format!("delete from opportunities where external_id = {ONE}")).await;
}

/// INV-SNK-5: a link that lost its parent.
#[tokio::test]
#[should_panic(expected = "link account is not bound")]
async fn unbound_link_is_seen() {
    damaged(&format!("update opportunities set account_id = null where external_id = {ONE}")).await;
}

/// R19: an item that is not there.
#[tokio::test]
#[should_panic(expected = "items [")]
async fn missing_item_is_seen() {
    damaged(&format!("delete from sync_run_items where external_id = {ONE}")).await;
}

/// R16: a history that tells something else.
#[tokio::test]
#[should_panic(expected = "row and history differ")]
async fn wrong_history_is_seen() {
    let sql = "update sync_run_items set changed_fields = json_remove(changed_fields, '$.name') where external_id = ";
    damaged(&format!("{sql}{ONE}")).await;
}

/// R9: an event that was not published.
#[tokio::test]
#[should_panic(expected = "one event per applied change")]
async fn missing_event_is_seen() {
    damaged(&format!("delete from sync_outbox where external_id = {ONE}")).await;
}

/// R2: a run that did not end.
#[tokio::test]
#[should_panic(expected = "was left running")]
async fn open_run_is_seen() {
    damaged("update sync_runs set status = 'running' where entity = 'opportunity'").await;
}

/// R9: the same row created twice by the audit's account.
#[tokio::test]
#[should_panic(expected = "item 2 of")]
async fn repeated_item_is_seen() {
    damaged(&format!(
        "insert into sync_run_items select run_id, (select max(seq) + 1 from sync_run_items i where i.run_id = t.run_id), \
         tenant_id, external_id, operation, status, local_id, changed_fields, title, error, reason, last_image, \
         recorded_at from sync_run_items t where external_id = {ONE}"
    ))
    .await;
}
