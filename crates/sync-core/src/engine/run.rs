//! A run while it is under way.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};

use super::request::RunReport;
use crate::{Counts, Cursor, Lease, RunEnd, RunId, RunStatus, Scope};

use super::RunFailure;

/// What a run holds in memory: identities, the lease, and what its committed batches amount to.
pub(crate) struct ActiveRun {
    pub id: RunId,
    pub scope: Scope,
    pub lease: Lease,
    pub started_at: DateTime<Utc>,
    pub cursor_before: Option<Cursor>,
    /// As of the last committed batch.
    pub cursor: Option<Cursor>,
    /// As of the last committed batch.
    pub counts: Counts,
    /// Committed batches.
    pub batches: i64,
    /// Recorded items.
    pub items: i64,
    /// Whether parked changes of this subscription may exist: without any, no batch looks for them. Only the
    /// holder of the lease parks, so the answer at the start of the run, kept up to date, is enough.
    pub may_have_parked: bool,
    /// The first thing that it had to do without.
    pub degraded: OnceLock<String>,
}

/// What one batch added, to be taken into the run once it is committed.
pub(crate) struct Committed {
    pub counts: Counts,
    pub items: i64,
    pub cursor: Option<Cursor>,
    pub parked: bool,
}

impl ActiveRun {
    pub(crate) fn absorb(&mut self, committed: Committed) {
        self.counts = committed.counts;
        self.items = committed.items;
        self.batches += 1;
        self.cursor = committed.cursor;
        self.may_have_parked |= committed.parked;
    }

    /// Notes what the run goes on without. The first says enough: it is one cause, batch after batch.
    pub(crate) fn goes_on_without(&self, what: String) {
        if self.degraded.set(what).is_ok()
            && let Some(what) = self.degraded.get()
        {
            tracing::warn!(run = %self.id, "{what}");
        }
    }

    /// How it ends (R2, R4).
    pub(crate) fn end(&self, failure: Option<&RunFailure>, at: DateTime<Utc>) -> RunEnd {
        let status = match failure {
            Some(failure) => failure.status(),
            None if self.counts.applied() + self.counts.parked == 0 => RunStatus::NoChanges,
            None => RunStatus::Success,
        };
        RunEnd {
            status,
            counts: self.counts,
            cursor_after: self.cursor.clone(),
            finished_at: at,
            error: failure.map(RunFailure::describe),
            degraded: self.degraded.get().cloned(),
        }
    }

    pub(crate) fn report(self, end: RunEnd, failure: Option<RunFailure>) -> RunReport {
        RunReport {
            run: self.id,
            status: end.status,
            counts: end.counts,
            cursor_before: self.cursor_before,
            cursor_after: end.cursor_after,
            duration: (end.finished_at - self.started_at).to_std().unwrap_or_default(),
            failure,
            degraded: end.degraded,
        }
    }
}
