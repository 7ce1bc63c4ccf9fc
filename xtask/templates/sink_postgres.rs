// What codegen writes for the store on PostgreSQL. `__Entity__`, `__entity__`, `__many__` and `__package__` are an
// entity's names.
// --- sink
/// Writes __many__ to PostgreSQL.
#[cfg(feature = "store-postgres")]
#[must_use]
pub fn postgres_sink() -> sync_postgres::PgTableSink<crate::__Entity__> {
    sync_postgres::PgTableSink::new(crate::TABLE)
}
// --- wiring
#[cfg(feature = "store-postgres")]
impl EntityStore<__Entity__> for sync_postgres::PgStore {
    type Sink = sync_postgres::PgTableSink<__Entity__>;

    fn sink(&self) -> Self::Sink {
        __package__::postgres_sink()
    }
}
// --- contract
/// The migrations of PostgreSQL fit the type: a record with every field is written and comes back the same.
#[tokio::test]
async fn full_record_comes_back_from_postgres() {
    let Some(url) = sync_core::contract::entity::backend("HEXSYNC_TEST_POSTGRES_URL") else { return };
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    let store = sync_postgres::PgStore::builder(url).schema(&schema).connect().await.unwrap();
    store.migrate().await.unwrap();
    let sink = sync_postgres::PgTableSink::new(FREE_OF_PARENTS);
    sync_core::contract::entity::full_record_comes_back::<__Entity__, _>(&store, &sink).await;
    let clean_up = sqlx::AssertSqlSafe(format!("drop schema {schema} cascade"));
    sqlx::query(clean_up).execute(store.pool()).await.unwrap();
}
