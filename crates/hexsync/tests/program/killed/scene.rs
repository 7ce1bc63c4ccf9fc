//! Where processes are killed: an installation with one CRM, on either store.

use std::process::Stdio;
use std::time::Duration;

use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::{Fault, FaultRule};
use serde_json::Value as Json;
use sqlx::{Connection, Executor, PgConnection};

use crate::support::{Installation, SMALL, SMALL_ACCOUNT};

/// Whose CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crm {
    Salesforce,
    Hubspot,
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    File,
    Server,
}

/// A company as the CRM tells it.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) phone: String,
    /// When it was last written.
    pub(super) written_at: String,
}

/// An installation whose processes are killed.
pub(super) struct Scene {
    pub(super) this: Installation,
    pub(super) crm: Crm,
    database: Option<(PgConnection, String)>,
}

impl Scene {
    /// Companies of a CRM, loaded; `None` when this machine lacks the server.
    pub(super) async fn loaded(crm: Crm, store: Store) -> Option<Self> {
        let (url, database, env) = match store {
            Store::File => ("url = \"sqlite:hexsync.db\"", None, None),
            Store::Server => {
                let (connection, name, url) = database(crm).await?;
                ("url_env = \"T_DATABASE\"", Some((connection, name)), Some(("T_DATABASE", url)))
            }
        };
        // Claims that end soon: a killed process can't give its own back.
        let section = format!("{url}\n[engine]\nlease_ttl = \"3s\"");
        let mut this = match crm {
            Crm::Salesforce => Installation::with_org(SMALL, &section).await,
            Crm::Hubspot => {
                let mut this = Installation::empty();
                this.write("hexsync.toml", &format!("[database]\n{section}\n"));
                this.add_account(SMALL_ACCOUNT).await;
                this
            }
        };
        this.env.extend(env);
        let scene = Self { this, crm, database };
        scene.this.ok(&["migrate"]).await;
        scene.this.ok(&["subscriptions", "add"]).await;
        scene.this.ok(&["run", "--all"]).await;
        Some(scene)
    }

    /// Adds the field by which records that are made here are found again.
    pub(super) fn add_key(&self) {
        match self.crm {
            Crm::Salesforce => {
                let key = FieldSpec::key("Hexsync_Key__c");
                self.this.org().control().add_field("Account", &key).unwrap();
            }
            Crm::Hubspot => {
                let key = PropertySpec {
                    has_unique_value: Some(true),
                    ..PropertySpec::new("hexsync_key", PropertyType::String)
                };
                self.this.account().control().add_property("companies", &key).unwrap();
            }
        }
    }

    /// The companies that live in the CRM.
    pub(super) fn companies(&self) -> Vec<Company> {
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        match self.crm {
            Crm::Salesforce => {
                let org = self.this.org().control();
                let row = |id: RecordId| Some((id, org.row(id)?));
                let rows = self.this.live("Account").into_iter().filter_map(row);
                rows.map(|(id, row)| Company {
                    id: id.to_string(),
                    name: text(&row["Name"]),
                    phone: text(&row["Phone"]),
                    written_at: text(&row["SystemModstamp"]),
                })
                .collect()
            }
            Crm::Hubspot => {
                let rows = self.this.account().control().rows("companies", false);
                rows.iter()
                    .map(|row| Company {
                        id: text(&row["id"]),
                        name: text(&row["properties"]["name"]),
                        phone: text(&row["properties"]["phone"]),
                        written_at: text(&row["updatedAt"]),
                    })
                    .collect()
            }
        }
    }

    pub(super) fn company(&self, id: &str) -> Option<Company> {
        self.companies().into_iter().find(|company| company.id == id)
    }

    pub(super) fn n_named(&self, name: &str) -> usize {
        self.companies().iter().filter(|company| company.name == name).count()
    }

    fn set_faults(&self, rules: Vec<FaultRule>) {
        match self.crm {
            Crm::Salesforce => self.this.org().control().set_faults(rules),
            Crm::Hubspot => self.this.account().control().set_faults(rules),
        }
    }

    /// Kills a `writeback` as soon as the CRM has carried out what it sent; the answer never reaches anybody.
    pub(super) async fn kill_once(&self, is_written: impl Fn(&Self) -> bool) {
        let late = FaultRule::new(Fault::LateAnswer { ms: 60_000 });
        let kinds = ["row_write", "collection_write", "composite", "batch_write"];
        self.set_faults(vec![kinds.into_iter().fold(late, FaultRule::on)]);
        let mut command = self.this.command(&["writeback", "--entity", "account"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut waited = 0;
        while !is_written(self) {
            assert!(waited < 1_200, "the CRM was never asked");
            waited += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        self.set_faults(Vec::new());
        tokio::time::sleep(Duration::from_secs(4)).await;
    }

    /// Sends what waits, and expects that all of it goes well.
    pub(super) async fn send(&self) -> Json {
        let sent = self.this.json(&["writeback", "--entity", "account"]).await;
        sent["runs"][0]["counts"].clone()
    }

    /// Takes in what changed in the CRM; its counts.
    pub(super) async fn follow(&self, more: &[&str]) -> Json {
        let args: Vec<&str> = ["run", "--entity", "account"].iter().chain(more).copied().collect();
        self.this.json(&args).await["runs"][0]["counts"].clone()
    }

    /// Removes the server's database again.
    pub(super) async fn close(self) {
        if let Some((mut admin, name)) = self.database {
            admin.execute(sqlx::AssertSqlSafe(format!("drop database {name} with (force)"))).await.unwrap();
        }
    }
}

/// A database of its own, with the connection that made it.
async fn database(crm: Crm) -> Option<(PgConnection, String, String)> {
    let server = crate::support::service("HEXSYNC_TEST_POSTGRES_URL")?;
    let name = format!("hexsync_killed_{crm:?}_{}", std::process::id()).to_lowercase();
    let mut admin = PgConnection::connect(&server).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("drop database if exists {name}"))).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    Some((admin, name, url.to_string()))
}
