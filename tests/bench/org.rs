//! The simulated org in a process of its own, changed by lines on its standard input.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::{RowChange, RowChanges, SalesforceSandbox};
use serde_json::json;

use crate::feed::Door;

/// The org as its parent process sees it. Ended when dropped.
pub(crate) struct Org {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// How to reach it.
    pub(crate) door: Door,
}

impl Org {
    /// Starts an org with so many opportunities.
    pub(crate) fn start(n_records: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--records", &n_records.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().context("the org's input")?;
        let mut output = BufReader::new(child.stdout.take().context("the org's output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let door = serde_json::from_str(&line).context("the org did not start")?;
        Ok(Self { child, input, output, door })
    }

    /// Changes amount and stage of so many opportunities.
    pub(crate) fn change(&mut self, n_records: usize, round: usize) -> Result<()> {
        writeln!(self.input, "{n_records} {round}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.trim() == "changed" { Ok(()) } else { bail!("the org did not change: {line}") }
    }
}

impl Drop for Org {
    fn drop(&mut self) {
        // It ends by itself when its input does; this makes sure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side.
pub(crate) async fn serve(n_records: usize) -> Result<()> {
    let spec =
        OrgSpec { users: 50, accounts: 1_500, contacts: 0, opportunities: n_records, ..OrgSpec::EMPTY };
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
    let door = Door { url: org.base_url().to_owned(), token: control.open_session(), n_live };
    println!("{}", serde_json::to_string(&door)?);
    let changes = tokio::task::spawn_blocking(move || -> Result<()> {
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            let (n, round) = line.split_once(' ').context("`<records> <round>`")?;
            control.advance(std::time::Duration::from_secs(3_600));
            change(&control, n.parse()?, round.parse()?)?;
            control.advance(std::time::Duration::from_secs(3_600));
            println!("changed");
        }
        Ok(())
    });
    changes.await??;
    org.shutdown().await;
    Ok(())
}

fn change(control: &crm_sandbox::salesforce::SalesforceControl, n: usize, round: usize) -> Result<()> {
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
