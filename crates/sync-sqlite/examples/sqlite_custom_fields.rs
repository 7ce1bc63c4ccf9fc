//! Measures the table sink with custom fields in a JSON column, and as definitions and values.
//!
//! `cargo run --release -p sync-sqlite --example sqlite_custom_fields [RECORDS]`; works in a temporary file.

use std::error::Error;

use sqlx::{AssertSqlSafe, Executor};
use sync_core::UnitOfWork;
use sync_core::contract::pace::measure;
use sync_core::contract::{EAV_SAMPLES, SAMPLES, Sample};
use sync_sqlite::{SqliteStore, SqliteTableSink};

const ROUNDS: usize = 3;
const COLUMNS: &str = "id text primary key, tenant_id text not null default '', connection_id text not null, \
     external_id text not null, provider text not null, remote_version integer, name text, active integer not null, \
     amount integer, price text, day text, moment text, details text, parent_external_id text, parent_id text, \
     created_at text not null, updated_at text not null, deleted_at text";
const KEY: &str = "unique (tenant_id, connection_id, external_id)";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let n_records = std::env::args().nth(1).map_or(Ok(50_000), |n| n.parse())?;
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("pace.db")).await?;
    store.migrate().await?;
    let tables = format!(
        "create table sample_parents ({COLUMNS}, {KEY}) strict; create table eav_samples ({COLUMNS}, {KEY}) strict; \
         create table samples ({COLUMNS}, custom_fields text not null default '{{}}', {KEY}) strict"
    );
    let mut tx = store.begin().await?;
    tx.connection().execute(AssertSqlSafe(tables)).await?;
    store.commit(tx).await?;
    for round in 1..=ROUNDS {
        for (name, table) in [("jsonb", SAMPLES), ("eav", EAV_SAMPLES)] {
            let pace = measure(&store, &SqliteTableSink::<Sample>::new(table), n_records).await;
            println!("round {round} {name:5} {pace:.0?}");
        }
    }
    Ok(())
}
