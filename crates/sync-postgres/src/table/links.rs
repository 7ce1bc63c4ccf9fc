//! Links to parent rows, also to those that arrive late.
//!
//! A batch looks up the parents it names once per link. Children that find none are noted in
//! `sync_pending_links`; a sink that creates rows looks there for children that wait for them. Two runs that
//! write a child and its parent at the same moment can't miss each other: whoever comes second waits for the
//! other's transaction, by an advisory lock on the parent's entity and connection, and then looks again.

use std::collections::{BTreeMap, HashMap};

use sqlx::AssertSqlSafe;
use sync_core::{Canonical, ExternalId, Scope, SinkError, StoreError, TableDef, Upsert, field_index};
use uuid::Uuid;

use super::merges::{self, Survivors};
use super::{Plan, quoted};
use crate::copy::{self, Column, ColumnType};
use crate::error::{sink_error, store_error};
use crate::tx::PgTx;

const DURING: &str = "resolving links";

const ADD_PENDING: &str = "insert into sync_pending_links \
     (tenant_id, connection_id, child_table, parent_entity, parent_external_id, link, child_id) \
     select $1, $2, $3, p.entity, p.external_id, p.link, p.child_id \
     from unnest($4::text[], $5::text[], $6::text[], $7::uuid[]) as p (entity, external_id, link, child_id) \
     on conflict do nothing";

const ANY_PENDING: &str = "select exists (select from sync_pending_links \
     where tenant_id = $1 and connection_id = $2 and parent_entity = $3)";

/// Found as rows are in `find`, then taken by their place: the lock keeps others from moving them.
const TAKE_PENDING: &str = "delete from sync_pending_links where ctid = any(array( \
     select found.ctid from unnest($4::text[]) as wanted (id) cross join lateral \
     (select ctid from sync_pending_links where tenant_id = $1 and connection_id = $2 and parent_entity = $3 \
     and parent_external_id = wanted.id offset 0) as found)) \
     returning child_table, link, child_id, parent_external_id";

/// One link of a table.
pub(super) struct Link {
    /// The number of the canonical field that holds the parent's external id.
    field: usize,
    name: &'static str,
    pub(super) parent_entity: &'static str,
    pub(super) required: bool,
    /// The column of the parent's local id, and the parent's table, as SQL takes them.
    pub(super) id_column: String,
    pub(super) parent_table: String,
    /// Whether rows of this table link to each other.
    within: bool,
    /// Finds parents by external id.
    select: String,
}

/// The links of a table. A link to a field that the entity does not have is left out.
pub(super) fn of<T: Canonical>(def: &TableDef) -> Vec<Link> {
    let link = |link: &sync_core::LinkDef| {
        Some(Link {
            field: field_index::<T>(link.field)?,
            name: link.field,
            parent_entity: link.parent_entity,
            required: link.required,
            id_column: quoted(&link.id_column()),
            parent_table: quoted(link.parent_table),
            within: link.parent_table == def.name,
            select: format!(
                "select found.external_id, found.id from unnest($3::text[]) as wanted (id) cross join lateral \
             (select external_id, id from {} where tenant_id = $1 and connection_id = $2 \
             and external_id = wanted.id offset 0) as found",
                quoted(link.parent_table)
            ),
        })
    };
    def.links.iter().filter_map(link).collect()
}

/// The links of a batch.
pub(super) struct Resolved<'a> {
    /// The parents that were found, by external id, in the order of the table's links.
    parents: Vec<HashMap<&'a str, Uuid>>,
}

impl Resolved<'_> {
    /// The local id of a row's parent; `None` without one, or while it has not arrived.
    pub(super) fn parent<T: Canonical>(&self, plan: &Plan, link: usize, record: &T) -> Option<Uuid> {
        self.parents[link].get(plan.links[link].target(record)?).copied()
    }
}

impl Link {
    /// The external id of a record's parent.
    pub(super) fn target<'r, T: Canonical>(&self, record: &'r T) -> Option<&'r str> {
        match record.value(self.field) {
            sync_core::ValueRef::Text(target) => Some(target),
            _ => None,
        }
    }
}

/// Finds the parents of a batch. `ids` are the rows' own local ids, for links within the table.
pub(super) async fn resolve<'a, T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    rows: &'a [Upsert<T>],
    ids: &[Uuid],
) -> Result<Resolved<'a>, SinkError> {
    let mut parents = Vec::with_capacity(plan.links.len());
    for link in &plan.links {
        let mut known: HashMap<&str, Uuid> = HashMap::new();
        let mut missing: HashMap<&str, &ExternalId> = HashMap::new();
        for row in rows {
            if let Some(target) = link.target(&row.record) {
                missing.entry(target).or_insert(&row.external_id);
            }
        }
        if link.within && !missing.is_empty() {
            for (row, id) in rows.iter().zip(ids) {
                if missing.remove(row.external_id.as_str()).is_some() {
                    known.insert(row.external_id.as_str(), *id);
                }
            }
        }
        look_up(link, tx, scope, &mut known, &mut missing).await?;
        if !missing.is_empty() {
            let exclusive = link.parent_entity == T::ENTITY;
            lock(tx, scope, link.parent_entity, exclusive).await?;
            look_up(link, tx, scope, &mut known, &mut missing).await?;
            if link.required {
                merges::without_merged(tx, scope, link.parent_entity, &mut missing).await?;
                if let Some(child) = missing.values().next() {
                    return Err(missing_parent(link, child));
                }
            }
        }
        parents.push(known);
    }
    Ok(Resolved { parents })
}

/// Moves the parents that are there from `missing` to `known`.
async fn look_up<'a>(
    link: &Link,
    tx: &mut PgTx,
    scope: &Scope,
    known: &mut HashMap<&'a str, Uuid>,
    missing: &mut HashMap<&'a str, &'a ExternalId>,
) -> Result<(), StoreError> {
    if missing.is_empty() {
        return Ok(());
    }
    let mut wanted = Column::new(ColumnType::Text, missing.len());
    for external_id in missing.keys() {
        copy::text(wanted.next(), external_id);
    }
    let found: Vec<(String, Uuid)> = sqlx::query_as(AssertSqlSafe(link.select.as_str()))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(wanted)
        .fetch_all(tx.connection())
        .await
        .map_err(store_error(DURING))?;
    for (external_id, id) in found {
        if let Some((external_id, _)) = missing.remove_entry(external_id.as_str()) {
            known.insert(external_id, id);
        }
    }
    Ok(())
}

/// Notes the children whose parent has not arrived.
pub(super) async fn note_pending<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[Uuid],
    resolved: &Resolved<'_>,
    survivors: &Survivors,
) -> Result<(), SinkError> {
    use ColumnType::{Text, Uuid};
    let [mut entity, mut external_id, mut name, mut child] =
        [Text, Text, Text, Uuid].map(|t| Column::new(t, 0));
    let mut any = false;
    for (n, (link, known)) in plan.links.iter().zip(&resolved.parents).enumerate() {
        for (place, (row, id)) in rows.iter().zip(ids).enumerate() {
            let target = match survivors.get(&(place, n)) {
                Some(survivor) => Some(survivor.external_id.as_str()).filter(|_| !survivor.arrived),
                None => link.target(&row.record).filter(|target| !known.contains_key(target)),
            };
            if let Some(target) = target {
                copy::text(entity.next(), link.parent_entity);
                copy::text(external_id.next(), target);
                copy::text(name.next(), link.name);
                copy::uuid(child.next(), *id);
                any = true;
            }
        }
    }
    if !any {
        return Ok(());
    }
    sqlx::query(ADD_PENDING)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(plan.columns.name)
        .bind(entity)
        .bind(external_id)
        .bind(name)
        .bind(child)
        .execute(tx.connection())
        .await
        .map_err(sink_error("noting links without parent", |_| None))?;
    Ok(())
}

/// Binds the children, of whatever table, that waited for rows created just now.
pub(super) async fn bind_waiting(
    tx: &mut PgTx,
    scope: &Scope,
    entity: &str,
    created: &HashMap<&str, Uuid>,
) -> Result<(), SinkError> {
    lock(tx, scope, entity, true).await?;
    let any: bool = sqlx::query_scalar(ANY_PENDING)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(entity)
        .fetch_one(tx.connection())
        .await
        .map_err(store_error(DURING))?;
    if !any {
        return Ok(());
    }
    let mut keys = Column::new(ColumnType::Text, created.len());
    for external_id in created.keys() {
        copy::text(keys.next(), external_id);
    }
    let waiting: Vec<(String, String, Uuid, String)> = sqlx::query_as(TAKE_PENDING)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(entity)
        .bind(keys)
        .fetch_all(tx.connection())
        .await
        .map_err(store_error(DURING))?;

    let mut by_link: BTreeMap<(String, String), Waiting> = BTreeMap::new();
    for (table, link, child, external_id) in waiting {
        let Some(parent) = created.get(external_id.as_str()) else { continue };
        let waiting = by_link.entry((table, link)).or_default();
        waiting.children.push(child);
        waiting.parents.push(*parent);
        waiting.external_ids.push(external_id);
    }
    for ((table, link), waiting) in by_link {
        sqlx::query(AssertSqlSafe(bind_statement(&table, &link)))
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(waiting.children)
            .bind(waiting.parents)
            .bind(waiting.external_ids)
            .bind(entity)
            .execute(tx.connection())
            .await
            .map_err(sink_error("binding late parents", |_| None))?;
    }
    Ok(())
}

/// Children of one table that wait, with their parents, column by column.
#[derive(Default)]
struct Waiting {
    children: Vec<Uuid>,
    parents: Vec<Uuid>,
    external_ids: Vec<String>,
}

/// A child that was written again meanwhile, with another parent or none, stays as it is; one that names a record
/// that was merged into the parent is bound.
fn bind_statement(table: &str, link: &str) -> String {
    let table = quoted(table);
    let id = quoted(&format!("{link}_id"));
    let external_id = quoted(&format!("{link}_external_id"));
    // Each child is found by its primary key and written at the place where it was found: behind the `offset`
    // no condition can tempt the planner to read every row of the connection, or every row that waits.
    format!(
        "update {table} as child set {id} = found.parent_id from (select w.parent_id, c.place \
         from unnest($3::uuid[], $4::uuid[], $5::text[]) as w (child_id, parent_id, external_id) \
         cross join lateral (select t.ctid as place, t.tenant_id, t.connection_id, t.{external_id} as link, \
         t.{id} as bound from {table} as t where t.id = w.child_id offset 0) as c \
         where c.tenant_id = $1 and c.connection_id = $2 and c.bound is null and (c.link = w.external_id \
         or exists (select from sync_redirects as r where r.tenant_id = $1 and r.connection_id = $2 \
         and r.entity = $6 and r.loser_external_id = c.link and r.winner_external_id = w.external_id))) as found \
         where child.ctid = found.place"
    )
}

/// Waits for transactions that write the other end of links to this entity, and makes later ones wait. Children
/// share the lock among themselves.
pub(super) async fn lock(
    tx: &mut PgTx,
    scope: &Scope,
    entity: &str,
    exclusive: bool,
) -> Result<(), StoreError> {
    let sql = if exclusive {
        "select pg_advisory_xact_lock(hashtextextended($1, 0))"
    } else {
        "select pg_advisory_xact_lock_shared(hashtextextended($1, 0))"
    };
    sqlx::query(sql)
        .bind(format!("hexsync links {}/{}/{entity}", scope.tenant_key(), scope.connection))
        .execute(tx.connection())
        .await
        .map_err(store_error(DURING))?;
    Ok(())
}

pub(super) fn missing_parent(link: &Link, child: &ExternalId) -> SinkError {
    SinkError::Record {
        external_id: Some(child.clone()),
        class: "missing_parent",
        reason: format!("the {} that `{}` names has not arrived", link.parent_entity, link.name),
    }
}
