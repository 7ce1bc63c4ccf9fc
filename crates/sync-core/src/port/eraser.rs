//! Everything of one tenant, removed.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::Serialize;

use crate::{StoreError, TenantId, UnitOfWork};

/// How many rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// How many.
    pub rows: u64,
}

/// Removes a tenant: its records, their history, what is parked, queued, held and known for it.
///
/// Stores go by their catalogue of tables, so that a table that is added later is not forgotten. Custom fields that
/// are values of their own go with the rows they belong to, and are not counted.
///
/// - **INV-ERA-1** Erased to the end, no row of the tenant is left; no row of anybody else has changed.
/// - **INV-ERA-2** One call removes at most so many rows; calling again goes on, and a tenant of whom nothing is left
///   is answered with nothing. What is erased first takes the tenant's leases, so that runs in progress can't commit.
/// - **INV-ERA-3** What is counted is what would be erased.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TenantEraser<Tx: Send + Sync + 'static>: Send + Sync {
    /// The tenant's rows, by table, without tables that hold none.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn tenant_rows(&self, tx: &mut Tx, tenant: &TenantId) -> Result<Vec<TableRows>, StoreError>;

    /// Removes at most `limit` of them and pauses the tenant's subscriptions; answers what was removed.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn erase_rows(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        limit: u32,
    ) -> Result<Vec<TableRows>, StoreError>;
}

/// Counts what [`erase_tenant`] would remove.
///
/// # Errors
/// [`StoreError`] of the store.
pub async fn count_tenant<S>(store: &S, tenant: &TenantId) -> Result<Vec<TableRows>, StoreError>
where
    S: UnitOfWork + TenantEraser<<S as UnitOfWork>::Tx>,
{
    let mut tx = store.begin_for(Some(tenant)).await?;
    let rows = store.tenant_rows(&mut tx, tenant).await?;
    store.rollback(tx).await?;
    Ok(rows)
}

/// Removes everything of a tenant, in transactions of at most `per_step` rows each, so that neither locks nor the
/// log of a large tenant grow without bounds. Interrupted, it goes on when it is called again. Answers what was
/// removed, by table; `on_step` hears of every committed step.
///
/// Stop what works for the tenant first: rows that arrive meanwhile are removed too, but one that arrives after the
/// last step stays.
///
/// # Errors
/// [`StoreError`] of the store; what was committed until then stays removed.
pub async fn erase_tenant<S>(
    store: &S,
    tenant: &TenantId,
    per_step: u32,
    mut on_step: impl FnMut(&[TableRows]),
) -> Result<Vec<TableRows>, StoreError>
where
    S: UnitOfWork + TenantEraser<<S as UnitOfWork>::Tx>,
{
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let mut tx = store.begin_for(Some(tenant)).await?;
        let erased = store.erase_rows(&mut tx, tenant, per_step.max(1)).await?;
        store.commit(tx).await?;
        if erased.is_empty() {
            return Ok(all.into_iter().map(|(table, rows)| TableRows { table, rows }).collect());
        }
        on_step(&erased);
        for TableRows { table, rows } in erased {
            *all.entry(table).or_default() += rows;
        }
    }
}

/// The order in which tables are emptied: leases first; whoever refers to a table before it; definitions of custom
/// fields late, after the rows with their values; subscriptions last.
///
/// `references` are pairs of a table and one it refers to.
#[must_use]
pub fn erasure_order(tables: &[String], references: &[(String, String)]) -> Vec<String> {
    let weight = |table: &str| match table {
        "sync_leases" => 0,
        "custom_field_definitions" => 2,
        "sync_subscriptions" => 3,
        _ => 1,
    };
    let mut left: BTreeSet<(u8, &String)> = tables.iter().map(|table| (weight(table), table)).collect();
    let mut order = Vec::with_capacity(tables.len());
    while !left.is_empty() {
        let is_free = |(_, table): &&(u8, &String)| {
            let waits = |(from, to): &(String, String)| {
                to == *table && from != to && left.iter().any(|(_, other)| *other == from)
            };
            !references.iter().any(waits)
        };
        // A circle of references has no order; its first is as good as any.
        let next = left.iter().find(is_free).or_else(|| left.first()).copied();
        let Some(next) = next else { break };
        left.remove(&next);
        order.push(next.1.clone());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn referring_tables_come_before_what_they_refer_to() {
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let tables =
            names(&["a_parent", "b_child", "custom_field_definitions", "sync_leases", "sync_subscriptions"]);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let references = [
            pair("b_child", "a_parent"),
            pair("a_parent", "a_parent"),
            pair("a_parent", "sync_subscriptions"),
            pair("b_child", "elsewhere"),
        ];
        let expected =
            names(&["sync_leases", "b_child", "a_parent", "custom_field_definitions", "sync_subscriptions"]);
        assert_eq!(erasure_order(&tables, &references), expected);
    }

    #[test]
    fn circles_of_references_end() {
        let tables = ["a".to_owned(), "b".to_owned()];
        let references = [("a".to_owned(), "b".to_owned()), ("b".to_owned(), "a".to_owned())];
        assert_eq!(erasure_order(&tables, &references).len(), 2);
    }
}
