//! An installation in a folder of its own: the real program against a simulated org in this process.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::{Running, SalesforceSettings};
use crm_sandbox::{SalesforceSandbox, SimClock};
use serde_json::Value as Json;

/// The program, a folder, an org.
pub(crate) struct Installation {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) org: Option<Running>,
    pub(crate) account: Option<crm_sandbox::hubspot::Running>,
    pub(crate) env: Vec<(&'static str, String)>,
}

/// What the program said and how it ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Installation {
    /// A folder without anything, and no org.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), org: None, account: None, env: Vec::new() }
    }

    /// A configuration for an org of this size, with its secrets in the environment, on this database.
    pub(crate) async fn with_org(spec: OrgSpec, database: &str) -> Self {
        let clock = SimClock::ticking_from(chrono::Utc::now());
        let settings = SalesforceSettings { api_max: 100_000, ..SalesforceSettings::default() };
        let org =
            SalesforceSandbox::builder().clock(clock).settings(settings).org(spec).start().await.unwrap();
        let mut this = Self::empty();
        let credentials = org.credentials();
        this.env.push(("T_CLIENT_SECRET", credentials.client_secret.clone()));
        this.env.push(("T_REFRESH_TOKEN", credentials.refresh_token.clone()));
        let config = format!(
            r#"[database]
{database}
[[connections]]
id = "main"
provider = "salesforce"
login_url = "{}"
auth = "refresh_token"
client_id = "{}"
client_secret_env = "T_CLIENT_SECRET"
refresh_token_env = "T_REFRESH_TOKEN"
settle_lag = "0s"
overlap = "0s"
"#,
            org.base_url(),
            credentials.client_id
        );
        this.write("hexsync.toml", &config);
        this.org = Some(org);
        this
    }

    /// The same on SQLite, migrated and with its subscriptions.
    pub(crate) async fn ready(spec: OrgSpec) -> Self {
        let this = Self::with_org(spec, "url = \"sqlite:hexsync.db\"").await;
        this.ok(&["migrate"]).await;
        this.ok(&["subscriptions", "add"]).await;
        this
    }

    /// Adds a HubSpot account of this size to the configuration, as the connection `hub` with a private app's token.
    pub(crate) async fn add_account(&mut self, spec: AccountSpec) {
        let clock = SimClock::ticking_from(chrono::Utc::now());
        let account = HubspotSandbox::builder().clock(clock).account(spec).start().await.unwrap();
        self.env.push(("T_HUBSPOT_TOKEN", account.credentials().private_app_token.clone()));
        let mut config = std::fs::read_to_string(self.path("hexsync.toml"))
            .unwrap_or_else(|_| "[database]\nurl = \"sqlite:hexsync.db\"\n".to_owned());
        config.push_str(&format!(
            r#"[[connections]]
id = "hub"
provider = "hubspot"
base_url = "{}"
auth = "access_token"
access_token_env = "T_HUBSPOT_TOKEN"
settle_lag = "0s"
overlap = "0s"
"#,
            account.base_url()
        ));
        self.write("hexsync.toml", &config);
        self.account = Some(account);
    }

    /// An installation with a HubSpot account only, migrated and with its subscriptions.
    pub(crate) async fn with_account(spec: AccountSpec) -> Self {
        let mut this = Self::empty();
        this.add_account(spec).await;
        this.ok(&["migrate"]).await;
        this.ok(&["subscriptions", "add"]).await;
        this
    }

    /// The running account.
    pub(crate) fn account(&self) -> &crm_sandbox::hubspot::Running {
        self.account.as_ref().unwrap()
    }

    /// The running org.
    pub(crate) fn org(&self) -> &Running {
        self.org.as_ref().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// The program with these arguments, ready to start in the folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hexsync"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["RUST_LOG", "HEXSYNC_CONFIG"] {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Said {
        let mut command = self.command(args);
        wait(move || command.output().unwrap()).await
    }

    /// Runs it and expects that all went well.
    pub(crate) async fn ok(&self, args: &[&str]) -> String {
        let said = self.run(args).await;
        assert_eq!(said.code, Some(0), "{args:?}\n{}\n{}", said.stdout, said.stderr);
        said.stdout
    }

    /// Runs it with `--json` and expects that all went well.
    pub(crate) async fn json(&self, args: &[&str]) -> Json {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let stdout = self.ok(&args).await;
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{stdout}"))
    }
}

/// Waits for a blocking call without holding up the org, which lives on this runtime.
pub(crate) async fn wait(call: impl FnOnce() -> Output + Send + 'static) -> Said {
    let output = tokio::task::spawn_blocking(call).await.unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A small account.
pub(crate) const SMALL_ACCOUNT: AccountSpec =
    AccountSpec { owners: 5, companies: 20, contacts: 30, deals: 50, tickets: 0, projects: 4 };

/// A small org.
pub(crate) const SMALL: OrgSpec =
    OrgSpec { users: 5, accounts: 20, contacts: 30, opportunities: 50, ..OrgSpec::EMPTY };

impl Installation {
    /// The records of an object that are not in the bin.
    pub(crate) fn live(&self, object: &str) -> Vec<RecordId> {
        self.org().control().read(|org| {
            let rows = org.table(object).unwrap().all();
            rows.filter(|(_, row)| !row.is_deleted()).map(|(id, _)| *id).collect()
        })
    }

    /// Waits until the org has heard enough, at most a minute.
    pub(crate) async fn until(
        &self,
        what: &str,
        enough: impl Fn(&std::collections::BTreeMap<&'static str, u64>) -> bool,
    ) {
        for _ in 0..1_200 {
            if enough(&self.org().control().request_counts()) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("waited in vain for {what}: {:?}", self.org().control().request_counts());
    }
}

/// Ctrl-C for one child.
#[cfg(unix)]
pub(crate) fn interrupt(child: &std::process::Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// Whether there is a server; without one the test says so, unless services are required.
pub(crate) fn service(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some();
        assert!(!required, "{variable} is not set although services are required");
        eprintln!("skipped: {variable} is not set");
    }
    url
}
