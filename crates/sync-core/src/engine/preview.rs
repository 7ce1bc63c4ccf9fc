//! What a run would do, without doing it.

use futures_util::StreamExt;

use super::plan::{self, Records};
use super::{ExecuteSync, ReadMode, RunFailure, RunRequest};
use crate::{
    Canonical, Change, ChangedFields, Counts, ExternalId, ItemStatus, Operation, SyncError, UnitOfWork,
};

/// The outcome of a run that was not carried out.
#[derive(Debug)]
pub struct Preview {
    /// What the run would count. Records that would fail in the sink are not known without writing.
    pub counts: Counts,
    /// The first changes that would be applied, as many as were asked for.
    pub items: Vec<PreviewItem>,
    /// Why the source broke off, if it did.
    pub failure: Option<RunFailure>,
}

/// One change that would be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewItem {
    /// Which record.
    pub external_id: ExternalId,
    /// What would be done.
    pub operation: Operation,
    /// How it would end, before the sink has its say.
    pub status: ItemStatus,
    /// What would change.
    pub changed_fields: ChangedFields,
    /// What a person would call the record.
    pub title: Option<Box<str>>,
}

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    /// Reads what a run would read, compares it with the rows, and writes nothing: no run, no lease, no
    /// cursor. A record that changes in several batches is compared with the stored row each time.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn preview(&self, request: RunRequest<T>, n_items: usize) -> Result<Preview, SyncError> {
        self.admit(&request)?;
        let scope = self.scope(&request);
        let mut tx = self.ports.unit_of_work.begin_for(scope.tenant.as_ref()).await?;
        let cursor = self.ports.cursors.cursor(&mut tx, &scope).await?;
        self.ports.unit_of_work.rollback(tx).await?;
        let mut preview = Preview { counts: Counts::default(), items: Vec::new(), failure: None };
        let source = match self.source_of(&request) {
            Ok(source) => source,
            Err(failure) => return Ok(Preview { failure: Some(failure), ..preview }),
        };
        let cursor = cursor.filter(|_| request.mode == ReadMode::Delta);
        let changes = source.list_changes(&request.subscription, cursor.as_ref());
        let mut batches = changes.ready_chunks(self.options.batch_size.get());
        while let Some(chunk) = batches.next().await {
            let mut batch = Vec::with_capacity(chunk.len());
            for change in chunk {
                match change {
                    Ok(change) => batch.push(change),
                    Err(error) => preview.failure = Some(error.into()),
                }
            }
            self.preview_batch(&scope, batch, n_items, &mut preview).await?;
        }
        Ok(preview)
    }

    async fn preview_batch(
        &self,
        scope: &crate::Scope,
        mut batch: Vec<Change<T>>,
        n_items: usize,
        preview: &mut Preview,
    ) -> Result<(), SyncError> {
        let records = Records::of(&batch);
        let mut tx = self.ports.unit_of_work.begin_for(scope.tenant.as_ref()).await?;
        let rows = self.sink.find_many(&mut tx, scope, &records.ids).await?;
        let pending = match &self.pending {
            Some(pending) => pending.of(&mut tx, scope, &records.ids).await?,
            None => std::collections::HashMap::new(),
        };
        self.ports.unit_of_work.rollback(tx).await?;
        let plan = plan::decide(&mut batch, &records, rows, &[], pending, self.differ.as_ref(), false);
        for step in plan.steps {
            super::batch::count(&mut preview.counts, step.operation, step.status);
            if step.operation != Operation::Noop && preview.items.len() < n_items {
                preview.items.push(PreviewItem {
                    external_id: plan.slots[step.slot].external_id.clone(),
                    operation: step.operation,
                    status: step.status,
                    changed_fields: step.changed_fields,
                    title: step.title,
                });
            }
        }
        Ok(())
    }
}
