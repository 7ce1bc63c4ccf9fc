//! Writing a batch so that a bad record stands alone (R10).

use std::borrow::Cow;
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::plan::Failure;
use crate::{ExternalId, LocalId, Merge, Scope, SinkError, StoreError, SyncSink, UnitOfWork, Upsert};

/// What became of each row, in order: its local id, or why it could not be written.
pub(crate) type Written = Vec<Result<Option<LocalId>, Failure>>;

/// One kind of write over a slice of records.
pub(crate) enum Rows<'a, T> {
    Upserts(&'a [Upsert<T>]),
    Reprojections(&'a [Upsert<T>]),
    Deletes(&'a [Removal]),
}

/// A record that is gone.
pub(crate) struct Removal {
    pub external_id: ExternalId,
    /// Whether there is a row to be marked as deleted.
    pub deletes: bool,
    pub merged_into: Option<ExternalId>,
}

impl<T> Rows<'_, T> {
    fn len(&self) -> usize {
        match self {
            Self::Upserts(rows) | Self::Reprojections(rows) => rows.len(),
            Self::Deletes(removals) => removals.len(),
        }
    }

    fn id(&self, position: usize) -> &ExternalId {
        match self {
            Self::Upserts(rows) | Self::Reprojections(rows) => &rows[position].external_id,
            Self::Deletes(removals) => &removals[position].external_id,
        }
    }
}

/// Where rows are written.
pub(crate) struct Writer<'a, T, S: UnitOfWork> {
    pub unit_of_work: &'a S,
    pub sink: &'a dyn SyncSink<T, S::Tx>,
    pub scope: &'a Scope,
    pub at: DateTime<Utc>,
}

impl<T: Send + Sync + 'static, S: UnitOfWork> Writer<'_, T, S> {
    /// Writes all rows that can be written. Each attempt has a savepoint of its own; one that fails by a
    /// record's fault is undone and divided, at the record if the sink names it, else in halves.
    pub(crate) async fn write(&self, tx: &mut S::Tx, rows: Rows<'_, T>) -> Result<Written, StoreError> {
        let mut written: Written = vec![Ok(None); rows.len()];
        let everything = 0..rows.len();
        let mut pending = vec![everything];
        while let Some(range) = pending.pop() {
            if range.is_empty() {
                continue;
            }
            self.unit_of_work.savepoint(tx).await?;
            match self.attempt(tx, &rows, range.clone()).await {
                Ok(ids) => {
                    self.unit_of_work.release_savepoint(tx).await?;
                    for (position, id) in range.zip(ids) {
                        written[position] = Ok(id);
                    }
                }
                Err(SinkError::Store(error)) => return Err(error),
                Err(SinkError::Record { external_id, class, reason }) => {
                    self.unit_of_work.rollback_to_savepoint(tx).await?;
                    let failure = Failure { class: Cow::Borrowed(class), text: reason };
                    divide(&rows, range, external_id.as_ref(), failure, &mut written, &mut pending);
                }
            }
        }
        Ok(written)
    }

    async fn attempt(
        &self,
        tx: &mut S::Tx,
        rows: &Rows<'_, T>,
        range: Range<usize>,
    ) -> Result<Vec<Option<LocalId>>, SinkError> {
        match rows {
            Rows::Upserts(rows) => {
                let ids = self.sink.upsert_many(tx, self.scope, &rows[range], self.at).await?;
                Ok(ids.into_iter().map(Some).collect())
            }
            Rows::Reprojections(rows) => {
                let rows = &rows[range];
                self.sink.reproject_many(tx, self.scope, rows, self.at).await?;
                Ok(rows.iter().map(|row| Some(row.local_id.clone())).collect())
            }
            Rows::Deletes(removals) => self.remove(tx, &removals[range]).await,
        }
    }

    async fn remove(&self, tx: &mut S::Tx, removals: &[Removal]) -> Result<Vec<Option<LocalId>>, SinkError> {
        let rows = removals.iter().filter(|removal| removal.deletes);
        let ids: Vec<ExternalId> = rows.map(|removal| removal.external_id.clone()).collect();
        let mut deleted = self.sink.soft_delete_many(tx, self.scope, &ids, self.at).await?.into_iter();
        let merge = |removal: &Removal| {
            Some(Merge { loser: removal.external_id.clone(), winner: removal.merged_into.clone()? })
        };
        let merges: Vec<Merge> = removals.iter().filter_map(merge).collect();
        if !merges.is_empty() {
            self.sink.redirect_many(tx, self.scope, &merges, self.at).await?;
        }
        let local_id = |removal: &Removal| if removal.deletes { deleted.next().flatten() } else { None };
        Ok(removals.iter().map(local_id).collect())
    }
}

/// Sets the culprit aside if it is known, and leaves the rest to be tried again in order.
fn divide<T>(
    rows: &Rows<'_, T>,
    range: Range<usize>,
    named: Option<&ExternalId>,
    failure: Failure,
    written: &mut Written,
    pending: &mut Vec<Range<usize>>,
) {
    let culprit = match named {
        Some(id) => range.clone().find(|position| rows.id(*position) == id),
        None => None,
    };
    match culprit {
        Some(position) => {
            written[position] = Err(failure);
            pending.push(position + 1..range.end);
            pending.push(range.start..position);
        }
        None if range.len() == 1 => written[range.start] = Err(failure),
        None => {
            let middle = range.start + range.len() / 2;
            pending.push(middle..range.end);
            pending.push(range.start..middle);
        }
    }
}
