//! The custom fields that are known.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sync_core::{
    BackfillState, FieldBackfill, FieldCatalog, FieldContract, FieldKind, FieldStanding, KnownField,
    RemoteType, Retyped, RunId, Scope, StoreError,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::JsonRows;
use crate::store::SqliteStore;
use crate::tx::{Bound, SqliteTx};

const COLUMNS: [&str; 18] = [
    "name",
    "label",
    "remote_type",
    "kind",
    "calculated",
    "contract",
    "standing",
    "first_seen_at",
    "last_seen_at",
    "gone_at",
    "retyped_from",
    "retyped_kind",
    "retyped_at",
    "backfill",
    "backfill_at",
    "backfill_run",
    "backfill_found",
    "backfill_updated",
];

const SELECT: &str = "select f.name, f.label, f.remote_type, f.kind, f.calculated, f.contract, f.standing, \
     f.first_seen_at, f.last_seen_at, f.gone_at, f.retyped_from, f.retyped_kind, f.retyped_at, f.backfill, \
     f.backfill_at, f.backfill_run, f.backfill_found, f.backfill_updated \
     from sync_field_catalogs c left join sync_known_fields f using (tenant_id, connection_id, entity) \
     where c.tenant_id = ?1 and c.connection_id = ?2 and c.entity = ?3 order by f.name";

const BEGIN: &str = "insert into sync_field_catalogs (tenant_id, connection_id, entity) \
     values (?1, ?2, ?3) on conflict do nothing";

const SAVE: &str = "insert into sync_known_fields (tenant_id, connection_id, entity, name, label, remote_type, kind, \
     calculated, contract, standing, first_seen_at, last_seen_at, gone_at, retyped_from, retyped_kind, retyped_at, \
     backfill, backfill_at, backfill_run, backfill_found, backfill_updated) \
     select ?1, ?2, ?3, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
     value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, \
     value ->> 15, value ->> 16, value ->> 17 from jsonb_each(?4) where true \
     on conflict (tenant_id, connection_id, entity, name) do update set \
     label = excluded.label, remote_type = excluded.remote_type, kind = excluded.kind, \
     calculated = excluded.calculated, contract = excluded.contract, standing = excluded.standing, \
     last_seen_at = excluded.last_seen_at, gone_at = excluded.gone_at, retyped_from = excluded.retyped_from, \
     retyped_kind = excluded.retyped_kind, retyped_at = excluded.retyped_at, backfill = excluded.backfill, \
     backfill_at = excluded.backfill_at, backfill_run = excluded.backfill_run, \
     backfill_found = excluded.backfill_found, backfill_updated = excluded.backfill_updated";

/// Bytes of a usual field.
const ROW_SIZE: usize = 256;

const SAVING: &str = "saving custom fields";

#[async_trait]
impl FieldCatalog<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.fields.known", skip_all, fields(entity = scope.entity), err)]
    async fn known_fields(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
    ) -> Result<Option<Vec<KnownField>>, StoreError> {
        tx.require_tenant(scope)?;
        let rows =
            tx.fetch_all(of_entity(SELECT, scope)).await.map_err(store_error("reading custom fields"))?;
        // Without fields there is one row, of nulls.
        let fields: Vec<KnownField> =
            rows.iter().filter_map(|row| read(row).transpose()).collect::<Result<_, _>>()?;
        Ok((!rows.is_empty()).then_some(fields))
    }

    async fn hold_fields(&self, tx: &mut SqliteTx, scope: &Scope) -> Result<(), StoreError> {
        // A transaction has the database for itself.
        tx.require_tenant(scope)
    }

    #[tracing::instrument(name = "sqlite.fields.save", skip_all, fields(entity = scope.entity, n_fields = fields.len()), err)]
    async fn save_fields(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        fields: &[KnownField],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        tx.execute(of_entity(BEGIN, scope)).await.map_err(store_error(SAVING))?;
        if fields.is_empty() {
            return Ok(());
        }
        let mut rows = JsonRows::new(fields.len(), ROW_SIZE);
        for field in fields {
            rows.row(|row| write_field(row, field));
        }
        let save = of_entity(SAVE, scope).bind(rows.finish());
        tx.execute(save).await.map(drop).map_err(store_error(SAVING))
    }
}

fn of_entity<'q>(statement: &'static str, scope: &'q Scope) -> Bound<'q> {
    sqlx::query(statement).bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(scope.entity)
}

fn write_field(row: &mut JsonRows, field: &KnownField) {
    row.shown(&field.name);
    row.opt(field.label.as_deref(), JsonRows::shown);
    row.shown(&field.field_type.name);
    row.text(field.field_type.kind.as_str());
    row.bool(field.calculated);
    row.text(field.contract.as_str());
    row.text(field.standing.as_str());
    row.instant(field.first_seen_at);
    row.instant(field.last_seen_at);
    row.opt(field.gone_at, JsonRows::instant);
    let retyped = field.retyped.as_ref();
    row.opt(retyped, |row, retyped| row.shown(&retyped.from.name));
    row.opt(retyped, |row, retyped| row.text(retyped.from.kind.as_str()));
    row.opt(retyped, |row, retyped| row.instant(retyped.at));
    let backfill = field.backfill.as_ref();
    row.opt(backfill, |row, backfill| row.text(backfill.state.as_str()));
    row.opt(backfill, |row, backfill| row.instant(backfill.at));
    row.opt(backfill.and_then(|backfill| backfill.run), |row, run| row.uuid(run.0));
    row.opt(backfill, |row, backfill| row.int(backfill.n_found.cast_signed()));
    row.opt(backfill, |row, backfill| row.int(backfill.n_updated.cast_signed()));
}

fn read(row: &SqliteRow) -> Result<Option<KnownField>, StoreError> {
    let row = Stored::new(row, "sync_known_fields", &COLUMNS);
    let Some(name) = row.opt_text(0)? else { return Ok(None) };
    let retyped = match row.opt_text(10)? {
        Some(from) => Some(Retyped {
            from: RemoteType { name: from.to_owned(), kind: row.name(11, FieldKind::parse)? },
            at: row.instant(12)?,
        }),
        None => None,
    };
    let backfill = match row.opt_text(13)? {
        Some(_) => Some(FieldBackfill {
            state: row.name(13, BackfillState::parse)?,
            at: row.instant(14)?,
            run: if row.opt_text(15)?.is_some() { Some(RunId(row.uuid(15)?)) } else { None },
            n_found: row.count(16)?,
            n_updated: row.count(17)?,
        }),
        None => None,
    };
    Ok(Some(KnownField {
        name: name.into(),
        label: row.opt_text(1)?.map(str::to_owned),
        field_type: RemoteType { name: row.text(2)?.to_owned(), kind: row.name(3, FieldKind::parse)? },
        calculated: row.int(4)? != 0,
        contract: row.name(5, FieldContract::parse)?,
        standing: row.name(6, FieldStanding::parse)?,
        first_seen_at: row.instant(7)?,
        last_seen_at: row.instant(8)?,
        gone_at: row.opt_instant(9)?,
        retyped,
        backfill,
    }))
}
