//! A tenant's rows, counted and removed by the catalogue.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row};
use sync_core::{StoreError, TableRows, TenantEraser, TenantId, erasure_order};

use crate::error::store_error;
use crate::store::{MIGRATIONS, SqliteStore};
use crate::table::quoted;
use crate::tx::SqliteTx;

/// The tables that migrations make, whatever the file holds beside them: an application's own tables are its own
/// business.
static OWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let sql = MIGRATIONS.iter().map(|migration| migration.sql.as_str().to_ascii_lowercase());
    sql.flat_map(|sql| sql.lines().filter_map(made).collect::<Vec<_>>()).collect()
});

/// The table that this line begins to make.
fn made(line: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix("create table ")?;
    let rest = rest.strip_prefix("if not exists ").unwrap_or(rest);
    let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// Tables with a tenant, and the columns of their keys.
const TABLES: &str = "select t.name, coalesce((select group_concat('\"' || k.name || '\"', ', ') \
     from pragma_table_info(t.name) k where k.pk > 0), 'rowid') \
     from sqlite_schema t join pragma_table_info(t.name) c on c.name = 'tenant_id' where t.type = 'table'";

const REFERENCES: &str = "select t.name, f.\"table\" from sqlite_schema t join pragma_foreign_key_list(t.name) f \
     where t.type = 'table'";

/// What a run that starts meanwhile would write would be left over.
const PAUSE: &str = "update sync_subscriptions set paused = 1 where tenant_id = ?1 and not paused";

#[async_trait]
impl TenantEraser<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.tenant.count", skip_all, err)]
    async fn tenant_rows(&self, tx: &mut SqliteTx, tenant: &TenantId) -> Result<Vec<TableRows>, StoreError> {
        const DURING: &str = "counting a tenant's rows";
        let mut counted = Vec::new();
        for (table, _) in tables(tx, DURING).await? {
            let count = format!("select count(*) from {} where tenant_id = ?1", quoted(&table));
            let count = sqlx::query(AssertSqlSafe(count)).bind(tenant.as_str());
            let row = tx.fetch_all(count).await.map_err(store_error(DURING))?;
            let rows: i64 = row.first().map_or(Ok(0), |row| row.try_get(0)).map_err(store_error(DURING))?;
            if rows > 0 {
                counted.push(TableRows { table, rows: rows.cast_unsigned() });
            }
        }
        Ok(counted)
    }

    #[tracing::instrument(name = "sqlite.tenant.erase", skip_all, fields(limit), err)]
    async fn erase_rows(
        &self,
        tx: &mut SqliteTx,
        tenant: &TenantId,
        limit: u32,
    ) -> Result<Vec<TableRows>, StoreError> {
        const DURING: &str = "erasing a tenant";
        tx.execute(sqlx::query(PAUSE).bind(tenant.as_str())).await.map_err(store_error(DURING))?;
        let mut erased = Vec::new();
        let mut left = u64::from(limit);
        for (table, key) in tables(tx, DURING).await? {
            if left == 0 {
                break;
            }
            let name = quoted(&table);
            let delete = format!(
                "delete from {name} where ({key}) in (select {key} from {name} where tenant_id = ?1 limit ?2)"
            );
            let delete = sqlx::query(AssertSqlSafe(delete)).bind(tenant.as_str()).bind(left.cast_signed());
            let rows = tx.execute(delete).await.map_err(store_error(DURING))?;
            if rows > 0 {
                left = left.saturating_sub(rows);
                erased.push(TableRows { table, rows });
            }
        }
        Ok(erased)
    }
}

/// Tables in the order in which they are emptied, with the columns of their keys.
async fn tables(tx: &mut SqliteTx, during: &'static str) -> Result<Vec<(String, String)>, StoreError> {
    let pairs = async |tx: &mut SqliteTx, sql: &'static str| {
        let rows = tx.fetch_all(sqlx::query(sql)).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<Vec<(String, String)>, sqlx::Error>>()
    };
    let mut tables = pairs(tx, TABLES).await.map_err(store_error(during))?;
    tables.retain(|(table, _)| OWN.contains(table));
    let references = pairs(tx, REFERENCES).await.map_err(store_error(during))?;
    let names: Vec<String> = tables.iter().map(|(table, _)| table.clone()).collect();
    let order = erasure_order(&names, &references);
    tables.sort_by_key(|(table, _)| order.iter().position(|name| name == table));
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_say_which_tables_are_the_programs_own() {
        for table in ["sync_subscriptions", "sync_run_items", "accounts", "custom_field_definitions"] {
            assert!(OWN.contains(table), "{table} of {OWN:?}");
        }
        assert_eq!(made("create table if not exists a_b (x"), Some("a_b".to_owned()));
        assert_eq!(made("create index a on b (c)"), None);
    }
}
