//! `hexsync sandbox`

mod hubspot;
mod salesforce;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use chrono::Utc;
use crm_sandbox::{Consent, SimClock};
use serde::Serialize;

use crate::crm::Crm;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, note};
use crate::signals;

/// Serve a simulated CRM on this machine, until Ctrl-C: a Salesforce org, a HubSpot account, or both.
///
/// Prints its address, what to sign in with, and a configuration to try it. Everything in it is made up and gone
/// when it ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Sandbox {
    /// Which CRM.
    #[arg(long, value_enum, default_value_t = Which::Salesforce)]
    crm: Which,
    /// Where to listen on 127.0.0.1; 0 takes a free port. With both CRMs, HubSpot takes the next one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What the made-up data depends on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Deals in each CRM; other objects in proportion.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    records: usize,
    /// Users (owners) instead of a share of the records.
    #[arg(long, value_name = "N")]
    users: Option<usize>,
    /// Accounts (companies) instead of a share of the records.
    #[arg(long, value_name = "N")]
    accounts: Option<usize>,
    /// Contacts instead of a share of the records.
    #[arg(long, value_name = "N")]
    contacts: Option<usize>,
    /// A folder with sales_teams.csv, accounts.csv and sales_pipeline.csv to serve instead of made-up rows.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["records", "users", "accounts", "contacts"])]
    data: Option<PathBuf>,
    /// API calls allowed per day, instead of what is usual.
    #[arg(long, value_name = "N")]
    api_calls: Option<u64>,
    #[command(flatten)]
    app: AppOptions,
    /// Where HubSpot sends webhooks for all its changes: an http URL of this machine. They are signed with the client
    /// secret.
    #[arg(long, value_name = "URL")]
    webhook_target: Option<String>,
    /// Where Salesforce sends outbound messages for accounts, contacts and opportunities: an http URL of this machine.
    #[arg(long, value_name = "URL")]
    outbound_target: Option<String>,
}

/// How the app that signs in is registered.
#[derive(Clone, Debug, clap::Args)]
struct AppOptions {
    /// Where the authorisation page may lead, instead of http://localhost/oauth-callback; may be given several times.
    #[arg(long, value_name = "URL")]
    redirect_uri: Vec<String>,
    /// Who answers the authorisation page.
    #[arg(long, value_enum, default_value_t = Answer::Ask)]
    consent: Answer,
    /// Each refresh replaces the refresh token, and the old one is dead.
    #[arg(long)]
    rotate_refresh_tokens: bool,
    /// Give every object a unique key to write by: Hexsync_Key__c, hexsync_key.
    #[arg(long)]
    key_fields: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Answer {
    /// You do.
    Ask,
    /// Everybody agrees at once.
    Allow,
    /// Everybody refuses.
    Deny,
}

impl AppOptions {
    /// What is registered, or the sandbox's own default.
    fn redirect_uris(&self, default: Vec<String>) -> Vec<String> {
        if self.redirect_uri.is_empty() { default } else { self.redirect_uri.clone() }
    }

    fn consent(&self) -> Consent {
        match self.consent {
            Answer::Ask => Consent::Ask,
            Answer::Allow => Consent::Allow,
            Answer::Deny => Consent::Deny,
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Which {
    Salesforce,
    Hubspot,
    Both,
}

impl Which {
    fn crms(self) -> &'static [Crm] {
        match self {
            Self::Salesforce => &[Crm::Salesforce],
            Self::Hubspot => &[Crm::Hubspot],
            Self::Both => &Crm::ALL,
        }
    }
}

/// How much a CRM holds.
struct Sizes {
    users: usize,
    accounts: usize,
    contacts: usize,
    deals: usize,
    /// Cases, or tickets.
    requests: usize,
    projects: usize,
}

/// How a CRM is started.
struct Start<'a> {
    seed: u64,
    clock: SimClock,
    address: SocketAddr,
    api_calls: Option<u64>,
    sizes: Sizes,
    data: Option<&'a PathBuf>,
    app: &'a AppOptions,
    /// Where HubSpot sends webhooks, and Salesforce outbound messages.
    webhook_target: Option<&'a str>,
    outbound_target: Option<&'a str>,
}

/// A served CRM.
enum Running {
    Salesforce(crm_sandbox::salesforce::Running),
    Hubspot(crm_sandbox::hubspot::Running),
}

/// What is told of one.
#[derive(Serialize)]
struct Told {
    crm: Crm,
    base_url: String,
    /// What a client signs in with, by name.
    credentials: BTreeMap<&'static str, String>,
}

/// What is told of all.
#[derive(Serialize)]
struct Served {
    crms: Vec<Told>,
    /// A configuration for them.
    config: String,
    /// The secrets that the configuration names.
    env: BTreeMap<&'static str, String>,
}

impl Sandbox {
    pub(crate) async fn run(self, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let mut running = Vec::new();
        for (crm, n) in self.crm.crms().iter().zip(0..) {
            let start = self.start(n)?;
            running.push(match crm {
                Crm::Salesforce => Running::Salesforce(salesforce::start(start).await?),
                Crm::Hubspot => Running::Hubspot(hubspot::start(start).await?),
            });
        }
        let stop = signals::stop_token_saying("stopping");
        out.show(&Served::of(&running))?;
        note("serving until Ctrl-C");
        stop.cancelled().await;
        for running in running {
            match running {
                Running::Salesforce(org) => org.shutdown().await,
                Running::Hubspot(account) => account.shutdown().await,
            }
        }
        Ok(Exit::Ok)
    }

    fn start(&self, n: u16) -> Result<Start<'_>, CliError> {
        let port = match self.port {
            0 => Some(0),
            port => port.checked_add(n),
        };
        let port = port.ok_or_else(|| CliError::usage("there is no port after 65535"))?;
        let deals = self.records;
        Ok(Start {
            seed: self.seed,
            // The present, moving: so that "changed since" means what it says while somebody tries things.
            clock: SimClock::ticking_from(Utc::now()),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            api_calls: self.api_calls,
            sizes: Sizes {
                users: self.users.unwrap_or((deals / 200).clamp(5, 500)),
                accounts: self.accounts.unwrap_or(deals / 10),
                contacts: self.contacts.unwrap_or(deals / 4),
                deals,
                requests: deals / 5,
                projects: deals / 20,
            },
            data: self.data.as_ref(),
            app: &self.app,
            webhook_target: self.webhook_target.as_deref(),
            outbound_target: self.outbound_target.as_deref(),
        })
    }
}

impl Served {
    fn of(running: &[Running]) -> Self {
        let mut served = Self {
            crms: Vec::new(),
            config: "[database]\nurl = \"sqlite:sandbox.db\"\n".to_owned(),
            env: BTreeMap::new(),
        };
        for running in running {
            let (told, config) = match running {
                Running::Salesforce(org) => {
                    let (told, config, env) = salesforce::told(org);
                    served.env.extend(env);
                    (told, config)
                }
                Running::Hubspot(account) => {
                    let (told, config, env) = hubspot::told(account);
                    served.env.extend(env);
                    (told, config)
                }
            };
            served.crms.push(told);
            served.config.push_str(&config);
        }
        served
    }
}

impl Report for Served {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for Told { crm, base_url, credentials } in &self.crms {
            let heading = format!("a simulated {} {} at", crm.product(), crm.account());
            writeln!(out, "{} {base_url}", style.bold(&heading))?;
            for (name, value) in credentials {
                writeln!(out, "  {name}: {value}")?;
            }
        }
        writeln!(out, "\n{}", style.dim("# in another shell"))?;
        for (name, value) in &self.env {
            writeln!(out, "export {name}={value}")?;
        }
        writeln!(out, "cat > hexsync.toml <<'END'\n{}END", self.config)?;
        writeln!(out, "hexsync migrate && hexsync subscriptions add && hexsync run --all")
    }
}
