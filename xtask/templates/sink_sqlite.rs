// What codegen writes for the store on SQLite. `__Entity__`, `__entity__`, `__many__` and `__package__` are an
// entity's names.
// --- sink
/// Writes __many__ to SQLite.
#[cfg(feature = "store-sqlite")]
#[must_use]
pub fn sqlite_sink() -> sync_sqlite::SqliteTableSink<crate::__Entity__> {
    sync_sqlite::SqliteTableSink::new(crate::TABLE)
}
// --- wiring
#[cfg(feature = "store-sqlite")]
impl EntityStore<__Entity__> for sync_sqlite::SqliteStore {
    type Sink = sync_sqlite::SqliteTableSink<__Entity__>;

    fn sink(&self) -> Self::Sink {
        __package__::sqlite_sink()
    }
}
// --- contract
/// The migrations of SQLite fit the type: a record with every field is written and comes back the same.
#[tokio::test]
async fn full_record_comes_back_from_sqlite() {
    let store = sync_sqlite::SqliteStore::in_memory().await.unwrap();
    store.migrate().await.unwrap();
    let sink = sync_sqlite::SqliteTableSink::new(FREE_OF_PARENTS);
    sync_core::contract::entity::full_record_comes_back::<__Entity__, _>(&store, &sink).await;
}
