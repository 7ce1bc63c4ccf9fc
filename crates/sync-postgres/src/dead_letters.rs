//! Parked changes.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sync_core::{
    DeadLetter, DeadLetterFilter, DeadLetterId, DeadLetterStore, ExternalId, Resolution, RunId, Scope,
    StoreError, Version,
};

use crate::copy::{self, Column, ColumnType, storable};
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

const PARK: &str = "insert into sync_dead_letters (id, tenant_id, subscription_id, external_id, payload, version, \
     error_class, error, attempts, run_id, parked_at, next_attempt_at) \
     select l.id, $1, $2, l.external_id, l.payload, l.version, l.error_class, l.error, l.attempts::integer, \
     l.run_id, l.parked_at, l.next_attempt_at \
     from unnest($3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::bigint[], \
     $10::uuid[], $11::timestamptz[], $12::timestamptz[]) \
     as l (id, external_id, payload, version, error_class, error, attempts, run_id, parked_at, next_attempt_at) \
     on conflict (subscription_id, external_id) where resolved_at is null do update set \
     payload = excluded.payload, version = excluded.version, error_class = excluded.error_class, \
     error = excluded.error, attempts = excluded.attempts, run_id = excluded.run_id, \
     next_attempt_at = excluded.next_attempt_at \
     where sync_dead_letters.tenant_id = excluded.tenant_id";

const OPEN: &str = "select found.* from unnest($3::text[]) as wanted (id) cross join lateral \
     (select id, external_id, payload, version, error_class, error, attempts, run_id, parked_at, next_attempt_at \
     from sync_dead_letters where tenant_id = $1 and subscription_id = $2 and resolved_at is null \
     and external_id = wanted.id offset 0) as found order by found.parked_at, found.id";

const COUNT: &str = "select count(*) from sync_dead_letters \
     where tenant_id = $1 and subscription_id = $2 and resolved_at is null";

const DUE: &str = "select id, external_id, payload, version, error_class, error, attempts, run_id, parked_at, \
     next_attempt_at from sync_dead_letters \
     where tenant_id = $1 and subscription_id = $2 and resolved_at is null and next_attempt_at <= $3 \
     order by parked_at, id limit $4";

const RESOLVE: &str = "update sync_dead_letters set resolved_at = $4, resolution = $5 \
     where tenant_id = $1 and subscription_id = $2 and resolved_at is null and id = any($3)";

const LIST: &str = "select id, external_id, payload, version, error_class, error, attempts, run_id, parked_at, \
     next_attempt_at from sync_dead_letters \
     where tenant_id = $1 and subscription_id = $2 and resolved_at is null \
     and ($3::text is null or external_id = $3) and ($4::text is null or error_class = $4) \
     and ($5::uuid is null or run_id = $5) order by parked_at, id limit $6";

const MAKE_DUE: &str = "update sync_dead_letters set next_attempt_at = least(next_attempt_at, $6) \
     where tenant_id = $1 and subscription_id = $2 and resolved_at is null \
     and ($3::text is null or external_id = $3) and ($4::text is null or error_class = $4) \
     and ($5::uuid is null or run_id = $5)";

/// A letter that is open for another tenant is left alone: the subscription is not this one's.
fn check_parked(scope: &Scope, letters: &[DeadLetter], parked: u64) -> Result<(), StoreError> {
    let records: HashSet<&str> = letters.iter().map(|letter| letter.external_id.as_str()).collect();
    if parked < records.len() as u64 {
        return Err(StoreError::NotFound { what: "subscription", id: scope.subscription.to_string() });
    }
    Ok(())
}

#[async_trait]
impl DeadLetterStore<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.letters.park", skip_all, fields(n_letters = letters.len()), err)]
    async fn park(&self, tx: &mut PgTx, scope: &Scope, letters: &[DeadLetter]) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if letters.is_empty() {
            return Ok(());
        }
        let mut query = sqlx::query(PARK).bind(scope.tenant_key()).bind(scope.subscription.0);
        for column in columns(letters) {
            query = query.bind(column);
        }
        let parked = query.execute(tx.connection()).await.map_err(store_error("parking changes"))?;
        check_parked(scope, letters, parked.rows_affected())
    }

    async fn open_letters(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<Vec<DeadLetter>, StoreError> {
        tx.require_tenant(scope)?;
        let mut wanted = Column::new(ColumnType::Text, ids.len());
        for id in ids {
            copy::audit_text(wanted.next(), id.as_str());
        }
        let rows = sqlx::query(OPEN)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(wanted)
            .fetch_all(tx.connection())
            .await
            .map_err(store_error("reading parked changes"))?;
        rows.iter().map(read).collect()
    }

    async fn count_open(&self, tx: &mut PgTx, scope: &Scope) -> Result<u64, StoreError> {
        tx.require_tenant(scope)?;
        let count: i64 = sqlx::query_scalar(COUNT)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .fetch_one(tx.connection())
            .await
            .map_err(store_error("counting parked changes"))?;
        Ok(count.cast_unsigned())
    }

    async fn due(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        tx.require_tenant(scope)?;
        let rows = sqlx::query(DUE)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(now)
            .bind(i64::from(limit))
            .fetch_all(tx.connection())
            .await
            .map_err(store_error("reading due changes"))?;
        rows.iter().map(read).collect()
    }

    async fn resolve(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        ids: &[DeadLetterId],
        resolution: Resolution,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(RESOLVE)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
            .bind(at)
            .bind(resolution.as_str())
            .execute(tx.connection())
            .await
            .map_err(store_error("closing parked changes"))?;
        Ok(())
    }

    async fn list(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        tx.require_tenant(scope)?;
        let rows = sqlx::query(LIST)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(filter.external_id.as_ref().map(|id| storable(id.as_str())))
            .bind(filter.error_class.as_deref().map(storable))
            .bind(filter.run.map(|run| run.0))
            .bind(i64::from(limit))
            .fetch_all(tx.connection())
            .await
            .map_err(store_error("listing parked changes"))?;
        rows.iter().map(read).collect()
    }

    async fn make_due(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        filter: &DeadLetterFilter,
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.require_tenant(scope)?;
        let updated = sqlx::query(MAKE_DUE)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(filter.external_id.as_ref().map(|id| storable(id.as_str())))
            .bind(filter.error_class.as_deref().map(storable))
            .bind(filter.run.map(|run| run.0))
            .bind(at)
            .execute(tx.connection())
            .await
            .map_err(store_error("making parked changes due"))?;
        Ok(updated.rows_affected())
    }
}

/// The letters as columns of `PARK`, one per record: of two for the same record the later counts, under the
/// first one's id and `parked_at`, as if they had been parked one after the other.
fn columns(letters: &[DeadLetter]) -> [Column; 10] {
    use ColumnType::{Instant, Int, Text, Uuid};
    let mut last: HashMap<&str, (&DeadLetter, &DeadLetter)> = HashMap::with_capacity(letters.len());
    for letter in letters {
        last.entry(letter.external_id.as_str())
            .and_modify(|(_, latest)| *latest = letter)
            .or_insert((letter, letter));
    }
    let mut columns = [Uuid, Text, Text, Int, Text, Text, Int, Uuid, Instant, Instant]
        .map(|r#type| Column::new(r#type, last.len()));
    let [id, external_id, payload, version, class, error, attempts, run, parked_at, next_attempt_at] =
        &mut columns;
    for (first, letter) in last.into_values() {
        copy::uuid(id.next(), first.id.0);
        copy::audit_text(external_id.next(), letter.external_id.as_str());
        // Verbatim: an escaped NUL is plain text here, and the change is retried with it.
        copy::text(payload.next(), &serde_json::to_string(&letter.payload).unwrap_or_default());
        copy::opt(version.next(), letter.version, |out, version| copy::int(out, version.0));
        copy::audit_text(class.next(), &letter.error_class);
        copy::audit_text(error.next(), &letter.error);
        copy::int(attempts.next(), i64::from(letter.attempts).min(i64::from(i32::MAX)));
        copy::uuid(run.next(), letter.run.0);
        copy::instant(parked_at.next(), first.parked_at);
        copy::instant(next_attempt_at.next(), letter.next_attempt_at);
    }
    columns
}

fn read(row: &PgRow) -> Result<DeadLetter, StoreError> {
    let id = DeadLetterId(get(row, 0)?);
    let payload: &str = get(row, 2)?;
    Ok(DeadLetter {
        id,
        external_id: get::<String>(row, 1)?.into(),
        payload: serde_json::from_str(payload).map_err(|error| StoreError::Corrupt {
            table: "sync_dead_letters",
            column: "payload",
            row: id.to_string(),
            reason: error.to_string(),
        })?,
        version: get::<Option<i64>>(row, 3)?.map(Version),
        error_class: get(row, 4)?,
        error: get(row, 5)?,
        attempts: get::<i32>(row, 6)?.cast_unsigned(),
        run: RunId(get(row, 7)?),
        parked_at: get(row, 8)?,
        next_attempt_at: get(row, 9)?,
    })
}

fn get<'r, V>(row: &'r PgRow, column: usize) -> Result<V, StoreError>
where
    V: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(column).map_err(store_error("reading parked changes"))
}
