//! Fingerprints of our own writes, beside the rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::{
    Canonical, Change, Clock, ExternalId, Fingerprint, LoopbackError, LoopbackFingerprintStore, Scope,
    StoreError, SystemClock, TtlNotBelowPollInterval, UnitOfWork, WriteRecorder, check_ttl, tell_echoes,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant};
use crate::local_changes::{ids, of_entity};
use crate::store::SqliteStore;
use crate::tx::SqliteTx;

const RECORD: &str = "insert into sync_fingerprints (tenant_id, connection_id, entity, external_id, hash, until) \
     select ?1, ?2, ?3, value ->> 0, value ->> 1, ?5 from jsonb_each(?4) where true \
     on conflict (tenant_id, connection_id, entity, external_id) do update set \
     hash = excluded.hash, until = excluded.until";

const EXPIRE: &str = "delete from sync_fingerprints where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and until <= ?4";

const KNOWN: &str = "select external_id, hash from sync_fingerprints where tenant_id = ?1 and connection_id = ?2 \
     and entity = ?3 and until > ?5 and external_id in (select value from jsonb_each(?4))";

const FORGET: &str = "delete from sync_fingerprints where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and external_id in (select value from jsonb_each(?4))";

/// Fingerprints of our own writes in the store's own database (R6): recorded in the transaction that notes the intent.
///
/// It knows the record last written, for its time to live or until another change of that record was let through,
/// whichever comes first. What is kept is a hash; the values are not.
#[derive(Clone)]
pub struct SqliteLoopbackStore {
    store: SqliteStore,
    ttl: TimeDelta,
    clock: Arc<dyn Clock>,
}

impl SqliteLoopbackStore {
    /// Keeps fingerprints for `ttl`, which is to be shorter than the poll interval.
    ///
    /// # Errors
    /// [`TtlNotBelowPollInterval`], so that a mistake is seen at start.
    pub fn new(
        store: &SqliteStore,
        ttl: Duration,
        poll_interval: Duration,
    ) -> Result<Self, TtlNotBelowPollInterval> {
        check_ttl(ttl, poll_interval)?;
        Ok(Self::with_clock(store, ttl, Arc::new(SystemClock)))
    }

    /// The same with a clock of one's own, unchecked.
    #[must_use]
    pub fn with_clock(store: &SqliteStore, ttl: Duration, clock: Arc<dyn Clock>) -> Self {
        // What no calendar can express is for ever.
        Self { store: store.clone(), ttl: TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX), clock }
    }

    fn until(&self) -> DateTime<Utc> {
        self.clock.now().checked_add_signed(self.ttl).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    async fn ask<T: Canonical>(&self, scope: &Scope, changes: &[Change<T>]) -> Result<Vec<bool>, StoreError> {
        let mut tx = self.store.begin_for(scope.tenant.as_ref()).await?;
        tx.require_tenant(scope)?;
        let records: Vec<ExternalId> = changes.iter().map(|change| change.external_id.clone()).collect();
        let select = of_entity(KNOWN, scope).bind(ids(&records)).bind(instant(self.clock.now()));
        let rows = tx.fetch_all(select).await.map_err(store_error("looking for echoes"))?;
        let mut known: HashMap<ExternalId, String> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let row = Stored::new(row, "sync_fingerprints", &["external_id", "hash"]);
            known.insert(row.text(0)?.into(), row.text(1)?.to_owned());
        }
        let (echoes, forgotten) = tell_echoes(changes, known, |record, written| hash(record) == *written);
        if forgotten.is_empty() {
            self.store.rollback(tx).await?;
        } else {
            let forgotten: Vec<ExternalId> = forgotten.into_iter().collect();
            let forget = of_entity(FORGET, scope).bind(ids(&forgotten));
            tx.execute(forget).await.map_err(store_error("forgetting own writes"))?;
            self.store.commit(tx).await?;
        }
        Ok(echoes)
    }
}

#[async_trait]
impl<T: Canonical> LoopbackFingerprintStore<T> for SqliteLoopbackStore {
    #[tracing::instrument(name = "sqlite.loopback.ask", skip_all, fields(entity = scope.entity, n_records = changes.len()))]
    async fn are_echoes(&self, scope: &Scope, changes: &[Change<T>]) -> Result<Vec<bool>, LoopbackError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(scope, changes).await.map_err(|error| LoopbackError(error.into()))
    }
}

#[async_trait]
impl<T: Canonical> WriteRecorder<T, SqliteTx> for SqliteLoopbackStore {
    #[tracing::instrument(name = "sqlite.loopback.record", skip_all, fields(entity = scope.entity, n_records = writes.len()))]
    async fn record_writes(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        writes: &[(ExternalId, T)],
    ) -> Result<(), LoopbackError> {
        let work = async {
            tx.require_tenant(scope)?;
            let expire = of_entity(EXPIRE, scope).bind(instant(self.clock.now()));
            tx.execute(expire).await.map_err(store_error("forgetting old writes"))?;
            let mut rows = JsonRows::new(writes.len(), 120);
            for (id, record) in writes {
                rows.row(|row| {
                    row.text(id.as_str());
                    row.text(&hash(record));
                });
            }
            let record = of_entity(RECORD, scope).bind(rows.finish()).bind(instant(self.until()));
            tx.execute(record).await.map(drop).map_err(store_error("recording own writes"))
        };
        work.await.map_err(|error: StoreError| LoopbackError(error.into()))
    }
}

fn hash<T: Canonical>(record: &T) -> String {
    blake3::hash(Fingerprint::of(record).as_str().as_bytes()).to_hex().to_string()
}
