//! Records that were merged into others: links that name them lead to the survivors' rows.
//!
//! Which tables link to this one is read from the database's own foreign keys: a child has a column `NAME_id` that
//! refers to it, and `NAME_external_id` beside it.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row as _};
use sync_core::{
    Canonical, ExternalId, LocalId, Merge, Moved, Redirect, RedirectChanges, Redirects, Scope, SinkError,
    StoreError, Upsert,
};

use super::{Plan, links, quoted};
use crate::error::{sink_error, store_error};
use crate::json::{JsonRows, instant};
use crate::tx::{Bound, SqliteTx};

const READING: &str = "reading merges";
const NOTING: &str = "noting merges";
const MOVING: &str = "moving links of merged records";

const ANY: &str = "select exists (select 1 from sync_redirects where tenant_id = ?1 and connection_id = ?2)";

const OF_RECORDS: &str = "select wanted.key, r.winner_external_id from jsonb_each(?3) as wanted \
     cross join sync_redirects as r on r.tenant_id = ?1 and r.connection_id = ?2 \
     and r.entity = wanted.value ->> 0 and r.loser_external_id = wanted.value ->> 1";

/// Whole chains: all that lead where these records lead, or to them.
const CHAINS: &str = "select loser_external_id, merged_into, winner_external_id from sync_redirects \
     where tenant_id = ?1 and connection_id = ?2 and entity = ?3 and winner_external_id in ( \
     select coalesce((select r.winner_external_id from sync_redirects as r where r.tenant_id = ?1 \
     and r.connection_id = ?2 and r.entity = ?3 and r.loser_external_id = wanted.value), wanted.value) \
     from jsonb_each(?4) as wanted)";

const SET: &str = "insert into sync_redirects \
     (tenant_id, connection_id, entity, loser_external_id, merged_into, winner_external_id, merged_at) \
     select ?1, ?2, ?3, value ->> 0, value ->> 1, value ->> 2, ?5 from jsonb_each(?4) where true \
     on conflict (tenant_id, connection_id, entity, loser_external_id) \
     do update set merged_into = excluded.merged_into, winner_external_id = excluded.winner_external_id";

const REMOVE: &str = "delete from sync_redirects where tenant_id = ?1 and connection_id = ?2 and entity = ?3 \
     and loser_external_id in (select value from jsonb_each(?4))";

const CHILDREN: &str = "select t.name, substr(f.\"from\", 1, length(f.\"from\") - 3) \
     from sqlite_schema as t cross join pragma_foreign_key_list(t.name) as f \
     where t.type = 'table' and f.\"table\" = ?1 collate nocase and f.\"from\" like '%\\_id' escape '\\' \
     and exists (select 1 from pragma_table_info(t.name) as c \
     where c.name = substr(f.\"from\", 1, length(f.\"from\") - 3) || '_external_id')";

/// Who waits for a record waits for its survivor as well. Lines that turn out to mean another link bind nothing.
const WAIT_FOR_SURVIVOR: &str = "insert into sync_pending_links \
     (tenant_id, connection_id, parent_entity, parent_external_id, child_table, link, child_id) \
     select ?1, ?2, ?3, wanted.value ->> 1, p.child_table, p.link, p.child_id from jsonb_each(?4) as wanted \
     cross join sync_pending_links as p on p.tenant_id = ?1 and p.connection_id = ?2 and p.parent_entity = ?3 \
     and p.parent_external_id = wanted.value ->> 0 where true on conflict do nothing";

const WAIT_NO_MORE: &str = "delete from sync_pending_links where tenant_id = ?1 and connection_id = ?2 \
     and parent_entity = ?3 and parent_external_id in (select value from jsonb_each(?4))";

/// The survivors, of links that name a merged record: by the row's place in the batch and the link's number.
pub(super) type Survivors = HashMap<(usize, usize), ExternalId>;

/// Binds links of rows just written to survivors, and gives merged records that were written their links back.
/// `waiting` are the rows and links without parent; afterwards, with survivors in place of merged records.
pub(super) async fn follow<T: Canonical>(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[LocalId],
    waiting: &mut Vec<(usize, usize)>,
    at: DateTime<Utc>,
) -> Result<Survivors, SinkError> {
    let mut survivors = Survivors::new();
    if !any(tx, scope).await? {
        return Ok(survivors);
    }
    let restored = merged_among::<T>(tx, scope, rows).await?;
    if !restored.is_empty() {
        let mut redirects = chains::<T>(tx, scope, restored.iter()).await?;
        restored.iter().for_each(|id| redirects.restore(id));
        apply::<T>(plan, tx, scope, redirects.finish(), at).await?;
    }
    for (n, link) in plan.links.iter().enumerate() {
        let named: Vec<(usize, &str)> =
            (0..).zip(rows).filter_map(|(place, row)| Some((place, link.target(&row.record)?))).collect();
        let keys = named.iter().map(|(_, target)| (link.parent_entity, *target));
        let found: Vec<(usize, ExternalId)> = of_records(tx, scope, named.len(), keys)
            .await?
            .into_iter()
            .map(|(key, winner)| (named[key].0, winner))
            .collect();
        if found.is_empty() {
            continue;
        }
        let unbound = rebind(plan, tx, scope, link, ids, &found).await?;
        let places: HashSet<usize> = found.iter().map(|(place, _)| *place).collect();
        waiting.retain(|(place, link)| *link != n || !places.contains(place));
        let unbound =
            found.iter().map(|(place, _)| *place).filter(|place| unbound.contains(ids[*place].as_str()));
        waiting.extend(unbound.map(|place| (place, n)));
        survivors.extend(found.into_iter().map(|(place, winner)| ((place, n), winner)));
    }
    Ok(survivors)
}

pub(super) async fn redirect_many<T: Canonical>(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    merges: &[Merge],
    at: DateTime<Utc>,
) -> Result<(), SinkError> {
    let ids = merges.iter().flat_map(|merge| [&merge.loser, &merge.winner]);
    let mut redirects = chains::<T>(tx, scope, ids).await?;
    merges.iter().try_for_each(|merge| redirects.merge(merge))?;
    apply::<T>(plan, tx, scope, redirects.finish(), at).await
}

async fn any(tx: &mut SqliteTx, scope: &Scope) -> Result<bool, StoreError> {
    let select = sqlx::query(ANY).bind(scope.tenant_key()).bind(scope.connection.as_str());
    let answer = tx.fetch_optional(select).await.map_err(store_error(READING))?;
    let any = answer.map_or(Ok(0), |row| row.try_get::<i64, _>(0)).map_err(store_error(READING))?;
    Ok(any != 0)
}

/// Which of these rows were merged.
async fn merged_among<T: Canonical>(
    tx: &mut SqliteTx,
    scope: &Scope,
    rows: &[Upsert<T>],
) -> Result<Vec<ExternalId>, StoreError> {
    let keys = rows.iter().map(|row| (T::ENTITY, row.external_id.as_str()));
    let found = of_records(tx, scope, rows.len(), keys).await?;
    Ok(found.into_iter().map(|(place, _)| rows[place].external_id.clone()).collect())
}

/// The survivors of records, by entity and external id, where there are any; with the places of the records.
async fn of_records<'a>(
    tx: &mut SqliteTx,
    scope: &Scope,
    n: usize,
    records: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(usize, ExternalId)>, StoreError> {
    let mut wanted = JsonRows::new(n, 40);
    for (entity, id) in records {
        wanted.row(|out| {
            out.text(entity);
            out.text(id);
        });
    }
    let select = sqlx::query(OF_RECORDS)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(wanted.finish());
    let rows = tx.fetch_all(select).await.map_err(store_error(READING))?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        let place = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default();
        Ok((place, ExternalId::from(row.try_get::<&str, _>(1)?)))
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(store_error(READING))
}

async fn chains<T: Canonical>(
    tx: &mut SqliteTx,
    scope: &Scope,
    ids: impl Iterator<Item = &ExternalId>,
) -> Result<Redirects, StoreError> {
    let ids: Vec<&str> = ids.map(ExternalId::as_str).collect();
    let select = of_entity::<T>(CHAINS, scope, JsonRows::texts(ids.into_iter()));
    let rows = tx.fetch_all(select).await.map_err(store_error(READING))?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        let id = |column: usize| row.try_get::<&str, _>(column).map(ExternalId::from);
        Ok(Redirect { loser: id(0)?, merged_into: id(1)?, winner: id(2)? })
    };
    let stored = rows.iter().map(read).collect::<Result<Vec<_>, _>>().map_err(store_error(READING))?;
    Ok(Redirects::new(stored))
}

/// Binds links of rows of this table to survivors; answers the rows whose survivor has not arrived.
async fn rebind(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    link: &links::Link,
    ids: &[LocalId],
    found: &[(usize, ExternalId)],
) -> Result<HashSet<String>, SinkError> {
    let (table, id, parent) = (&plan.columns.table, &link.id_column, &link.parent_table);
    let sql = format!(
        "update {table} as child set {id} = (select p.id from {parent} as p where p.tenant_id = ?1 \
         and p.connection_id = ?2 and p.external_id = w.value ->> 1) from jsonb_each(?3) as w \
         where child.id = w.value ->> 0 returning id, {id} is null"
    );
    let mut rows = JsonRows::new(found.len(), 80);
    for (place, winner) in found {
        rows.row(|out| {
            out.text(ids[*place].as_str());
            out.text(winner.as_str());
        });
    }
    let update = sqlx::query(AssertSqlSafe(sql))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(rows.finish());
    let written = tx.fetch_all(update).await.map_err(sink_error(MOVING))?;
    let mut unbound = HashSet::new();
    for row in &written {
        if row.try_get::<i64, _>(1).map_err(store_error(MOVING))? != 0 {
            unbound.insert(row.try_get(0).map_err(store_error(MOVING))?);
        }
    }
    Ok(unbound)
}

/// Writes what merges change, and moves the children of every table.
async fn apply<T: Canonical>(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    changes: RedirectChanges,
    at: DateTime<Utc>,
) -> Result<(), SinkError> {
    let RedirectChanges { set, removed, moved } = changes;
    if !removed.is_empty() {
        let ids = JsonRows::texts(removed.iter().map(ExternalId::as_str));
        execute(tx, of_entity::<T>(REMOVE, scope, ids), NOTING).await?;
    }
    if !set.is_empty() {
        let mut rows = JsonRows::new(set.len(), 80);
        for redirect in &set {
            rows.row(|out| {
                for id in [&redirect.loser, &redirect.merged_into, &redirect.winner] {
                    out.text(id.as_str());
                }
            });
        }
        execute(tx, of_entity::<T>(SET, scope, rows).bind(instant(at)), NOTING).await?;
    }
    if moved.is_empty() {
        return Ok(());
    }
    let rows = local_ids(plan, tx, scope, &moved).await?;
    move_bound::<T>(plan, tx, scope, &moved, &rows).await?;
    move_waiting::<T>(tx, scope, &moved).await?;
    let arrived = moved.iter().filter_map(|moved| Some((moved.to.as_str(), rows.get(moved.to.as_str())?)));
    links::bind(tx, scope, T::ENTITY, &arrived.collect()).await
}

/// The rows of the records that links come from and go to.
async fn local_ids(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    moved: &[Moved],
) -> Result<HashMap<String, LocalId>, StoreError> {
    let ids: HashSet<&str> =
        moved.iter().flat_map(|moved| [moved.from.as_str(), moved.to.as_str()]).collect();
    let sql = format!(
        "select t.external_id, t.id from jsonb_each(?3) as wanted cross join {} as t \
         on t.tenant_id = ?1 and t.connection_id = ?2 and t.external_id = wanted.value",
        plan.columns.table
    );
    let select = sqlx::query(AssertSqlSafe(sql))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(JsonRows::texts(ids.into_iter()).finish());
    let rows = tx.fetch_all(select).await.map_err(store_error(READING))?;
    let read =
        |row: &sqlx::sqlite::SqliteRow| Ok((row.try_get(0)?, LocalId::from(row.try_get::<&str, _>(1)?)));
    rows.iter().map(read).collect::<Result<_, _>>().map_err(store_error(READING))
}

/// Moves the children that are bound; those whose survivor has not arrived wait for it.
async fn move_bound<T: Canonical>(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    moved: &[Moved],
    rows: &HashMap<String, LocalId>,
) -> Result<(), SinkError> {
    let mut steps = JsonRows::new(moved.len(), 120);
    let mut n_steps = 0;
    for moved in moved {
        let Some(from) = rows.get(moved.from.as_str()) else { continue };
        n_steps += 1;
        steps.row(|out| {
            out.text(moved.id.as_str());
            out.text(from.as_str());
            out.opt(rows.get(moved.to.as_str()), |out, to| out.text(to.as_str()));
        });
    }
    if n_steps == 0 {
        return Ok(());
    }
    let steps = steps.finish();
    let survivors: HashMap<&str, &str> = moved.iter().map(|m| (m.id.as_str(), m.to.as_str())).collect();
    let children = tx.fetch_all(sqlx::query(CHILDREN).bind(plan.columns.name)).await;
    for child in &children.map_err(store_error(READING))? {
        let text = |column: usize| child.try_get::<&str, _>(column).map_err(store_error(READING));
        let (table, link) = (text(0)?, text(1)?);
        let update = sqlx::query(AssertSqlSafe(move_statement(table, link)))
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(steps.as_str());
        let unbound = tx.fetch_all(update).await.map_err(sink_error(MOVING))?;
        let mut pending = Vec::new();
        for row in &unbound {
            if row.try_get::<i64, _>(2).map_err(store_error(MOVING))? == 0 {
                continue;
            }
            let text = |column: usize| row.try_get::<&str, _>(column).map_err(store_error(MOVING));
            if let Some(survivor) = survivors.get(text(1)?) {
                pending.push(links::Pending { entity: T::ENTITY, target: survivor, link, child: text(0)? });
            }
        }
        links::add_pending(tx, scope, table, &pending).await?;
    }
    Ok(())
}

/// A child is found by the row it is bound to, and moves if it names the record. The `+` keeps the planner from every
/// index but the link's.
fn move_statement(table: &str, link: &str) -> String {
    let table = quoted(table);
    let id = quoted(&format!("{link}_id"));
    let external_id = quoted(&format!("{link}_external_id"));
    format!(
        "update {table} as child set {id} = w.value ->> 2 from jsonb_each(?3) as w \
         where child.{id} = w.value ->> 1 and +child.{external_id} = w.value ->> 0 \
         and +child.tenant_id = ?1 and +child.connection_id = ?2 \
         returning id, {external_id}, {id} is null"
    )
}

/// Moves the children that wait.
async fn move_waiting<T: Canonical>(
    tx: &mut SqliteTx,
    scope: &Scope,
    moved: &[Moved],
) -> Result<(), SinkError> {
    let mut steps = JsonRows::new(moved.len(), 60);
    for moved in moved {
        steps.row(|out| {
            out.text(moved.from.as_str());
            out.text(moved.to.as_str());
        });
    }
    execute(tx, of_entity::<T>(WAIT_FOR_SURVIVOR, scope, steps), MOVING).await?;
    let gone: Vec<&str> = moved.iter().filter(|m| m.id == m.from).map(|m| m.id.as_str()).collect();
    execute(tx, of_entity::<T>(WAIT_NO_MORE, scope, JsonRows::texts(gone.into_iter())), MOVING).await
}

fn of_entity<'q, T: Canonical>(sql: &'static str, scope: &Scope, rows: JsonRows) -> Bound<'q> {
    let query =
        sqlx::query(sql).bind(scope.tenant_key().to_owned()).bind(scope.connection.as_str().to_owned());
    query.bind(T::ENTITY).bind(rows.finish())
}

async fn execute(tx: &mut SqliteTx, statement: Bound<'_>, during: &'static str) -> Result<(), SinkError> {
    tx.execute(statement).await.map(drop).map_err(sink_error(during))
}
