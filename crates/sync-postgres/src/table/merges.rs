//! Records that were merged into others: links that name them lead to the survivors' rows.
//!
//! Which tables link to this one is read from the database's own foreign keys: a child has a column `NAME_id` that
//! refers to it, and `NAME_external_id` beside it.
//!
//! A merge and a child that is written at the same moment don't miss each other. The merge locks the merged rows
//! first, as whoever refers to them does; the child looks for merges after it was written. Whichever locks second
//! sees what the other did.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sync_core::{
    Canonical, ExternalId, Merge, Moved, Redirect, RedirectChanges, Redirects, Scope, SinkError, StoreError,
    Upsert,
};
use uuid::Uuid;

use super::{Plan, links, quoted};
use crate::copy::{self, Column, ColumnType};
use crate::error::{sink_error, store_error};
use crate::tx::PgTx;

const READING: &str = "reading merges";
const NOTING: &str = "noting merges";
const MOVING: &str = "moving links of merged records";

const ANY: &str = "select exists (select from sync_redirects where tenant_id = $1 and connection_id = $2)";

const OF_RECORDS: &str = "select wanted.n, r.winner_external_id \
     from unnest($4::text[]) with ordinality as wanted (id, n) cross join lateral \
     (select winner_external_id from sync_redirects where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and loser_external_id = wanted.id offset 0) as r";

/// Whole chains: all that lead where these records lead, or to them.
const CHAINS: &str = "select loser_external_id, merged_into, winner_external_id from sync_redirects \
     where tenant_id = $1 and connection_id = $2 and entity = $3 and winner_external_id = any(array( \
     select coalesce((select r.winner_external_id from sync_redirects as r where r.tenant_id = $1 \
     and r.connection_id = $2 and r.entity = $3 and r.loser_external_id = wanted.id), wanted.id) \
     from unnest($4::text[]) as wanted (id)))";

const SET: &str = "insert into sync_redirects \
     (tenant_id, connection_id, entity, loser_external_id, merged_into, winner_external_id, merged_at) \
     select $1, $2, $3, w.loser, w.merged_into, w.winner, $7 \
     from unnest($4::text[], $5::text[], $6::text[]) as w (loser, merged_into, winner) \
     on conflict (tenant_id, connection_id, entity, loser_external_id) \
     do update set merged_into = excluded.merged_into, winner_external_id = excluded.winner_external_id";

const REMOVE: &str = "delete from sync_redirects where tenant_id = $1 and connection_id = $2 and entity = $3 \
     and loser_external_id = any($4)";

const CHILDREN: &str = "select t.relname::text, left(a.attname, -3) \
     from pg_constraint as c join pg_class as t on t.oid = c.conrelid \
     join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = c.conkey[1] \
     where c.contype = 'f' and c.confrelid = to_regclass($1) and cardinality(c.conkey) = 1 \
     and a.attname like '%\\_id' and pg_table_is_visible(t.oid) and exists (select from pg_attribute as e \
     where e.attrelid = c.conrelid and e.attname = left(a.attname, -3) || '_external_id' and not e.attisdropped) \
     order by 1, 2";

/// Who waits for a record waits for its survivor as well. Lines that turn out to mean another link bind nothing.
const WAIT_FOR_SURVIVOR: &str = "insert into sync_pending_links \
     (tenant_id, connection_id, parent_entity, parent_external_id, child_table, link, child_id) \
     select $1, $2, $3, w.survivor, p.child_table, p.link, p.child_id \
     from unnest($4::text[], $5::text[]) as w (id, survivor) cross join lateral \
     (select child_table, link, child_id from sync_pending_links where tenant_id = $1 and connection_id = $2 \
     and parent_entity = $3 and parent_external_id = w.id offset 0) as p on conflict do nothing";

const WAIT_NO_MORE: &str = "delete from sync_pending_links where tenant_id = $1 and connection_id = $2 \
     and parent_entity = $3 and parent_external_id = any($4)";

/// The survivors, of links that name a merged record: by the row's place in the batch and the link's number.
pub(super) type Survivors = HashMap<(usize, usize), Survivor>;

/// Where a link leads in place of the record that it names.
pub(super) struct Survivor {
    pub(super) external_id: ExternalId,
    /// Whether its row is there.
    pub(super) arrived: bool,
}

/// Binds links of rows just written to survivors, and gives merged records that were written their links back.
pub(super) async fn follow<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[Uuid],
    at: DateTime<Utc>,
) -> Result<Survivors, SinkError> {
    let mut survivors = Survivors::new();
    if !any(tx, scope).await? {
        return Ok(survivors);
    }
    let merged = of_records(tx, scope, T::ENTITY, rows.iter().map(|row| row.external_id.as_str())).await?;
    if !merged.is_empty() {
        links::lock(tx, scope, T::ENTITY, true).await?;
        let restored: Vec<_> = merged.iter().map(|(place, _)| &rows[*place].external_id).collect();
        let mut redirects = chains::<T>(tx, scope, restored.iter().copied()).await?;
        restored.into_iter().for_each(|id| redirects.restore(id));
        apply::<T>(plan, tx, scope, redirects.finish(), at).await?;
    }
    for (n, link) in plan.links.iter().enumerate() {
        let named: Vec<(usize, &str)> =
            (0..).zip(rows).filter_map(|(place, row)| Some((place, link.target(&row.record)?))).collect();
        let found = of_records(tx, scope, link.parent_entity, named.iter().map(|(_, id)| *id)).await?;
        if found.is_empty() {
            continue;
        }
        // Until the end of the transaction no survivor of this entity arrives that is not seen below.
        links::lock(tx, scope, link.parent_entity, link.parent_entity == T::ENTITY).await?;
        let found: Vec<(usize, ExternalId)> =
            found.into_iter().map(|(place, winner)| (named[place].0, winner)).collect();
        let unbound = rebind(plan, tx, scope, link, ids, &found).await?;
        if let Some((place, _)) =
            found.iter().find(|(place, _)| link.required && unbound.contains(&ids[*place]))
        {
            return Err(links::missing_parent(link, &rows[*place].external_id));
        }
        survivors.extend(found.into_iter().map(|(place, external_id)| {
            ((place, n), Survivor { external_id, arrived: !unbound.contains(&ids[place]) })
        }));
    }
    Ok(survivors)
}

/// Takes those away that were merged into others.
pub(super) async fn without_merged(
    tx: &mut PgTx,
    scope: &Scope,
    entity: &str,
    missing: &mut HashMap<&str, &ExternalId>,
) -> Result<(), StoreError> {
    if missing.is_empty() || !any(tx, scope).await? {
        return Ok(());
    }
    let names: Vec<&str> = missing.keys().copied().collect();
    for (place, _) in of_records(tx, scope, entity, names.iter().copied()).await? {
        missing.remove(names[place]);
    }
    Ok(())
}

pub(super) async fn redirect_many<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    merges: &[Merge],
    at: DateTime<Utc>,
) -> Result<(), SinkError> {
    if merges.is_empty() {
        return Ok(());
    }
    links::lock(tx, scope, T::ENTITY, true).await?;
    let ids = merges.iter().flat_map(|merge| [&merge.loser, &merge.winner]);
    let mut redirects = chains::<T>(tx, scope, ids).await?;
    merges.iter().try_for_each(|merge| redirects.merge(merge))?;
    apply::<T>(plan, tx, scope, redirects.finish(), at).await
}

async fn any(tx: &mut PgTx, scope: &Scope) -> Result<bool, StoreError> {
    let select = sqlx::query_scalar(ANY).bind(scope.tenant_key()).bind(scope.connection.as_str());
    select.fetch_one(tx.connection()).await.map_err(store_error(READING))
}

/// The survivors of these records of an entity, where there are any; with the places of the records.
async fn of_records<'a>(
    tx: &mut PgTx,
    scope: &Scope,
    entity: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<(usize, ExternalId)>, StoreError> {
    let found: Vec<(i64, String)> = sqlx::query_as(OF_RECORDS)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(entity)
        .bind(texts(ids))
        .fetch_all(tx.connection())
        .await
        .map_err(store_error(READING))?;
    let place = |n: i64| usize::try_from(n - 1).unwrap_or_default();
    Ok(found.into_iter().map(|(n, winner)| (place(n), winner.into())).collect())
}

async fn chains<T: Canonical>(
    tx: &mut PgTx,
    scope: &Scope,
    ids: impl Iterator<Item = &ExternalId>,
) -> Result<Redirects, StoreError> {
    let stored: Vec<(String, String, String)> = sqlx::query_as(CHAINS)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(T::ENTITY)
        .bind(texts(ids.map(ExternalId::as_str)))
        .fetch_all(tx.connection())
        .await
        .map_err(store_error(READING))?;
    let redirect = |(loser, merged_into, winner): (String, String, String)| Redirect {
        loser: loser.into(),
        merged_into: merged_into.into(),
        winner: winner.into(),
    };
    Ok(Redirects::new(stored.into_iter().map(redirect)))
}

/// Binds links of rows of this table to survivors; answers the rows whose survivor has not arrived.
async fn rebind(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    link: &links::Link,
    ids: &[Uuid],
    found: &[(usize, ExternalId)],
) -> Result<HashSet<Uuid>, SinkError> {
    let (table, id, parent) = (&plan.columns.table, &link.id_column, &link.parent_table);
    let sql = format!(
        "update {table} as child set {id} = (select p.id from {parent} as p where p.tenant_id = $1 \
         and p.connection_id = $2 and p.external_id = w.winner) \
         from unnest($3::uuid[], $4::text[]) as w (id, winner) where child.id = w.id \
         returning child.id, child.{id} is null"
    );
    let mut rows = Column::new(ColumnType::Uuid, found.len());
    found.iter().for_each(|(place, _)| copy::uuid(rows.next(), ids[*place]));
    let written: Vec<(Uuid, bool)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(rows)
        .bind(texts(found.iter().map(|(_, winner)| winner.as_str())))
        .fetch_all(tx.connection())
        .await
        .map_err(sink_error(MOVING, |_| None))?;
    Ok(written.into_iter().filter(|(_, unbound)| *unbound).map(|(id, _)| id).collect())
}

/// Writes what merges change, and moves the children of every table.
async fn apply<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    changes: RedirectChanges,
    at: DateTime<Utc>,
) -> Result<(), SinkError> {
    let RedirectChanges { set, removed, moved } = changes;
    let rows = if moved.is_empty() { HashMap::new() } else { lock_rows(plan, tx, scope, &moved).await? };
    if !removed.is_empty() {
        let ids = texts(removed.iter().map(ExternalId::as_str));
        execute::<T>(tx, scope, REMOVE, [ids], NOTING).await?;
    }
    if !set.is_empty() {
        let column = |of: fn(&Redirect) -> &ExternalId| texts(set.iter().map(move |r| of(r).as_str()));
        let columns = [column(|r| &r.loser), column(|r| &r.merged_into), column(|r| &r.winner)];
        let insert = columns.into_iter().fold(of_entity::<T>(scope, SET), |query, column| query.bind(column));
        insert.bind(at).execute(tx.connection()).await.map_err(sink_error(NOTING, |_| None))?;
    }
    if moved.is_empty() {
        return Ok(());
    }
    move_bound::<T>(plan, tx, scope, &moved, &rows).await?;
    let (from, to) = (moved.iter().map(|m| m.from.as_str()), moved.iter().map(|m| m.to.as_str()));
    execute::<T>(tx, scope, WAIT_FOR_SURVIVOR, [texts(from), texts(to)], MOVING).await?;
    let gone = moved.iter().filter(|m| m.id == m.from).map(|m| m.id.as_str());
    execute::<T>(tx, scope, WAIT_NO_MORE, [texts(gone)], MOVING).await?;
    let arrived = moved.iter().filter_map(|m| Some((m.to.as_str(), *rows.get(m.to.as_str())?))).collect();
    links::bind_waiting(tx, scope, T::ENTITY, &arrived).await
}

/// The rows of the records that links come from and go to, locked so that nobody refers to them meanwhile.
async fn lock_rows(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    moved: &[Moved],
) -> Result<HashMap<String, Uuid>, StoreError> {
    let ids: HashSet<&str> = moved.iter().flat_map(|m| [m.from.as_str(), m.to.as_str()]).collect();
    let table = &plan.columns.table;
    let sql = format!(
        "select external_id, id from {table} where id = any(array(select found.id \
         from unnest($3::text[]) as wanted (id) cross join lateral (select id from {table} where tenant_id = $1 \
         and connection_id = $2 and external_id = wanted.id offset 0) as found)) order by id for update"
    );
    let rows: Vec<(String, Uuid)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(texts(ids.into_iter()))
        .fetch_all(tx.connection())
        .await
        .map_err(store_error(READING))?;
    Ok(rows.into_iter().collect())
}

/// Moves the children that are bound; those whose survivor has not arrived wait for it.
async fn move_bound<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    moved: &[Moved],
    rows: &HashMap<String, Uuid>,
) -> Result<(), SinkError> {
    let bound: Vec<(&Moved, Uuid)> =
        moved.iter().filter_map(|moved| Some((moved, *rows.get(moved.from.as_str())?))).collect();
    if bound.is_empty() {
        return Ok(());
    }
    let children: Vec<(String, String)> = sqlx::query_as(CHILDREN)
        .bind(&plan.columns.table)
        .fetch_all(tx.connection())
        .await
        .map_err(store_error(READING))?;
    for (table, link) in children {
        let [mut from, mut to] = [ColumnType::Uuid; 2].map(|t| Column::new(t, bound.len()));
        for (moved, row) in &bound {
            copy::uuid(from.next(), *row);
            copy::opt(to.next(), rows.get(moved.to.as_str()).copied(), copy::uuid);
        }
        sqlx::query(AssertSqlSafe(move_statement(&table, &link)))
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(T::ENTITY)
            .bind(texts(bound.iter().map(|(moved, _)| moved.id.as_str())))
            .bind(from)
            .bind(to)
            .bind(texts(bound.iter().map(|(moved, _)| moved.to.as_str())))
            .bind(&table)
            .bind(&link)
            .execute(tx.connection())
            .await
            .map_err(sink_error(MOVING, |_| None))?;
    }
    Ok(())
}

/// A child is found by the row it is bound to, and moves if it names the record; also one that another transaction is
/// just changing, which is waited for.
fn move_statement(table: &str, link: &str) -> String {
    let table = quoted(table);
    let id = quoted(&format!("{link}_id"));
    let external_id = quoted(&format!("{link}_external_id"));
    format!(
        "with moved as (update {table} as child set {id} = w.to_row \
         from unnest($4::text[], $5::uuid[], $6::uuid[], $7::text[]) as w (id, from_row, to_row, survivor) \
         where child.{id} = w.from_row and child.{external_id} = w.id \
         and child.tenant_id = $1 and child.connection_id = $2 returning child.id, w.to_row, w.survivor) \
         insert into sync_pending_links \
         (tenant_id, connection_id, parent_entity, parent_external_id, child_table, link, child_id) \
         select $1, $2, $3, survivor, $8, $9, id from moved where to_row is null on conflict do nothing"
    )
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn of_entity<'q, T: Canonical>(scope: &'q Scope, sql: &'static str) -> Query<'q> {
    sqlx::query(sql).bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(T::ENTITY)
}

async fn execute<T: Canonical>(
    tx: &mut PgTx,
    scope: &Scope,
    sql: &'static str,
    columns: impl IntoIterator<Item = Column>,
    during: &'static str,
) -> Result<(), SinkError> {
    let query = columns.into_iter().fold(of_entity::<T>(scope, sql), |query, column| query.bind(column));
    query.execute(tx.connection()).await.map(drop).map_err(sink_error(during, |_| None))
}

/// Texts for an array. Ids with a NUL can't be in a table; they become others that are not there either.
fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Column {
    let mut column = Column::new(ColumnType::Text, 0);
    texts.for_each(|text| copy::text(column.next(), &copy::storable(text)));
    column
}
