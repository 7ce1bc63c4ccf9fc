//! Changes of the application's own, until the CRM has them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sync_core::{
    Adoption, ChangedFields, EditId, EditOperation, ExternalId, LocalChangeStore, LocalEdit, NewEdit, Scope,
    Standing, StoreError,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant};
use crate::store::SqliteStore;
use crate::tx::{Bound, SqliteTx};

const APPEND: &str = "insert into sync_local_changes (tenant_id, connection_id, entity, external_id, operation, fields, \
     user_id, at) select ?1, ?2, ?3, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 \
     from jsonb_each(?4) order by key";

const OF_RECORDS: &str = "select seq, external_id, operation, fields, user_id, at from sync_local_changes \
     where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and external_id in (select value from jsonb_each(?4)) order by seq";

const DUE: &str = "with pending as materialized (select external_id, min(seq) as first, max(seq) as last \
     from sync_local_changes where tenant_id = ?1 and connection_id = ?2 and entity = ?3 group by external_id), \
     due as materialized (select p.external_id from pending as p left join sync_writebacks as s \
     on s.tenant_id = ?1 and s.connection_id = ?2 and s.entity = ?3 and s.external_id = p.external_id \
     where s.external_id is null or s.next_attempt_at <= ?4 or s.seen < p.last order by p.first limit ?5) \
     select seq, external_id, operation, fields, user_id, at from sync_local_changes \
     where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and external_id in (select external_id from due) order by seq";

const SETTLE: &str = "delete from sync_local_changes where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and seq in (select value from jsonb_each(?4))";

const SHRINK: &str = "update sync_local_changes as c set fields = s.value ->> 1 from jsonb_each(?4) as s \
     where c.tenant_id = ?1 and c.connection_id = ?2 and c.entity = ?3 and c.seq = s.value ->> 0";

const STANDINGS: &str = "select external_id, intent, seen, attempts, next_attempt_at, error_class, error \
     from sync_writebacks where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and external_id in (select value from jsonb_each(?4)) order by external_id";

const PUT: &str = "insert into sync_writebacks (tenant_id, connection_id, entity, external_id, intent, seen, attempts, \
     next_attempt_at, error_class, error) \
     select ?1, ?2, ?3, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
     from jsonb_each(?4) where true on conflict (tenant_id, connection_id, entity, external_id) do update set \
     intent = excluded.intent, seen = excluded.seen, attempts = excluded.attempts, \
     next_attempt_at = excluded.next_attempt_at, error_class = excluded.error_class, error = excluded.error";

const CLEAR: &str = "delete from sync_writebacks where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and external_id in (select value from jsonb_each(?4))";

const WAITING: &str = "select external_id, intent, seen, attempts, next_attempt_at, error_class, error \
     from sync_writebacks where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     order by next_attempt_at, external_id limit ?4";

const MAKE_DUE: &str = "update sync_writebacks set next_attempt_at = min(next_attempt_at, ?5) \
     where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and external_id in (select value from jsonb_each(?4))";

/// What the CRM's record has of its own stays.
const ADOPT: [&str; 5] = [
    "update sync_local_changes as t set external_id = a.value ->> 1 from jsonb_each(?4) as a \
     where t.tenant_id = ?1 and t.connection_id = ?2 and t.entity = ?3 and t.external_id = a.value ->> 0",
    "update or ignore sync_writebacks as t set external_id = a.value ->> 1 from jsonb_each(?4) as a \
     where t.tenant_id = ?1 and t.connection_id = ?2 and t.entity = ?3 and t.external_id = a.value ->> 0",
    "delete from sync_writebacks where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and external_id in (select value ->> 0 from jsonb_each(?4))",
    "update or ignore sync_conflicts as t set external_id = a.value ->> 1 from jsonb_each(?4) as a \
     where t.tenant_id = ?1 and t.connection_id = ?2 and t.entity = ?3 and t.external_id = a.value ->> 0",
    "insert into sync_adoptions (tenant_id, connection_id, placeholder, external_id) \
     select ?1, ?2, value ->> 0, value ->> 1 from jsonb_each(?4) where ?3 is not null \
     on conflict (tenant_id, connection_id, placeholder) do update set external_id = excluded.external_id",
];

const ADOPTED: &str = "select placeholder, external_id from sync_adoptions where tenant_id = ?1 and connection_id = ?2 \
     and placeholder in (select value from jsonb_each(?3)) order by placeholder";

const EDIT_COLUMNS: [&str; 6] = ["seq", "external_id", "operation", "fields", "user_id", "at"];
const STANDING_COLUMNS: [&str; 7] =
    ["external_id", "intent", "seen", "attempts", "next_attempt_at", "error_class", "error"];

/// Bytes of a usual edit.
const ROW_SIZE: usize = 256;

const READING: &str = "reading local changes";

#[async_trait]
impl LocalChangeStore<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.edits.append", skip_all, fields(entity = scope.entity, n_edits = edits.len()), err)]
    async fn append_edits(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        edits: &[NewEdit],
    ) -> Result<(), StoreError> {
        let mut rows = JsonRows::new(edits.len(), ROW_SIZE);
        for edit in edits {
            rows.row(|row| {
                row.text(edit.external_id.as_str());
                row.text(edit.operation.as_str());
                row.quoted(&edit.fields);
                row.text(edit.user.as_str());
                row.instant(edit.at);
            });
        }
        write(tx, scope, APPEND, edits.len(), rows, "appending local changes").await
    }

    async fn edits_of(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<LocalEdit>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(OF_RECORDS, scope).bind(ids(records));
        let rows = tx.fetch_all(select).await.map_err(store_error(READING))?;
        rows.iter().map(read_edit).collect()
    }

    #[tracing::instrument(name = "sqlite.edits.due", skip_all, fields(entity = scope.entity), err)]
    async fn due_edits(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<LocalEdit>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(DUE, scope).bind(instant(now)).bind(limit);
        let rows = tx.fetch_all(select).await.map_err(store_error(READING))?;
        rows.iter().map(read_edit).collect()
    }

    async fn settle_edits(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        edits: &[EditId],
    ) -> Result<(), StoreError> {
        let mut rows = JsonRows::new(edits.len(), 8);
        edits.iter().for_each(|id| rows.int(id.0));
        write(tx, scope, SETTLE, edits.len(), rows, "settling local changes").await
    }

    async fn shrink_edits(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        edits: &[(EditId, ChangedFields)],
    ) -> Result<(), StoreError> {
        let mut rows = JsonRows::new(edits.len(), ROW_SIZE);
        for (id, fields) in edits {
            rows.row(|row| {
                row.int(id.0);
                row.quoted(fields);
            });
        }
        write(tx, scope, SHRINK, edits.len(), rows, "settling fields of local changes").await
    }

    async fn standings(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<Standing>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(STANDINGS, scope).bind(ids(records));
        let rows = tx.fetch_all(select).await.map_err(store_error(READING))?;
        rows.iter().map(read_standing).collect()
    }

    async fn put_standings(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        standings: &[Standing],
    ) -> Result<(), StoreError> {
        let mut rows = JsonRows::new(standings.len(), ROW_SIZE);
        for standing in standings {
            rows.row(|row| {
                row.text(standing.external_id.as_str());
                row.opt(standing.intent.as_ref(), JsonRows::quoted);
                row.int(standing.seen.0);
                row.int(standing.attempts.into());
                row.instant(standing.next_attempt_at);
                row.opt(standing.error_class.as_deref(), JsonRows::shown);
                row.opt(standing.error.as_deref(), JsonRows::shown);
            });
        }
        write(tx, scope, PUT, standings.len(), rows, "noting what is sent").await
    }

    async fn clear_standings(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<(), StoreError> {
        let rows = JsonRows::texts(records.iter().map(ExternalId::as_str));
        write(tx, scope, CLEAR, records.len(), rows, "forgetting what was sent").await
    }

    async fn waiting_records(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        limit: u32,
    ) -> Result<Vec<Standing>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(WAITING, scope).bind(limit);
        let rows = tx.fetch_all(select).await.map_err(store_error(READING))?;
        rows.iter().map(read_standing).collect()
    }

    async fn make_edits_due(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        records: &[ExternalId],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let update = of_entity(MAKE_DUE, scope).bind(ids(records)).bind(instant(at));
        tx.execute(update).await.map(drop).map_err(store_error("making local changes due"))
    }

    async fn adopt_ids(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        adoptions: &[Adoption],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let mut rows = JsonRows::new(adoptions.len(), 80);
        for Adoption { placeholder, external_id } in adoptions {
            rows.row(|row| {
                row.text(placeholder.as_str());
                row.text(external_id.as_str());
            });
        }
        let rows = rows.finish();
        for statement in ADOPT {
            let statement = of_entity(statement, scope).bind(rows.clone());
            tx.execute(statement).await.map_err(store_error("adopting ids"))?;
        }
        Ok(())
    }

    async fn adopted_ids(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        placeholders: &[ExternalId],
    ) -> Result<Vec<Adoption>, StoreError> {
        tx.require_tenant(scope)?;
        let select = sqlx::query(ADOPTED)
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(ids(placeholders));
        let rows = tx.fetch_all(select).await.map_err(store_error("reading adopted ids"))?;
        let read = |row: &SqliteRow| {
            let row = Stored::new(row, "sync_adoptions", &["placeholder", "external_id"]);
            Ok(Adoption { placeholder: row.text(0)?.into(), external_id: row.text(1)?.into() })
        };
        rows.iter().map(read).collect()
    }
}

pub(crate) fn of_entity<'q>(sql: &'static str, scope: &'q Scope) -> Bound<'q> {
    sqlx::query(sql).bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(scope.entity)
}

pub(crate) fn ids(records: &[ExternalId]) -> String {
    JsonRows::texts(records.iter().map(ExternalId::as_str)).finish()
}

/// One statement over many rows; none where there are no rows.
async fn write(
    tx: &mut SqliteTx,
    scope: &Scope,
    sql: &'static str,
    n_rows: usize,
    rows: JsonRows,
    during: &'static str,
) -> Result<(), StoreError> {
    tx.require_tenant(scope)?;
    if n_rows == 0 {
        return Ok(());
    }
    tx.execute(of_entity(sql, scope).bind(rows.finish())).await.map(drop).map_err(store_error(during))
}

fn read_edit(row: &SqliteRow) -> Result<LocalEdit, StoreError> {
    let row = Stored::new(row, "sync_local_changes", &EDIT_COLUMNS);
    let edit = NewEdit {
        external_id: row.text(1)?.into(),
        operation: row.name(2, EditOperation::parse)?,
        fields: row.json(3)?,
        user: row.text(4)?.into(),
        at: row.instant(5)?,
    };
    Ok(LocalEdit { id: EditId(row.int(0)?), edit })
}

fn read_standing(row: &SqliteRow) -> Result<Standing, StoreError> {
    let row = Stored::new(row, "sync_writebacks", &STANDING_COLUMNS);
    Ok(Standing {
        external_id: row.text(0)?.into(),
        intent: row.opt_json(1)?,
        seen: EditId(row.int(2)?),
        attempts: row.count(3)?.try_into().unwrap_or(u32::MAX),
        next_attempt_at: row.instant(4)?,
        error_class: row.opt_text(5)?.map(str::to_owned),
        error: row.opt_text(6)?.map(str::to_owned),
    })
}
