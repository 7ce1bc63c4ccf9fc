//! Reading Salesforce's opportunities, 2,000 a page.

use std::borrow::Cow;

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{Deal, Parsed, jsonb};
use crate::door::Feed;

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

pub(super) async fn read(feed: Feed, pages: mpsc::Sender<Parsed>) -> Result<()> {
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

fn custom_text(wire: &Wire<'_>) -> Result<String> {
    let (score, weighted) = (decimal(wire.score)?, decimal(wire.weighted)?);
    let (score, weighted) = (score.map(|d| d.to_string()), weighted.map(|d| d.to_string()));
    jsonb(&[
        ("Ext__c", wire.ext.as_deref()),
        ("Score__c", score.as_deref()),
        ("Region__c", wire.region.as_deref()),
        ("Product__c", wire.product.as_deref()),
        ("Priority__c", wire.priority.as_deref()),
        ("Weighted__c", weighted.as_deref()),
        ("Renewal_Date__c", wire.renewal_date.as_deref()),
        ("Account_Rating__c", wire.account_rating.as_deref()),
    ])
}
