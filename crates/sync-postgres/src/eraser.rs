//! A tenant's rows, counted and removed by the catalogue.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row};
use sync_core::{StoreError, TableRows, TenantEraser, TenantId, erasure_order};

use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

/// Tables that tell tenants apart: those with the policy, which `hexsync_isolate` gives them, and a tenant of their
/// own. An application's tables are among them if it isolated them.
const TABLES: &str = "select c.relname::text from pg_policy p join pg_class c on c.oid = p.polrelid \
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped \
     where p.polname = 'hexsync_tenant' and c.relnamespace = current_schema()::regnamespace";

const REFERENCES: &str = "select f.relname::text, t.relname::text from pg_constraint k \
     join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid \
     where k.contype = 'f' and f.relnamespace = current_schema()::regnamespace";

/// What a run that starts meanwhile would write would be left over.
const PAUSE: &str = "update sync_subscriptions set paused = true where tenant_id = $1 and not paused";

#[async_trait]
impl TenantEraser<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.tenant.count", skip_all, err)]
    async fn tenant_rows(&self, tx: &mut PgTx, tenant: &TenantId) -> Result<Vec<TableRows>, StoreError> {
        const DURING: &str = "counting a tenant's rows";
        let mut counted = Vec::new();
        for table in tables(tx, DURING).await? {
            let count = format!("select count(*) from {} where tenant_id = $1", crate::table::quoted(&table));
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count))
                .bind(tenant.as_str())
                .fetch_one(tx.connection())
                .await
                .map_err(store_error(DURING))?;
            if rows > 0 {
                counted.push(TableRows { table, rows: rows.cast_unsigned() });
            }
        }
        Ok(counted)
    }

    #[tracing::instrument(name = "pg.tenant.erase", skip_all, fields(limit), err)]
    async fn erase_rows(
        &self,
        tx: &mut PgTx,
        tenant: &TenantId,
        limit: u32,
    ) -> Result<Vec<TableRows>, StoreError> {
        const DURING: &str = "erasing a tenant";
        sqlx::query(PAUSE)
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        let mut erased = Vec::new();
        let mut left = u64::from(limit);
        for table in tables(tx, DURING).await? {
            if left == 0 {
                break;
            }
            let name = crate::table::quoted(&table);
            let delete = format!(
                "delete from {name} where ctid = any(array(select ctid from {name} where tenant_id = $1 limit $2))"
            );
            let rows = sqlx::query(AssertSqlSafe(delete))
                .bind(tenant.as_str())
                .bind(left.cast_signed())
                .execute(tx.connection())
                .await
                .map_err(store_error(DURING))?
                .rows_affected();
            if rows > 0 {
                left = left.saturating_sub(rows);
                erased.push(TableRows { table, rows });
            }
        }
        Ok(erased)
    }
}

async fn tables(tx: &mut PgTx, during: &'static str) -> Result<Vec<String>, StoreError> {
    let tables: Vec<String> =
        sqlx::query_scalar(TABLES).fetch_all(tx.connection()).await.map_err(store_error(during))?;
    let references = sqlx::query(REFERENCES).fetch_all(tx.connection()).await.map_err(store_error(during))?;
    let references: Vec<(String, String)> = references
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(store_error(during))?;
    Ok(erasure_order(&tables, &references))
}
