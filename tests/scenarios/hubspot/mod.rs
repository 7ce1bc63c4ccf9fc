//! The stage of the HubSpot scenarios: an account, and what stories do to it.

mod entities;
mod hexsync;
mod naive;

mod calculated;
mod deletes;
mod limits;
mod links;
mod stamps;

use std::collections::BTreeMap;
use std::time::Duration;

use crm_sandbox::SimClock;
use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::hubspot::{
    HubspotControl, HubspotSandbox, HubspotSettings, Properties, RowChange, RowChanges, Running,
};
use e2e::edit::fields;
use serde_json::Value as Json;

use crate::contender::Contender;
use crate::verdict::{Row, Truth, plain};

pub(crate) use entities::Keeps;
pub(crate) use hexsync::Hexsync;
pub(crate) use naive::Habits;

/// What is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    /// `contacts`.
    Contacts,
    /// `deals`.
    Deals,
    /// `contacts/companies`: who works where, each association a record.
    Employments,
}

/// The properties that are watched, for contacts.
pub(crate) const CONTACT: &[&str] = &["email", "firstname", "lastname", "phone", "jobtitle"];
/// For deals; the last two are worked out by HubSpot.
pub(crate) const DEAL: &[&str] =
    &["dealname", "amount", "dealstage", "hs_next_step", "hs_projected_amount", "company_tier"];
/// For associations: labels, and whether it is the primary one.
pub(crate) const EMPLOYMENT: &[&str] = &["label", "is_primary"];

impl Object {
    /// The name in paths.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Deals => "deals",
            Self::Employments => "contacts/companies",
        }
    }

    /// The application's name for a record.
    pub(crate) fn entity(self) -> &'static str {
        match self {
            Self::Contacts => "person",
            Self::Deals => "deal",
            Self::Employments => "employment",
        }
    }

    pub(crate) fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => CONTACT,
            Self::Deals => DEAL,
            Self::Employments => EMPLOYMENT,
        }
    }
}

/// What a story starts from.
pub(crate) struct Stage {
    pub(crate) account: AccountSpec,
    pub(crate) objects: &'static [Object],
    pub(crate) settings: HubspotSettings,
    /// What is naive about the naive poller.
    pub(crate) habits: Habits,
}

impl Stage {
    /// An account with so many contacts, of whom most work at one of some companies.
    pub(crate) fn contacts(contacts: usize) -> Self {
        let account = AccountSpec { owners: 3, companies: 20, contacts, ..AccountSpec::default() };
        Self::of(account, &[Object::Contacts])
    }

    /// An account with so many deals, of which most belong to one of some companies.
    pub(crate) fn deals(deals: usize) -> Self {
        let account = AccountSpec { owners: 3, companies: 20, deals, ..AccountSpec::default() };
        Self::of(account, &[Object::Deals])
    }

    fn of(account: AccountSpec, objects: &'static [Object]) -> Self {
        Self { account, objects, settings: HubspotSettings::without_bursts(), habits: Habits::default() }
    }

    pub(crate) async fn start(&self) -> Running {
        let builder = HubspotSandbox::builder().account(self.account).clock(SimClock::default());
        builder.settings(self.settings.clone()).start().await.expect("a port is free")
    }
}

/// A contender that syncs a HubSpot account.
pub(crate) trait OnHubspot: Contender {
    /// Starts with an empty store before an account.
    async fn enter(stage: Stage) -> Self;

    /// Changes the account.
    fn crm(&self) -> &HubspotControl;
}

/// The records of an account that are watched, as they are now.
pub(crate) fn truth(crm: &HubspotControl, objects: &[Object]) -> Truth {
    let mut truth = Truth::default();
    for object in objects {
        truth.fields.extend(object.properties().iter().map(|name| (*name).to_owned()));
        if *object == Object::Employments {
            for (contact, company, labels) in crm.associations("contacts", "companies") {
                truth.rows.insert(format!("{contact}-{company}"), employment(labels));
            }
            continue;
        }
        for deleted in [false, true] {
            for record in crm.rows(object.name(), deleted) {
                let id = record["id"].as_str().unwrap_or_default().to_owned();
                truth.rows.insert(id, Row { deleted, ..row(&record, object.properties()) });
            }
        }
    }
    truth
}

/// A record as the API shows it.
fn row(record: &Json, properties: &[&str]) -> Row {
    let value = |name: &&str| Some(((*name).to_owned(), plain(&record["properties"][*name])?));
    Row { deleted: false, values: properties.iter().filter_map(value).collect() }
}

/// An association with these labels, of which the one that HubSpot gives has a place of its own.
fn employment(mut labels: Vec<String>) -> Row {
    let n_labels = labels.len();
    labels.retain(|label| label != "Primary");
    labels.sort_unstable();
    let mut values = BTreeMap::from([("is_primary".to_owned(), (labels.len() < n_labels).to_string())]);
    if !labels.is_empty() {
        values.insert("label".to_owned(), labels.join("; "));
    }
    Row { deleted: false, values }
}

/// The ids of live records, smallest first.
pub(crate) fn live(crm: &HubspotControl, object: &str) -> Vec<u64> {
    let id = |record: &Json| record["id"].as_str().and_then(|id| id.parse().ok());
    crm.rows(object, false).iter().filter_map(id).collect()
}

pub(crate) fn properties(json: Json) -> Properties {
    fields(json)
}

/// The same edit to several records at the same millisecond.
pub(crate) fn bulk_edit(crm: &HubspotControl, object: &str, ids: &[u64], edit: &Json) {
    bulk(crm, object, ids, edit, None);
}

/// As [`bulk_edit`]; search finds it so many simulated milliseconds later.
pub(crate) fn late_edit(crm: &HubspotControl, object: &str, ids: &[u64], edit: &Json, late_ms: u32) {
    bulk(crm, object, ids, edit, Some(late_ms));
}

fn bulk(crm: &HubspotControl, object: &str, ids: &[u64], edit: &Json, index_after_ms: Option<u32>) {
    let update = |id: &u64| RowChange::Update {
        object: object.to_owned(),
        id: *id,
        properties: properties(edit.clone()),
    };
    let ops = ids.iter().map(update).collect();
    let done = crm.apply(&RowChanges { ops, index_after_ms, ..RowChanges::default() });
    assert!(done.iter().all(Result::is_ok), "the edit is possible");
}

/// Requests for records since they were last counted.
pub(crate) fn asked(crm: &HubspotControl) -> u64 {
    let counts = crm.request_counts();
    ["list", "search", "batch_read", "association_read"].iter().filter_map(|kind| counts.get(kind)).sum()
}

fn pass(crm: &HubspotControl, seconds: u64) {
    crm.advance(Duration::from_secs(seconds));
}
