//! Measures the table sink with custom fields in a JSON column, and as definitions and values.
//!
//! `HEXSYNC_TEST_POSTGRES_URL=postgres://… cargo run --release -p sync-postgres --example postgres_custom_fields [RECORDS]`;
//! works in a schema of its own, which it drops at the end.

use std::error::Error;

use sqlx::{AssertSqlSafe, Executor};
use sync_core::contract::pace::measure;
use sync_core::contract::{EAV_SAMPLES, SAMPLES, Sample};
use sync_postgres::{PgStore, PgTableSink};

const ROUNDS: usize = 3;
const COLUMNS: &str = "id uuid primary key, tenant_id text not null default '', connection_id text not null, \
     external_id text not null, provider text not null, remote_version bigint, name text, active boolean not null, \
     amount bigint, price numeric, day date, moment timestamptz, details jsonb, parent_external_id text, \
     parent_id uuid, created_at timestamptz not null, updated_at timestamptz not null, deleted_at timestamptz, \
     unique (tenant_id, connection_id, external_id)";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("HEXSYNC_TEST_POSTGRES_URL")?;
    let n_records = std::env::args().nth(1).map_or(Ok(50_000), |n| n.parse())?;
    let schema = format!("pace_{}", std::process::id());
    let store = PgStore::builder(url).schema(&schema).connect().await?;
    store.migrate().await?;
    let tables = format!(
        "create table sample_parents ({COLUMNS}); create table eav_samples ({COLUMNS}); \
         create table samples ({COLUMNS}, custom_fields jsonb not null default '{{}}')"
    );
    store.pool().execute(AssertSqlSafe(tables)).await?;
    for round in 1..=ROUNDS {
        for (name, table) in [("jsonb", SAMPLES), ("eav", EAV_SAMPLES)] {
            let pace = measure(&store, &PgTableSink::<Sample>::new(table), n_records).await;
            println!("round {round} {name:5} {pace:.0?}");
        }
    }
    store.pool().execute(AssertSqlSafe(format!("drop schema {schema} cascade"))).await?;
    Ok(())
}
