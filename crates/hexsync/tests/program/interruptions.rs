//! Runs that are interrupted, and runs that meet.

use std::process::{Child, Stdio};

use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::{Fault, FaultRule};
use serde_json::{Value as Json, json};

use crate::support::{Installation, SMALL, wait};

/// Three pages, the later ones slow to come.
const PAGES: OrgSpec =
    OrgSpec { users: 5, accounts: 10, contacts: 0, opportunities: 5_000, ..OrgSpec::EMPTY };

fn start(this: &Installation, args: &[&str]) -> Child {
    this.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// R18: the first signal ends the run after the batch in hand; the next run resumes from there.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_run_is_cancelled_and_resumed() {
    use crate::support::interrupt;
    let this = Installation::ready(PAGES).await;
    let control = this.org().control();
    control.set_faults(vec![FaultRule::new(Fault::Latency { ms: 3_000 }).on("query_more")]);
    control.reset_request_counts();
    let child = start(&this, &["run", "--entity", "opportunity", "--json"]);
    this.until("the second page", |counts| counts.get("query_more").copied().unwrap_or(0) >= 1).await;
    // The first page is being applied while the second is on its way.
    tokio::time::sleep(std::time::Duration::from_millis(1_000)).await;
    interrupt(&child);
    let said = wait(move || child.wait_with_output().unwrap()).await;
    assert_eq!(said.code, Some(130), "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("stopping after the batch in hand"), "{}", said.stderr);
    let round: Json = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(round["runs"][0]["status"], "cancelled");
    let first = round["runs"][0]["counts"]["created"].as_u64().unwrap();
    assert!((1..5_000).contains(&first), "{round}");
    assert_eq!(this.json(&["runs"]).await["runs"][0]["status"], "cancelled");

    control.set_faults(Vec::new());
    let round = this.json(&["run", "--entity", "opportunity"]).await;
    let counts = &round["runs"][0]["counts"];
    let live = this.live("Opportunity").len() as u64;
    assert_eq!(first + counts["created"].as_u64().unwrap(), live, "{round}");
}

/// R12: one run per subscription at a time, across processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_process_on_a_subscription_is_told_who_is_first() {
    let this = Installation::ready(SMALL).await;
    let control = this.org().control();
    control.set_faults(vec![FaultRule::new(Fault::Latency { ms: 4_000 }).on("query").times(1)]);
    control.reset_request_counts();
    let child = start(&this, &["run", "--entity", "account", "--json"]);
    this.until("the first run's query", |counts| counts.get("query").copied().unwrap_or(0) >= 1).await;
    let second = this.run(&["run", "--entity", "account", "--json"]).await;
    assert_eq!(second.code, Some(4), "{}{}", second.stdout, second.stderr);
    let round: Json = serde_json::from_str(&second.stdout).unwrap();
    assert_eq!(round["runs"][0]["status"], "refused");
    let error = round["runs"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("the subscription is being synced by pid "), "{error}");
    assert!(error.contains("its lease runs until"), "{error}");
    let first = wait(move || child.wait_with_output().unwrap()).await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let round: Json = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(round["runs"][0]["counts"]["created"], 20);
}

/// An org whose calls are used up to the reserve: what was read is applied, the rest waits, and the exit code says
/// so. Once calls free up, the next round does what was left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spent_api_calls_end_a_round_in_part() {
    let this = Installation::ready(SMALL).await;
    // A fifth is kept in reserve; what is left is enough for users, not for all.
    this.org().control().set_api_limit(76, 100);
    let said = this.run(&["run", "--all", "--json"]).await;
    let round: Json = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(said.code, Some(3), "{round}");
    assert_eq!(
        (&round["runs"][0]["name"], &round["runs"][0]["status"]),
        (&json!("main/user"), &json!("success"))
    );
    let last = &round["runs"][3];
    assert_eq!((&last["name"], &last["status"]), (&json!("main/opportunity"), &json!("cancelled")));
    let error = last["error"].as_str().unwrap();
    assert!(error.starts_with("the API budget is spent"), "{error}");
    this.org().control().set_api_limit(0, 100_000);
    let round = this.json(&["run", "--all"]).await;
    assert_eq!(round["runs"][3]["counts"]["created"], 50, "{round}");
}
