//! Questions for a person.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sync_core::{
    Choice, Conflict, ConflictId, ConflictKind, ConflictStore, ExternalId, Scope, StoreError, UserId,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant};
use crate::local_changes::{ids, of_entity};
use crate::store::SqliteStore;
use crate::tx::SqliteTx;

const OPEN: &str = "insert into sync_conflicts (tenant_id, connection_id, entity, id, external_id, field, kind, base, \
     local, remote, opened_at, choice, decided_by, decided_at) \
     select ?1, ?2, ?3, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
     value ->> 7, value ->> 8, value ->> 9, value ->> 10 from jsonb_each(?4) where true \
     on conflict (tenant_id, connection_id, entity, external_id, field) where closed_at is null do update set \
     kind = excluded.kind, base = excluded.base, local = excluded.local, remote = excluded.remote, \
     choice = excluded.choice, decided_by = excluded.decided_by, decided_at = excluded.decided_at";

const OF_RECORDS: &str = "select id, external_id, field, kind, base, local, remote, opened_at, choice, decided_by, \
     decided_at from sync_conflicts where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and closed_at is null and external_id in (select value from jsonb_each(?4)) order by opened_at, id";

const LIST: &str = "select id, external_id, field, kind, base, local, remote, opened_at, choice, decided_by, decided_at \
     from sync_conflicts where tenant_id = ?1 and connection_id = ?2 and entity = ?3 and closed_at is null \
     order by opened_at, id limit ?4";

const DECIDE: &str = "update sync_conflicts set choice = ?5, decided_by = ?6, decided_at = ?7 \
     where tenant_id = ?1 and connection_id = ?2 and entity = ?3 and id = ?4 and closed_at is null";

const CLOSE: &str = "update sync_conflicts set closed_at = ?5 where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and closed_at is null and id in (select value from jsonb_each(?4))";

const COLUMNS: [&str; 11] = [
    "id",
    "external_id",
    "field",
    "kind",
    "base",
    "local",
    "remote",
    "opened_at",
    "choice",
    "decided_by",
    "decided_at",
];

#[async_trait]
impl ConflictStore<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.conflicts.open", skip_all, fields(entity = scope.entity, n_conflicts = conflicts.len()), err)]
    async fn open_conflicts(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        conflicts: &[Conflict],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if conflicts.is_empty() {
            return Ok(());
        }
        let mut rows = JsonRows::new(conflicts.len(), 256);
        for conflict in conflicts {
            rows.row(|row| {
                row.uuid(conflict.id.0);
                row.text(conflict.external_id.as_str());
                row.text(conflict.field.as_deref().unwrap_or_default());
                row.text(conflict.kind.as_str());
                row.quoted(&conflict.base);
                row.quoted(&conflict.local);
                row.quoted(&conflict.remote);
                row.instant(conflict.opened_at);
                row.opt(conflict.choice, |row, choice| row.text(choice.as_str()));
                row.opt(conflict.decided_by.as_ref(), |row, user| row.text(user.as_str()));
                row.opt(conflict.decided_at, JsonRows::instant);
            });
        }
        let open = of_entity(OPEN, scope).bind(rows.finish());
        tx.execute(open).await.map(drop).map_err(store_error("opening conflicts"))
    }

    async fn conflicts_of(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<Conflict>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(OF_RECORDS, scope).bind(ids(records));
        let rows = tx.fetch_all(select).await.map_err(store_error("reading conflicts"))?;
        rows.iter().map(read).collect()
    }

    async fn list_conflicts(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        limit: u32,
    ) -> Result<Vec<Conflict>, StoreError> {
        tx.require_tenant(scope)?;
        let select = of_entity(LIST, scope).bind(limit);
        let rows = tx.fetch_all(select).await.map_err(store_error("listing conflicts"))?;
        rows.iter().map(read).collect()
    }

    async fn decide_conflict(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        id: ConflictId,
        choice: Choice,
        user: &UserId,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let decide = of_entity(DECIDE, scope)
            .bind(id.0.to_string())
            .bind(choice.as_str())
            .bind(user.as_str())
            .bind(instant(at));
        let decided = tx.execute(decide).await.map_err(store_error("deciding a conflict"))?;
        if decided == 0 {
            return Err(StoreError::NotFound { what: "open conflict", id: id.0.to_string() });
        }
        Ok(())
    }

    async fn close_conflicts(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        closed: &[ConflictId],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if closed.is_empty() {
            return Ok(());
        }
        let mut wanted = JsonRows::new(closed.len(), 40);
        closed.iter().for_each(|id| wanted.uuid(id.0));
        let close = of_entity(CLOSE, scope).bind(wanted.finish()).bind(instant(at));
        tx.execute(close).await.map(drop).map_err(store_error("closing conflicts"))
    }
}

fn read(row: &SqliteRow) -> Result<Conflict, StoreError> {
    let row = Stored::new(row, "sync_conflicts", &COLUMNS);
    let field = row.text(2)?;
    Ok(Conflict {
        id: ConflictId(row.uuid(0)?),
        external_id: row.text(1)?.into(),
        field: (!field.is_empty()).then(|| field.to_owned()),
        kind: row.name(3, ConflictKind::parse)?,
        base: row.json(4)?,
        local: row.json(5)?,
        remote: row.json(6)?,
        opened_at: row.instant(7)?,
        choice: if row.opt_text(8)?.is_some() { Some(row.name(8, Choice::parse)?) } else { None },
        decided_by: row.opt_text(9)?.map(UserId::from),
        decided_at: row.opt_instant(10)?,
    })
}
