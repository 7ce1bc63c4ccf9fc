//! One batch, one transaction: rows, audit items, events, parked changes and cursor (R9).

use std::collections::HashMap;

use super::plan::{self, Plan, Records, Slot, Write};
use super::run::{ActiveRun, Committed};
use super::settle::{Settled, settle};
use super::split::{Removal, Rows, Writer};
use super::{AllFailedPolicy, ExecuteSync, FailurePolicy, NoopPolicy};
use crate::{
    Canonical, Change, ChangeEvent, Counts, Coverage, Cursor, DeadLetter, EventId, ExternalId, ItemStatus,
    LocalId, Operation, Payload, Remainder, Resolution, RunItem, StoreError, UnitOfWork, Upsert, Version,
    error_chain,
};

/// Why a batch did not commit.
pub(super) enum BatchError {
    /// Partial records without a local row: fetch them whole and try again (R13).
    NeedsHydration(Vec<ExternalId>),
    /// The store failed before the commit; nothing of the batch counts.
    Store(StoreError),
    /// The commit's answer was lost: it took place, or it did not.
    InDoubt(StoreError, Box<Committed>),
}

impl From<StoreError> for BatchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a transaction is about to commit beside the rows.
struct Ledger {
    items: Vec<RunItem>,
    letters: Vec<DeadLetter>,
    applied: Vec<crate::DeadLetterId>,
    superseded: Vec<crate::DeadLetterId>,
    events: Vec<ChangeEvent>,
    /// Records of which something could not be written, by their place in the plan.
    failed: std::collections::HashSet<usize>,
    committed: Committed,
}

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    /// Carries out one batch in one transaction. On an error the batch is as it was, ready for another try.
    pub(super) async fn try_batch(
        &self,
        run: &ActiveRun,
        batch: &mut [Change<T>],
        retry: bool,
    ) -> Result<Committed, BatchError> {
        let echoes = self.find_echoes(run, batch).await;
        let records = Records::of(batch);
        let mut tx = self.ports.unit_of_work.begin_for(run.scope.tenant.as_ref()).await?;
        failpoint!("batch.begun");
        self.ports.leases.renew(&mut tx, &run.scope, &run.lease, self.clock.now()).await?;
        let letters = self.open_letters(&mut tx, run, &records).await?;
        for change in batch.iter_mut() {
            if let Some(letter) = letters.get(&change.external_id) {
                plan::fold_parked(letter, change);
            }
        }
        let rows = self.sink.find_many(&mut tx, &run.scope, &records.ids).await?;
        let is_live = |slot: usize| rows[slot].as_ref().is_some_and(|row| !row.deleted);
        let unknown = partial_without_row(batch, &records, is_live, &letters);
        if !unknown.is_empty() && self.fetcher.is_some() {
            self.ports.unit_of_work.rollback(tx).await?;
            return Err(BatchError::NeedsHydration(unknown));
        }
        let pending = match &self.pending {
            Some(pending) => pending.of(&mut tx, &run.scope, &records.ids).await?,
            None => HashMap::new(),
        };
        let mut plan = plan::decide(
            batch,
            &records,
            rows,
            &echoes,
            pending,
            self.differ.as_ref(),
            self.sink.reprojects_on_noop(),
        );
        fail_unknown(&mut plan, &unknown);
        failpoint!("batch.decided");
        let outcome = self.write_and_record(&mut tx, run, batch, &mut plan, &letters, retry).await;
        let outcome = match outcome {
            Ok(Some(committed)) => committed,
            Ok(None) | Err(_) => {
                plan.give_back(batch);
                // A transaction that can't be rolled back politely is rolled back by being dropped.
                let _ = self.ports.unit_of_work.rollback(tx).await;
                return Err(match outcome {
                    Err(error) => error.into(),
                    Ok(_) => StoreError::Fenced.into(),
                });
            }
        };
        failpoint!("batch.before_commit");
        match self.ports.unit_of_work.commit(tx).await {
            Ok(()) => {
                failpoint!("batch.committed");
                Ok(outcome)
            }
            Err(error @ StoreError::Unavailable { .. }) => {
                plan.give_back(batch);
                Err(BatchError::InDoubt(error, Box::new(outcome)))
            }
            Err(error) => {
                plan.give_back(batch);
                Err(error.into())
            }
        }
    }

    /// Whether a commit in doubt took place: its batch number is then refused (INV-REC-2).
    pub(crate) async fn was_committed(
        &self,
        run: &ActiveRun,
        committed: &Committed,
    ) -> Result<bool, StoreError> {
        let mut tx = self.ports.unit_of_work.begin_for(run.scope.tenant.as_ref()).await?;
        let fresh = self.note_progress(&mut tx, run, committed).await?;
        self.ports.unit_of_work.rollback(tx).await?;
        Ok(!fresh)
    }

    /// Which changes are echoes of our own writes (R6). A fingerprint store that can't answer holds nothing
    /// up: an echo that is applied is a noop.
    async fn find_echoes(&self, run: &ActiveRun, batch: &[Change<T>]) -> Vec<bool> {
        let Some(loopback) = &self.loopback else { return Vec::new() };
        loopback.are_echoes(&run.scope, batch).await.unwrap_or_else(|error| {
            run.goes_on_without(format!(
                "echoes of own writes could not be told ({}); they came in as changes of nothing",
                error_chain(&error)
            ));
            Vec::new()
        })
    }

    async fn open_letters(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        records: &Records,
    ) -> Result<HashMap<ExternalId, DeadLetter>, StoreError> {
        if !run.may_have_parked {
            return Ok(HashMap::new());
        }
        let letters = self.ports.dead_letters.open_letters(tx, &run.scope, &records.ids).await?;
        Ok(letters.into_iter().map(|letter| (letter.external_id.clone(), letter)).collect())
    }

    /// Everything between decision and commit. `None` when the batch number was refused.
    async fn write_and_record(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        batch: &mut [Change<T>],
        plan: &mut Plan<T>,
        letters: &HashMap<ExternalId, DeadLetter>,
        retry: bool,
    ) -> Result<Option<Committed>, StoreError> {
        self.write_rows(tx, run, plan).await?;
        failpoint!("batch.rows_written");
        let mut ledger = self.account(run, batch, plan, letters, retry);
        let (ports, scope, at) = (&self.ports, &run.scope, self.clock.now());
        if !ledger.items.is_empty() {
            ports.recorder.record_items(tx, scope, run.id, &ledger.items, at).await?;
        }
        failpoint!("batch.items_recorded");
        if let (Some(emitter), false) = (&ports.emitter, ledger.events.is_empty()) {
            emitter.emit(tx, scope, &ledger.events).await?;
        }
        failpoint!("batch.events_emitted");
        if !ledger.letters.is_empty() {
            ports.dead_letters.park(tx, scope, &ledger.letters).await?;
        }
        for (ids, how) in
            [(&ledger.applied, Resolution::Applied), (&ledger.superseded, Resolution::Superseded)]
        {
            if !ids.is_empty() {
                ports.dead_letters.resolve(tx, scope, ids, how, at).await?;
            }
        }
        failpoint!("batch.letters_settled");
        self.settle_edits(tx, run, plan, &ledger.failed).await?;
        ledger.committed.cursor = self.next_cursor(run, batch, &ledger.committed.counts);
        if let (Some(cursor), true) = (&ledger.committed.cursor, ledger.committed.cursor != run.cursor) {
            ports.cursors.put_cursor(tx, scope, cursor).await?;
        }
        failpoint!("batch.cursor_moved");
        self.settle_notices(tx, run, batch).await?;
        failpoint!("batch.notices_settled");
        let fresh = self.note_progress(tx, run, &ledger.committed).await?;
        Ok(fresh.then_some(ledger.committed))
    }

    /// Takes away edits that wait no longer, and asks what only a person can decide. Of records that could not be
    /// written, nothing is settled.
    async fn settle_edits(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        plan: &Plan<T>,
        failed: &std::collections::HashSet<usize>,
    ) -> Result<(), StoreError> {
        let Some(pending) = &self.pending else { return Ok(()) };
        let (mut remainder, mut over) = (Remainder::default(), Vec::new());
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        let now = self.clock.now();
        for (position, slot) in plan.slots.iter().enumerate() {
            let Some(edits) = slot.pending.as_ref().filter(|_| !failed.contains(&position)) else { continue };
            if let Some(left) = edits.remainder() {
                remainder.gone.extend(left.gone);
                remainder.shrunk.extend(left.shrunk);
            }
            if edits.is_over() {
                over.push(slot.external_id.clone());
            }
            answered.extend(edits.answered());
            let id = &slot.external_id;
            let asks = edits.outcome.asks.iter().cloned();
            asked.extend(asks.map(|ask| ask.open(self.ids.next_id(), id.clone(), now)));
        }
        let (changes, conflicts, scope) = (&pending.ports.changes, &pending.ports.conflicts, &run.scope);
        if !remainder.gone.is_empty() {
            changes.settle_edits(tx, scope, &remainder.gone).await?;
        }
        if !remainder.shrunk.is_empty() {
            changes.shrink_edits(tx, scope, &remainder.shrunk).await?;
        }
        if !over.is_empty() {
            changes.clear_standings(tx, scope, &over).await?;
        }
        if !answered.is_empty() {
            conflicts.close_conflicts(tx, scope, &answered, now).await?;
        }
        if !asked.is_empty() {
            conflicts.open_conflicts(tx, scope, &asked).await?;
        }
        Ok(())
    }

    pub(crate) async fn note_progress(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        committed: &Committed,
    ) -> Result<bool, StoreError> {
        let (counts, cursor) = (&committed.counts, committed.cursor.as_ref());
        self.ports.recorder.record_progress(tx, &run.scope, run.id, run.batches + 1, counts, cursor).await
    }

    /// Writes what the plan says and marks what could not be written. Records of failed writes, and those
    /// written, stay in the plan.
    async fn write_rows(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        plan: &mut Plan<T>,
    ) -> Result<(), StoreError> {
        let writer = Writer {
            unit_of_work: self.ports.unit_of_work.as_ref(),
            sink: self.sink.as_ref(),
            scope: &run.scope,
            at: self.clock.now(),
        };
        for reprojections in [false, true] {
            let (positions, rows) = self.take_rows(plan, |write| match write {
                Write::Upsert | Write::UpsertAndDelete => !reprojections,
                Write::Reproject => reprojections,
                Write::Nothing | Write::Delete | Write::Redirect => false,
            });
            if rows.is_empty() {
                continue;
            }
            let wanted = if reprojections { Rows::Reprojections(&rows) } else { Rows::Upserts(&rows) };
            let written = writer.write(tx, wanted).await;
            for (position, row) in positions.iter().zip(rows) {
                plan.slots[*position].image = Some(row.record);
            }
            plan.mark(positions, written?);
        }
        let positions: Vec<usize> =
            plan.positions(|write| matches!(write, Write::Delete | Write::UpsertAndDelete | Write::Redirect));
        if !positions.is_empty() {
            let removal = |position: &usize| Removal {
                external_id: plan.slots[*position].external_id.clone(),
                deletes: plan.slots[*position].write != Write::Redirect,
                merged_into: plan.slots[*position].merged_into.clone(),
            };
            let removals: Vec<_> = positions.iter().map(removal).collect();
            let written = writer.write(tx, Rows::Deletes(&removals)).await?;
            plan.mark(positions, written);
        }
        let touched = plan.touched();
        if !touched.is_empty() {
            self.sink.touch_versions(tx, &run.scope, &touched).await?;
        }
        Ok(())
    }

    /// The rows to be written so, with the records moved out of the plan, and their positions.
    fn take_rows(&self, plan: &mut Plan<T>, wanted: impl Fn(Write) -> bool) -> (Vec<usize>, Vec<Upsert<T>>) {
        let positions = plan.positions(wanted);
        let rows = positions
            .iter()
            .filter_map(|position| {
                let slot = &mut plan.slots[*position];
                let local_id = match &slot.local_id {
                    Some(id) => id.clone(),
                    None => LocalId::from(self.ids.next_id()),
                };
                Some(Upsert {
                    external_id: slot.external_id.clone(),
                    local_id,
                    record: slot.image.take()?,
                    version: slot.version,
                    exists: slot.exists,
                })
            })
            .collect();
        (positions, rows)
    }

    /// Turns decisions into audit items, counts, events and parked changes.
    fn account(
        &self,
        run: &ActiveRun,
        batch: &mut [Change<T>],
        plan: &mut Plan<T>,
        letters: &HashMap<ExternalId, DeadLetter>,
        retry: bool,
    ) -> Ledger {
        let Settled { parked, applied, superseded } = settle(self, run, batch, plan, letters, retry);
        let mut counts = run.counts;
        let mut items = Vec::with_capacity(plan.steps.len());
        let mut events = Vec::new();
        let mut seq = run.items;
        let mut failed = std::collections::HashSet::new();
        for step in std::mem::take(&mut plan.steps) {
            if step.status == ItemStatus::Failed {
                failed.insert(step.slot);
            }
            count(&mut counts, step.operation, step.status);
            let slot = &plan.slots[step.slot];
            if !self.records(&step) {
                continue;
            }
            if self.ports.emitter.is_some()
                && step.status == ItemStatus::Success
                && step.operation != Operation::Noop
            {
                events.extend(self.event(run, &step, slot));
            }
            seq += 1;
            items.push(step.into_item(seq, slot));
        }
        let letters = if self.options.failures == FailurePolicy::Park { parked } else { Vec::new() };
        let committed = Committed { counts, items: seq, cursor: None, parked: !letters.is_empty() };
        Ledger { items, letters, applied, superseded, events, failed, committed }
    }

    /// Whether a decision is worth a line in the audit.
    fn records(&self, step: &plan::Step) -> bool {
        let quiet = step.operation == Operation::Noop && step.status != ItemStatus::Failed;
        let plain_noop = quiet && step.status == ItemStatus::Success;
        !(quiet && step.reread || plain_noop && self.options.noops == NoopPolicy::Count)
    }

    fn event(&self, run: &ActiveRun, step: &plan::Step, slot: &Slot<T>) -> Option<ChangeEvent> {
        Some(ChangeEvent {
            id: EventId(self.ids.next_id()),
            kind: format!("{}_{}", T::ENTITY, step.operation.as_str()),
            external_id: slot.external_id.clone(),
            local_id: slot.local_id.clone()?,
            operation: step.operation,
            changed_fields: step.changed_fields.clone(),
            run: run.id,
            source: "integration",
            at: self.clock.now(),
        })
    }

    /// The position after the batch: the last change's that has one. Held back while every change of the
    /// run failed, if so configured.
    fn next_cursor(&self, run: &ActiveRun, batch: &[Change<T>], counts: &Counts) -> Option<Cursor> {
        if self.options.all_failed == AllFailedPolicy::Hold && counts.all_failed() {
            return run.cursor.clone();
        }
        batch.iter().rev().find_map(|change| change.cursor.clone()).or_else(|| run.cursor.clone())
    }
}

impl<T> Plan<T> {
    fn positions(&self, wanted: impl Fn(Write) -> bool) -> Vec<usize> {
        (0..self.slots.len()).filter(|position| wanted(self.slots[*position].write)).collect()
    }

    /// Rows that are not written, with versions newer than theirs.
    fn touched(&self) -> Vec<(ExternalId, Version)> {
        let unwritten = |slot: &&Slot<T>| {
            slot.touched && slot.exists && matches!(slot.write, Write::Nothing | Write::Reproject)
        };
        let slots = self.slots.iter().filter(unwritten);
        slots.filter_map(|slot| Some((slot.external_id.clone(), slot.version?))).collect()
    }

    /// Notes local ids, and fails the steps of records that could not be written.
    fn mark(&mut self, positions: Vec<usize>, written: super::split::Written) {
        let mut failures = HashMap::new();
        for (position, result) in positions.into_iter().zip(written) {
            match result {
                Ok(Some(id)) => self.slots[position].local_id = Some(id),
                Ok(None) => {}
                Err(failure) => {
                    self.slots[position].write = Write::Nothing;
                    failures.insert(position, failure);
                }
            }
        }
        if failures.is_empty() {
            return;
        }
        for step in &mut self.steps {
            if let (Some(failure), ItemStatus::Success) = (failures.get(&step.slot), step.status) {
                step.fail(failure.class.clone(), failure.text.clone());
            }
        }
    }
}

/// Adds one decision to the books (R19).
pub(crate) fn count(counts: &mut Counts, operation: Operation, status: ItemStatus) {
    counts.found += 1;
    let column = match (status, operation) {
        (ItemStatus::Failed, _) => &mut counts.parked,
        (ItemStatus::Skipped, _) => &mut counts.skipped,
        (ItemStatus::Success, Operation::Created) => &mut counts.created,
        (ItemStatus::Success, Operation::Updated) => &mut counts.updated,
        (ItemStatus::Success, Operation::Deleted) => &mut counts.deleted,
        (ItemStatus::Success, Operation::Restored) => &mut counts.restored,
        (ItemStatus::Success, Operation::Noop) => &mut counts.noop,
    };
    *column += 1;
}

/// Records of which only some fields were sent although there is nothing to merge them over (R13): no row that
/// lives, and no full record earlier in the batch; or a parked deletion or unreadable record lies in between.
fn partial_without_row<T>(
    batch: &[Change<T>],
    records: &Records,
    is_live: impl Fn(usize) -> bool,
    letters: &HashMap<ExternalId, DeadLetter>,
) -> Vec<ExternalId> {
    let mut whole: Vec<bool> = (0..records.ids.len())
        .map(|slot| {
            let parked = letters.get(&records.ids[slot]);
            is_live(slot) && parked.is_none_or(|l| matches!(l.payload, crate::ParkedPayload::Upsert { .. }))
        })
        .collect();
    let mut unknown = Vec::new();
    for (change, slot) in batch.iter().zip(&records.of_change) {
        if let Payload::Upsert(record) = &change.payload {
            match record.coverage {
                Coverage::Full => whole[*slot] = true,
                Coverage::Partial(_)
                    if plan::is_supplement(change, record) && !letters.contains_key(&change.external_id) => {}
                Coverage::Partial(_) if !whole[*slot] => {
                    unknown.push(change.external_id.clone());
                    whole[*slot] = true;
                }
                Coverage::Partial(_) => {}
            }
        }
    }
    unknown
}

/// Without a fetcher a partial record that has no row can't be completed: it fails instead of being written
/// with holes.
fn fail_unknown<T>(plan: &mut Plan<T>, unknown: &[ExternalId]) {
    for id in unknown {
        let Some(position) = plan.slots.iter().position(|slot| &slot.external_id == id && !slot.exists)
        else {
            continue;
        };
        plan.slots[position].write = Write::Nothing;
        for step in plan.steps.iter_mut().filter(|s| s.slot == position && s.status == ItemStatus::Success) {
            let text = "only some fields were sent and there is no local row; configure a record fetcher";
            step.fail("partial", text.to_owned());
        }
    }
}
