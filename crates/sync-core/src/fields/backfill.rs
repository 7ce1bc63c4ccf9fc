//! Bringing the values of new fields to records that are here already.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, TryStreamExt};

use super::FieldTracker;
use crate::{
    Action, BackfillState, Canonical, ChangeSource, ChangeStream, Cursor, CustomFieldSource, ExecuteSync,
    FieldBackfill, KnownField, RemoteType, RunReport, RunRequest, RunStatus, Scope, StoreError, Subscription,
    SyncError, UnitOfWork,
};

/// A backfill that was run.
#[derive(Debug)]
pub struct BackfillReport {
    /// Whose values, by name.
    pub fields: Vec<Arc<str>>,
    /// The run.
    pub run: RunReport,
}

impl<T: Canonical, S: UnitOfWork> FieldTracker<T, S> {
    /// Brings the values of all fields that wait for it to the records that are here already: a run of its own, of
    /// the action [`Action::Backfill`], which leaves the subscription's cursor alone. `None` when no field waits.
    ///
    /// The run reads exactly those fields and merges them into the rows (R13). A run that is cut off or fails is
    /// repeated by the next call; what it did is then found to be done. Fields that were retyped or went missing
    /// meanwhile are left for another time.
    ///
    /// # Errors
    /// [`SyncError`] as [`ExecuteSync::execute`]; [`SyncError::AlreadyRunning`] is the usual one.
    pub async fn backfill(
        &self,
        engine: &ExecuteSync<T, S>,
        request: RunRequest<T>,
        at: DateTime<Utc>,
    ) -> Result<Option<BackfillReport>, SyncError> {
        let scope = self.scope(&request.subscription);
        let waiting = self.start_backfill(&scope, at).await?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let fields: Vec<Arc<str>> = waiting.iter().map(|field| Arc::clone(&field.name)).collect();
        let source = BackfillSource { source: Arc::clone(&self.source), fields: fields.clone() };
        let request = request.action(Action::Backfill).source_override(Arc::new(source));
        match engine.execute(request).await {
            Ok(run) => {
                let end = ended(&run, at);
                self.end_backfill(&scope, &waiting, |_| end).await?;
                Ok(Some(BackfillReport { fields, run }))
            }
            Err(error) => {
                // Nothing was done; whoever is at it goes on undisturbed.
                self.end_backfill(&scope, &waiting, |waiting| waiting.before).await?;
                Err(error)
            }
        }
    }

    /// The fields that wait, marked as under way.
    async fn start_backfill(&self, scope: &Scope, at: DateTime<Utc>) -> Result<Vec<Waiting>, StoreError> {
        self.change_fields(scope, |field| {
            if !field.awaits_backfill() {
                return None;
            }
            let before = field.backfill.take()?;
            field.backfill = Some(FieldBackfill { state: BackfillState::Running, at, ..before });
            Some(Waiting { name: Arc::clone(&field.name), r#type: field.field_type.clone(), before })
        })
        .await
    }

    /// Notes how it ended, of the fields that are still what they were.
    async fn end_backfill(
        &self,
        scope: &Scope,
        waiting: &[Waiting],
        end: impl Fn(&Waiting) -> FieldBackfill + Sync,
    ) -> Result<(), StoreError> {
        let changed = self.change_fields(scope, |field| {
            let state = field.backfill.as_ref().map(|backfill| backfill.state);
            let is_this =
                |waiting: &&Waiting| waiting.name == field.name && waiting.r#type == field.field_type;
            let waiting = waiting.iter().find(is_this).filter(|_| state == Some(BackfillState::Running))?;
            field.backfill = Some(end(waiting));
            Some(())
        });
        changed.await.map(drop)
    }

    /// Changes fields of the catalogue while nobody else does; answers what `change` told of those it changed.
    async fn change_fields<R>(
        &self,
        scope: &Scope,
        mut change: impl FnMut(&mut KnownField) -> Option<R> + Send,
    ) -> Result<Vec<R>, StoreError> {
        let mut tx = self.unit_of_work.begin_for(scope.tenant.as_ref()).await?;
        self.catalog.hold_fields(&mut tx, scope).await?;
        let mut told = Vec::new();
        let mut changed = Vec::new();
        for mut field in self.catalog.known_fields(&mut tx, scope).await?.unwrap_or_default() {
            if let Some(answer) = change(&mut field) {
                told.push(answer);
                changed.push(field);
            }
        }
        if changed.is_empty() {
            self.unit_of_work.rollback(tx).await?;
        } else {
            self.catalog.save_fields(&mut tx, scope, &changed).await?;
            self.unit_of_work.commit(tx).await?;
        }
        Ok(told)
    }
}

/// A field that waits for its backfill.
struct Waiting {
    name: Arc<str>,
    r#type: RemoteType,
    before: FieldBackfill,
}

/// How the run left the fields it was for.
fn ended(run: &RunReport, started_at: DateTime<Utc>) -> FieldBackfill {
    let state = match run.status {
        RunStatus::Success | RunStatus::NoChanges => BackfillState::Done,
        _ => BackfillState::Pending,
    };
    let at = started_at + TimeDelta::from_std(run.duration).unwrap_or_default();
    FieldBackfill {
        state,
        at,
        run: Some(run.run),
        n_found: run.counts.found,
        n_updated: run.counts.applied(),
    }
}

/// The values of some fields, of all records.
struct BackfillSource<T> {
    source: Arc<dyn CustomFieldSource<T>>,
    fields: Vec<Arc<str>>,
}

impl<T: Canonical> ChangeSource<T> for BackfillSource<T> {
    fn label(&self) -> String {
        format!("backfill-{}", T::ENTITY)
    }

    fn list_changes(&self, subscription: &Subscription, _: Option<&Cursor>) -> ChangeStream<T> {
        let changes = self.source.backfill(subscription, &self.fields);
        // The subscription's position is none of its business (INV-CFS-2).
        changes
            .map_ok(|mut change| {
                change.cursor = None;
                change
            })
            .boxed()
    }
}
