//! Writing a batch of rows: one `insert … on conflict do update`, which resolves links as it goes.

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sync_core::{Canonical, LocalId, Scope, SinkError, Upsert, Version};

use super::check::{check, unfit};
use super::columns::{self, Columns, fields};
use super::links::{self, Link};
use super::{Plan, Sql, custom, merges};
use crate::error::{sink_error, store_error};
use crate::json::{JsonRows, instant};
use crate::tx::SqliteTx;

const DURING: &str = "writing rows";
/// The values of a row before those of the fields: external id, local id, version.
const LEADING: usize = 3;
/// Bytes of a usual row.
const ROW_SIZE: usize = 384;

/// A link's id is looked up by the parent's external id, which is a value of the same row. Whether one was
/// found comes back as a bit per link. With `document`, the column for custom fields that are kept elsewhere now is
/// emptied.
pub(super) fn statement(columns: &Columns, links: &[Link], document: bool) -> Sql {
    let (mut names, mut sources, mut updates) = (String::new(), String::new(), String::new());
    for (i, name) in columns.contents().enumerate() {
        names += &format!(", {name}");
        sources += &format!(", r.value ->> {}", LEADING + i);
        updates += &format!(", {name} = excluded.{name}");
    }
    if document {
        updates += ", custom_fields = '{}'";
    }
    let mut waiting = "0".to_owned();
    for (i, link) in links.iter().enumerate() {
        let (id, external_id) = (&link.id_column, &link.external_column);
        names += &format!(", {id}");
        sources += &format!(
            ", (select p.id from {} as p where p.tenant_id = ?1 and p.connection_id = ?2 \
             and p.external_id = r.value ->> {})",
            link.parent_table,
            LEADING + link.field
        );
        updates += &format!(", {id} = excluded.{id}");
        waiting += &format!(" | (({external_id} is not null and {id} is null) << {i})");
    }
    Sql::new(format!(
        "insert into {} \
         (tenant_id, connection_id, provider, created_at, updated_at, external_id, id, remote_version{names}) \
         select ?1, ?2, ?3, ?4, ?4, r.value ->> 0, r.value ->> 1, r.value ->> 2{sources} \
         from jsonb_each(?5) as r where true \
         on conflict (tenant_id, connection_id, external_id) do update set provider = excluded.provider, \
         remote_version = excluded.remote_version, updated_at = excluded.updated_at, deleted_at = null{updates} \
         returning external_id, id, {waiting}",
        columns.table
    ))
}

pub(super) async fn upsert_many<T: Canonical>(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    at: DateTime<Utc>,
) -> Result<Vec<LocalId>, SinkError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    rows.iter().try_for_each(check)?;
    if plan.eav.is_some() {
        rows.iter().try_for_each(custom::check)?;
    }
    let (_, upsert) = custom::statements(plan, tx).await?;
    let upsert = upsert
        .query()
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(scope.provider.as_str())
        .bind(instant(at))
        .bind(parameter(plan, rows)?);
    let answers = tx.fetch_all(upsert).await.map_err(sink_error(DURING))?;

    let mut ids: Vec<LocalId> = rows.iter().map(|row| row.local_id.clone()).collect();
    let mut waiting = Vec::new();
    for (n, answer) in answers.iter().enumerate() {
        let external_id: &str = answer.try_get(0).map_err(store_error(DURING))?;
        // SQLite answers in the order of writing, but does not promise to.
        let place = match rows.get(n) {
            Some(row) if row.external_id.as_str() == external_id => n,
            _ => match rows.iter().position(|row| row.external_id.as_str() == external_id) {
                Some(place) => place,
                None => continue,
            },
        };
        let id: &str = answer.try_get(1).map_err(store_error(DURING))?;
        if ids[place].as_str() != id {
            ids[place] = id.into();
        }
        let bits: i64 = answer.try_get(2).map_err(store_error(DURING))?;
        waiting.extend((0..plan.links.len()).filter(|link| bits >> link & 1 == 1).map(|link| (place, link)));
    }
    let survivors = merges::follow(plan, tx, scope, rows, &ids, &mut waiting, at).await?;
    links::note_pending(plan, tx, scope, rows, &ids, &waiting, &survivors).await?;
    links::bind_waiting(tx, scope, rows, &ids).await?;
    if plan.eav.is_some() {
        custom::write(tx, scope, rows, &ids, at).await?;
    }
    Ok(ids)
}

fn parameter<T: Canonical>(plan: &Plan, rows: &[Upsert<T>]) -> Result<String, SinkError> {
    let mut json = JsonRows::new(rows.len(), ROW_SIZE);
    for row in rows {
        let mut written = Ok(());
        json.row(|out| written = write(plan, out, row));
        written?;
    }
    Ok(json.finish())
}

fn write<T: Canonical>(plan: &Plan, out: &mut JsonRows, row: &Upsert<T>) -> Result<(), SinkError> {
    out.text(row.external_id.as_str());
    out.text(row.local_id.as_str());
    out.opt(row.version, |out, Version(version)| out.int(version));
    for (i, field) in fields::<T>() {
        columns::write(out, field.kind, row.record.value(i)).map_err(|found| unfit(row, i, found))?;
    }
    if plan.columns.custom {
        match row.record.custom() {
            Some(custom) if !custom.is_empty() => out.object(custom),
            _ => out.text("{}"),
        }
    }
    Ok(())
}
