//! Runs and their items: writing and reading.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{
    AuditLog, Counts, Cursor, ExternalId, ItemStatus, NewRun, Operation, RecordedItem, Run, RunEnd, RunId,
    RunItem, RunRecorder, RunStatus, Scope, StoreError,
};

use crate::state::{RecordKey, RunRow};
use crate::text::printable;
use crate::tx::{MemoryTx, Writer};
use crate::{MemoryStore, error};

#[async_trait]
impl RunRecorder<MemoryTx> for MemoryStore {
    async fn open_run(&self, tx: &mut MemoryTx, scope: &Scope, run: &NewRun) -> Result<(), StoreError> {
        let row = RunRow {
            run: Run {
                id: run.id,
                subscription: scope.subscription,
                tenant: scope.tenant.clone(),
                entity: scope.entity.to_owned(),
                direction: run.direction,
                action: run.action,
                status: RunStatus::Running,
                counts: Counts::default(),
                cursor_before: run.cursor_before.clone(),
                cursor_after: None,
                started_at: run.started_at,
                finished_at: None,
                duration_ms: None,
                error: None,
                degraded: None,
            },
            batches: 0,
            items: BTreeMap::new(),
        };
        tx.write(|w| {
            w.state
                .subscription(scope.tenant.as_ref(), scope.subscription)
                .ok_or_else(|| error::no_subscription(scope.subscription))?;
            let id = row.run.id;
            w.state.run_positions.insert(id, w.state.runs.len());
            w.state.runs.push(row);
            w.on_undo(move |state| {
                state.runs.pop();
                state.run_positions.remove(&id);
            });
            Ok(())
        })
    }

    async fn close_stale_runs(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<Vec<RunId>, StoreError> {
        tx.write(|w| {
            let stale = |row: &RunRow| {
                row.run.subscription == scope.subscription
                    && row.run.tenant == scope.tenant
                    && row.run.status == RunStatus::Running
            };
            let runs = w.state.runs.iter().enumerate();
            let stale: Vec<usize> =
                runs.filter(|(_, row)| stale(row)).map(|(position, _)| position).collect();
            for position in &stale {
                change(w, *position, |row| end(&mut row.run, RunStatus::Failed, at, Some(error)));
            }
            Ok(stale.into_iter().map(|position| w.state.runs[position].run.id).collect())
        })
    }

    async fn record_items(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        run: RunId,
        items: &[RunItem],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let (position, row) = w.state.run(scope, run).ok_or_else(|| error::no_run(run))?;
            if items.iter().any(|item| row.items.contains_key(&item.seq)) {
                return Err(StoreError::Refused {
                    during: "recording items",
                    source: "an item of this number was recorded in this run before".into(),
                });
            }
            for item in items {
                record(w, scope, position, RecordedItem { run, recorded_at: at, item: item.clone() });
            }
            Ok(())
        })
    }

    async fn record_progress<'a>(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        run: RunId,
        batch: i64,
        counts: &Counts,
        cursor: Option<&'a Cursor>,
    ) -> Result<bool, StoreError> {
        tx.write(|w| {
            let position = running(w, scope, run)?;
            if batch <= w.state.runs[position].batches {
                return Ok(false);
            }
            change(w, position, |row| {
                row.batches = batch;
                row.run.counts = *counts;
                row.run.cursor_after = cursor.cloned().or(row.run.cursor_after.take());
            });
            Ok(true)
        })
    }

    async fn close_run(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        run: RunId,
        ending: &RunEnd,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let position = running(w, scope, run)?;
            change(w, position, |row| {
                row.run.counts = ending.counts;
                row.run.cursor_after.clone_from(&ending.cursor_after);
                end(&mut row.run, ending.status, ending.finished_at, ending.error.as_deref());
                row.run.degraded = ending.degraded.as_deref().map(|text| printable(text).into_owned());
            });
            Ok(())
        })
    }
}

#[async_trait]
impl AuditLog<MemoryTx> for MemoryStore {
    async fn runs(&self, tx: &mut MemoryTx, scope: &Scope, limit: u32) -> Result<Vec<Run>, StoreError> {
        Ok(tx.read(|state| {
            let newest_first = state.runs.iter().rev().map(|row| &row.run);
            let own = newest_first
                .filter(|run| run.subscription == scope.subscription && run.tenant == scope.tenant);
            own.take(limit as usize).cloned().collect()
        }))
    }

    async fn items(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        run: RunId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<RecordedItem>, StoreError> {
        Ok(tx.read(|state| {
            let row = state.run(scope, run).into_iter();
            let items = row.flat_map(|(_, row)| row.items.range(after_seq.saturating_add(1)..));
            items.take(limit as usize).map(|(_, item)| item.clone()).collect()
        }))
    }

    async fn history(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        external_id: &ExternalId,
    ) -> Result<Vec<RecordedItem>, StoreError> {
        Ok(tx.read(|state| {
            let places = state.history.get(&RecordKey::new(scope, external_id));
            let mut places = places.cloned().unwrap_or_default();
            places.sort_unstable();
            places.into_iter().map(|(run, seq)| state.runs[run].items[&seq].clone()).collect()
        }))
    }
}

/// Where a run of this tenant is that has not ended.
fn running(w: &Writer<'_>, scope: &Scope, run: RunId) -> Result<usize, StoreError> {
    match w.state.run(scope, run) {
        Some((position, row)) if row.run.status == RunStatus::Running => Ok(position),
        Some(_) => Err(StoreError::Fenced),
        None => Err(error::no_run(run)),
    }
}

/// Changes a run apart from its items.
fn change(w: &mut Writer<'_>, position: usize, step: impl FnOnce(&mut RunRow)) {
    let row = &mut w.state.runs[position];
    let (run, batches) = (row.run.clone(), row.batches);
    step(row);
    w.on_undo(move |state| {
        let row = &mut state.runs[position];
        (row.run, row.batches) = (run, batches);
    });
}

fn end(run: &mut Run, status: RunStatus, at: DateTime<Utc>, error: Option<&str>) {
    run.status = status;
    run.finished_at = Some(at);
    run.duration_ms = Some((at - run.started_at).num_milliseconds());
    run.error = error.map(|error| printable(error).into_owned());
}

fn record(w: &mut Writer<'_>, scope: &Scope, position: usize, mut recorded: RecordedItem) {
    let item = &mut recorded.item;
    item.title = item.title.take().map(|title| printable(&title).into());
    item.error = item.error.take().map(|error| printable(&error).into_owned());
    item.reason = item.reason.take().map(|reason| printable(&reason).into_owned().into());

    let seq = item.seq;
    let applied = item.status == ItemStatus::Success && item.operation != Operation::Noop;
    let key = applied.then(|| RecordKey::new(scope, &item.external_id));
    if let Some(key) = &key {
        w.state.history.entry(key.clone()).or_default().push((position, seq));
    }
    w.state.runs[position].items.insert(seq, recorded);
    w.on_undo(move |state| {
        state.runs[position].items.remove(&seq);
        if let Some(places) = key.and_then(|key| state.history.get_mut(&key)) {
            places.pop();
        }
    });
}
