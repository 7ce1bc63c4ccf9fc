//! The custom fields that are known.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sync_core::{
    BackfillState, FieldBackfill, FieldCatalog, FieldContract, FieldKind, FieldStanding, KnownField,
    RemoteType, Retyped, RunId, Scope, StoreError,
};

use crate::copy::{self, Column, ColumnType};
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

const SELECT: &str = "select f.name, f.label, f.remote_type, f.kind, f.calculated, f.contract, f.standing, \
     f.first_seen_at, f.last_seen_at, f.gone_at, f.retyped_from, f.retyped_kind, f.retyped_at, f.backfill, \
     f.backfill_at, f.backfill_run, f.backfill_found, f.backfill_updated \
     from sync_field_catalogs c left join sync_known_fields f using (tenant_id, connection_id, entity) \
     where c.tenant_id = $1 and c.connection_id = $2 and c.entity = $3 and c.known order by f.name";

// Also of a row that is there, so that others wait for it.
const HOLD: &str = "insert into sync_field_catalogs (tenant_id, connection_id, entity, known) \
     values ($1, $2, $3, false) on conflict (tenant_id, connection_id, entity) do update set entity = excluded.entity";

const BEGIN: &str = "insert into sync_field_catalogs (tenant_id, connection_id, entity, known) \
     values ($1, $2, $3, true) on conflict (tenant_id, connection_id, entity) do update set known = true";

const SAVE: &str = "insert into sync_known_fields (tenant_id, connection_id, entity, name, label, remote_type, kind, \
     calculated, contract, standing, first_seen_at, last_seen_at, gone_at, retyped_from, retyped_kind, retyped_at, \
     backfill, backfill_at, backfill_run, backfill_found, backfill_updated) \
     select $1, $2, $3, f.* from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[], \
     $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[], $15::text[], \
     $16::timestamptz[], $17::text[], $18::timestamptz[], $19::uuid[], $20::bigint[], $21::bigint[]) as f \
     on conflict (tenant_id, connection_id, entity, name) do update set \
     label = excluded.label, remote_type = excluded.remote_type, kind = excluded.kind, \
     calculated = excluded.calculated, contract = excluded.contract, standing = excluded.standing, \
     last_seen_at = excluded.last_seen_at, gone_at = excluded.gone_at, retyped_from = excluded.retyped_from, \
     retyped_kind = excluded.retyped_kind, retyped_at = excluded.retyped_at, backfill = excluded.backfill, \
     backfill_at = excluded.backfill_at, backfill_run = excluded.backfill_run, \
     backfill_found = excluded.backfill_found, backfill_updated = excluded.backfill_updated";

const SAVING: &str = "saving custom fields";
const READING: &str = "reading custom fields";

#[async_trait]
impl FieldCatalog<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.fields.known", skip_all, fields(entity = scope.entity), err)]
    async fn known_fields(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
    ) -> Result<Option<Vec<KnownField>>, StoreError> {
        tx.require_tenant(scope)?;
        let rows = of_entity(SELECT, scope).fetch_all(tx.connection()).await.map_err(store_error(READING))?;
        // Without fields there is one row, of nulls.
        let fields: Vec<KnownField> =
            rows.iter().filter_map(|row| read(row).transpose()).collect::<Result<_, _>>()?;
        Ok((!rows.is_empty()).then_some(fields))
    }

    #[tracing::instrument(name = "pg.fields.hold", skip_all, fields(entity = scope.entity), err)]
    async fn hold_fields(&self, tx: &mut PgTx, scope: &Scope) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        of_entity(HOLD, scope)
            .execute(tx.connection())
            .await
            .map(drop)
            .map_err(store_error("holding custom fields"))
    }

    #[tracing::instrument(name = "pg.fields.save", skip_all, fields(entity = scope.entity, n_fields = fields.len()), err)]
    async fn save_fields(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        fields: &[KnownField],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        of_entity(BEGIN, scope).execute(tx.connection()).await.map_err(store_error(SAVING))?;
        if fields.is_empty() {
            return Ok(());
        }
        let mut query = of_entity(SAVE, scope);
        for column in columns(fields) {
            query = query.bind(column);
        }
        query.execute(tx.connection()).await.map(drop).map_err(store_error(SAVING))
    }
}

fn of_entity<'q>(
    statement: &'static str,
    scope: &'q Scope,
) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(statement).bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(scope.entity)
}

/// The fields as columns of `SAVE`.
fn columns(fields: &[KnownField]) -> [Column; 18] {
    use ColumnType::{Bool, Instant, Int, Text, Uuid};
    let mut columns = [
        Text, Text, Text, Text, Bool, Text, Text, Instant, Instant, Instant, Text, Text, Instant, Text,
        Instant, Uuid, Int, Int,
    ]
    .map(|r#type| Column::new(r#type, fields.len()));
    let [
        name,
        label,
        remote_type,
        kind,
        calculated,
        contract,
        standing,
        first_seen_at,
        last_seen_at,
        gone_at,
        retyped_from,
        retyped_kind,
        retyped_at,
        state,
        backfill_at,
        run,
        n_found,
        n_updated,
    ] = &mut columns;
    for field in fields {
        copy::audit_text(name.next(), &field.name);
        copy::opt(label.next(), field.label.as_deref(), copy::audit_text);
        copy::audit_text(remote_type.next(), &field.field_type.name);
        copy::text(kind.next(), field.field_type.kind.as_str());
        copy::bool(calculated.next(), field.calculated);
        copy::text(contract.next(), field.contract.as_str());
        copy::text(standing.next(), field.standing.as_str());
        copy::instant(first_seen_at.next(), field.first_seen_at);
        copy::instant(last_seen_at.next(), field.last_seen_at);
        copy::opt(gone_at.next(), field.gone_at, copy::instant);
        let retyped = field.retyped.as_ref();
        copy::opt(retyped_from.next(), retyped.map(|r| r.from.name.as_str()), copy::audit_text);
        copy::opt(retyped_kind.next(), retyped.map(|r| r.from.kind.as_str()), copy::text);
        copy::opt(retyped_at.next(), retyped.map(|r| r.at), copy::instant);
        let backfill = field.backfill;
        copy::opt(state.next(), backfill.map(|b| b.state.as_str()), copy::text);
        copy::opt(backfill_at.next(), backfill.map(|b| b.at), copy::instant);
        copy::opt(run.next(), backfill.and_then(|b| b.run), |out, run| copy::uuid(out, run.0));
        copy::opt(n_found.next(), backfill.map(|b| b.n_found.cast_signed()), copy::int);
        copy::opt(n_updated.next(), backfill.map(|b| b.n_updated.cast_signed()), copy::int);
    }
    columns
}

fn read(row: &PgRow) -> Result<Option<KnownField>, StoreError> {
    let Some(name) = get::<Option<&str>>(row, 0)? else { return Ok(None) };
    let kind = |column, text: &str| FieldKind::parse(text).ok_or_else(|| unknown(name, column));
    let retyped = match get::<Option<String>>(row, 10)? {
        Some(from) => Some(Retyped {
            from: RemoteType { name: from, kind: kind("retyped_kind", get(row, 11)?)? },
            at: get(row, 12)?,
        }),
        None => None,
    };
    let backfill = match get::<Option<&str>>(row, 13)? {
        Some(state) => Some(FieldBackfill {
            state: BackfillState::parse(state).ok_or_else(|| unknown(name, "backfill"))?,
            at: get(row, 14)?,
            run: get::<Option<_>>(row, 15)?.map(RunId),
            n_found: get::<i64>(row, 16)?.cast_unsigned(),
            n_updated: get::<i64>(row, 17)?.cast_unsigned(),
        }),
        None => None,
    };
    Ok(Some(KnownField {
        name: name.into(),
        label: get(row, 1)?,
        field_type: RemoteType { name: get(row, 2)?, kind: kind("kind", get(row, 3)?)? },
        calculated: get(row, 4)?,
        contract: FieldContract::parse(get(row, 5)?).ok_or_else(|| unknown(name, "contract"))?,
        standing: FieldStanding::parse(get(row, 6)?).ok_or_else(|| unknown(name, "standing"))?,
        first_seen_at: get(row, 7)?,
        last_seen_at: get(row, 8)?,
        gone_at: get(row, 9)?,
        retyped,
        backfill,
    }))
}

fn unknown(row: &str, column: &'static str) -> StoreError {
    StoreError::Corrupt {
        table: "sync_known_fields",
        column,
        row: row.to_owned(),
        reason: "its name is not known".to_owned(),
    }
}

fn get<'r, V>(row: &'r PgRow, column: usize) -> Result<V, StoreError>
where
    V: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(column).map_err(store_error(READING))
}
