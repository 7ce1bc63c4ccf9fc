//! Custom fields as an operator meets them: told by a run, listed, backfilled.

use std::time::Duration;

use crm_sandbox::salesforce::model::{FieldType, Value};
use crm_sandbox::salesforce::schema::FieldSpec;
use serde_json::{Value as Json, json};

use crate::support::{Installation, SMALL};

fn field<'a>(listing: &'a Json, name: &str) -> &'a Json {
    let fields = listing["fields"].as_array().unwrap();
    fields.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("{name} in {listing}"))
}

/// A field that appears is told by the next run and backfilled by a run of its own; one that is removed is told, and
/// listed as gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_are_told_backfilled_and_listed() {
    let this = Installation::ready(SMALL).await;
    let control = this.org().control();
    let said = this.ok(&["fields"]).await;
    assert!(said.contains("no custom fields are known"), "{said}");
    let round = this.json(&["run", "--all"]).await;
    let is_backfill = |run: &Json| run["name"].as_str().unwrap().ends_with("backfill");
    assert!(!round["runs"].as_array().unwrap().iter().any(is_backfill), "a first load needs none: {round}");
    assert!(round.get("drift").is_none(), "{round}");
    let listing = this.json(&["fields", "--entity", "opportunity"]).await;
    assert_eq!(field(&listing, "Region__c")["standing"], "taken");
    assert_eq!(field(&listing, "Region__c")["backfill"], Json::Null);

    // Left for later at first.
    control.add_field("Opportunity", &FieldSpec::new("Tier__c", FieldType::String)).unwrap();
    control.advance(Duration::from_secs(5));
    control.fill_field("Opportunity", "Tier__c", |_| Some(Value::text("gold"))).unwrap();
    let said = this.ok(&["run", "--entity", "opportunity", "--no-backfill"]).await;
    let told = "main/opportunity: field Tier__c (string) is new: read from now on, and backfilled for records that \
                are here\n";
    assert!(said.contains(told), "{said}");
    let said = this.ok(&["fields", "--connection", "main", "--entity", "opportunity"]).await;
    assert!(said.lines().any(|line| line.contains("Tier__c") && line.ends_with("pending")), "{said}");
    assert!(this.ok(&["fields", "--connection", "other"]).await.starts_with("no custom fields"));

    let round = this.json(&["run", "--entity", "opportunity"]).await;
    assert!(round.get("drift").is_none(), "it is told once: {round}");
    let backfill = &round["runs"][1];
    assert_eq!(
        (&backfill["name"], &backfill["fields"]),
        (&json!("main/opportunity backfill"), &json!(["Tier__c"]))
    );
    assert_eq!((&backfill["status"], &backfill["counts"]["updated"]), (&json!("success"), &json!(50)));
    assert_eq!(this.json(&["runs", "--limit", "1"]).await["runs"][0]["action"], "backfill");
    let id = this.live("Opportunity")[0];
    let history = this.json(&["history", "opportunity", id.as_str()]).await;
    assert_eq!(history["records"][0]["state"]["fields"]["custom.Tier__c"], "gold", "{history}");
    let listing = this.json(&["fields", "--entity", "opportunity"]).await;
    assert_eq!(field(&listing, "Tier__c")["backfill"]["n_updated"], 50);

    control.remove_field("Opportunity", "Tier__c").unwrap();
    control.advance(Duration::from_secs(5));
    let round = this.json(&["run", "--entity", "opportunity"]).await;
    let drift = &round["drift"][0];
    assert_eq!(drift["drift"], "gone");
    assert_eq!((&drift["of"], &drift["name"]), (&json!("main/opportunity"), &json!("Tier__c")));
    let said = this.ok(&["fields", "--entity", "opportunity"]).await;
    assert!(said.lines().any(|line| line.contains("Tier__c") && line.contains("gone")), "{said}");
    let history = this.json(&["history", "opportunity", id.as_str()]).await;
    assert_eq!(history["records"][0]["state"]["fields"]["custom.Tier__c"], "gold");
}
