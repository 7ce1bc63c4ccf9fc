//! The contract of every store port and of table sinks, on PostgreSQL.

mod fixture;

use fixture::PgFixture;

sync_core::store_contract!(PgFixture);
sync_core::sink_contract!(PgFixture);
