//! A simulated CRM in a process of its own, changed by lines on its standard input.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::hubspot::{HubspotControl, HubspotSandbox, HubspotSettings};
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::{RowChange, RowChanges, SalesforceControl, SalesforceSandbox};
use serde_json::json;

use crate::door::{Crm, Door};

/// A CRM as its parent process sees it. Ended when dropped.
pub(crate) struct Simulated {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// How to reach it.
    pub(crate) door: Door,
}

impl Simulated {
    /// Starts a CRM with so many opportunities.
    pub(crate) fn start(crm: Crm, n_records: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", crm.key(), "--records", &n_records.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().context("the CRM's input")?;
        let mut output = BufReader::new(child.stdout.take().context("the CRM's output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let door = serde_json::from_str(&line).context("the CRM did not start")?;
        Ok(Self { child, input, output, door })
    }

    /// Changes amount and stage of so many opportunities.
    pub(crate) fn change(&mut self, n_records: usize, round: usize) -> Result<()> {
        writeln!(self.input, "{n_records} {round}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.trim() == "changed" { Ok(()) } else { bail!("the CRM did not change: {line}") }
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        // It ends by itself when its input does; this makes sure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side.
pub(crate) async fn serve(crm: Crm, n_records: usize) -> Result<()> {
    match crm {
        Crm::Salesforce => serve_salesforce(n_records).await,
        Crm::Hubspot => serve_hubspot(n_records).await,
    }
}

async fn serve_salesforce(n_records: usize) -> Result<()> {
    let spec = OrgSpec { users: 50, accounts: 1_500, opportunities: n_records, ..OrgSpec::EMPTY };
    let org = SalesforceSandbox::builder().seed(7).org(spec).start().await?;
    let control = org.control().clone();
    control.edit_settings(|settings| {
        settings.gzip = false;
        settings.session_timeout = std::time::Duration::from_secs(365 * 24 * 3_600);
    });
    control.set_api_limit(0, 100_000_000);
    // Past the settle lag of what was made last, so that one run sees everything.
    control.advance(std::time::Duration::from_secs(60));
    let n_live = control.read(|org| {
        let table = org.table("Opportunity").context("no opportunities")?;
        anyhow::Ok(table.all().filter(|(_, row)| !row.is_deleted()).count())
    })?;
    let door =
        Door { crm: Crm::Salesforce, url: org.base_url().to_owned(), token: control.open_session(), n_live };
    println!("{}", serde_json::to_string(&door)?);
    change_on_demand(move |n, round| {
        control.advance(std::time::Duration::from_secs(3_600));
        change(&control, n, round)?;
        control.advance(std::time::Duration::from_secs(3_600));
        Ok(())
    })
    .await?;
    org.shutdown().await;
    Ok(())
}

async fn serve_hubspot(n_records: usize) -> Result<()> {
    let spec = AccountSpec { owners: 50, companies: 1_500, deals: n_records, ..AccountSpec::default() };
    let settings =
        HubspotSettings { gzip: false, daily_max: 100_000_000, ..HubspotSettings::without_bursts() };
    let account = HubspotSandbox::builder().seed(7).account(spec).settings(settings).start().await?;
    let control = account.control().clone();
    control.advance(std::time::Duration::from_secs(60));
    let door = Door {
        crm: Crm::Hubspot,
        url: account.base_url().to_owned(),
        token: account.credentials().private_app_token.clone(),
        n_live: control.rows("deals", false).len(),
    };
    println!("{}", serde_json::to_string(&door)?);
    change_on_demand(move |n, round| {
        control.advance(std::time::Duration::from_secs(3_600));
        change_deals(&control, n, round)?;
        control.advance(std::time::Duration::from_secs(3_600));
        Ok(())
    })
    .await?;
    account.shutdown().await;
    Ok(())
}

/// Changes the CRM at every line of the standard input, until it ends.
async fn change_on_demand(change: impl Fn(usize, usize) -> Result<()> + Send + 'static) -> Result<()> {
    let changes = tokio::task::spawn_blocking(move || -> Result<()> {
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            let (n, round) = line.split_once(' ').context("`<records> <round>`")?;
            change(n.parse()?, round.parse()?)?;
            println!("changed");
        }
        Ok(())
    });
    changes.await?
}

fn change_deals(control: &HubspotControl, n: usize, round: usize) -> Result<()> {
    let ids: Vec<u64> =
        control.rows("deals", false).iter().filter_map(|row| row["id"].as_str()?.parse().ok()).collect();
    let stage = ["appointmentscheduled", "qualifiedtobuy"][round % 2];
    let step = (ids.len() / n.max(1)).max(2) - 1;
    for (i, id) in ids.iter().step_by(step).take(n).enumerate() {
        let properties = json!({"amount": (1_000 * (round + 1) + i).to_string(), "dealstage": stage});
        control.update("deals", *id, &serde_json::from_value(properties)?)?;
    }
    Ok(())
}

fn change(control: &SalesforceControl, n: usize, round: usize) -> Result<()> {
    let ids: Vec<_> = control.read(|org| {
        let table = org.table("Opportunity").context("no opportunities")?;
        let live = table.all().filter(|(_, row)| !row.is_deleted());
        let step = (table.len() / n.max(1)).max(2) - 1;
        anyhow::Ok(live.step_by(step).take(n).map(|(id, _)| *id).collect())
    })?;
    let stage = ["Prospecting", "Qualification"][round % 2];
    let ops = ids
        .into_iter()
        .enumerate()
        .map(|(i, id)| {
            let fields = json!({"Amount": 1_000 * (round + 1) + i, "StageName": stage});
            Ok(RowChange::Update { id, fields: serde_json::from_value(fields)? })
        })
        .collect::<Result<Vec<_>>>()?;
    for result in control.apply(&RowChanges { ops, ..RowChanges::default() }) {
        result?;
    }
    Ok(())
}
