//! Comparing ids with the provider, to repair what a cursor can't see (R20).
//!
//! A reconciliation is an ordinary run over this source: what is missing or stale here is fetched and
//! upserted, what is gone there is deleted. It holds the ids of one entity in memory (about 100 bytes each).

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use crate::{
    Change, ChangeSource, ChangeStream, Cursor, DeleteEvidence, ExternalId, FILTERED_OUT, Fetched,
    ListingPart, LocalListing, Payload, RecordFetcher, RemoteListing, Scope, SourceError, Subscription,
    UnitOfWork, Version,
};

/// How many local rows are listed, and remote records fetched, at a time.
const CHUNK: u32 = 2_000;

/// The most that a sweep may delete without being told to. It stops when the ghosts are more than the
/// larger of both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brake {
    /// This many, whatever the share. Default 20.
    pub n_records: u64,
    /// This share of the local rows, 0 to 1. Default 0.05.
    pub share: f64,
}

impl Default for Brake {
    fn default() -> Self {
        Self { n_records: 20, share: 0.05 }
    }
}

impl Brake {
    /// No brake: an operator looked at it and wants it so.
    pub const OFF: Self = Self { n_records: u64::MAX, share: 1.0 };

    fn limit(self, local: u64) -> u64 {
        self.n_records.max((local as f64 * self.share) as u64)
    }
}

/// Yields the repairs that bring the local rows in line with the provider's listing.
///
/// Deletions come last, after the listing proved complete and within the brake, and each only after a
/// look-up by id confirmed that the record is gone.
pub struct ReconcileSource<T, S: UnitOfWork> {
    /// The provider's ids.
    pub remote: Arc<dyn RemoteListing>,
    /// The local ids.
    pub local: Arc<dyn LocalListing<S::Tx>>,
    /// Fetches what is missing.
    pub fetcher: Arc<dyn RecordFetcher<T>>,
    /// Reads local rows.
    pub unit_of_work: Arc<S>,
    /// Whose rows.
    pub scope: Scope,
    /// The most that may be deleted.
    pub brake: Brake,
}

impl<T: Send + Sync + 'static, S: UnitOfWork> ChangeSource<T> for ReconcileSource<T, S> {
    fn label(&self) -> String {
        format!("reconcile-{}", self.scope.entity)
    }

    fn list_changes(&self, subscription: &Subscription, _cursor: Option<&Cursor>) -> ChangeStream<T> {
        let (sender, receiver) = mpsc::channel(CHUNK as usize);
        let sweep = Sweep {
            remote: Arc::clone(&self.remote),
            local: Arc::clone(&self.local),
            fetcher: Arc::clone(&self.fetcher),
            unit_of_work: Arc::clone(&self.unit_of_work),
            scope: self.scope.clone(),
            brake: self.brake,
            subscription: subscription.clone(),
            changes: sender,
        };
        tokio::spawn(async move {
            if let Err(error) = sweep.run().await {
                // Nobody listening any more is the same as being done.
                let _ = sweep.changes.send(Err(error)).await;
            }
        });
        stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|change| (change, receiver))
        })
        .boxed()
    }
}

struct Sweep<T, S: UnitOfWork> {
    remote: Arc<dyn RemoteListing>,
    local: Arc<dyn LocalListing<S::Tx>>,
    fetcher: Arc<dyn RecordFetcher<T>>,
    unit_of_work: Arc<S>,
    scope: Scope,
    brake: Brake,
    subscription: Subscription,
    changes: mpsc::Sender<Result<Change<T>, SourceError>>,
}

/// What is known here of a record, and whether the listing named it.
struct Local {
    version: Option<Version>,
    listed: bool,
}

impl<T: Send + Sync + 'static, S: UnitOfWork> Sweep<T, S> {
    async fn run(&self) -> Result<(), SourceError> {
        let mut local = self.list_local().await?;
        self.repair_listed(&mut local).await?;
        let n_local = local.len() as u64;
        let ghosts: Vec<ExternalId> =
            local.into_iter().filter(|(_, row)| !row.listed).map(|(id, _)| id).collect();
        let limit = self.brake.limit(n_local);
        if ghosts.len() as u64 > limit {
            return Err(SourceError::Braked { ghosts: ghosts.len() as u64, local: n_local, limit });
        }
        for ids in ghosts.chunks(CHUNK as usize) {
            self.fetch_and_send(ids).await?;
        }
        Ok(())
    }

    async fn list_local(&self) -> Result<HashMap<ExternalId, Local>, SourceError> {
        let mut rows = HashMap::new();
        let mut after: Option<ExternalId> = None;
        loop {
            let mut tx = self.unit_of_work.begin_for(self.scope.tenant.as_ref()).await?;
            let page = self.local.list_live(&mut tx, &self.scope, after.as_ref(), CHUNK).await?;
            self.unit_of_work.rollback(tx).await?;
            let Some(last) = page.last() else { return Ok(rows) };
            after = Some(last.external_id.clone());
            rows.extend(
                page.into_iter().map(|row| (row.external_id, Local { version: row.version, listed: false })),
            );
        }
    }

    /// Reads the provider's listing to its proven end and fetches what is missing or older here.
    async fn repair_listed(&self, local: &mut HashMap<ExternalId, Local>) -> Result<(), SourceError> {
        let mut listing = self.remote.list_ids(&self.subscription);
        let mut listed = 0;
        while let Some(part) = listing.next().await {
            let rows = match part? {
                ListingPart::Ids(rows) => rows,
                ListingPart::Complete { total } if total == listed => return Ok(()),
                ListingPart::Complete { total } => {
                    return Err(SourceError::IncompleteListing { listed, expected: Some(total) });
                }
            };
            listed += rows.len() as u64;
            let mut wanted = Vec::new();
            for row in rows {
                match local.get_mut(&row.external_id) {
                    Some(known) => {
                        known.listed = true;
                        if matches!((known.version, row.version), (Some(ours), Some(theirs)) if ours < theirs)
                        {
                            wanted.push(row.external_id);
                        }
                    }
                    None => wanted.push(row.external_id),
                }
            }
            for ids in wanted.chunks(CHUNK as usize) {
                self.fetch_and_send(ids).await?;
            }
        }
        Err(SourceError::IncompleteListing { listed, expected: None })
    }

    /// Fetches records and passes on what they are now: there, gone, or unreadable.
    async fn fetch_and_send(&self, ids: &[ExternalId]) -> Result<(), SourceError> {
        let fetched = self.fetcher.fetch_many(&self.subscription, ids).await?;
        for (id, fetched) in ids.iter().zip(fetched) {
            let change = match fetched {
                Fetched::Found { record, version } => {
                    Change { version, ..Change::upsert(id.clone(), record) }
                }
                Fetched::Gone(_) => Change::deletion(id.clone(), DeleteEvidence::IdSweep),
                Fetched::Unreadable(unreadable) => Change::new(id.clone(), Payload::Unreadable(unreadable)),
                Fetched::Outside => Change::new(id.clone(), Payload::Skip(FILTERED_OUT.into())),
            };
            if self.changes.send(Ok(change)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
