//! Fingerprints of own writes, for every entity that is edited here (R6).

use std::sync::Arc;
use std::time::Duration;

use sync_core::{
    Canonical, Clock, LoopbackFingerprintStore, Store, TtlNotBelowPollInterval, WriteRecorder, check_ttl,
};

/// Both sides of a fingerprint store, for one entity.
pub struct Loopback<T, Tx> {
    /// Knows echoes: the engine that reads asks it.
    pub known: Arc<dyn LoopbackFingerprintStore<T>>,
    /// Notes writes: the run that writes tells it.
    pub recorder: Arc<dyn WriteRecorder<T, Tx>>,
}

impl<T: Canonical, Tx: Send + Sync + 'static> Loopback<T, Tx> {
    /// Both sides of one store.
    pub fn of(store: impl LoopbackFingerprintStore<T> + WriteRecorder<T, Tx> + Clone + 'static) -> Self {
        Self { known: Arc::new(store.clone()), recorder: Arc::new(store) }
    }
}

/// A store that keeps fingerprints beside its rows: they are recorded in the transaction that notes the intent.
pub trait OwnFingerprints: Store {
    /// Both sides, for `T`. Fingerprints live for `ttl`.
    fn fingerprints<T: Canonical>(&self, ttl: Duration, clock: Arc<dyn Clock>) -> Loopback<T, Self::Tx>;
}

#[cfg(feature = "store-memory")]
impl OwnFingerprints for sync_memory::MemoryStore {
    fn fingerprints<T: Canonical>(&self, ttl: Duration, clock: Arc<dyn Clock>) -> Loopback<T, Self::Tx> {
        Loopback::of(self.loopback(ttl, clock))
    }
}

#[cfg(feature = "store-sqlite")]
impl OwnFingerprints for sync_sqlite::SqliteStore {
    fn fingerprints<T: Canonical>(&self, ttl: Duration, clock: Arc<dyn Clock>) -> Loopback<T, Self::Tx> {
        Loopback::of(sync_sqlite::SqliteLoopbackStore::with_clock(self, ttl, clock))
    }
}

#[cfg(feature = "store-postgres")]
impl OwnFingerprints for sync_postgres::PgStore {
    fn fingerprints<T: Canonical>(&self, ttl: Duration, clock: Arc<dyn Clock>) -> Loopback<T, Self::Tx> {
        Loopback::of(sync_postgres::PgLoopbackStore::with_clock(self, ttl, clock))
    }
}

/// Where fingerprints of own writes are kept.
#[derive(Clone)]
pub struct Fingerprints(Kept);

#[derive(Clone)]
enum Kept {
    Beside {
        ttl: Duration,
    },
    #[cfg(feature = "loopback-redis")]
    Redis(sync_redis_loopback::RedisLoopbackStore),
}

impl Fingerprints {
    /// In the module's own store, for `ttl`.
    ///
    /// # Errors
    /// [`TtlNotBelowPollInterval`], so that a mistake is seen at start.
    pub fn in_store(ttl: Duration, poll_interval: Duration) -> Result<Self, TtlNotBelowPollInterval> {
        check_ttl(ttl, poll_interval)?;
        Ok(Self(Kept::Beside { ttl }))
    }

    /// In Redis, for as long as it was told when it was built.
    #[cfg(feature = "loopback-redis")]
    #[must_use]
    pub fn in_redis(store: sync_redis_loopback::RedisLoopbackStore) -> Self {
        Self(Kept::Redis(store))
    }

    pub(crate) fn of<T: Canonical, S: OwnFingerprints>(
        &self,
        store: &S,
        clock: Arc<dyn Clock>,
    ) -> Loopback<T, S::Tx> {
        match &self.0 {
            Kept::Beside { ttl } => store.fingerprints(*ttl, clock),
            #[cfg(feature = "loopback-redis")]
            Kept::Redis(redis) => Loopback::of(redis.clone()),
        }
    }
}
