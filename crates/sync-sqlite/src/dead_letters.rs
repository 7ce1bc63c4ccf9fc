//! Parked changes.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sync_core::{
    DeadLetter, DeadLetterFilter, DeadLetterId, DeadLetterStore, ExternalId, Resolution, RunId, Scope,
    StoreError, Version,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant};
use crate::store::SqliteStore;
use crate::tx::{Bound, SqliteTx};

const COLUMNS: [&str; 10] = [
    "id",
    "external_id",
    "payload",
    "version",
    "error_class",
    "error",
    "attempts",
    "run_id",
    "parked_at",
    "next_attempt_at",
];

const PARK: &str = "insert into sync_dead_letters (id, tenant_id, subscription_id, external_id, payload, version, \
     error_class, error, attempts, run_id, parked_at, next_attempt_at) \
     select value ->> 0, ?1, ?2, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
     value ->> 7, value ->> 8, value ->> 9 from jsonb_each(?3) where true \
     on conflict (subscription_id, external_id) where resolved_at is null do update set \
     payload = excluded.payload, version = excluded.version, error_class = excluded.error_class, \
     error = excluded.error, attempts = excluded.attempts, run_id = excluded.run_id, \
     next_attempt_at = excluded.next_attempt_at \
     where sync_dead_letters.tenant_id = excluded.tenant_id";

const OPEN: &str = "select id, external_id, payload, version, error_class, error, attempts, run_id, parked_at, \
     next_attempt_at from sync_dead_letters \
     where tenant_id = ?1 and subscription_id = ?2 and resolved_at is null \
     and external_id in (select value from jsonb_each(?3)) order by parked_at, id";

const COUNT: &str = "select count(*) from sync_dead_letters \
     where tenant_id = ?1 and subscription_id = ?2 and resolved_at is null";

const DUE: &str = "select id, external_id, payload, version, error_class, error, attempts, run_id, parked_at, \
     next_attempt_at from sync_dead_letters \
     where tenant_id = ?1 and subscription_id = ?2 and resolved_at is null and next_attempt_at <= ?3 \
     order by parked_at, id limit ?4";

const RESOLVE: &str = "update sync_dead_letters set resolved_at = ?4, resolution = ?5 \
     where tenant_id = ?1 and subscription_id = ?2 and resolved_at is null \
     and id in (select value from jsonb_each(?3))";

const LIST: &str = "select id, external_id, payload, version, error_class, error, attempts, run_id, parked_at, \
     next_attempt_at from sync_dead_letters \
     where tenant_id = ?1 and subscription_id = ?2 and resolved_at is null \
     and (?3 is null or external_id = ?3) and (?4 is null or error_class = ?4) and (?5 is null or run_id = ?5) \
     order by parked_at, id limit ?6";

const MAKE_DUE: &str = "update sync_dead_letters set next_attempt_at = min(next_attempt_at, ?6) \
     where tenant_id = ?1 and subscription_id = ?2 and resolved_at is null \
     and (?3 is null or external_id = ?3) and (?4 is null or error_class = ?4) and (?5 is null or run_id = ?5)";

/// Bytes of a usual letter.
const ROW_SIZE: usize = 1_024;

/// A letter that is open for another tenant is left alone: the subscription is not this one's.
fn check_parked(scope: &Scope, letters: &[DeadLetter], parked: u64) -> Result<(), StoreError> {
    let records: HashSet<&str> = letters.iter().map(|letter| letter.external_id.as_str()).collect();
    if parked < records.len() as u64 {
        return Err(StoreError::NotFound { what: "subscription", id: scope.subscription.to_string() });
    }
    Ok(())
}

#[async_trait]
impl DeadLetterStore<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.letters.park", skip_all, fields(n_letters = letters.len()), err)]
    async fn park(&self, tx: &mut SqliteTx, scope: &Scope, letters: &[DeadLetter]) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if letters.is_empty() {
            return Ok(());
        }
        let mut rows = JsonRows::new(letters.len(), ROW_SIZE);
        for letter in letters {
            rows.row(|row| write_letter(row, letter));
        }
        let park = of_subscription(PARK, scope).bind(rows.finish());
        let parked = tx.execute(park).await.map_err(store_error("parking changes"))?;
        check_parked(scope, letters, parked)
    }

    async fn open_letters(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<Vec<DeadLetter>, StoreError> {
        tx.require_tenant(scope)?;
        let wanted = JsonRows::texts(ids.iter().map(ExternalId::as_str));
        let select = of_subscription(OPEN, scope).bind(wanted.finish());
        let rows = tx.fetch_all(select).await.map_err(store_error("looking for parked changes"))?;
        rows.iter().map(read).collect()
    }

    async fn count_open(&self, tx: &mut SqliteTx, scope: &Scope) -> Result<u64, StoreError> {
        tx.require_tenant(scope)?;
        let count = of_subscription(COUNT, scope);
        let row = tx.fetch_optional(count).await.map_err(store_error("counting parked changes"))?;
        row.as_ref().map_or(Ok(0), |row| Stored::new(row, "sync_dead_letters", &["count"]).count(0))
    }

    async fn due(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_subscription(DUE, scope).bind(instant(now)).bind(limit);
        let rows =
            tx.fetch_all(select).await.map_err(store_error("looking for parked changes that are due"))?;
        rows.iter().map(read).collect()
    }

    #[tracing::instrument(name = "sqlite.letters.resolve", skip_all, fields(n_letters = ids.len()), err)]
    async fn resolve(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        ids: &[DeadLetterId],
        resolution: Resolution,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if ids.is_empty() {
            return Ok(());
        }
        let mut wanted = JsonRows::new(ids.len(), 40);
        ids.iter().for_each(|id| wanted.uuid(id.0));
        let resolve =
            of_subscription(RESOLVE, scope).bind(wanted.finish()).bind(instant(at)).bind(resolution.as_str());
        tx.execute(resolve).await.map(drop).map_err(store_error("closing parked changes"))
    }

    async fn list(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        tx.require_tenant(scope)?;
        let select = filtered(LIST, scope, filter).bind(limit);
        let rows = tx.fetch_all(select).await.map_err(store_error("listing parked changes"))?;
        rows.iter().map(read).collect()
    }

    async fn make_due(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        filter: &DeadLetterFilter,
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.require_tenant(scope)?;
        let update = filtered(MAKE_DUE, scope, filter).bind(instant(at));
        tx.execute(update).await.map_err(store_error("making parked changes due"))
    }
}

fn of_subscription<'q>(sql: &'static str, scope: &'q Scope) -> Bound<'q> {
    sqlx::query(sql).bind(scope.tenant_key()).bind(scope.subscription.to_string())
}

fn filtered<'q>(sql: &'static str, scope: &'q Scope, filter: &'q DeadLetterFilter) -> Bound<'q> {
    of_subscription(sql, scope)
        .bind(filter.external_id.as_ref().map(ExternalId::as_str))
        .bind(filter.error_class.as_deref())
        .bind(filter.run.map(|run| run.to_string()))
}

fn write_letter(row: &mut JsonRows, letter: &DeadLetter) {
    row.uuid(letter.id.0);
    row.text(letter.external_id.as_str());
    row.quoted(&letter.payload);
    row.opt(letter.version, |row, Version(version)| row.int(version));
    row.shown(&letter.error_class);
    row.shown(&letter.error);
    row.int(letter.attempts.into());
    row.uuid(letter.run.0);
    row.instant(letter.parked_at);
    row.instant(letter.next_attempt_at);
}

fn read(row: &SqliteRow) -> Result<DeadLetter, StoreError> {
    let row = Stored::new(row, "sync_dead_letters", &COLUMNS);
    Ok(DeadLetter {
        id: DeadLetterId(row.uuid(0)?),
        external_id: row.text(1)?.into(),
        payload: row.json(2)?,
        version: row.opt_int(3)?.map(Version),
        error_class: row.text(4)?.to_owned(),
        error: row.text(5)?.to_owned(),
        attempts: row.count(6)?.try_into().unwrap_or(u32::MAX),
        run: RunId(row.uuid(7)?),
        parked_at: row.instant(8)?,
        next_attempt_at: row.instant(9)?,
    })
}
