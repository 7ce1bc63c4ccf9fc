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

use crate::copy::storable;
use crate::local_changes::{Bound, execute, fetch, get, ids, texts};
use crate::store::PgStore;
use crate::tx::PgTx;

const RECORD: &str = "insert into sync_fingerprints (tenant_id, connection_id, entity, external_id, hash, until) \
     select $1, $2, $3, w.id, w.hash, $6 from unnest($4::text[], $5::text[]) as w (id, hash) \
     on conflict (tenant_id, connection_id, entity, external_id) do update set \
     hash = excluded.hash, until = excluded.until";

const EXPIRE: &str = "delete from sync_fingerprints where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and until <= $4";

const KNOWN: &str = "select external_id, hash from sync_fingerprints where tenant_id = $1 and connection_id = $2 \
     and entity = $3 and until > $5 and external_id = any($4)";

const FORGET: &str = "delete from sync_fingerprints where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and external_id = any($4)";

/// Fingerprints of our own writes in the store's own database (R6): recorded in the transaction that notes the intent.
///
/// It knows the record last written, for its time to live or until another change of that record was let through,
/// whichever comes first. What is kept is a hash; the values are not.
#[derive(Clone)]
pub struct PgLoopbackStore {
    store: PgStore,
    ttl: TimeDelta,
    clock: Arc<dyn Clock>,
}

impl PgLoopbackStore {
    /// Keeps fingerprints for `ttl`, which is to be shorter than the poll interval.
    ///
    /// # Errors
    /// [`TtlNotBelowPollInterval`], so that a mistake is seen at start.
    pub fn new(
        store: &PgStore,
        ttl: Duration,
        poll_interval: Duration,
    ) -> Result<Self, TtlNotBelowPollInterval> {
        check_ttl(ttl, poll_interval)?;
        Ok(Self::with_clock(store, ttl, Arc::new(SystemClock)))
    }

    /// The same with a clock of one's own, unchecked.
    #[must_use]
    pub fn with_clock(store: &PgStore, ttl: Duration, clock: Arc<dyn Clock>) -> Self {
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
        let select = of_keys(KNOWN, scope).bind(ids(&records)).bind(self.clock.now());
        let rows = fetch(&mut tx, select, "looking for echoes").await?;
        let mut known: HashMap<ExternalId, String> = HashMap::with_capacity(rows.len());
        for row in &rows {
            known.insert(get::<String>(row, 0)?.into(), get(row, 1)?);
        }
        let (echoes, forgotten) = tell_echoes(changes, known, |record, written| hash(record) == *written);
        if forgotten.is_empty() {
            self.store.rollback(tx).await?;
        } else {
            let forgotten: Vec<ExternalId> = forgotten.into_iter().collect();
            let forget = of_keys(FORGET, scope).bind(ids(&forgotten));
            execute(&mut tx, forget, "forgetting own writes").await?;
            tx.commit_at_once().await?;
        }
        Ok(echoes)
    }
}

#[async_trait]
impl<T: Canonical> LoopbackFingerprintStore<T> for PgLoopbackStore {
    #[tracing::instrument(name = "pg.loopback.ask", skip_all, fields(entity = scope.entity, n_records = changes.len()))]
    async fn are_echoes(&self, scope: &Scope, changes: &[Change<T>]) -> Result<Vec<bool>, LoopbackError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(scope, changes).await.map_err(|error| LoopbackError(error.into()))
    }
}

#[async_trait]
impl<T: Canonical> WriteRecorder<T, PgTx> for PgLoopbackStore {
    #[tracing::instrument(name = "pg.loopback.record", skip_all, fields(entity = scope.entity, n_records = writes.len()))]
    async fn record_writes(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        writes: &[(ExternalId, T)],
    ) -> Result<(), LoopbackError> {
        let work = async {
            tx.require_tenant(scope)?;
            // The write may go on without fingerprints, so its transaction must survive a statement that fails.
            tx.savepoint().await?;
            let recorded = self.record(tx, scope, writes).await;
            match recorded {
                Ok(()) => tx.release_savepoint().await,
                Err(error) => tx.rollback_to_savepoint().await.and(Err(error)),
            }
        };
        work.await.map_err(|error: StoreError| LoopbackError(error.into()))
    }
}

impl PgLoopbackStore {
    async fn record<T: Canonical>(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        writes: &[(ExternalId, T)],
    ) -> Result<(), StoreError> {
        let expire = of_keys(EXPIRE, scope).bind(self.clock.now());
        execute(tx, expire, "forgetting old writes").await?;
        // Of two writes of a record the later counts; one statement writes each row once.
        let last: HashMap<&ExternalId, &T> = writes.iter().map(|(id, record)| (id, record)).collect();
        let record = of_keys(RECORD, scope)
            .bind(texts(last.keys().map(|id| id.as_str())))
            .bind(last.values().map(|record| hash(*record)).collect::<Vec<_>>())
            .bind(self.until());
        execute(tx, record, "recording own writes").await
    }
}

fn hash<T: Canonical>(record: &T) -> String {
    blake3::hash(Fingerprint::of(record).as_str().as_bytes()).to_hex().to_string()
}

/// What can't be kept is replaced: nothing is found by a key that can't be there, which costs a noop.
fn of_keys<'q>(sql: &'static str, scope: &Scope) -> Bound<'q> {
    let (tenant, connection) = (storable(scope.tenant_key()), storable(scope.connection.as_str()));
    sqlx::query(sql).bind(tenant.into_owned()).bind(connection.into_owned()).bind(scope.entity)
}
