//! `hexsync writeback` that is killed after the CRM has written and before it could be recorded.

use std::process::Stdio;
use std::time::Duration;

use crm_sandbox::salesforce::SalesforceControl;
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::{Fault, FaultRule};
use serde_json::{Value as Json, json};

use crate::support::{Installation, SMALL};

/// Claims that end soon: a killed process can't give its own back.
const DATABASE: &str = "url = \"sqlite:hexsync.db\"\n[engine]\nlease_ttl = \"3s\"";
const NAME: &str = "Made here";
const PHONE: &str = "+1 555 0100";

/// Kills a `writeback` as soon as the CRM has carried out what it sent; the answer never reaches anybody.
async fn kill_once_written(this: &Installation, is_written: impl Fn(&SalesforceControl) -> bool) {
    let control = this.org().control();
    let late = FaultRule::new(Fault::LateAnswer { ms: 60_000 });
    control.set_faults(vec![late.on("row_write").on("collection_write").on("composite")]);
    let mut command = this.command(&["writeback", "--entity", "account"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut waited = 0;
    while !is_written(control) {
        assert!(waited < 1_200, "the CRM was never asked");
        waited += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    control.set_faults(Vec::new());
    tokio::time::sleep(Duration::from_secs(4)).await;
}

fn named(control: &SalesforceControl, this: &Installation, name: &str) -> usize {
    let row = |id| control.row(id).is_some_and(|row| row["Name"] == name);
    this.live("Account").into_iter().filter(|id| row(*id)).count()
}

/// A creation, an edit and a deletion, each killed at that moment: the next run finds out what the CRM holds, records
/// it, and nothing is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_a_killed_process_are_found_and_not_repeated() {
    let this = Installation::with_org(SMALL, DATABASE).await;
    let control = this.org().control();
    control.add_field("Account", &FieldSpec::key("Hexsync_Key__c")).unwrap();
    this.ok(&["migrate"]).await;
    this.ok(&["subscriptions", "add"]).await;
    this.ok(&["run", "--all"]).await;
    let accounts = this.live("Account");
    let (edited, deleted) = (accounts[1], accounts[2]);

    this.ok(&["edit", "account", "new", &format!("name={NAME}")]).await;
    kill_once_written(&this, |control| named(control, &this, NAME) == 1).await;
    this.ok(&["writeback", "--entity", "account"]).await;
    assert_eq!(named(control, &this, NAME), 1, "made again");

    this.ok(&["edit", "account", edited.as_ref(), &format!("phone={PHONE}")]).await;
    let has_phone =
        |control: &SalesforceControl| control.row(edited).is_some_and(|row| row["Phone"] == PHONE);
    kill_once_written(&this, has_phone).await;
    let stamp = control.row(edited).unwrap()["SystemModstamp"].clone();
    this.ok(&["writeback", "--entity", "account"]).await;
    assert_eq!(control.row(edited).unwrap()["SystemModstamp"], stamp, "written again");

    this.ok(&["edit", "account", deleted.as_ref(), "--delete"]).await;
    kill_once_written(&this, |_| !this.live("Account").contains(&deleted)).await;
    this.ok(&["writeback", "--entity", "account"]).await;

    // Nothing waits, nothing is asked, and the CRM has nothing that is not here.
    let again = this.json(&["writeback", "--entity", "account"]).await;
    assert_eq!(again["runs"][0]["counts"]["found"], 0, "{again}");
    assert_eq!(this.json(&["conflicts", "list"]).await["conflicts"], json!([]));
    // The first poll brings the key by which the record was made, a custom field of the CRM's.
    let first = this.json(&["run", "--entity", "account"]).await;
    assert_eq!(first["runs"][0]["counts"]["updated"], 1, "{first}");
    let polled: Json = this.json(&["run", "--entity", "account", "--full"]).await;
    let counts = &polled["runs"][0]["counts"];
    for applied in ["created", "updated", "deleted", "restored", "parked"] {
        assert_eq!(counts[applied], 0, "{polled}");
    }
    let with_the_deleted = this.live("Account").len() + 1;
    assert_eq!(counts["found"], with_the_deleted, "{polled}");
}
