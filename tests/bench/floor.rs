//! The floor: the same pages fetched, parsed to typed structs and written as the same rows, audit items and
//! cursor by the fastest SQL found, without being an engine.
//!
//! Per page one transaction: look up the rows, compare; a page of new rows goes by binary COPY straight into the
//! table, a page with known ones into a temporary table and from there by one `insert … select … on conflict`;
//! binary COPY of the audit items; the cursor. Accounts and owners are read once, at the start. Pages are fetched
//! and parsed on a task of their own.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::{Connection, PgConnection, Row as _};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::feed::Feed;
use crate::measure::Outcome;
use crate::pgcopy::Copy;

/// What the floor reads; the same fields as the engine's query.
const FIELDS: &str = "Id, SystemModstamp, IsDeleted, Name, StageName, Amount, Probability, CloseDate, IsClosed, IsWon, \
    Type, LeadSource, NextStep, AccountId, OwnerId, Ext__c, Region__c, Score__c, Renewal_Date__c, Priority__c, \
    Product__c, Weighted__c, Account_Rating__c";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    done: bool,
    next_records_url: Option<String>,
    #[serde(borrow)]
    records: Vec<Wire<'a>>,
}

/// A record as the provider spells it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    system_modstamp: Cow<'a, str>,
    is_deleted: bool,
    name: Option<String>,
    stage_name: Option<String>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    probability: Option<&'a RawValue>,
    close_date: Option<NaiveDate>,
    is_closed: Option<bool>,
    is_won: Option<bool>,
    r#type: Option<String>,
    lead_source: Option<String>,
    next_step: Option<String>,
    account_id: Option<String>,
    owner_id: Option<String>,
    #[serde(rename = "Ext__c", borrow)]
    ext: Option<Cow<'a, str>>,
    #[serde(rename = "Region__c", borrow)]
    region: Option<Cow<'a, str>>,
    #[serde(rename = "Score__c", borrow)]
    score: Option<&'a RawValue>,
    #[serde(rename = "Renewal_Date__c", borrow)]
    renewal_date: Option<Cow<'a, str>>,
    #[serde(rename = "Priority__c", borrow)]
    priority: Option<Cow<'a, str>>,
    #[serde(rename = "Product__c", borrow)]
    product: Option<Cow<'a, str>>,
    #[serde(rename = "Weighted__c", borrow)]
    weighted: Option<&'a RawValue>,
    #[serde(rename = "Account_Rating__c", borrow)]
    account_rating: Option<Cow<'a, str>>,
}

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
pub(crate) async fn run(feed: &Feed, database_url: &str, schema: &str) -> Result<Outcome> {
    let mut connection = PgConnection::connect(database_url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "set search_path = {schema}; set enable_seqscan = off; set jit = off"
    )))
    .execute(&mut connection)
    .await?;
    sqlx::raw_sql(STAGING).execute(&mut connection).await?;
    let subscription = Uuid::now_v7();
    let run = Uuid::now_v7();
    sqlx::query(SUBSCRIBE).bind(subscription).bind(run.to_string()).execute(&mut connection).await?;
    let started = Instant::now();
    let parents = Parents::read(&mut connection).await?;
    sqlx::query(OPEN_RUN).bind(run).bind(subscription).bind(Utc::now()).execute(&mut connection).await?;
    let (sender, mut pages) = mpsc::channel(2);
    let reader = tokio::spawn(read(feed.clone(), sender));
    let (mut n_records, mut written) = (0, 0);
    while let Some(page) = pages.recv().await {
        written += write(&mut connection, &parents, run, subscription, n_records, &page).await?;
        n_records += page.deals.len();
    }
    reader.await??;
    sqlx::query(CLOSE_RUN).bind(run).bind(n_records as i64).bind(Utc::now()).execute(&mut connection).await?;
    Ok(Outcome::new(n_records, written, started.elapsed()))
}

async fn read(feed: Feed, pages: mpsc::Sender<Parsed>) -> Result<()> {
    let soql = format!("SELECT {FIELDS} FROM Opportunity ORDER BY SystemModstamp, Id");
    let mut next = Some(feed.query_path(&soql));
    while let Some(path) = next {
        let body = feed.get(&path).await?;
        let page: Page<'_> = serde_json::from_slice(&body).context("parsing a page")?;
        let last = page.records.last();
        let cursor =
            last.map(|last| format!(r#"{{"v":1,"stamp":"{}","id":"{}"}}"#, last.system_modstamp, last.id));
        let deals = page.records.into_iter().map(Deal::parse).collect::<Result<Vec<_>>>()?;
        next = page.next_records_url.filter(|_| !page.done);
        if let Some(cursor) = cursor
            && pages.send(Parsed { deals, cursor }).await.is_err()
        {
            break;
        }
    }
    Ok(())
}

impl Deal {
    fn parse(wire: Wire<'_>) -> Result<Self> {
        let custom = custom_text(&wire)?;
        Ok(Self {
            version: wire.system_modstamp.parse::<DateTime<Utc>>()?.timestamp_millis(),
            id: wire.id.into_owned(),
            deleted: wire.is_deleted,
            name: wire.name,
            stage: wire.stage_name,
            amount: decimal(wire.amount)?,
            probability: decimal(wire.probability)?,
            close_date: wire.close_date,
            closed: wire.is_closed,
            won: wire.is_won,
            kind: wire.r#type,
            lead_source: wire.lead_source,
            next_step: wire.next_step,
            account: wire.account_id,
            owner: wire.owner_id,
            custom,
        })
    }
}

fn decimal(raw: Option<&RawValue>) -> Result<Option<Decimal>> {
    raw.map(|raw| Decimal::from_str_exact(raw.get()).or_else(|_| Decimal::from_scientific(raw.get())))
        .transpose()
        .context("an amount")
}

/// The custom fields in jsonb's own text form: shorter keys first, then by bytes; `": "` and `", "`.
fn custom_text(wire: &Wire<'_>) -> Result<String> {
    let mut text = String::from("{");
    let mut push = |name: &str, value: Option<&str>| -> Result<()> {
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
        Ok(())
    };
    let (score, weighted) = (decimal(wire.score)?, decimal(wire.weighted)?);
    push("Ext__c", wire.ext.as_deref())?;
    push("Score__c", score.map(|d| d.to_string()).as_deref())?;
    push("Region__c", wire.region.as_deref())?;
    push("Product__c", wire.product.as_deref())?;
    push("Priority__c", wire.priority.as_deref())?;
    push("Weighted__c", weighted.map(|d| d.to_string()).as_deref())?;
    push("Renewal_Date__c", wire.renewal_date.as_deref())?;
    push("Account_Rating__c", wire.account_rating.as_deref())?;
    text.push('}');
    Ok(text)
}

/// Local ids of what opportunities link to.
struct Parents {
    accounts: HashMap<String, Uuid>,
    users: HashMap<String, Uuid>,
}

impl Parents {
    async fn read(connection: &mut PgConnection) -> Result<Self> {
        let accounts: Vec<(String, Uuid)> = sqlx::query_as(ACCOUNTS).fetch_all(&mut *connection).await?;
        let users: Vec<(String, Uuid)> = sqlx::query_as(USERS).fetch_all(connection).await?;
        Ok(Self { accounts: accounts.into_iter().collect(), users: users.into_iter().collect() })
    }
}

async fn write(
    connection: &mut PgConnection,
    parents: &Parents,
    run: Uuid,
    subscription: Uuid,
    seq: usize,
    page: &Parsed,
) -> Result<usize> {
    let mut tx = connection.begin().await?;
    let stored = look_up(&mut tx, &page.deals).await?;
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
            push_row(&mut rows, parents, local_id, deal, at);
            written += 1;
        }
        items.row();
        items.uuid(run);
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
    sqlx::query(MOVE_CURSOR).bind(subscription).bind(&page.cursor).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(written)
}

async fn look_up(connection: &mut PgConnection, deals: &[Deal]) -> Result<HashMap<String, (Uuid, Deal)>> {
    let ids: Vec<&str> = deals.iter().map(|deal| deal.id.as_str()).collect();
    let rows = sqlx::query(FIND).bind(ids).fetch_all(connection).await?;
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

fn push_row(rows: &mut Copy, parents: &Parents, local_id: Uuid, deal: &Deal, at: DateTime<Utc>) {
    rows.row();
    rows.uuid(local_id);
    rows.text("");
    rows.text("org");
    rows.text(&deal.id);
    rows.text("salesforce");
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
    rows.optional_uuid(deal.account.as_ref().and_then(|id| parents.accounts.get(id)));
    rows.optional_text(deal.owner.as_deref());
    rows.optional_uuid(deal.owner.as_ref().and_then(|id| parents.users.get(id)));
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

const ACCOUNTS: &str = "select external_id, id from accounts where tenant_id = '' and connection_id = 'org'";

const USERS: &str = "select external_id, id from users where tenant_id = '' and connection_id = 'org'";

/// One descent of the unique index per id. With `external_id = any($1)` the server reads the whole table
/// instead, for as long as it has no statistics of a table that was just filled.
const FIND: &str = "select found.* from unnest($1::text[]) as wanted (id) cross join lateral (
    select id, external_id, remote_version, name, stage, amount, probability, close_date, closed, won, kind,
        lead_source, next_step, account_external_id, owner_external_id, custom_fields::text
    from opportunities where tenant_id = '' and connection_id = 'org' and external_id = wanted.id offset 0) as found";

const COPY_ITEMS: &str =
    "copy sync_run_items (run_id, seq, tenant_id, external_id, operation, status, local_id,
    changed_fields, title, recorded_at) from stdin (format binary)";

const SUBSCRIBE: &str =
    "insert into sync_subscriptions (id, tenant_id, connection_id, adapter, domain, external_ref,
    created_at, updated_at) values ($1, '', 'org', 'floor', 'opportunity', $2, now(), now())";

const OPEN_RUN: &str = "insert into sync_runs (id, subscription_id, connection_id, provider, entity, user_id, direction,
    action, status, started_at) values ($1, $2, 'org', 'salesforce', 'opportunity', 'system', 'inbound', 'poll',
    'running', $3)";

const CLOSE_RUN: &str = "update sync_runs set status = 'success', found = $2, finished_at = $3 where id = $1";

const MOVE_CURSOR: &str = "update sync_subscriptions set cursor = $2 where id = $1";
