//! The simulated CRMs of the tour, and a configuration for them whose secrets stay in memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use chrono::Utc;
use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::hubspot::{self, HubspotSettings};
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::salesforce::{self, SalesforceSettings};
use crm_sandbox::{HubspotSandbox, SalesforceSandbox, SimClock};
use secrecy::SecretString;
use sync_wiring::auth::new_key;
use tokio::net::TcpListener;

use super::PLAYERS;
use crate::cli::demo::place::CONFIG;
use crate::config::{Auth, Config, Held, Secret};
use crate::error::CliError;

/// Where the address of Redis is read from.
pub(super) const REDIS_VARIABLE: &str = "HEXSYNC_DEMO_REDIS_URL";

/// The field by which records that were made here are known in a CRM.
const SALESFORCE_KEY: &str = "Hexsync_Key__c";
const HUBSPOT_KEY: &str = "hexsync_key";
/// Objects that records are written to.
const SALESFORCE_WRITTEN: [&str; 3] = ["Account", "Contact", "Opportunity"];
const HUBSPOT_WRITTEN: [&str; 3] = ["companies", "contacts", "deals"];

/// The other side, and where this one listens.
pub(super) struct Setting {
    pub(super) org: salesforce::Running,
    pub(super) account: hubspot::Running,
    /// For the pages by which accounts are connected, one listener per player.
    pub(super) pages: Vec<TcpListener>,
    /// For webhooks.
    pub(super) hooks: Option<TcpListener>,
    hooks_at: SocketAddr,
    pages_at: Vec<SocketAddr>,
    /// The last part of the address for Salesforce's messages.
    pub(super) token: String,
    key: SecretString,
}

async fn listener() -> Result<(TcpListener, SocketAddr), CliError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Setting {
    /// Starts everything; no account is connected yet.
    ///
    /// # Errors
    /// When no port can be had.
    pub(super) async fn build(seed: u64) -> Result<Self, CliError> {
        let (org, account) = (org(seed).await?, account(seed).await?);
        let (hooks, hooks_at) = listener().await?;
        let (mut pages, mut pages_at) = (Vec::new(), Vec::new());
        for _ in PLAYERS {
            let (page, at) = listener().await?;
            pages.push(page);
            pages_at.push(at);
        }
        org.control().register_redirect_uri(&redirect(pages_at[0], "salesforce"));
        account.control().register_redirect_uri(&redirect(pages_at[1], "hubspot"));
        let key = SecretString::from(format!("demo:{}", *new_key().map_err(CliError::text)?));
        let token = new_key().map_err(CliError::text)?.to_string();
        Ok(Self { org, account, pages, hooks: Some(hooks), hooks_at, pages_at, token, key })
    }

    /// What CRMs call.
    pub(super) fn public_url(&self) -> String {
        format!("http://{}", self.hooks_at)
    }

    /// The sections of the configuration, which names secrets and holds none.
    /// Where there is a Redis, it knows the echoes as well.
    pub(super) fn sections(&self, redis: bool) -> String {
        let loopback = if redis {
            format!("\n[loopback]\nstore = \"redis\"\nredis_url_env = \"{REDIS_VARIABLE}\"\n")
        } else {
            String::new()
        };
        let (org, account) = (self.org.credentials(), self.account.credentials());
        let [northwind, fabrikam] = PLAYERS.map(|player| player.tenant);
        format!(
            r#"
[engine]
multi_tenant = true

[events]
publish = true
{loopback}
[serve]
address = "{hooks}"
public_url = "http://{hooks}"
hubspot_secret_env = "HEXSYNC_DEMO_HUBSPOT_SECRET"
salesforce_token_env = "HEXSYNC_DEMO_SALESFORCE_TOKEN"

[keys]
ring_env = "HEXSYNC_DEMO_KEYS"

[[connections]]
id = "{northwind}"
tenant = "{northwind}"
provider = "salesforce"
login_url = "{org_url}"
auth = "connected"
client_id = "{org_client}"
client_secret_env = "HEXSYNC_DEMO_SALESFORCE_SECRET"
redirect_url = "{org_back}"
settle_lag = "0s"
overlap = "0s"

[[connections]]
id = "{fabrikam}"
tenant = "{fabrikam}"
provider = "hubspot"
base_url = "{account_url}"
app_url = "{account_url}"
auth = "connected"
client_id = "{account_client}"
client_secret_env = "HEXSYNC_DEMO_HUBSPOT_SECRET"
redirect_url = "{account_back}"
scopes = [{scopes}]
settle_lag = "0s"
overlap = "0s"
"#,
            hooks = self.hooks_at,
            org_url = self.org.base_url(),
            org_client = org.client_id,
            org_back = redirect(self.pages_at[0], "salesforce"),
            account_url = self.account.base_url(),
            account_client = account.client_id,
            account_back = redirect(self.pages_at[1], "hubspot"),
            scopes = SCOPES.map(|scope| format!("\"{scope}\"")).join(", "),
        )
    }

    /// The configuration with its secrets.
    ///
    /// # Errors
    /// Never for the text that [`sections`](Self::sections) is part of.
    pub(super) fn config(&self, text: &str) -> Result<Config, CliError> {
        let mut config = Config::parse(Path::new(CONFIG), text)?;
        let held = |secret: &str| Secret::Held(Held(secret.into()));
        let secrets = [&self.org.credentials().client_secret, &self.account.credentials().client_secret];
        for (connection, secret) in config.connections.iter_mut().zip(secrets) {
            if let Auth::Connected(app) = &mut connection.auth {
                app.client_secret = Some(held(secret));
            }
        }
        if let Some(keys) = &mut config.keys {
            keys.ring = Secret::Held(Held(self.key.clone()));
        }
        if let Some(serve) = &mut config.serve {
            serve.hubspot_secret = Some(held(secrets[1]));
            serve.salesforce_token = Some(held(&self.token));
        }
        Ok(config)
    }
}

/// What HubSpot's users are asked for: reading and writing what is synced.
const SCOPES: [&str; 8] = [
    "oauth",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
];

fn redirect(at: SocketAddr, crm: &str) -> String {
    format!("http://{at}/connect/{crm}/callback")
}

async fn org(seed: u64) -> Result<salesforce::Running, CliError> {
    let settings = SalesforceSettings { api_max: 100_000, gzip: false, ..SalesforceSettings::default() };
    let spec = OrgSpec { users: 5, accounts: 20, contacts: 40, opportunities: 60, ..OrgSpec::EMPTY };
    let clock = SimClock::ticking_from(Utc::now());
    let mut builder = SalesforceSandbox::builder().seed(seed).clock(clock).settings(settings).org(spec);
    for object in SALESFORCE_WRITTEN {
        builder = builder.field(object, FieldSpec::key(SALESFORCE_KEY));
    }
    builder.start().await.map_err(CliError::new)
}

async fn account(seed: u64) -> Result<hubspot::Running, CliError> {
    let mut settings = HubspotSettings { gzip: false, ..HubspotSettings::without_bursts() };
    // The receiver goes by the machine's clock.
    settings.webhooks.real_timestamps = true;
    let spec = AccountSpec { owners: 5, companies: 20, contacts: 40, deals: 60, ..AccountSpec::default() };
    let clock = SimClock::ticking_from(Utc::now());
    let mut builder = HubspotSandbox::builder().seed(seed).clock(clock).settings(settings).account(spec);
    for object in HUBSPOT_WRITTEN {
        builder = builder.property(object, PropertySpec::key(HUBSPOT_KEY));
    }
    builder.start().await.map_err(CliError::new)
}
