//! The sinks of each store.

/// Writes accounts in memory.
#[cfg(feature = "store-memory")]
#[must_use]
pub fn memory_sink(store: &sync_memory::MemoryStore) -> sync_memory::MemorySink<crate::Account> {
    sync_memory::MemorySink::new(store, &crate::TABLE)
}

/// Writes accounts to SQLite.
#[cfg(feature = "store-sqlite")]
#[must_use]
pub fn sqlite_sink() -> sync_sqlite::SqliteTableSink<crate::Account> {
    sync_sqlite::SqliteTableSink::new(crate::TABLE)
}

/// Writes accounts to PostgreSQL.
#[cfg(feature = "store-postgres")]
#[must_use]
pub fn postgres_sink() -> sync_postgres::PgTableSink<crate::Account> {
    sync_postgres::PgTableSink::new(crate::TABLE)
}
