//! What we wrote to a CRM, by record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::{
    Canonical, Change, Clock, ConnectionId, Coverage, ExternalId, Fingerprint, LoopbackError,
    LoopbackFingerprintStore, Payload, Scope, SystemClock, TenantId, TtlNotBelowPollInterval, WriteRecorder,
    check_ttl,
};

type Key = (Option<TenantId>, ConnectionId, &'static str, ExternalId);

use crate::MemoryStore;

/// Fingerprints of our own writes (R6). Clones share their contents.
///
/// It knows the record last written, for its time to live or until another change of that record was let through,
/// whichever comes first.
///
/// ```
/// use std::time::Duration;
/// use sync_core::{Canonical, Change, LoopbackFingerprintStore, Scope, Subscription};
/// use sync_memory::MemoryLoopbackStore;
///
/// #[derive(Clone, Debug, Default, PartialEq, Canonical)]
/// #[canonical(entity = "ticket")]
/// struct Ticket {
///     subject: Option<String>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sync_core::LoopbackError> {
/// # let feed = Subscription::new("acme", "salesforce-poll", "ticket");
/// # let scope = Scope {
/// #     tenant: None,
/// #     connection: feed.connection.clone(),
/// #     subscription: feed.id,
/// #     entity: "ticket",
/// #     provider: "salesforce".into(),
/// #     user: "system".into(),
/// # };
/// let loopback = MemoryLoopbackStore::new(Duration::from_secs(60));
/// let ticket = Ticket { subject: Some("Printer on fire".into()) };
/// loopback.record(&scope, &[("T-1".into(), &ticket)]); // then send it to the CRM
///
/// let polled = [Change::upsert("T-1", ticket), Change::upsert("T-2", Ticket::default())];
/// assert_eq!(loopback.are_echoes(&scope, &polled).await?, [true, false]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryLoopbackStore {
    ttl: TimeDelta,
    clock: Arc<dyn Clock>,
    writes: Arc<Mutex<HashMap<Key, Write>>>,
}

struct Write {
    fingerprint: Fingerprint,
    until: DateTime<Utc>,
}

impl MemoryStore {
    /// Fingerprints of own writes, shared by the store's clones. The first time to live and clock count.
    #[must_use]
    pub fn loopback(&self, ttl: Duration, clock: Arc<dyn Clock>) -> MemoryLoopbackStore {
        self.loopback.get_or_init(|| MemoryLoopbackStore::with_clock(ttl, clock)).clone()
    }
}

impl MemoryLoopbackStore {
    /// An empty store that keeps fingerprints for `ttl`; choose it shorter than the poll interval.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        Self::with_clock(ttl, Arc::new(SystemClock))
    }

    /// The same, checked against the poll interval.
    ///
    /// # Errors
    /// [`TtlNotBelowPollInterval`], so that a mistake is seen at start.
    pub fn checked(ttl: Duration, poll_interval: Duration) -> Result<Self, TtlNotBelowPollInterval> {
        check_ttl(ttl, poll_interval)?;
        Ok(Self::new(ttl))
    }

    /// The same with a clock of one's own.
    #[must_use]
    pub fn with_clock(ttl: Duration, clock: Arc<dyn Clock>) -> Self {
        // What no calendar can express is for ever.
        let ttl = TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX);
        Self { ttl, clock, writes: Arc::default() }
    }

    /// Notes what is about to be written to the CRM, each record as a whole. Of two writes of a record the later
    /// counts.
    pub fn record<T: Canonical>(&self, scope: &Scope, writes: &[(ExternalId, &T)]) {
        let now = self.clock.now();
        let until = now.checked_add_signed(self.ttl).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut known = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, write| write.until > now);
        for (id, record) in writes {
            known.insert(key(scope, id), Write { fingerprint: Fingerprint::of(*record), until });
        }
    }
}

#[async_trait]
impl<T: Canonical> LoopbackFingerprintStore<T> for MemoryLoopbackStore {
    async fn are_echoes(&self, scope: &Scope, changes: &[Change<T>]) -> Result<Vec<bool>, LoopbackError> {
        let now = self.clock.now();
        let mut known = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = |change: &Change<T>| {
            let key = key(scope, &change.external_id);
            let Some(write) = known.get(&key) else { return false };
            let echo = write.until > now && says(&change.payload, &write.fingerprint);
            if !echo {
                known.remove(&key);
            }
            echo
        };
        Ok(changes.iter().map(answer).collect())
    }
}

/// Whether a change says the whole of what we wrote.
fn says<T: Canonical>(payload: &Payload<T>, written: &Fingerprint) -> bool {
    match payload {
        Payload::Upsert(record) if record.coverage == Coverage::Full => {
            Fingerprint::of(&record.value) == *written
        }
        _ => false,
    }
}

fn key(scope: &Scope, id: &ExternalId) -> Key {
    (scope.tenant.clone(), scope.connection.clone(), scope.entity, id.clone())
}

#[async_trait]
impl<T: Canonical, Tx: Send + Sync + 'static> WriteRecorder<T, Tx> for MemoryLoopbackStore {
    async fn record_writes(
        &self,
        _tx: &mut Tx,
        scope: &Scope,
        writes: &[(ExternalId, T)],
    ) -> Result<(), LoopbackError> {
        let writes: Vec<(ExternalId, &T)> = writes.iter().map(|(id, record)| (id.clone(), record)).collect();
        self.record(scope, &writes);
        Ok(())
    }
}
