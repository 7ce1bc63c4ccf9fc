//! Settling what webhooks told, with the batch that applies it.

use super::ExecuteSync;
use super::run::ActiveRun;
use crate::{Canonical, Change, Provenance, StoreError, UnitOfWork};

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    /// Settles the notices that became the changes of this batch, where they came from an inbox (INV-INB-2).
    pub(super) async fn settle_notices(
        &self,
        tx: &mut S::Tx,
        run: &ActiveRun,
        batch: &[Change<T>],
    ) -> Result<(), StoreError> {
        let Some(inbox) = &self.ports.inbox else { return Ok(()) };
        let is_notice = |change: &&Change<T>| change.source == Provenance::Webhook;
        let keys = batch.iter().filter(is_notice).filter_map(|change| change.dedup_key.clone());
        let keys: Vec<Box<str>> = keys.collect();
        if keys.is_empty() {
            return Ok(());
        }
        inbox.settle(tx, &run.scope, &keys, self.clock.now()).await.map(drop)
    }
}
