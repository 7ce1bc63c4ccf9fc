//! The sinks of each store.

/// Writes users in memory.
#[cfg(feature = "store-memory")]
#[must_use]
pub fn memory_sink(store: &sync_memory::MemoryStore) -> sync_memory::MemorySink<crate::User> {
    sync_memory::MemorySink::new(store, &crate::TABLE)
}

/// Writes users to SQLite.
#[cfg(feature = "store-sqlite")]
#[must_use]
pub fn sqlite_sink() -> sync_sqlite::SqliteTableSink<crate::User> {
    sync_sqlite::SqliteTableSink::new(crate::TABLE)
}

/// Writes users to PostgreSQL.
#[cfg(feature = "store-postgres")]
#[must_use]
pub fn postgres_sink() -> sync_postgres::PgTableSink<crate::User> {
    sync_postgres::PgTableSink::new(crate::TABLE)
}
