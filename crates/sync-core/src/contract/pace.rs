//! How fast a table sink is: what the stores' examples measure. No test calls it.

use std::time::Instant;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::sample::Sample;
use super::setup::{at, commit, scope_of, subscription};
use super::sink::new_row;
use super::values::filled;
use crate::{ExternalId, FieldValue, Scope, Store, SyncSink, Upsert};

/// Records per transaction, as in the engine.
const BATCH: usize = 2_000;

/// Records per second.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Looked up and written for the first time.
    pub load: f64,
    /// Looked up and found unchanged; projected anew, where the sink wants that.
    pub unchanged: f64,
    /// Looked up and written again, each with a field and a custom field changed.
    pub changed: f64,
}

/// Measures a sink of [`SAMPLES`](super::SAMPLES) or [`EAV_SAMPLES`](super::EAV_SAMPLES) in a connection of its own:
/// `n_records` with 8 fields and 5 custom fields, 2,000 per transaction.
pub async fn measure<S: Store>(store: &S, sink: &dyn SyncSink<Sample, S::Tx>, n_records: usize) -> Pace {
    let scope = scope_of(&subscription(None, &Uuid::now_v7().to_string()));
    let mut rows: Vec<_> = (0..n_records).map(|n| new_row(&format!("r{n:07}"), record(n))).collect();
    let load = pass(store, sink, &scope, &rows, true).await;
    rows.iter_mut().for_each(|row| row.exists = true);
    let unchanged = pass(store, sink, &scope, &rows, false).await;
    for row in &mut rows {
        row.record.amount = row.record.amount.map(|n| n + 1);
        row.record.custom.set("Tier__c", FieldValue::Text("changed".to_owned()));
    }
    let changed = pass(store, sink, &scope, &rows, true).await;
    Pace { load, unchanged, changed }
}

async fn pass<S: Store>(
    store: &S,
    sink: &dyn SyncSink<Sample, S::Tx>,
    scope: &Scope,
    rows: &[Upsert<Sample>],
    writes: bool,
) -> f64 {
    let start = Instant::now();
    for batch in rows.chunks(BATCH) {
        let ids: Vec<ExternalId> = batch.iter().map(|row| row.external_id.clone()).collect();
        commit(store, async |tx| {
            let found = sink.find_many(tx, scope, &ids).await.unwrap();
            assert!(found.iter().zip(batch).all(|(found, row)| found.is_some() == row.exists));
            if writes {
                sink.upsert_many(tx, scope, batch, at(1)).await.unwrap();
            } else if sink.reprojects_on_noop() {
                sink.reproject_many(tx, scope, batch, at(1)).await.unwrap();
            }
        })
        .await;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of records is far below 2^52")]
    let n_rows = rows.len() as f64;
    n_rows / start.elapsed().as_secs_f64()
}

fn record(n: usize) -> Sample {
    let mut record = Sample { parent: None, name: Some(format!("Record {n}")), ..filled() };
    let number = i64::try_from(n).unwrap_or_default();
    record.custom.set("Tier__c", FieldValue::Text(format!("tier {}", n % 7)));
    record.custom.set("Score__c", FieldValue::Int(number));
    record.custom.set("Rate__c", FieldValue::Decimal(Decimal::new(number, 2)));
    record.custom.set("Since__c", FieldValue::Date("2026-11-27".parse().unwrap()));
    record.custom.set("Partner__c", FieldValue::Bool(n.is_multiple_of(2)));
    record
}
