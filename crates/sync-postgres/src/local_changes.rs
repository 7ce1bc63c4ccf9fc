//! Changes of the application's own, until the CRM has them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use sync_core::{
    Adoption, ChangedFields, EditId, EditOperation, ExternalId, LocalChangeStore, LocalEdit, NewEdit, Scope,
    Standing, StoreError,
};

use crate::copy::storable;
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

const APPEND: &str = "insert into sync_local_changes (tenant_id, connection_id, entity, external_id, operation, fields, \
     user_id, at) select $1, $2, $3, e.external_id, e.operation, e.fields, e.user_id, e.at \
     from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[]) with ordinality \
     as e (external_id, operation, fields, user_id, at, n) order by e.n";

const OF_RECORDS: &str = "select seq, external_id, operation, fields, user_id, at from sync_local_changes \
     where tenant_id = $1 and connection_id = $2 and entity = $3 and external_id = any($4) order by seq";

const DUE: &str = "with pending as (select external_id, min(seq) as first, max(seq) as last \
     from sync_local_changes where tenant_id = $1 and connection_id = $2 and entity = $3 group by external_id), \
     due as (select p.external_id from pending as p left join sync_writebacks as s \
     on s.tenant_id = $1 and s.connection_id = $2 and s.entity = $3 and s.external_id = p.external_id \
     where s.external_id is null or s.next_attempt_at <= $4 or s.seen < p.last order by p.first limit $5) \
     select seq, external_id, operation, fields, user_id, at from sync_local_changes \
     where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and external_id in (select external_id from due) order by seq";

const SETTLE: &str = "delete from sync_local_changes where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and seq = any($4)";

const SHRINK: &str = "update sync_local_changes as c set fields = s.fields \
     from unnest($4::bigint[], $5::text[]) as s (seq, fields) \
     where c.tenant_id = $1 and c.connection_id = $2 and c.entity = $3 and c.seq = s.seq";

const STANDINGS: &str = "select external_id, intent, seen, attempts, next_attempt_at, error_class, error \
     from sync_writebacks where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and external_id = any($4) order by external_id";

const PUT: &str = "insert into sync_writebacks (tenant_id, connection_id, entity, external_id, intent, seen, attempts, \
     next_attempt_at, error_class, error) \
     select $1, $2, $3, s.external_id, s.intent, s.seen, s.attempts::integer, s.next_attempt_at, s.error_class, s.error \
     from unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::timestamptz[], $9::text[], $10::text[]) \
     as s (external_id, intent, seen, attempts, next_attempt_at, error_class, error) \
     on conflict (tenant_id, connection_id, entity, external_id) do update set \
     intent = excluded.intent, seen = excluded.seen, attempts = excluded.attempts, \
     next_attempt_at = excluded.next_attempt_at, error_class = excluded.error_class, error = excluded.error";

const CLEAR: &str = "delete from sync_writebacks where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and external_id = any($4)";

const WAITING: &str = "select external_id, intent, seen, attempts, next_attempt_at, error_class, error \
     from sync_writebacks where tenant_id = $1 and connection_id = $2 and entity = $3 \
     order by next_attempt_at, external_id limit $4";

const MAKE_DUE: &str = "update sync_writebacks set next_attempt_at = least(next_attempt_at, $5) \
     where tenant_id = $1 and connection_id = $2 and entity = $3 and external_id = any($4)";

/// What the CRM's record has of its own stays.
const ADOPT: [&str; 5] = [
    "update sync_local_changes as t set external_id = a.id from unnest($4::text[], $5::text[]) as a (placeholder, id) \
     where t.tenant_id = $1 and t.connection_id = $2 and t.entity = $3 and t.external_id = a.placeholder",
    "update sync_writebacks as t set external_id = a.id from unnest($4::text[], $5::text[]) as a (placeholder, id) \
     where t.tenant_id = $1 and t.connection_id = $2 and t.entity = $3 and t.external_id = a.placeholder \
     and not exists (select 1 from sync_writebacks as o where o.tenant_id = $1 and o.connection_id = $2 \
     and o.entity = $3 and o.external_id = a.id)",
    "delete from sync_writebacks as t using unnest($4::text[], $5::text[]) as a (placeholder, id) \
     where t.tenant_id = $1 and t.connection_id = $2 and t.entity = $3 and t.external_id = a.placeholder",
    "update sync_conflicts as t set external_id = a.id from unnest($4::text[], $5::text[]) as a (placeholder, id) \
     where t.tenant_id = $1 and t.connection_id = $2 and t.entity = $3 and t.external_id = a.placeholder \
     and not exists (select 1 from sync_conflicts as o where o.tenant_id = $1 and o.connection_id = $2 \
     and o.entity = $3 and o.external_id = a.id and o.field = t.field and o.closed_at is null)",
    "insert into sync_adoptions (tenant_id, connection_id, placeholder, external_id) \
     select $1, $2, a.placeholder, a.id from unnest($4::text[], $5::text[]) as a (placeholder, id) \
     where $3::text is not null \
     on conflict (tenant_id, connection_id, placeholder) do update set external_id = excluded.external_id",
];

const ADOPTED: &str = "select placeholder, external_id from sync_adoptions where tenant_id = $1 and connection_id = $2 \
     and placeholder = any($3) order by placeholder";

const READING: &str = "reading local changes";

#[async_trait]
impl LocalChangeStore<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.edits.append", skip_all, fields(entity = scope.entity, n_edits = edits.len()), err)]
    async fn append_edits(&self, tx: &mut PgTx, scope: &Scope, edits: &[NewEdit]) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if edits.is_empty() {
            return Ok(());
        }
        let append = of_entity(APPEND, scope)
            .bind(texts(edits.iter().map(|edit| edit.external_id.as_str())))
            .bind(texts(edits.iter().map(|edit| edit.operation.as_str())))
            .bind(edits.iter().map(|edit| json(&edit.fields)).collect::<Vec<_>>())
            .bind(texts(edits.iter().map(|edit| edit.user.as_str())))
            .bind(edits.iter().map(|edit| edit.at).collect::<Vec<_>>());
        execute(tx, append, "appending local changes").await
    }

    async fn edits_of(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<LocalEdit>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(OF_RECORDS, scope).bind(ids(records));
        fetch(tx, select, READING).await?.iter().map(read_edit).collect()
    }

    #[tracing::instrument(name = "pg.edits.due", skip_all, fields(entity = scope.entity), err)]
    async fn due_edits(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<LocalEdit>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(DUE, scope).bind(now).bind(i64::from(limit));
        fetch(tx, select, READING).await?.iter().map(read_edit).collect()
    }

    async fn settle_edits(&self, tx: &mut PgTx, scope: &Scope, edits: &[EditId]) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if edits.is_empty() {
            return Ok(());
        }
        let settle = of_entity(SETTLE, scope).bind(edits.iter().map(|id| id.0).collect::<Vec<_>>());
        execute(tx, settle, "settling local changes").await
    }

    async fn shrink_edits(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        edits: &[(EditId, ChangedFields)],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if edits.is_empty() {
            return Ok(());
        }
        let shrink = of_entity(SHRINK, scope)
            .bind(edits.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
            .bind(edits.iter().map(|(_, fields)| json(fields)).collect::<Vec<_>>());
        execute(tx, shrink, "settling fields of local changes").await
    }

    async fn standings(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<Standing>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(STANDINGS, scope).bind(ids(records));
        fetch(tx, select, READING).await?.iter().map(read_standing).collect()
    }

    async fn put_standings(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        standings: &[Standing],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if standings.is_empty() {
            return Ok(());
        }
        let put = of_entity(PUT, scope)
            .bind(texts(standings.iter().map(|standing| standing.external_id.as_str())))
            .bind(standings.iter().map(|s| s.intent.as_ref().map(json)).collect::<Vec<_>>())
            .bind(standings.iter().map(|s| s.seen.0).collect::<Vec<_>>())
            .bind(standings.iter().map(|s| i64::from(s.attempts.min(i32::MAX as u32))).collect::<Vec<_>>())
            .bind(standings.iter().map(|s| s.next_attempt_at).collect::<Vec<_>>())
            .bind(standings.iter().map(|s| shown(s.error_class.as_deref())).collect::<Vec<_>>())
            .bind(standings.iter().map(|s| shown(s.error.as_deref())).collect::<Vec<_>>());
        execute(tx, put, "noting what is sent").await
    }

    async fn clear_standings(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if records.is_empty() {
            return Ok(());
        }
        execute(tx, of_entity(CLEAR, scope).bind(ids(records)), "forgetting what was sent").await
    }

    async fn waiting_records(&self, tx: &mut PgTx, scope: &Scope, limit: u32) -> Result<Vec<Standing>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(WAITING, scope).bind(i64::from(limit));
        fetch(tx, select, READING).await?.iter().map(read_standing).collect()
    }

    async fn make_edits_due(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        records: &[ExternalId],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        execute(tx, of_entity(MAKE_DUE, scope).bind(ids(records)).bind(at), "making local changes due").await
    }

    async fn adopt_ids(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        adoptions: &[Adoption],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let placeholders = texts(adoptions.iter().map(|adoption| adoption.placeholder.as_str()));
        let real = texts(adoptions.iter().map(|adoption| adoption.external_id.as_str()));
        for statement in ADOPT {
            let statement = of_entity(statement, scope).bind(&placeholders).bind(&real);
            execute(tx, statement, "adopting ids").await?;
        }
        Ok(())
    }

    async fn adopted_ids(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        placeholders: &[ExternalId],
    ) -> Result<Vec<Adoption>, StoreError> {
        tx.require_tenant(scope)?;
        let select = sqlx::query(ADOPTED)
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(ids(placeholders));
        let read = |row: &PgRow| {
            let (placeholder, external_id): (String, String) = (get(row, 0)?, get(row, 1)?);
            Ok(Adoption { placeholder: placeholder.into(), external_id: external_id.into() })
        };
        fetch(tx, select, "reading adopted ids").await?.iter().map(read).collect()
    }
}

pub(crate) type Bound<'q> = Query<'q, Postgres, PgArguments>;

pub(crate) fn of_entity<'q>(sql: &'static str, scope: &'q Scope) -> Bound<'q> {
    sqlx::query(sql).bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(scope.entity)
}

pub(crate) fn ids(records: &[ExternalId]) -> Vec<String> {
    texts(records.iter().map(ExternalId::as_str))
}

pub(crate) fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    texts.map(|text| storable(text).into_owned()).collect()
}

/// JSON as text: an escaped NUL is plain text here.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn shown(text: Option<&str>) -> Option<String> {
    text.map(|text| storable(text).into_owned())
}

pub(crate) async fn execute(
    tx: &mut PgTx,
    statement: Bound<'_>,
    during: &'static str,
) -> Result<(), StoreError> {
    statement.execute(tx.connection()).await.map(drop).map_err(store_error(during))
}

pub(crate) async fn fetch(
    tx: &mut PgTx,
    statement: Bound<'_>,
    during: &'static str,
) -> Result<Vec<PgRow>, StoreError> {
    statement.fetch_all(tx.connection()).await.map_err(store_error(during))
}

pub(crate) fn get<'r, V>(row: &'r PgRow, column: usize) -> Result<V, StoreError>
where
    V: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    row.try_get(column).map_err(store_error("reading what waits to be sent"))
}

/// A value that is kept as JSON text.
pub(crate) fn parsed<V: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    row: &str,
    text: &str,
) -> Result<V, StoreError> {
    serde_json::from_str(text).map_err(|_| corrupt(table, column, row, "its JSON can't be read"))
}

pub(crate) fn corrupt(table: &'static str, column: &'static str, row: &str, reason: &str) -> StoreError {
    StoreError::Corrupt { table, column, row: row.to_owned(), reason: reason.to_owned() }
}

fn read_edit(row: &PgRow) -> Result<LocalEdit, StoreError> {
    const TABLE: &str = "sync_local_changes";
    let id: i64 = get(row, 0)?;
    let name = id.to_string();
    let operation = EditOperation::parse(get(row, 2)?)
        .ok_or_else(|| corrupt(TABLE, "operation", &name, "its name is not known"))?;
    let edit = NewEdit {
        external_id: get::<String>(row, 1)?.into(),
        operation,
        fields: parsed(TABLE, "fields", &name, get(row, 3)?)?,
        user: get::<String>(row, 4)?.into(),
        at: get(row, 5)?,
    };
    Ok(LocalEdit { id: EditId(id), edit })
}

fn read_standing(row: &PgRow) -> Result<Standing, StoreError> {
    let external_id: String = get(row, 0)?;
    let intent = match get::<Option<&str>>(row, 1)? {
        Some(text) => Some(parsed("sync_writebacks", "intent", &external_id, text)?),
        None => None,
    };
    Ok(Standing {
        external_id: external_id.into(),
        intent,
        seen: EditId(get(row, 2)?),
        attempts: get::<i32>(row, 3)?.cast_unsigned(),
        next_attempt_at: get(row, 4)?,
        error_class: get(row, 5)?,
        error: get(row, 6)?,
    })
}
