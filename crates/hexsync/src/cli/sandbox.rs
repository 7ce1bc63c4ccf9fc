//! `hexsync sandbox`

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use chrono::Utc;
use crm_sandbox::salesforce::generate::{OrgSpec, load_pipeline};
use crm_sandbox::salesforce::{Credentials, Running, SalesforceSettings};
use crm_sandbox::{SalesforceSandbox, SimClock};
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, note};
use crate::signals;

/// Serve a simulated Salesforce org on this machine, until Ctrl-C.
///
/// Prints its address, what to sign in with, and a configuration to try it. Everything in it is made up and gone
/// when it ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Sandbox {
    /// Where to listen on 127.0.0.1; 0 takes a free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What the made-up data depends on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Opportunities; other objects in proportion.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    records: usize,
    /// Users instead of a share of the records.
    #[arg(long, value_name = "N")]
    users: Option<usize>,
    /// Accounts instead of a share of the records.
    #[arg(long, value_name = "N")]
    accounts: Option<usize>,
    /// Contacts instead of a share of the records.
    #[arg(long, value_name = "N")]
    contacts: Option<usize>,
    /// A folder with sales_teams.csv, accounts.csv and sales_pipeline.csv to serve instead of made-up rows.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["records", "users", "accounts", "contacts"])]
    data: Option<PathBuf>,
    /// API calls allowed per day.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    api_calls: u64,
}

#[derive(Serialize)]
struct Served<'a> {
    base_url: &'a str,
    client_id: &'a str,
    client_secret: &'a str,
    refresh_token: &'a str,
    username: &'a str,
    config: String,
}

impl Sandbox {
    pub(crate) async fn run(self, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let running = self.start().await?;
        let stop = signals::stop_token_saying("stopping");
        let Credentials { client_id, client_secret, refresh_token, username } = running.credentials();
        let base_url = running.base_url();
        let config = snippet(base_url, client_id);
        out.show(&Served { base_url, client_id, client_secret, refresh_token, username, config })?;
        note("serving until Ctrl-C");
        stop.cancelled().await;
        running.shutdown().await;
        Ok(Exit::Ok)
    }

    async fn start(&self) -> Result<Running, CliError> {
        // The present, moving: so that "changed since" means what it says while somebody tries things.
        let clock = SimClock::ticking_from(Utc::now());
        let settings = SalesforceSettings { api_max: self.api_calls, ..SalesforceSettings::default() };
        let builder = SalesforceSandbox::builder()
            .seed(self.seed)
            .clock(clock.clone())
            .settings(settings)
            .address(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        let builder = match &self.data {
            Some(folder) => builder.org(load_pipeline(folder, clock).map_err(CliError::new)?),
            None => builder.org(self.spec()),
        };
        builder.start().await.map_err(CliError::new)
    }

    fn spec(&self) -> OrgSpec {
        let opportunities = self.records;
        OrgSpec {
            users: self.users.unwrap_or((opportunities / 200).clamp(5, 500)),
            accounts: self.accounts.unwrap_or(opportunities / 10),
            contacts: self.contacts.unwrap_or(opportunities / 4),
            opportunities,
            ..OrgSpec::EMPTY
        }
    }
}

/// A configuration for the org; the secrets go into the environment as everywhere.
fn snippet(base_url: &str, client_id: &str) -> String {
    format!(
        r#"[database]
url = "sqlite:sandbox.db"

[[connections]]
id = "sandbox"
provider = "salesforce"
login_url = "{base_url}"
auth = "refresh_token"
client_id = "{client_id}"
client_secret_env = "SANDBOX_CLIENT_SECRET"
refresh_token_env = "SANDBOX_REFRESH_TOKEN"
"#
    )
}

impl Report for Served<'_> {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(out, "{} {}", style.bold("a simulated Salesforce org at"), self.base_url)?;
        writeln!(out, "user {}\n", self.username)?;
        writeln!(out, "{}", style.dim("# in another shell"))?;
        writeln!(out, "export SANDBOX_CLIENT_SECRET={}", self.client_secret)?;
        writeln!(out, "export SANDBOX_REFRESH_TOKEN={}", self.refresh_token)?;
        writeln!(out, "cat > hexsync.toml <<'END'\n{}END", self.config)?;
        writeln!(out, "hexsync migrate && hexsync subscriptions add && hexsync run --all")
    }
}
