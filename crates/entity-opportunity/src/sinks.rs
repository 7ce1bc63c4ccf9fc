//! The sinks of each store.

/// Writes opportunities in memory.
#[cfg(feature = "store-memory")]
#[must_use]
pub fn memory_sink(store: &sync_memory::MemoryStore) -> sync_memory::MemorySink<crate::Opportunity> {
    sync_memory::MemorySink::new(store, &crate::TABLE)
}

/// Writes opportunities to SQLite.
#[cfg(feature = "store-sqlite")]
#[must_use]
pub fn sqlite_sink() -> sync_sqlite::SqliteTableSink<crate::Opportunity> {
    sync_sqlite::SqliteTableSink::new(crate::TABLE)
}

/// Writes opportunities to PostgreSQL.
#[cfg(feature = "store-postgres")]
#[must_use]
pub fn postgres_sink() -> sync_postgres::PgTableSink<crate::Opportunity> {
    sync_postgres::PgTableSink::new(crate::TABLE)
}
