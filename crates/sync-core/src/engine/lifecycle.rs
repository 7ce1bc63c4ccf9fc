//! Opening and closing runs: admission, lease, what dead processes left behind, the final books.

use std::sync::OnceLock;

use super::run::ActiveRun;
use super::{ExecuteSync, RunFailure, RunReport, RunRequest};
use crate::{
    Acquired, Canonical, Counts, NewRun, RunId, Scope, StoreError, SyncError, UnitOfWork, require_tenant,
};

/// What a run is told that a dead process left `running`.
const ABANDONED: &str = "the process ended before the run did; everything up to its cursor was applied";

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    /// Refuses what must not open a run (R1).
    pub(crate) fn admit(&self, request: &RunRequest<T>) -> Result<(), SyncError> {
        require_tenant(request.tenant_id.as_ref(), self.options.multi_tenant)?;
        let subscription = &request.subscription;
        if subscription.tenant != request.tenant_id {
            return Err(SyncError::WrongTenant);
        }
        if subscription.domain != T::ENTITY {
            return Err(SyncError::WrongEntity { expected: T::ENTITY, found: subscription.domain.clone() });
        }
        if subscription.paused {
            return Err(SyncError::Paused);
        }
        Ok(())
    }

    /// The scope of a request.
    pub(crate) fn scope(&self, request: &RunRequest<T>) -> Scope {
        Scope {
            tenant: request.tenant_id.clone(),
            connection: request.subscription.connection.clone(),
            subscription: request.subscription.id,
            entity: T::ENTITY,
            provider: request.provider.clone(),
            user: request.user_id.clone(),
        }
    }

    /// Takes the lease, closes what a dead process left, reads the cursor and opens the run, in one
    /// transaction (R2, R12).
    pub(crate) async fn open(&self, request: &RunRequest<T>) -> Result<ActiveRun, SyncError> {
        let scope = self.scope(request);
        let mut tx = self.ports.unit_of_work.begin_for(scope.tenant.as_ref()).await?;
        let now = self.clock.now();
        let lease = match self
            .ports
            .leases
            .acquire(&mut tx, &scope, &self.holder, now, self.options.lease_ttl)
            .await?
        {
            Acquired::Held(lease) => lease,
            Acquired::Busy { holder, until } => {
                self.ports.unit_of_work.rollback(tx).await?;
                return Err(SyncError::AlreadyRunning { holder, until });
            }
        };
        let stale = self.ports.recorder.close_stale_runs(&mut tx, &scope, now, ABANDONED).await?;
        for run in stale {
            tracing::warn!(%run, "closed a run that a dead process left behind");
        }
        let cursor = self.ports.cursors.cursor(&mut tx, &scope).await?;
        let may_have_parked = self.ports.dead_letters.count_open(&mut tx, &scope).await? > 0;
        let id = RunId(self.ids.next_id());
        // The lease may have been waited for: whoever had it before has ended by now.
        let started_at = self.clock.now();
        let run = NewRun {
            id,
            direction: request.direction,
            action: request.action,
            cursor_before: cursor.clone(),
            started_at,
        };
        self.ports.recorder.open_run(&mut tx, &scope, &run).await?;
        self.ports.unit_of_work.commit(tx).await?;
        failpoint!("run.opened");
        Ok(ActiveRun {
            id,
            scope,
            lease,
            started_at,
            cursor_before: cursor.clone(),
            cursor,
            counts: Counts::default(),
            batches: 0,
            items: 0,
            may_have_parked,
            degraded: OnceLock::new(),
        })
    }

    /// Proves between batches that the lease is still ours.
    pub(crate) async fn renew_lease(&self, run: &ActiveRun) -> Result<(), StoreError> {
        let mut tx = self.ports.unit_of_work.begin_for(run.scope.tenant.as_ref()).await?;
        self.ports.leases.renew(&mut tx, &run.scope, &run.lease, self.clock.now()).await?;
        self.ports.unit_of_work.commit(tx).await
    }

    /// Checks the books (R19), ends the run and gives up the lease. A run whose lease was lost was closed by
    /// the process that took it over.
    pub(crate) async fn close(
        &self,
        run: ActiveRun,
        failure: Option<RunFailure>,
    ) -> Result<RunReport, SyncError> {
        failpoint!("run.closing");
        if !run.counts.conserved() {
            return Err(SyncError::NotConserved(format!(
                "run {} lost count of its changes: {:?}",
                run.id, run.counts
            )));
        }
        let end = run.end(failure.as_ref(), self.clock.now());
        if !matches!(failure, Some(RunFailure::Store(StoreError::Fenced))) {
            self.record_end(&run, &end).await?;
        }
        Ok(run.report(end, failure))
    }

    /// Records the end, trying for a while when the store is away: a run that ended should say so.
    async fn record_end(&self, run: &ActiveRun, end: &crate::RunEnd) -> Result<(), SyncError> {
        let mut attempt = 0;
        loop {
            match self.try_record_end(run, end).await {
                Ok(()) => return Ok(()),
                // Closed by a process that took the lease over, or by an earlier try whose answer was lost.
                Err(StoreError::Fenced) => return Ok(()),
                Err(error) if self.waited_for_store(&error, &mut attempt).await => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn try_record_end(&self, run: &ActiveRun, end: &crate::RunEnd) -> Result<(), StoreError> {
        let mut tx = self.ports.unit_of_work.begin_for(run.scope.tenant.as_ref()).await?;
        self.ports.recorder.close_run(&mut tx, &run.scope, run.id, end).await?;
        self.ports.leases.release(&mut tx, &run.scope, &run.lease).await?;
        self.ports.unit_of_work.commit(tx).await
    }
}
