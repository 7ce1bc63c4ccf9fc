//! Links to parent rows, also to those that arrive late.
//!
//! Children whose parent is not there are noted in `sync_pending_links`; a sink that creates rows looks there for
//! children that wait for them, of whatever table. Parents and children can't miss each other: there is one
//! writer at a time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row as _};
use sync_core::{Canonical, ExternalId, LocalId, Scope, SinkError, TableDef, Upsert, ValueRef, field_index};

use super::check::record_error;
use super::merges::Survivors;
use super::{Plan, quoted};
use crate::error::{sink_error, store_error};
use crate::json::JsonRows;
use crate::tx::SqliteTx;

const ADD_PENDING: &str = "insert into sync_pending_links \
     (tenant_id, connection_id, child_table, parent_entity, parent_external_id, link, child_id) \
     select ?1, ?2, ?3, value ->> 0, value ->> 1, value ->> 2, value ->> 3 from jsonb_each(?4) where true \
     on conflict do nothing";

const TAKE_PENDING: &str = "delete from sync_pending_links \
     where tenant_id = ?1 and connection_id = ?2 and parent_entity = ?3 \
     and parent_external_id in (select value from jsonb_each(?4)) \
     returning child_table, link, child_id, parent_external_id";

const TAKING: &str = "looking for rows that wait for a parent";

/// One link of a table; names of SQL are quoted.
pub(super) struct Link {
    /// The number of the canonical field that holds the parent's external id.
    pub field: usize,
    pub external_column: String,
    pub id_column: String,
    pub parent_table: String,
    pub parent_entity: &'static str,
    name: &'static str,
    required: bool,
    /// Whether rows of this table link to each other.
    within: bool,
}

/// The links of a table. A link by a field that the entity does not have is left out.
pub(super) fn of<T: Canonical>(def: &TableDef) -> Vec<Link> {
    let link = |link: &sync_core::LinkDef| {
        Some(Link {
            field: field_index::<T>(link.field)?,
            external_column: quoted(&link.external_column()),
            id_column: quoted(&link.id_column()),
            parent_table: quoted(link.parent_table),
            name: link.field,
            parent_entity: link.parent_entity,
            required: link.required,
            within: link.parent_table == def.name,
        })
    };
    def.links.iter().filter_map(link).collect()
}

impl Link {
    /// The external id of a record's parent.
    pub(super) fn target<'r, T: Canonical>(&self, record: &'r T) -> Option<&'r str> {
        match record.value(self.field) {
            ValueRef::Text(target) => Some(target),
            _ => None,
        }
    }
}

/// A link that waits for its parent.
pub(super) struct Pending<'a> {
    pub entity: &'a str,
    /// The parent's external id.
    pub target: &'a str,
    pub link: &'a str,
    pub child: &'a str,
}

/// Notes the rows, by their place in the batch, whose parent has not arrived; those that can't do without one
/// fail. A parent within the same batch was written with its children, and is about to be bound.
pub(super) async fn note_pending<T: Canonical>(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[LocalId],
    waiting: &[(usize, usize)],
    survivors: &Survivors,
) -> Result<(), SinkError> {
    let mut pending = Vec::with_capacity(waiting.len());
    for key in waiting {
        let (row, link) = (&rows[key.0], &plan.links[key.1]);
        let survivor = survivors.get(key).map(ExternalId::as_str);
        let Some(target) = survivor.or_else(|| link.target(&row.record)) else { continue };
        if link.required && !(link.within && rows.iter().any(|row| row.external_id.as_str() == target)) {
            let reason = format!("the {} that `{}` names has not arrived", link.parent_entity, link.name);
            return Err(record_error(row, "missing_parent", reason));
        }
        let child = ids[key.0].as_str();
        pending.push(Pending { entity: link.parent_entity, target, link: link.name, child });
    }
    add_pending(tx, scope, plan.columns.name, &pending).await
}

/// Notes that links of a table wait for their parents.
pub(super) async fn add_pending(
    tx: &mut SqliteTx,
    scope: &Scope,
    table: &str,
    pending: &[Pending<'_>],
) -> Result<(), SinkError> {
    if pending.is_empty() {
        return Ok(());
    }
    let mut rows = JsonRows::new(pending.len(), 128);
    for pending in pending {
        rows.row(|out| {
            for text in [pending.entity, pending.target, pending.link, pending.child] {
                out.text(text);
            }
        });
    }
    let add = sqlx::query(ADD_PENDING)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(table)
        .bind(rows.finish());
    tx.execute(add).await.map(drop).map_err(sink_error("noting links without parent"))
}

/// Binds the rows, of whatever table, that waited for rows created just now.
pub(super) async fn bind_waiting<T: Canonical>(
    tx: &mut SqliteTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[LocalId],
) -> Result<(), SinkError> {
    let created = rows.iter().zip(ids).filter(|(row, _)| !row.exists);
    let created = created.map(|(row, id)| (row.external_id.as_str(), id)).collect();
    bind(tx, scope, T::ENTITY, &created).await
}

/// Binds the rows, of whatever table, that wait for these parents.
pub(super) async fn bind(
    tx: &mut SqliteTx,
    scope: &Scope,
    entity: &str,
    parents: &HashMap<&str, &LocalId>,
) -> Result<(), SinkError> {
    if parents.is_empty() {
        return Ok(());
    }
    let take = sqlx::query(TAKE_PENDING)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(entity)
        .bind(JsonRows::texts(parents.keys().copied()).finish());
    let taken = tx.fetch_all(take).await.map_err(store_error(TAKING))?;

    let mut by_link: BTreeMap<(&str, &str), JsonRows> = BTreeMap::new();
    for row in &taken {
        let text = |column: usize| row.try_get::<&str, _>(column).map_err(store_error(TAKING));
        let (key, child, parent) = ((text(0)?, text(1)?), text(2)?, text(3)?);
        if let Some(id) = parents.get(parent) {
            by_link.entry(key).or_insert_with(|| JsonRows::new(taken.len(), 128)).row(|out| {
                out.text(child);
                out.text(id.as_str());
                out.text(parent);
            });
        }
    }
    for ((table, link), bound) in by_link {
        let bind = sqlx::query(AssertSqlSafe(bind_statement(table, link)))
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(bound.finish())
            .bind(entity);
        tx.execute(bind).await.map(drop).map_err(sink_error("binding late parents"))?;
    }
    Ok(())
}

/// A child that was written again meanwhile, with another parent or none, stays as it is; one that names a record
/// that was merged into the parent is bound.
fn bind_statement(table: &str, link: &str) -> Arc<str> {
    let table = quoted(table);
    let id = quoted(&format!("{link}_id"));
    let external_id = quoted(&format!("{link}_external_id"));
    // The `+` keeps the planner from every index but the primary key's: it would rather read all rows of the
    // connection, or all that wait for a parent, for each waiting link.
    format!(
        "update {table} as child set {id} = w.value ->> 1 from jsonb_each(?3) as w \
         where child.id = w.value ->> 0 and +child.tenant_id = ?1 and +child.connection_id = ?2 \
         and (child.{external_id} = w.value ->> 2 or exists (select 1 from sync_redirects as r \
         where r.tenant_id = ?1 and r.connection_id = ?2 and r.entity = ?4 \
         and r.loser_external_id = child.{external_id} and r.winner_external_id = w.value ->> 2)) \
         and +child.{id} is null"
    )
    .into()
}
