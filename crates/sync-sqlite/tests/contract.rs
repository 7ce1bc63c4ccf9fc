//! The contract of every store port, the outbox and the table sink, on SQLite files: one file per test.

mod support;

use support::SqliteFixture;

sync_core::connection_contract!(SqliteFixture);
sync_core::store_contract!(SqliteFixture);
sync_core::eraser_contract!(SqliteFixture);
sync_core::outbox_contract!(SqliteFixture);
sync_core::webhook_inbox_contract!(SqliteFixture);
sync_core::sink_contract!(SqliteFixture);
sync_core::writeback_contract!(SqliteFixture);

mod eav {
    use super::SqliteFixture;
    use sync_core::contract::Eav;

    sync_core::sink_contract!(Eav<SqliteFixture>);
    sync_core::eav_contract!(Eav<SqliteFixture>);
}
