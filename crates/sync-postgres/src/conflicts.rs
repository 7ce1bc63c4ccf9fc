//! Questions for a person.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sync_core::{
    Choice, Conflict, ConflictId, ConflictKind, ConflictStore, ExternalId, Scope, StoreError, UserId,
};
use uuid::Uuid;

use crate::error::store_error;
use crate::local_changes::{corrupt, execute, fetch, get, ids, json, of_entity, parsed, texts};
use crate::store::PgStore;
use crate::tx::PgTx;

const OPEN: &str = "insert into sync_conflicts (tenant_id, connection_id, entity, id, external_id, field, kind, base, \
     local, remote, opened_at, choice, decided_by, decided_at) \
     select $1, $2, $3, c.* from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], \
     $10::text[], $11::timestamptz[], $12::text[], $13::text[], $14::timestamptz[]) as c \
     on conflict (tenant_id, connection_id, entity, external_id, field) where closed_at is null do update set \
     kind = excluded.kind, base = excluded.base, local = excluded.local, remote = excluded.remote, \
     choice = excluded.choice, decided_by = excluded.decided_by, decided_at = excluded.decided_at";

const OF_RECORDS: &str = "select id, external_id, field, kind, base, local, remote, opened_at, choice, decided_by, \
     decided_at from sync_conflicts where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and closed_at is null and external_id = any($4) order by opened_at, id";

const LIST: &str = "select id, external_id, field, kind, base, local, remote, opened_at, choice, decided_by, decided_at \
     from sync_conflicts where tenant_id = $1 and connection_id = $2 and entity = $3 and closed_at is null \
     order by opened_at, id limit $4";

const DECIDE: &str = "update sync_conflicts set choice = $5, decided_by = $6, decided_at = $7 \
     where tenant_id = $1 and connection_id = $2 and entity = $3 and id = $4 and closed_at is null";

const CLOSE: &str = "update sync_conflicts set closed_at = $5 where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and closed_at is null and id = any($4)";

const TABLE: &str = "sync_conflicts";

#[async_trait]
impl ConflictStore<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.conflicts.open", skip_all, fields(entity = scope.entity, n_conflicts = conflicts.len()), err)]
    async fn open_conflicts(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        conflicts: &[Conflict],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if conflicts.is_empty() {
            return Ok(());
        }
        let all = || conflicts.iter();
        let open = of_entity(OPEN, scope)
            .bind(all().map(|c| c.id.0).collect::<Vec<_>>())
            .bind(texts(all().map(|c| c.external_id.as_str())))
            .bind(texts(all().map(|c| c.field.as_deref().unwrap_or_default())))
            .bind(texts(all().map(|c| c.kind.as_str())))
            .bind(all().map(|c| json(&c.base)).collect::<Vec<_>>())
            .bind(all().map(|c| json(&c.local)).collect::<Vec<_>>())
            .bind(all().map(|c| json(&c.remote)).collect::<Vec<_>>())
            .bind(all().map(|c| c.opened_at).collect::<Vec<_>>())
            .bind(all().map(|c| c.choice.map(Choice::as_str)).collect::<Vec<_>>())
            .bind(
                all().map(|c| c.decided_by.as_ref().map(|user| user.as_str().to_owned())).collect::<Vec<_>>(),
            )
            .bind(all().map(|c| c.decided_at).collect::<Vec<_>>());
        execute(tx, open, "opening conflicts").await
    }

    async fn conflicts_of(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<Conflict>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(OF_RECORDS, scope).bind(ids(records));
        fetch(tx, select, "reading conflicts").await?.iter().map(read).collect()
    }

    async fn list_conflicts(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        limit: u32,
    ) -> Result<Vec<Conflict>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(LIST, scope).bind(i64::from(limit));
        fetch(tx, select, "listing conflicts").await?.iter().map(read).collect()
    }

    async fn decide_conflict(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        id: ConflictId,
        choice: Choice,
        user: &UserId,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let decide = of_entity(DECIDE, scope).bind(id.0).bind(choice.as_str()).bind(user.as_str()).bind(at);
        let decided = decide.execute(tx.connection()).await.map_err(store_error("deciding a conflict"))?;
        if decided.rows_affected() == 0 {
            return Err(StoreError::NotFound { what: "open conflict", id: id.0.to_string() });
        }
        Ok(())
    }

    async fn close_conflicts(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        closed: &[ConflictId],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if closed.is_empty() {
            return Ok(());
        }
        let close = of_entity(CLOSE, scope).bind(closed.iter().map(|id| id.0).collect::<Vec<_>>()).bind(at);
        execute(tx, close, "closing conflicts").await
    }
}

fn read(row: &PgRow) -> Result<Conflict, StoreError> {
    let id: Uuid = get(row, 0)?;
    let name = id.to_string();
    let unknown = |column| corrupt(TABLE, column, &name, "its name is not known");
    let field: String = get(row, 2)?;
    let choice = match get::<Option<&str>>(row, 8)? {
        Some(choice) => Some(Choice::parse(choice).ok_or_else(|| unknown("choice"))?),
        None => None,
    };
    Ok(Conflict {
        id: ConflictId(id),
        external_id: get::<String>(row, 1)?.into(),
        field: (!field.is_empty()).then_some(field),
        kind: ConflictKind::parse(get(row, 3)?).ok_or_else(|| unknown("kind"))?,
        base: parsed(TABLE, "base", &name, get(row, 4)?)?,
        local: parsed(TABLE, "local", &name, get(row, 5)?)?,
        remote: parsed(TABLE, "remote", &name, get(row, 6)?)?,
        opened_at: get(row, 7)?,
        choice,
        decided_by: get::<Option<String>>(row, 9)?.map(UserId::from),
        decided_at: get(row, 10)?,
    })
}
