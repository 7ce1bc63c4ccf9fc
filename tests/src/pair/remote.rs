//! Either CRM, as far as companies go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::hubspot::{HubspotSandbox, HubspotSettings};
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::salesforce::{SalesforceSandbox, SalesforceSettings};
use crm_sandbox::{FaultRule, SimClock};
use entity_account::Account;
use provider_http::RetryPolicy;
use provider_hubspot::{HubspotClient, HubspotConfig};
use provider_salesforce::SalesforceClient;
use serde_json::{Value as Json, json};
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_core::Clock;
use sync_core::history::Folded;
use sync_wiring::{hubspot, salesforce};

use crate::client::{self, CONNECTION, Login};
use crate::clock::LeastJitter;
use crate::edit::{fields, live};

/// Whose CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// An org.
    Salesforce,
    /// An account.
    Hubspot,
}

impl Product {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Salesforce, Self::Hubspot];
}

/// What both sides hold of a company, apart from links and what only one of them has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// Its telephone number.
    pub phone: String,
    /// Its address in the web.
    pub website: String,
}

impl Company {
    /// As a row tells it.
    #[must_use]
    pub fn here(row: &Folded) -> Self {
        let text = |name: &str| row.fields.get(name).map(|value| plain(&value.as_ref().to_json()));
        let text = |name| text(name).unwrap_or_default();
        Self { name: text("name"), phone: text("phone"), website: text("website") }
    }
}

fn plain(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

/// A running CRM; closed when it is dropped.
pub enum Remote {
    /// An org.
    Salesforce(crm_sandbox::salesforce::Running),
    /// An account.
    Hubspot(crm_sandbox::hubspot::Running),
}

/// Its client.
pub(super) enum Client {
    Salesforce(SalesforceClient),
    Hubspot(HubspotClient),
}

impl Remote {
    /// A dozen companies, and the field by which records that are made here are found again.
    pub(super) async fn start(product: Product) -> Self {
        match product {
            Product::Salesforce => {
                let spec = OrgSpec { users: 3, accounts: 12, ..OrgSpec::EMPTY };
                let settings = SalesforceSettings { api_max: 1_000_000, ..SalesforceSettings::default() };
                let org =
                    SalesforceSandbox::builder().org(spec).settings(settings).clock(SimClock::default());
                let org = org.start().await.expect("a port is free");
                let key = FieldSpec::key("Hexsync_Key__c");
                org.control().add_field("Account", &key).expect("the name is free");
                Self::Salesforce(org)
            }
            Product::Hubspot => {
                let spec = AccountSpec { owners: 3, companies: 12, ..AccountSpec::default() };
                let account = HubspotSandbox::builder().account(spec).clock(SimClock::default());
                let account = account.settings(HubspotSettings::without_bursts()).start().await;
                let account = account.expect("a port is free");
                let key = PropertySpec {
                    has_unique_value: Some(true),
                    ..PropertySpec::new("hexsync_key", PropertyType::String)
                };
                account.control().add_property("companies", &key).expect("the name is free");
                Self::Hubspot(account)
            }
        }
    }

    /// A client that neither paces itself nor waits between tries; of each answer it waits for as long as `patience`.
    pub(super) fn connect(&self, clock: Arc<dyn Clock>, patience: Option<Duration>) -> Client {
        match self {
            Self::Salesforce(org) => {
                Client::Salesforce(client::connect_within(&Login::of(org), clock, patience))
            }
            Self::Hubspot(account) => Client::Hubspot(connect(account, clock, patience)),
        }
    }

    pub(super) fn provider(&self) -> &'static str {
        match self {
            Self::Salesforce(_) => salesforce::PROVIDER,
            Self::Hubspot(_) => hubspot::PROVIDER,
        }
    }

    pub(super) fn clock(&self) -> &SimClock {
        match self {
            Self::Salesforce(org) => org.control().clock(),
            Self::Hubspot(account) => account.control().clock(),
        }
    }

    pub(super) fn advance(&self, by: Duration) {
        match self {
            Self::Salesforce(org) => org.control().advance(by),
            Self::Hubspot(account) => account.control().advance(by),
        }
    }

    pub(super) fn set_faults(&self, rules: Vec<FaultRule>) {
        match self {
            Self::Salesforce(org) => org.control().set_faults(rules),
            Self::Hubspot(account) => account.control().set_faults(rules),
        }
    }

    /// How requests that write are called.
    pub(super) fn write_kinds(&self) -> &'static [&'static str] {
        match self {
            Self::Salesforce(_) => &["row_write", "collection_write", "composite"],
            Self::Hubspot(_) => &["write", "batch_write"],
        }
    }

    /// The companies that live there, by id.
    #[must_use]
    pub fn companies(&self) -> BTreeMap<String, Company> {
        match self {
            Self::Salesforce(org) => {
                let company = |row: &Json| Company {
                    name: plain(&row["Name"]),
                    phone: plain(&row["Phone"]),
                    website: plain(&row["Website"]),
                };
                let rows = live::<Account>(org.control()).into_iter();
                let rows = rows.filter_map(|id| Some((id.to_string(), company(&org.control().row(id)?))));
                rows.collect()
            }
            Self::Hubspot(account) => {
                let company = |row: &Json| {
                    let text = |name: &str| plain(&row["properties"][name]);
                    Company { name: text("name"), phone: text("phone"), website: text("website") }
                };
                let rows = account.control().rows("companies", false);
                rows.iter().map(|row| (plain(&row["id"]), company(row))).collect()
            }
        }
    }

    /// What tells that a record was written again: when it was last.
    #[must_use]
    pub fn written_at(&self, id: &str) -> String {
        match self {
            Self::Salesforce(org) => {
                let row = RecordId::parse(id).and_then(|id| org.control().row(id));
                row.map(|row| plain(&row["SystemModstamp"])).unwrap_or_default()
            }
            Self::Hubspot(account) => {
                let row = id.parse().ok().and_then(|id| account.control().row("companies", id));
                row.map(|row| plain(&row["updatedAt"])).unwrap_or_default()
            }
        }
    }

    /// Somebody changes a company's telephone number there.
    ///
    /// # Panics
    /// When there is no such company.
    pub fn edit(&self, id: &str, phone: &str) {
        match self {
            Self::Salesforce(org) => {
                let id = RecordId::parse(id).expect("an id");
                org.control().update(id, &fields(json!({"Phone": phone}))).expect("the record is there");
            }
            Self::Hubspot(account) => {
                let id = id.parse().expect("an id");
                let change = fields(json!({"phone": phone}));
                account.control().update("companies", id, &change).expect("the record is there");
            }
        }
    }
}

fn connect(
    account: &crm_sandbox::hubspot::Running,
    clock: Arc<dyn Clock>,
    patience: Option<Duration>,
) -> HubspotClient {
    let token = StaticToken::new(account.credentials().private_app_token.clone().into(), None);
    let auth = Authenticator::builder(CONNECTION.into(), token, MemoryTokenStore::default());
    let config = HubspotConfig {
        base_url: account.base_url().to_owned(),
        restart_pause: Duration::from_millis(1),
        calls_per_ten_seconds: Some(1_000_000),
        searches_per_second: 100_000,
        ..HubspotConfig::default()
    };
    let retry = RetryPolicy {
        max_tries: 3,
        first_backoff: Duration::from_millis(2),
        longest_wait: Duration::from_millis(50),
    };
    let client = HubspotClient::builder(auth.clock(Arc::clone(&clock)).build()).config(config);
    let http = |http: provider_http::HttpClientBuilder| {
        let http = http.retry(retry).clock(clock).jitter(Arc::new(LeastJitter));
        match patience {
            Some(patience) => http.timeout(patience),
            None => http,
        }
    };
    client.http(http).build().expect("the settings are fine")
}
