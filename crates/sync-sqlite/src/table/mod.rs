//! The table sink: one entity in one table, by set-based statements.
//!
//! All SQL is put together once, when a sink is made, from the entity's fields and the table's shape; names are
//! quoted, values are bound. A batch then costs a fixed number of statements, whatever its size.

mod adopt;
mod check;
mod columns;
mod custom;
mod delete;
mod find;
mod links;
mod listing;
mod merges;
mod upsert;
mod versions;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sync_core::{
    Adoption, Canonical, CustomFieldStore, ExternalId, ListedRow, LocalId, LocalListing, LocalRow, Merge,
    Scope, SinkError, StoreError, SyncSink, TableDef, Upsert, Version,
};

use crate::tx::{Bound, SqliteTx};
use columns::Columns;
use custom::Eav;
use links::Link;

/// Writes one entity to one table. Cheap to clone.
pub struct SqliteTableSink<T> {
    plan: Arc<Plan>,
    of: PhantomData<fn() -> T>,
}

/// The statements of one table.
struct Plan {
    columns: Columns,
    links: Vec<Link>,
    eav: Option<Eav>,
    find: Sql,
    upsert: Sql,
    delete: Sql,
    list: Sql,
    list_after: Sql,
    touch: Sql,
    adopt: Sql,
}

/// A statement made from a table's names.
struct Sql(Arc<str>);

impl Sql {
    fn new(text: String) -> Self {
        Self(text.into())
    }

    fn query<'q>(&self) -> Bound<'q> {
        // Made of quoted names and fixed words only.
        sqlx::query(AssertSqlSafe(Arc::clone(&self.0)))
    }
}

impl<T: Canonical> SqliteTableSink<T> {
    /// A sink for a table that was migrated already.
    #[must_use]
    pub fn new(def: TableDef) -> Self {
        let links = links::of::<T>(&def);
        let columns = Columns::of::<T>(&def);
        let plan = Plan {
            eav: (def.custom_fields == CustomFieldStore::Eav).then(|| Eav::of(&columns, &links)),
            find: find::statement(&columns, false),
            upsert: upsert::statement(&columns, &links, false),
            delete: delete::statement(&columns),
            list: listing::statement(&columns, false),
            list_after: listing::statement(&columns, true),
            touch: versions::statement(&columns),
            adopt: adopt::statement(&columns),
            columns,
            links,
        };
        Self { plan: Arc::new(plan), of: PhantomData }
    }
}

#[async_trait]
impl<T: Canonical> SyncSink<T, SqliteTx> for SqliteTableSink<T> {
    /// Where custom fields are kept as values: those of a row that was written before they were can be missing.
    fn reprojects_on_noop(&self) -> bool {
        self.plan.eav.is_some()
    }

    #[tracing::instrument(name = "sqlite.sink.find", skip_all, fields(entity = T::ENTITY, n_records = ids.len()), err)]
    async fn find_many(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<Vec<Option<LocalRow<T>>>, StoreError> {
        tx.require_tenant(scope)?;
        find::find_many(&self.plan, tx, scope, ids).await
    }

    #[tracing::instrument(name = "sqlite.sink.upsert", skip_all, fields(entity = T::ENTITY, n_records = rows.len()))]
    async fn upsert_many(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        rows: &[Upsert<T>],
        at: DateTime<Utc>,
    ) -> Result<Vec<LocalId>, SinkError> {
        tx.require_tenant(scope)?;
        upsert::upsert_many(&self.plan, tx, scope, rows, at).await
    }

    #[tracing::instrument(name = "sqlite.sink.delete", skip_all, fields(entity = T::ENTITY, n_records = ids.len()))]
    async fn soft_delete_many(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        ids: &[ExternalId],
        at: DateTime<Utc>,
    ) -> Result<Vec<Option<LocalId>>, SinkError> {
        tx.require_tenant(scope)?;
        delete::soft_delete_many(&self.plan, tx, scope, ids, at).await
    }

    #[tracing::instrument(name = "sqlite.sink.reproject", skip_all, fields(entity = T::ENTITY, n_records = rows.len()))]
    async fn reproject_many(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        rows: &[Upsert<T>],
        at: DateTime<Utc>,
    ) -> Result<(), SinkError> {
        tx.require_tenant(scope)?;
        custom::reproject(&self.plan, tx, scope, rows, at).await
    }

    #[tracing::instrument(name = "sqlite.sink.touch", skip_all, fields(entity = T::ENTITY, n_records = versions.len()), err)]
    async fn touch_versions(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        versions: &[(ExternalId, Version)],
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        versions::touch(&self.plan, tx, scope, versions).await
    }

    #[tracing::instrument(name = "sqlite.sink.redirect", skip_all, fields(entity = T::ENTITY, n_records = merges.len()))]
    async fn redirect_many(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        merges: &[Merge],
        at: DateTime<Utc>,
    ) -> Result<(), SinkError> {
        tx.require_tenant(scope)?;
        merges::redirect_many::<T>(&self.plan, tx, scope, merges, at).await
    }

    #[tracing::instrument(name = "sqlite.sink.adopt", skip_all, fields(entity = T::ENTITY, n_records = adoptions.len()), err)]
    async fn adopt_many(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        adoptions: &[Adoption],
        at: DateTime<Utc>,
    ) -> Result<Vec<bool>, StoreError> {
        tx.require_tenant(scope)?;
        adopt::adopt(&self.plan, tx, scope, adoptions, at).await
    }
}

#[async_trait]
impl<T: Canonical> LocalListing<SqliteTx> for SqliteTableSink<T> {
    async fn list_live<'a>(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        after: Option<&'a ExternalId>,
        limit: u32,
    ) -> Result<Vec<ListedRow>, StoreError> {
        tx.require_tenant(scope)?;
        listing::list_live(&self.plan, tx, scope, after, limit).await
    }
}

impl<T> Clone for SqliteTableSink<T> {
    fn clone(&self) -> Self {
        Self { plan: Arc::clone(&self.plan), of: PhantomData }
    }
}

impl<T> fmt::Debug for SqliteTableSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTableSink").field("table", &self.plan.columns.name).finish_non_exhaustive()
    }
}

/// A name as SQL takes it literally.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_can_not_leave_their_quotes() {
        assert_eq!(quoted(r#"a" ; drop"#), r#""a"" ; drop""#);
    }
}
