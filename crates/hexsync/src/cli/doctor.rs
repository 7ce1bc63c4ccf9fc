//! `hexsync doctor`

use std::io::{self, Write};
use std::path::Path;

use chrono::{TimeDelta, Utc};
use serde::Serialize;
use sync_wiring::core::{SourceError, TenantId};

use crate::app::{App, AppStore, Client, Opening, StoreCommand, client, ping, with_store};
use crate::config::{Auth, Config, Connection, DatabaseKind, Keep, Loopback};
use crate::crm::Crm;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::generated::Entity;
use crate::output::{Cell, Out, Report, Style, Table, duration, thousands};

/// A clock that is further off than this is worth a word: stamps of the CRM are compared with its own clock, but
/// tokens and retries go by this machine's.
const SKEW: TimeDelta = TimeDelta::seconds(30);

/// Check the configuration, the database and every connection; say what to do about what is wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

#[derive(Serialize)]
struct Check {
    what: String,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Default, Serialize)]
struct Findings {
    checks: Vec<Check>,
}

impl Findings {
    fn ok(&mut self, what: impl Into<String>, found: impl Into<String>) {
        self.add(what, Verdict::Ok, found, None);
    }

    fn warn(&mut self, what: impl Into<String>, found: impl Into<String>, next: impl Into<String>) {
        self.add(what, Verdict::Warning, found, Some(next.into()));
    }

    fn fail(&mut self, what: impl Into<String>, found: impl Into<String>, next: impl Into<String>) {
        self.add(what, Verdict::Failed, found, Some(next.into()));
    }

    fn add(
        &mut self,
        what: impl Into<String>,
        verdict: Verdict,
        found: impl Into<String>,
        next: Option<String>,
    ) {
        self.checks.push(Check { what: what.into(), verdict, found: found.into(), next });
    }
}

impl Doctor {
    pub(crate) async fn run(
        self,
        path: &Path,
        tenant: Option<TenantId>,
        out: &mut Out<'_>,
    ) -> Result<Exit, CliError> {
        // A configuration that can't be read leaves nothing to check.
        let config = Config::load(path)?;
        let mut findings = Findings::default();
        findings.ok("configuration", format!("readable; connections: {}", config.connections.len()));
        let connections = config.connections.clone();
        let loopback = config.loopback.clone();
        let task = out.progress().task("doctor", None);
        task.say(0, "database");
        check_database(config, tenant.clone(), &mut findings, out).await;
        task.say(0, "fingerprints");
        check_fingerprints(&loopback, &mut findings).await;
        for connection in &connections {
            if tenant.is_none() || connection.tenant == tenant {
                task.say(0, format!("connection {}", connection.id));
                if matches!(connection.auth, Auth::Connected(_)) {
                    let what = format!("connection {}", connection.id);
                    findings.ok(what, "its tokens are in the database; see `hexsync connections`");
                } else {
                    check_connection(connection, &mut findings).await;
                }
            }
        }
        drop(task);
        let failed = findings.checks.iter().any(|check| check.verdict == Verdict::Failed);
        out.show(&findings)?;
        Ok(if failed { Exit::Failure } else { Exit::Ok })
    }
}

async fn check_database(
    config: Config,
    tenant: Option<TenantId>,
    findings: &mut Findings,
    out: &mut Out<'_>,
) {
    if let Ok(DatabaseKind::Sqlite(path)) = config.database.kind()
        && !path.exists()
    {
        let found = format!("there is none at {}", path.display());
        return findings.fail("database", found, "run `hexsync migrate` to create it");
    }
    if let Err(error) = with_store(config, tenant, Probe { findings: &mut *findings }, out).await {
        let (found, next) = error.parts();
        let next = next.unwrap_or_else(|| "correct [database] in the configuration".to_owned());
        findings.fail("database", found, next);
    }
}

async fn check_fingerprints(loopback: &Loopback, findings: &mut Findings) {
    const WHAT: &str = "fingerprints";
    let ttl = duration(loopback.ttl);
    match &loopback.store {
        Keep::Off => findings.ok(WHAT, "off: echoes of own writes come in as changes of nothing"),
        Keep::Database => findings.ok(WHAT, format!("in the database, for {ttl}")),
        Keep::Redis(_) => match ping(loopback).await {
            Ok(()) => findings.ok(WHAT, format!("in Redis, which answers, for {ttl}")),
            Err(error) => {
                let (found, _) = error.parts();
                let next = "start it, correct [loopback], or keep fingerprints in the database; until then runs go on, \
                            and echoes of own writes come in as changes of nothing";
                findings.warn(WHAT, found, next);
            }
        },
    }
}

/// Looks at the database, once it is open.
struct Probe<'f> {
    findings: &'f mut Findings,
}

impl StoreCommand for Probe<'_> {
    const OPENING: Opening = Opening::AsIs;

    async fn run<S: AppStore>(self, app: &App<S>, _: &mut Out<'_>) -> Result<Exit, CliError> {
        AppStore::check_version(&**app.store()).await?;
        self.findings.ok("database", format!("{}, tables of this release", S::NAME));
        let mut n_active = 0;
        let mut n_paused = 0;
        for tenant in app.tenants() {
            let all = app
                .transact(tenant.as_ref(), async |store, tx| store.subscriptions(tx, tenant.as_ref()).await)
                .await?;
            n_paused += all.iter().filter(|subscription| subscription.paused).count();
            n_active += all.iter().filter(|subscription| !subscription.paused).count();
        }
        let found = format!("{n_active} active, {n_paused} paused");
        if n_active == 0 {
            self.findings.warn("subscriptions", found, "add some by `hexsync subscriptions add`");
        } else {
            self.findings.ok("subscriptions", found);
        }
        Ok(Exit::Ok)
    }
}

async fn check_connection(connection: &Connection, findings: &mut Findings) {
    let id = &connection.id;
    let client = match client(connection) {
        Ok(client) => client,
        Err(error) => {
            let (found, next) = error.parts();
            let next = next.unwrap_or_else(|| "set the secret where the configuration says".to_owned());
            return findings.fail(format!("{id}: secrets"), found, next);
        }
    };
    match client.sign_in().await {
        Ok(n_objects) => {
            let found = format!("a token was accepted, {} objects", thousands(n_objects));
            findings.ok(format!("{id}: sign-in"), found);
        }
        Err(error) => {
            let next = what_next(&error);
            return findings.fail(format!("{id}: sign-in"), chain(&error), next);
        }
    }
    check_limits(connection, &client, findings);
    check_clock(connection, &client, findings);
    for entity in &connection.entities {
        check_entity(connection, *entity, &client, findings).await;
    }
}

fn check_limits(connection: &Connection, client: &Client, findings: &mut Findings) {
    let what = format!("{}: API calls", connection.id);
    let budget = client.budget().snapshot();
    let (Some(usage), Some(left)) = (budget.usage, budget.left) else {
        return match client.crm() {
            Crm::Salesforce => {
                findings.warn(what, "Salesforce did not say", "nothing; runs go on without a budget");
            }
            // It tells of the daily calls of private apps only.
            Crm::Hubspot => {
                findings.ok(what, "HubSpot does not say of this token; runs go on without a budget");
            }
        };
    };
    let found = format!(
        "{} of {} used today, {} left after the reserve of {}",
        thousands(usage.used),
        thousands(usage.max),
        thousands(left),
        thousands(budget.reserve)
    );
    if left == 0 {
        let next = "wait until calls free up, find the tool that uses them, or lower api_reserve_percent";
        findings.fail(what, found, next);
    } else if left < usage.max / 20 {
        findings.warn(what, found, "runs end early soon; find the tool that uses the calls");
    } else {
        findings.ok(what, found);
    }
}

fn check_clock(connection: &Connection, client: &Client, findings: &mut Findings) {
    let what = format!("{}: clock", connection.id);
    let skew = client.server_now() - Utc::now();
    let found = format!("{} is {} s ahead of this machine", client.crm().product(), skew.num_seconds());
    if skew.abs() > SKEW {
        findings.warn(
            what,
            found,
            "set this machine's clock (NTP); signing in by jwt_bearer fails otherwise",
        );
    } else {
        findings.ok(what, found);
    }
}

async fn check_entity(connection: &Connection, entity: Entity, client: &Client, findings: &mut Findings) {
    let what = format!("{}: {}", connection.id, entity.name());
    let mapped = match client.crm().mapped(entity) {
        Ok(mapped) => mapped,
        Err(error) => {
            let (found, next) = error.parts();
            return findings.fail(what, found, next.unwrap_or_default());
        }
    };
    let visible = match client.look(&mapped).await {
        Ok(visible) => visible,
        Err(error) => {
            let next = format!("give the connected user the right to see {}", mapped.object);
            return findings.fail(what, chain(&error), next);
        }
    };
    if !visible.readable {
        let next = format!("give the connected user the right to read {}", mapped.object);
        findings.fail(what, format!("{} can't be read", mapped.object), next);
    } else if visible.missing.is_empty() {
        findings
            .ok(what, format!("{}: all {} mapped fields are visible", mapped.object, mapped.fields.len()));
    } else {
        let found = format!("{}: not visible: {}", mapped.object, visible.missing.join(", "));
        findings.warn(what, found, "grant the connected user field-level access; they stay empty otherwise");
    }
}

fn what_next(error: &SourceError) -> &'static str {
    match error {
        SourceError::Unauthorised { .. } => "connect the account again, or correct the connection's secrets",
        SourceError::BudgetSpent { .. } => "wait until API calls free up",
        SourceError::Throttled { .. } => "wait, then try again",
        SourceError::Transient { .. } => {
            "check the network and the addresses of the connection, then try again"
        }
        _ => "correct the connection in the configuration",
    }
}

impl Report for Findings {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let mut table = Table::new(["check", "", "found"]);
        for check in &self.checks {
            let (word, painted) = match check.verdict {
                Verdict::Ok => ("ok", style.good("ok")),
                Verdict::Warning => ("look", style.warn("look")),
                Verdict::Failed => ("FAILED", style.bad("FAILED")),
            };
            table.row([check.what.clone().into(), Cell::painted(word, painted), check.found.clone().into()]);
        }
        table.write(out, style)?;
        for check in &self.checks {
            if let Some(next) = &check.next {
                writeln!(out, "{}: {next}", check.what)?;
            }
        }
        Ok(())
    }
}
