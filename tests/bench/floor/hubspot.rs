//! Reading HubSpot's deals, 100 a page: the list of archived ones, then the list of live ones.

use std::borrow::Cow;

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{Deal, Parsed, jsonb};
use crate::door::Feed;

/// The same properties as the engine asks for.
const PROPERTIES: &str = "dealname,dealstage,amount,hs_deal_stage_probability,closedate,hs_is_closed,hs_is_closed_won,\
    dealtype,hs_analytics_source,hs_next_step,hubspot_owner_id,hs_lastmodifieddate,hs_merged_object_ids,region,score,\
    renewal_date,interest_in,product,ext_key,company_tier";
/// Records of one transaction, as with the other CRM.
const PER_COMMIT: usize = 2_000;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    results: Vec<Wire<'a>>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    after: String,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    archived: bool,
    #[serde(borrow)]
    properties: Properties<'a>,
    associations: Option<Associations>,
}

/// Every value is text, or null.
#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(borrow)]
    hs_lastmodifieddate: Cow<'a, str>,
    dealname: Option<String>,
    dealstage: Option<String>,
    #[serde(borrow)]
    amount: Option<Cow<'a, str>>,
    #[serde(borrow)]
    hs_deal_stage_probability: Option<Cow<'a, str>>,
    #[serde(borrow)]
    closedate: Option<Cow<'a, str>>,
    #[serde(borrow)]
    hs_is_closed: Option<Cow<'a, str>>,
    #[serde(borrow)]
    hs_is_closed_won: Option<Cow<'a, str>>,
    dealtype: Option<String>,
    hs_analytics_source: Option<String>,
    hs_next_step: Option<String>,
    hubspot_owner_id: Option<String>,
    #[serde(borrow)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    score: Option<Cow<'a, str>>,
    #[serde(borrow)]
    renewal_date: Option<Cow<'a, str>>,
    #[serde(borrow)]
    interest_in: Option<Cow<'a, str>>,
    #[serde(borrow)]
    product: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ext_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    company_tier: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Associations {
    companies: Option<Associated>,
}

#[derive(Deserialize)]
struct Associated {
    results: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    id: String,
    r#type: String,
}

pub(super) async fn read(feed: Feed, pages: mpsc::Sender<Parsed>) -> Result<()> {
    let mut deals = Vec::with_capacity(PER_COMMIT);
    for archived in [true, false] {
        let mut after = String::new();
        loop {
            let path = format!(
                "/crm/v3/objects/deals?limit=100&archived={archived}&associations=companies&properties={PROPERTIES}{after}"
            );
            let body = feed.get(&path).await?;
            let page: Page<'_> = serde_json::from_slice(&body).context("parsing a page")?;
            for wire in page.results {
                deals.push(Deal::listed(wire)?);
            }
            if deals.len() >= PER_COMMIT && !hand_over(&mut deals, &pages).await {
                return Ok(());
            }
            match page.paging.and_then(|paging| paging.next) {
                Some(next) => after = format!("&after={}", next.after),
                None => break,
            }
        }
    }
    hand_over(&mut deals, &pages).await;
    Ok(())
}

/// Whether anybody still listens.
async fn hand_over(deals: &mut Vec<Deal>, pages: &mpsc::Sender<Parsed>) -> bool {
    let deals = std::mem::replace(deals, Vec::with_capacity(PER_COMMIT));
    let Some(last) = deals.last() else { return true };
    let cursor = format!(r#"{{"v":1,"after":"{}"}}"#, last.id);
    pages.send(Parsed { deals, cursor }).await.is_ok()
}

impl Deal {
    fn listed(wire: Wire<'_>) -> Result<Self> {
        let Properties { hs_lastmodifieddate, .. } = &wire.properties;
        let version = hs_lastmodifieddate.parse::<DateTime<Utc>>()?.timestamp_millis();
        let custom = custom_text(&wire.properties)?;
        let properties = wire.properties;
        let probability = decimal(properties.hs_deal_stage_probability.as_deref())?;
        Ok(Self {
            version,
            id: wire.id.into_owned(),
            deleted: wire.archived,
            name: text(properties.dealname),
            stage: text(properties.dealstage),
            amount: decimal(properties.amount.as_deref())?,
            probability: probability.map(|probability| probability * Decimal::ONE_HUNDRED),
            close_date: day(properties.closedate.as_deref())?,
            closed: truth(properties.hs_is_closed.as_deref()),
            won: truth(properties.hs_is_closed_won.as_deref()),
            kind: text(properties.dealtype),
            lead_source: text(properties.hs_analytics_source),
            next_step: text(properties.hs_next_step),
            account: wire.associations.and_then(primary),
            owner: text(properties.hubspot_owner_id),
            custom,
        })
    }
}

/// The primary company, else the one with the lowest id.
fn primary(associations: Associations) -> Option<String> {
    let mut companies = associations.companies?.results;
    let primary = companies.iter().position(|link| link.r#type == "deal_to_company");
    let lowest = || {
        let id = |link: &Link| link.id.parse::<u64>().unwrap_or(u64::MAX);
        (0..companies.len()).min_by_key(|n| id(&companies[*n]))
    };
    let chosen = primary.or_else(lowest)?;
    Some(companies.swap_remove(chosen).id)
}

/// Empty text is no value.
fn text(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn truth(value: Option<&str>) -> Option<bool> {
    value.filter(|value| !value.is_empty()).map(|value| value == "true")
}

fn decimal(value: Option<&str>) -> Result<Option<Decimal>> {
    let value = value.filter(|value| !value.is_empty());
    value
        .map(|text| Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)))
        .transpose()
        .context("a number")
}

fn day(value: Option<&str>) -> Result<Option<NaiveDate>> {
    let value = value.filter(|value| !value.is_empty());
    Ok(value.map(|text| text.parse::<DateTime<Utc>>().map(|instant| instant.date_naive())).transpose()?)
}

fn custom_text(properties: &Properties<'_>) -> Result<String> {
    fn set<'a>(value: &'a Option<Cow<'_, str>>) -> Option<&'a str> {
        value.as_deref().filter(|value| !value.is_empty())
    }
    let score = decimal(properties.score.as_deref())?.map(|score| score.to_string());
    jsonb(&[
        ("score", score.as_deref()),
        ("region", set(&properties.region)),
        ("ext_key", set(&properties.ext_key)),
        ("product", set(&properties.product)),
        ("interest_in", set(&properties.interest_in)),
        ("company_tier", set(&properties.company_tier)),
        ("renewal_date", set(&properties.renewal_date)),
    ])
}
