//! The floor: the same pages fetched, parsed to typed structs and written as the same rows, audit items and
//! cursor by the fastest SQL found, without being an engine.
//!
//! Per 2,000 records one transaction: look up the rows, compare; new rows go by binary COPY straight into the
//! table, rows of which some are known into a temporary table and from there by one `insert … select … on
//! conflict`; binary COPY of the audit items; the cursor. Accounts and owners are read once, at the start. Pages
//! are fetched and parsed on a task of their own.

mod hubspot;
mod salesforce;

use std::collections::HashMap;
use std::time::Instant;

use anyhow::Result;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection, Row as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::door::{Crm, Door, Feed};
use crate::measure::Outcome;
use crate::pgcopy::Copy;

/// A record, typed.
#[derive(PartialEq)]
struct Deal {
    id: String,
    version: i64,
    deleted: bool,
    name: Option<String>,
    stage: Option<String>,
    amount: Option<Decimal>,
    probability: Option<Decimal>,
    close_date: Option<NaiveDate>,
    closed: Option<bool>,
    won: Option<bool>,
    kind: Option<String>,
    lead_source: Option<String>,
    next_step: Option<String>,
    account: Option<String>,
    owner: Option<String>,
    /// As jsonb prints it, so that comparing texts is enough.
    custom: String,
}

struct Parsed {
    deals: Vec<Deal>,
    cursor: String,
}

/// Runs one workload and says how long it took.
pub(crate) async fn run(doors: &[Door], database_url: &str, schema: &str) -> Result<Outcome> {
    let started = Instant::now();
    let mut sides = JoinSet::new();
    for door in doors {
        let (door, database_url, schema) = (door.clone(), database_url.to_owned(), schema.to_owned());
        sides.spawn(async move { sync(&door, &database_url, &schema).await });
    }
    let (mut n_records, mut n_written) = (0, 0);
    while let Some(side) = sides.join_next().await {
        let (records, written) = side??;
        n_records += records;
        n_written += written;
    }
    Ok(Outcome::new(n_records, n_written, started.elapsed()))
}

/// Reads one CRM to its end, and writes it.
async fn sync(door: &Door, database_url: &str, schema: &str) -> Result<(usize, usize)> {
    let mut connection = PgConnection::connect(database_url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "set search_path = {schema}; set enable_seqscan = off; set jit = off"
    )))
    .execute(&mut connection)
    .await?;
    sqlx::raw_sql(STAGING).execute(&mut connection).await?;
    let subscription = Uuid::now_v7();
    let run = Uuid::now_v7();
    let crm = door.crm.key();
    sqlx::query(SUBSCRIBE)
        .bind(subscription)
        .bind(run.to_string())
        .bind(crm)
        .execute(&mut connection)
        .await?;
    let parents = Parents::read(&mut connection, crm).await?;
    sqlx::query(OPEN_RUN)
        .bind(run)
        .bind(subscription)
        .bind(Utc::now())
        .bind(crm)
        .execute(&mut connection)
        .await?;
    let (sender, mut pages) = mpsc::channel(2);
    let feed = Feed::new(door)?;
    let reader = match door.crm {
        Crm::Salesforce => tokio::spawn(salesforce::read(feed, sender)),
        Crm::Hubspot => tokio::spawn(hubspot::read(feed, sender)),
    };
    let side = Side { crm, run, subscription, parents };
    let (mut n_records, mut written) = (0, 0);
    while let Some(page) = pages.recv().await {
        written += write(&mut connection, &side, n_records, &page).await?;
        n_records += page.deals.len();
    }
    reader.await??;
    sqlx::query(CLOSE_RUN).bind(run).bind(n_records as i64).bind(Utc::now()).execute(&mut connection).await?;
    Ok((n_records, written))
}

/// Custom fields in jsonb's own text form: `": "` and `", "`. They come in its order: shorter keys first, then by
/// bytes.
fn jsonb(fields: &[(&str, Option<&str>)]) -> Result<String> {
    let mut text = String::from("{");
    for (name, value) in fields {
        if text.len() > 1 {
            text.push_str(", ");
        }
        text.push('"');
        text.push_str(name);
        text.push_str("\": ");
        match value {
            Some(value) => text.push_str(&serde_json::to_string(value)?),
            None => text.push_str("null"),
        }
    }
    text.push('}');
    Ok(text)
}

/// What one run has in common.
struct Side {
    /// The provider, and the connection's name.
    crm: &'static str,
    run: Uuid,
    subscription: Uuid,
    parents: Parents,
}

/// Local ids of what opportunities link to.
struct Parents {
    accounts: HashMap<String, Uuid>,
    users: HashMap<String, Uuid>,
}

impl Parents {
    async fn read(connection: &mut PgConnection, crm: &str) -> Result<Self> {
        let accounts: Vec<(String, Uuid)> =
            sqlx::query_as(ACCOUNTS).bind(crm).fetch_all(&mut *connection).await?;
        let users: Vec<(String, Uuid)> = sqlx::query_as(USERS).bind(crm).fetch_all(connection).await?;
        Ok(Self { accounts: accounts.into_iter().collect(), users: users.into_iter().collect() })
    }
}

async fn write(connection: &mut PgConnection, side: &Side, seq: usize, page: &Parsed) -> Result<usize> {
    let mut tx = connection.begin().await?;
    let stored = look_up(&mut tx, side.crm, &page.deals).await?;
    let at = Utc::now();
    let (mut rows, mut items) = (Copy::new(23), Copy::new(10));
    let mut written = 0;
    for (n, deal) in page.deals.iter().enumerate() {
        let found = stored.get(deal.id.as_str());
        let local_id = found.map_or_else(Uuid::now_v7, |(id, _)| *id);
        let (operation, changed) = match found {
            None if deal.deleted => ("noop", None),
            None => ("created", Some(changes(None, deal)?)),
            Some((_, old)) if old == deal => ("noop", None),
            Some((_, old)) => ("updated", Some(changes(Some(old), deal)?)),
        };
        if changed.is_some() {
            push_row(&mut rows, side, local_id, deal, at);
            written += 1;
        }
        items.row();
        items.uuid(side.run);
        items.int8((seq + n + 1) as i64);
        items.text("");
        items.text(&deal.id);
        items.text(operation);
        items.text("success");
        items.text(&local_id.to_string());
        items.optional_text(changed.as_deref());
        items.optional_text(deal.name.as_deref());
        items.instant(at);
    }
    if written > 0 {
        if stored.is_empty() {
            copy(&mut tx, COPY_ROWS, rows).await?;
        } else {
            copy(&mut tx, COPY_STAGING, rows).await?;
            sqlx::query(MERGE).execute(&mut *tx).await?;
        }
    }
    copy(&mut tx, COPY_ITEMS, items).await?;
    sqlx::query(MOVE_CURSOR).bind(side.subscription).bind(&page.cursor).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(written)
}

async fn look_up(
    connection: &mut PgConnection,
    crm: &str,
    deals: &[Deal],
) -> Result<HashMap<String, (Uuid, Deal)>> {
    let ids: Vec<&str> = deals.iter().map(|deal| deal.id.as_str()).collect();
    let rows = sqlx::query(FIND).bind(ids).bind(crm).fetch_all(connection).await?;
    let mut stored = HashMap::with_capacity(rows.len());
    for row in rows {
        let deal = Deal {
            id: row.try_get(1)?,
            version: row.try_get(2)?,
            deleted: false,
            name: row.try_get(3)?,
            stage: row.try_get(4)?,
            amount: row.try_get(5)?,
            probability: row.try_get(6)?,
            close_date: row.try_get(7)?,
            closed: row.try_get(8)?,
            won: row.try_get(9)?,
            kind: row.try_get(10)?,
            lead_source: row.try_get(11)?,
            next_step: row.try_get(12)?,
            account: row.try_get(13)?,
            owner: row.try_get(14)?,
            custom: row.try_get(15)?,
        };
        stored.insert(deal.id.clone(), (row.try_get(0)?, deal));
    }
    Ok(stored)
}

fn push_row(rows: &mut Copy, side: &Side, local_id: Uuid, deal: &Deal, at: DateTime<Utc>) {
    rows.row();
    rows.uuid(local_id);
    rows.text("");
    rows.text(side.crm);
    rows.text(&deal.id);
    rows.text(side.crm);
    rows.int8(deal.version);
    rows.optional_text(deal.name.as_deref());
    rows.optional_text(deal.stage.as_deref());
    rows.optional_numeric(deal.amount);
    rows.optional_numeric(deal.probability);
    rows.optional_date(deal.close_date);
    rows.optional_bool(deal.closed);
    rows.optional_bool(deal.won);
    rows.optional_text(deal.kind.as_deref());
    rows.optional_text(deal.lead_source.as_deref());
    rows.optional_text(deal.next_step.as_deref());
    rows.optional_text(deal.account.as_deref());
    rows.optional_uuid(deal.account.as_ref().and_then(|id| side.parents.accounts.get(id)));
    rows.optional_text(deal.owner.as_deref());
    rows.optional_uuid(deal.owner.as_ref().and_then(|id| side.parents.users.get(id)));
    rows.jsonb(&deal.custom);
    rows.instant(at);
    rows.instant(at);
}

/// Reads one field as text.
type Get = fn(&Deal) -> Option<String>;

/// `{"field":{"from":…,"to":…}}` of what differs.
fn changes(old: Option<&Deal>, new: &Deal) -> Result<String> {
    let mut text = String::from("{");
    let mut step = |name: &str, from: Option<String>, to: Option<String>| -> Result<()> {
        if from != to {
            if text.len() > 1 {
                text.push(',');
            }
            let value = |value: Option<String>| serde_json::to_string(&value);
            text.push_str(&format!(r#""{name}":{{"from":{},"to":{}}}"#, value(from)?, value(to)?));
        }
        Ok(())
    };
    let texts: [(&str, Get); 12] = [
        ("name", |d| d.name.clone()),
        ("stage", |d| d.stage.clone()),
        ("amount", |d| d.amount.map(|d| d.to_string())),
        ("probability", |d| d.probability.map(|d| d.to_string())),
        ("close_date", |d| d.close_date.map(|d| d.to_string())),
        ("closed", |d| d.closed.map(|b| b.to_string())),
        ("won", |d| d.won.map(|b| b.to_string())),
        ("kind", |d| d.kind.clone()),
        ("lead_source", |d| d.lead_source.clone()),
        ("next_step", |d| d.next_step.clone()),
        ("account", |d| d.account.clone()),
        ("owner", |d| d.owner.clone()),
    ];
    for (name, get) in texts {
        step(name, old.and_then(get), get(new))?;
    }
    if old.map(|old| &old.custom) != Some(&new.custom) {
        type Fields = serde_json::Map<String, serde_json::Value>;
        let parse = |text: &str| serde_json::from_str::<Fields>(text);
        let from = old.map(|old| parse(&old.custom)).transpose()?.unwrap_or_default();
        for (name, value) in parse(&new.custom)? {
            let to = value.as_str().map(str::to_owned);
            let from = from.get(&name).and_then(|value| value.as_str()).map(str::to_owned);
            step(&format!("custom.{name}"), from, to)?;
        }
    }
    text.push('}');
    Ok(text)
}

async fn copy(connection: &mut PgConnection, statement: &'static str, rows: Copy) -> Result<()> {
    let mut copy = connection.copy_in_raw(statement).await?;
    copy.send(rows.finish()).await?;
    copy.finish().await?;
    Ok(())
}

const STAGING: &str = "create temporary table staging (like opportunities) on commit delete rows";

const COPY_STAGING: &str =
    "copy staging (id, tenant_id, connection_id, external_id, provider, remote_version,
    name, stage, amount, probability, close_date, closed, won, kind, lead_source, next_step,
    account_external_id, account_id, owner_external_id, owner_id, custom_fields, created_at, updated_at)
from stdin (format binary)";

const COPY_ROWS: &str =
    "copy opportunities (id, tenant_id, connection_id, external_id, provider, remote_version,
    name, stage, amount, probability, close_date, closed, won, kind, lead_source, next_step,
    account_external_id, account_id, owner_external_id, owner_id, custom_fields, created_at, updated_at)
from stdin (format binary)";

const MERGE: &str = "insert into opportunities select * from staging
on conflict (tenant_id, connection_id, external_id) do update set
    remote_version = excluded.remote_version, name = excluded.name, stage = excluded.stage,
    amount = excluded.amount, probability = excluded.probability, close_date = excluded.close_date,
    closed = excluded.closed, won = excluded.won, kind = excluded.kind, lead_source = excluded.lead_source,
    next_step = excluded.next_step, account_external_id = excluded.account_external_id,
    account_id = excluded.account_id, owner_external_id = excluded.owner_external_id,
    owner_id = excluded.owner_id, custom_fields = excluded.custom_fields, updated_at = excluded.updated_at,
    deleted_at = null";

const ACCOUNTS: &str = "select external_id, id from accounts where tenant_id = '' and connection_id = $1";

const USERS: &str = "select external_id, id from users where tenant_id = '' and connection_id = $1";

/// One descent of the unique index per id. With `external_id = any($1)` the server reads the whole table
/// instead, for as long as it has no statistics of a table that was just filled.
const FIND: &str = "select found.* from unnest($1::text[]) as wanted (id) cross join lateral (
    select id, external_id, remote_version, name, stage, amount, probability, close_date, closed, won, kind,
        lead_source, next_step, account_external_id, owner_external_id, custom_fields::text
    from opportunities where tenant_id = '' and connection_id = $2 and external_id = wanted.id offset 0) as found";

const COPY_ITEMS: &str =
    "copy sync_run_items (run_id, seq, tenant_id, external_id, operation, status, local_id,
    changed_fields, title, recorded_at) from stdin (format binary)";

const SUBSCRIBE: &str =
    "insert into sync_subscriptions (id, tenant_id, connection_id, adapter, domain, external_ref,
    created_at, updated_at) values ($1, '', $3, 'floor', 'opportunity', $2, now(), now())";

const OPEN_RUN: &str =
    "insert into sync_runs (id, subscription_id, connection_id, provider, entity, user_id, direction,
    action, status, started_at) values ($1, $2, $4, $4, 'opportunity', 'system', 'inbound', 'poll',
    'running', $3)";

const CLOSE_RUN: &str = "update sync_runs set status = 'success', found = $2, finished_at = $3 where id = $1";

const MOVE_CURSOR: &str = "update sync_subscriptions set cursor = $2 where id = $1";
