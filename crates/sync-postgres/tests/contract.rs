//! The contract of every store port and of table sinks, on PostgreSQL.

mod fixture;

use fixture::PgFixture;

sync_core::connection_contract!(PgFixture);
sync_core::store_contract!(PgFixture);
sync_core::eraser_contract!(PgFixture);
sync_core::outbox_contract!(PgFixture);
sync_core::webhook_inbox_contract!(PgFixture);
sync_core::sink_contract!(PgFixture);
sync_core::writeback_contract!(PgFixture);

mod eav {
    use super::PgFixture;
    use sync_core::contract::Eav;

    sync_core::sink_contract!(Eav<PgFixture>);
    sync_core::eav_contract!(Eav<PgFixture>);
}
