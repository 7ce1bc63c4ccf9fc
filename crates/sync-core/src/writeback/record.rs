//! Recording what became of a batch: rows (`outcome`), edits, standings, questions, items and events in one transaction.

use std::collections::HashMap;
use std::time::Duration;

use super::decide::{Step, What};
use super::fate::{Fate, item, waits_for};
use super::outcome::Outcome;
use crate::engine::{ActiveRun, Committed, Rows, Writer, count};
use crate::{
    Adoption, Canonical, ChangeEvent, EditOperation, EventId, ExecuteSync, ExternalId, ItemStatus, LocalEdit,
    LocalRow, Merge, Operation, Remainder, RunFailure, RunItem, SinkError, Standing, StoreError, UnitOfWork,
    Upsert, WritebackPorts, is_placeholder,
};

/// Why nothing was recorded.
enum RecordError {
    Store(StoreError),
    InDoubt(StoreError, Box<Committed>),
}

impl From<StoreError> for RecordError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a batch leaves beside the rows.
#[derive(Default)]
struct Ledger {
    remainder: Remainder,
    standings: Vec<Standing>,
    cleared: Vec<ExternalId>,
    asked: Vec<crate::Conflict>,
    answered: Vec<crate::ConflictId>,
    items: Vec<RunItem>,
    events: Vec<ChangeEvent>,
}

/// What batches are recorded with.
pub(super) struct Recording<'a, T: Canonical, S: UnitOfWork> {
    pub(super) engine: &'a ExecuteSync<T, S>,
    pub(super) ports: &'a WritebackPorts<S>,
    /// How often a record is decided again at once.
    pub(super) stale_attempts: u32,
}

impl<T: Canonical, S: UnitOfWork> Recording<'_, T, S> {
    /// Records a batch, however often the store has to be asked.
    pub(super) async fn round(
        &self,
        run: &mut ActiveRun,
        steps: &[Step<T>],
        fates: &[Fate],
    ) -> Result<(), RunFailure> {
        let mut attempt = 0;
        loop {
            let error = match self.record(run, steps, fates).await {
                Ok(committed) => {
                    run.absorb(committed);
                    return Ok(());
                }
                Err(RecordError::InDoubt(error, committed)) => {
                    if self.engine.was_committed_after_all(run, &committed, error, &mut attempt).await? {
                        run.absorb(*committed);
                        return Ok(());
                    }
                    continue;
                }
                Err(RecordError::Store(error)) => error,
            };
            if !self.engine.waited_for_store(&error, &mut attempt).await {
                return Err(error.into());
            }
        }
    }

    /// How long a record waits after a failure.
    fn wait_after(&self, attempts: u32, after: Option<Duration>) -> Duration {
        self.engine.retry_wait(attempts).max(after.unwrap_or_default())
    }

    async fn record(
        &self,
        run: &ActiveRun,
        steps: &[Step<T>],
        fates: &[Fate],
    ) -> Result<Committed, RecordError> {
        let ports = &self.engine.ports;
        let mut tx = ports.unit_of_work.begin_for(run.scope.tenant.as_ref()).await?;
        let committed = match self.write(&mut tx, run, steps, fates).await {
            Ok(Some(committed)) => committed,
            undone => {
                // A transaction that can't be rolled back politely is rolled back by being dropped.
                let _ = ports.unit_of_work.rollback(tx).await;
                return Err(undone.err().unwrap_or(StoreError::Fenced).into());
            }
        };
        failpoint!("outbound.before_commit");
        match ports.unit_of_work.commit(tx).await {
            Ok(()) => {
                failpoint!("outbound.committed");
                Ok(committed)
            }
            Err(error @ StoreError::Unavailable { .. }) => {
                Err(RecordError::InDoubt(error, Box::new(committed)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Everything up to the commit. `None` when the batch number was refused.
    async fn write(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        steps: &[Step<T>],
        fates: &[Fate],
    ) -> Result<Option<Committed>, StoreError> {
        let (ports, scope, now) = (&self.engine.ports, &run.scope, self.engine.clock.now());
        ports.leases.renew(tx, scope, &run.lease, now).await?;
        let renamed = self.adopt(tx, run, steps, fates).await?;
        let ids: Vec<ExternalId> = steps.iter().zip(fates).map(|(step, fate)| real_id(step, fate)).collect();
        let mut wanted = ids.clone();
        wanted.sort();
        wanted.dedup();
        let rows = self.engine.sink.find_many(tx, scope, &wanted).await?;
        let rows: HashMap<&ExternalId, Option<LocalRow<T>>> = wanted.iter().zip(rows).collect();
        let edits = self.ports.changes.edits_of(tx, scope, &wanted).await?;
        let mut outcomes: Vec<Outcome<T>> = steps
            .iter()
            .zip(fates)
            .zip(&ids)
            .map(|((step, fate), id)| {
                let row = rows.get(id).and_then(Option::as_ref);
                let own: Vec<&LocalEdit> = edits.iter().filter(|edit| edit.edit.external_id == *id).collect();
                self.outcome(step, fate, id, row, &own, renamed.contains(id))
            })
            .collect();
        self.write_rows(tx, run, &mut outcomes).await?;
        failpoint!("outbound.rows_written");
        let mut counts = run.counts;
        let mut ledger = Ledger::default();
        let mut seq = run.items;
        for ((step, fate), outcome) in steps.iter().zip(fates).zip(outcomes) {
            seq += 1;
            self.settle(step, fate, &outcome, &edits, &mut ledger);
            let item = item(step, fate, outcome, seq);
            count(&mut counts, item.operation, item.status);
            ledger.events.extend(self.event(run, &item));
            ledger.items.push(item);
        }
        self.keep(tx, run, &ledger).await?;
        failpoint!("outbound.edits_settled");
        let committed = Committed { counts, items: seq, cursor: run.cursor.clone(), parked: false };
        let fresh = self.engine.note_progress(tx, run, &committed).await?;
        Ok(fresh.then_some(committed))
    }

    /// Gives records the ids that the CRM gave them. A row that the inbound side made for the same record meanwhile goes
    /// on in its place, with every link.
    async fn adopt(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        steps: &[Step<T>],
        fates: &[Fate],
    ) -> Result<Vec<ExternalId>, StoreError> {
        let (scope, now) = (&run.scope, self.engine.clock.now());
        let adoption = |(step, fate): (&Step<T>, &Fate)| {
            let placeholder = step.claim.folded.external_id.clone();
            let external_id = real_id(step, fate);
            (placeholder != external_id).then_some(Adoption { placeholder, external_id })
        };
        let adoptions: Vec<Adoption> = steps.iter().zip(fates).filter_map(adoption).collect();
        if adoptions.is_empty() {
            return Ok(Vec::new());
        }
        let renamed = self.engine.sink.adopt_many(tx, scope, &adoptions, now).await?;
        let left: Vec<ExternalId> = adoptions
            .iter()
            .zip(&renamed)
            .filter(|(_, renamed)| !**renamed)
            .map(|(adoption, _)| adoption.placeholder.clone())
            .collect();
        let to_store = |error| match error {
            SinkError::Store(error) => error,
            SinkError::Record { reason, .. } => {
                StoreError::Refused { during: "adopting ids of rows", source: reason.into() }
            }
        };
        if !left.is_empty() {
            self.engine.sink.soft_delete_many(tx, scope, &left, now).await.map_err(to_store)?;
        }
        let merges: Vec<Merge> = adoptions
            .iter()
            .map(|adoption| Merge {
                loser: adoption.placeholder.clone(),
                winner: adoption.external_id.clone(),
            })
            .collect();
        self.engine.sink.redirect_many(tx, scope, &merges, now).await.map_err(to_store)?;
        self.ports.changes.adopt_ids(tx, scope, &adoptions).await?;
        let renamed = adoptions.into_iter().zip(renamed).filter(|(_, renamed)| *renamed);
        Ok(renamed.map(|(adoption, _)| adoption.external_id).collect())
    }

    /// Writes rows, each on its own where it can't be written with the others.
    async fn write_rows(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        outcomes: &mut [Outcome<T>],
    ) -> Result<(), StoreError> {
        let writer = Writer {
            unit_of_work: self.engine.ports.unit_of_work.as_ref(),
            sink: self.engine.sink.as_ref(),
            scope: &run.scope,
            at: self.engine.clock.now(),
        };
        let places: Vec<usize> = (0..outcomes.len()).filter(|n| outcomes[*n].write.is_some()).collect();
        let rows: Vec<Upsert<T>> = places.iter().filter_map(|n| outcomes[*n].write.clone()).collect();
        if !rows.is_empty() {
            let written = writer.write(tx, Rows::Upserts(&rows)).await?;
            for (place, written) in places.into_iter().zip(written) {
                match written {
                    Ok(local_id) => outcomes[place].local_id = local_id,
                    Err(failure) => {
                        outcomes[place].failure = Some((failure.class.into_owned(), failure.text));
                    }
                }
            }
        }
        let gone: Vec<ExternalId> =
            outcomes.iter().filter(|outcome| outcome.delete).map(|outcome| outcome.id.clone()).collect();
        if !gone.is_empty() {
            let deleted = self.engine.sink.soft_delete_many(tx, &run.scope, &gone, self.engine.clock.now());
            deleted.await.map_err(|error| match error {
                SinkError::Store(error) => error,
                SinkError::Record { reason, .. } => {
                    StoreError::Refused { during: "deleting rows", source: reason.into() }
                }
            })?;
        }
        Ok(())
    }

    /// What goes on waiting of a record's edits.
    fn settle(
        &self,
        step: &Step<T>,
        fate: &Fate,
        outcome: &Outcome<T>,
        present: &[LocalEdit],
        ledger: &mut Ledger,
    ) {
        let now = self.engine.clock.now();
        let attempts = step.claim.standing.as_ref().map_or(0, |standing| standing.attempts);
        let standing = |wait: Duration, attempts, intent, failure: Option<(String, String)>| {
            let (error_class, error) = failure.unzip();
            Standing {
                external_id: outcome.id.clone(),
                intent,
                seen: step.claim.last,
                attempts,
                next_attempt_at: now + wait,
                error_class,
                error,
            }
        };
        let in_doubt = || match &step.what {
            What::Send { intent, .. } => Some(intent.clone()),
            _ => step.claim.standing.as_ref().and_then(|standing| standing.intent.clone()),
        };
        let asked = step.asks.iter().cloned();
        ledger.asked.extend(asked.map(|ask| ask.open(self.engine.ids.next_id(), outcome.id.clone(), now)));
        let failed = match (fate, &outcome.failure) {
            (Fate::Failed { class, text, after, doubt }, _) => {
                Some((class.clone(), text.clone(), *after, *doubt || matches!(step.what, What::Wait { .. })))
            }
            (_, Some((class, text))) => Some((class.clone(), text.clone(), None, true)),
            _ => None,
        };
        if let Some((class, text, after, keeps)) = failed {
            // A create that may have been done by an earlier try stays in doubt, whatever became of this one.
            let earlier = step.claim.standing.as_ref().and_then(|standing| standing.intent.clone());
            let earlier = earlier.filter(|intent| intent.operation == EditOperation::Create);
            let intent = if keeps { in_doubt() } else { earlier };
            let wait = self.wait_after(attempts + 1, after);
            ledger.standings.push(standing(wait, attempts + 1, intent, Some((class, text))));
            return;
        }
        match fate {
            Fate::Again(reason) => {
                let patient = attempts + 1 >= self.stale_attempts;
                let wait = if patient { self.wait_after(attempts + 1, None) } else { Duration::ZERO };
                let failure = Some(("stale".to_owned(), (*reason).to_owned()));
                ledger.standings.push(standing(wait, attempts + 1, None, failure));
            }
            Fate::Held if step.held.is_empty() => {
                let failure = Some(("conflict".to_owned(), waits_for(step)));
                let wait = self.engine.options.retry_max;
                ledger.standings.push(standing(wait, attempts, in_doubt(), failure));
            }
            _ => {
                // A record that is given up is given up with what was edited since its create was sent.
                let is_given_up = matches!(step.what, What::GiveUp);
                let own = present.iter().filter(|edit| {
                    step.claim.folded.edits.contains(&edit.id)
                        || is_given_up && edit.edit.external_id == outcome.id
                });
                let left = Remainder::of(own, |field| step.held.contains(field));
                ledger.remainder.gone.extend(left.gone);
                ledger.remainder.shrunk.extend(left.shrunk);
                if step.held.is_empty() {
                    ledger.cleared.push(outcome.id.clone());
                } else {
                    let failure = Some(("conflict".to_owned(), waits_for(step)));
                    ledger.standings.push(standing(self.engine.options.retry_max, 0, None, failure));
                }
                ledger.answered.extend(step.answered());
            }
        }
    }

    async fn keep(&self, tx: &mut S::Tx, run: &ActiveRun, ledger: &Ledger) -> Result<(), StoreError> {
        let (ports, scope, now) = (&self.engine.ports, &run.scope, self.engine.clock.now());
        self.ports.changes.settle_edits(tx, scope, &ledger.remainder.gone).await?;
        self.ports.changes.shrink_edits(tx, scope, &ledger.remainder.shrunk).await?;
        self.ports.changes.clear_standings(tx, scope, &ledger.cleared).await?;
        self.ports.changes.put_standings(tx, scope, &ledger.standings).await?;
        self.ports.conflicts.close_conflicts(tx, scope, &ledger.answered, now).await?;
        self.ports.conflicts.open_conflicts(tx, scope, &ledger.asked).await?;
        ports.recorder.record_items(tx, scope, run.id, &ledger.items, now).await?;
        if let (Some(emitter), false) = (&ports.emitter, ledger.events.is_empty()) {
            emitter.emit(tx, scope, &ledger.events).await?;
        }
        Ok(())
    }

    fn event(&self, run: &ActiveRun, item: &RunItem) -> Option<ChangeEvent> {
        let wanted = self.engine.ports.emitter.is_some()
            && item.status == ItemStatus::Success
            && item.operation != Operation::Noop;
        wanted.then_some(())?;
        Some(ChangeEvent {
            id: EventId(self.engine.ids.next_id()),
            kind: format!("{}_{}", T::ENTITY, item.operation.as_str()),
            external_id: item.external_id.clone(),
            local_id: item.local_id.clone()?,
            operation: item.operation,
            changed_fields: item.changed_fields.clone(),
            run: run.id,
            source: "writeback",
            at: self.engine.clock.now(),
        })
    }
}

/// What the CRM calls the record.
fn real_id<T>(step: &Step<T>, fate: &Fate) -> ExternalId {
    let own = &step.claim.folded.external_id;
    match (fate, &step.what) {
        (Fate::Done { id, .. }, What::Send { intent, .. })
            if intent.operation == EditOperation::Create || !is_placeholder(id) && id != own =>
        {
            id.clone()
        }
        _ => own.clone(),
    }
}
