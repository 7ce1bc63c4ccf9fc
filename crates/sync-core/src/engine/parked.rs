//! Trying parked changes again at the start of a run (R11).

use super::run::ActiveRun;
use super::{ExecuteSync, RunFailure, RunRequest};
use crate::{
    Canonical, Change, Coverage, DeadLetter, Deletion, ExternalId, FILTERED_OUT, Fetched, Payload, Record,
    StoreError, UnitOfWork,
};

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    /// Applies parked changes whose time has come, batch by batch. Records that could not be mapped are
    /// fetched again first. One that fails again waits longer.
    pub(super) async fn retry_parked(
        &self,
        run: &mut ActiveRun,
        request: &RunRequest<T>,
    ) -> Result<(), RunFailure> {
        if !run.may_have_parked {
            return Ok(());
        }
        let letters = self.due_letters(run).await?;
        for chunk in letters.chunks(self.options.batch_size.get()) {
            let mut batch: Vec<Change<T>> = chunk.iter().map(DeadLetter::to_change).collect();
            let unreadable: Vec<ExternalId> = batch
                .iter()
                .filter(|change| matches!(change.payload, Payload::Unreadable(_)))
                .map(|change| change.external_id.clone())
                .collect();
            if !unreadable.is_empty() {
                self.hydrate(request, &mut batch, &unreadable).await?;
            }
            self.apply(run, batch, request, true).await?;
        }
        Ok(())
    }

    async fn due_letters(&self, run: &ActiveRun) -> Result<Vec<DeadLetter>, StoreError> {
        let mut tx = self.ports.unit_of_work.begin_for(run.scope.tenant.as_ref()).await?;
        let (now, limit) = (self.clock.now(), self.options.retries_per_run);
        let letters = self.ports.dead_letters.due(&mut tx, &run.scope, now, limit).await?;
        self.ports.unit_of_work.rollback(tx).await?;
        Ok(letters)
    }
}

/// Puts fetched records in the place of what can't be applied as it came: each record's first change that is
/// partial or unreadable. Answers are in the order of `ids`; says how many were placed.
pub(super) fn replace<T>(batch: &mut [Change<T>], ids: &[ExternalId], fetched: Vec<Fetched<T>>) -> usize {
    let mut n_replaced = 0;
    for (id, fetched) in ids.iter().zip(fetched) {
        let Some(change) = batch.iter_mut().find(|change| &change.external_id == id && is_incomplete(change))
        else {
            continue;
        };
        n_replaced += 1;
        change.payload = match fetched {
            Fetched::Found { record, version } => {
                change.version = version.or(change.version);
                Payload::Upsert(Record { value: record, coverage: Coverage::Full })
            }
            Fetched::Gone(evidence) => Payload::Delete(Deletion { evidence, merged_into: None }),
            Fetched::Unreadable(unreadable) => Payload::Unreadable(unreadable),
            Fetched::Outside => Payload::Skip(FILTERED_OUT.into()),
        };
    }
    n_replaced
}

fn is_incomplete<T>(change: &Change<T>) -> bool {
    match &change.payload {
        Payload::Unreadable(_) => true,
        Payload::Upsert(record) => record.coverage != Coverage::Full,
        Payload::Delete(_) | Payload::Skip(_) => false,
    }
}
