//! A whole installation on SQLite: from `init` to a record's history.

use serde_json::json;

use crate::support::{Installation, SMALL};

/// The counts of a run in a round, by the feed's name.
fn counts<'a>(round: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let runs = round["runs"].as_array().unwrap();
    &runs.iter().find(|run| run["name"] == name).unwrap_or_else(|| panic!("{name} in {round}"))["counts"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_writes_a_configuration_once() {
    let this = Installation::empty();
    let said = this.ok(&["init"]).await;
    assert!(said.starts_with("wrote hexsync.toml\n"), "{said}");
    let written = std::fs::read_to_string(this.path("hexsync.toml")).unwrap();
    this.write("hexsync.toml", "mine");
    let said = this.run(&["init"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("it is left as it is"), "{}", said.stderr);
    assert_eq!(std::fs::read_to_string(this.path("hexsync.toml")).unwrap(), "mine");
    // What was written can be used once its secrets are there.
    this.write("hexsync.toml", &written);
    this.ok(&["migrate"]).await;
    assert_eq!(this.json(&["subscriptions", "add"]).await["subscriptions"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn installation_lives_from_load_to_history() {
    let this = Installation::with_org(SMALL, "url = \"sqlite:hexsync.db\"").await;
    let control = this.org().control();

    let said = this.run(&["runs"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("run `hexsync migrate` to create it"), "{}", said.stderr);

    assert_eq!(this.json(&["migrate"]).await, json!({"store": "SQLite", "changed": true}));
    assert_eq!(this.json(&["migrate"]).await, json!({"store": "SQLite", "changed": false}));
    let added = this.json(&["subscriptions", "add"]).await;
    assert_eq!(added["subscriptions"].as_array().unwrap().len(), 5);
    let again = this.json(&["subscriptions", "add"]).await;
    assert!(again["subscriptions"].as_array().unwrap().iter().all(|line| line["done"] == "was there"));

    // What a first run would do, and that asking changes nothing.
    let plan = this.run(&["plan", "--all", "--check", "--json", "--full"]).await;
    assert_eq!(plan.code, Some(2), "{}", plan.stderr);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let opportunities =
        plan["plans"].as_array().unwrap().iter().find(|plan| plan["name"] == "main/opportunity").unwrap();
    assert_eq!(opportunities["counts"]["created"], 50);
    assert_eq!(opportunities["changes"].as_array().unwrap().len(), 10);
    assert!(opportunities["api_calls"].as_u64().unwrap() >= 1, "{opportunities}");
    assert_eq!(this.json(&["runs"]).await, json!({"runs": []}));

    // Load; nothing new; what changed.
    let round = this.json(&["run", "--all"]).await;
    let names: Vec<_> =
        round["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
    let expected = ["user", "account", "contact", "opportunity", "opportunity_contact"];
    assert_eq!(names, expected.map(|entity| format!("main/{entity}")));
    assert_eq!(counts(&round, "main/opportunity")["created"], 50);
    assert_eq!(counts(&round, "main/account")["created"], 20);
    control.advance(std::time::Duration::from_secs(5));
    assert_eq!(counts(&this.json(&["run", "--all"]).await, "main/opportunity")["created"], 0);
    let plan = this.run(&["plan", "--all", "--check"]).await;
    assert_eq!(plan.code, Some(0), "{}{}", plan.stdout, plan.stderr);

    let id = this.live("Opportunity")[0];
    let fields = json!({"StageName": "Negotiation", "Amount": 1234.5});
    control.update(id, fields.as_object().unwrap()).unwrap();
    control.advance(std::time::Duration::from_secs(5));
    let round = this.json(&["run", "--entity", "opportunity"]).await;
    assert_eq!(round["runs"].as_array().unwrap().len(), 1);
    assert_eq!(counts(&round, "main/opportunity")["updated"], 1, "{round}");
    let between = chrono::Utc::now();
    control.delete(id).unwrap();
    control.advance(std::time::Duration::from_secs(5));
    let round = this.json(&["run", "main/opportunity"]).await;
    assert_eq!(counts(&round, "main/opportunity")["deleted"], 1, "{round}");

    // The record's history, and what it was.
    let history = this.json(&["history", "opportunity", id.as_str()]).await;
    let record = &history["records"][0];
    let steps = record["steps"].as_array().unwrap();
    let operations: Vec<_> = steps.iter().map(|step| step["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["created", "updated", "deleted"]);
    assert_eq!(steps[1]["changed_fields"]["stage"]["to"], "Negotiation");
    assert_eq!(steps[1]["changed_fields"]["stage"]["from"], steps[0]["changed_fields"]["stage"]["to"]);
    assert_eq!(record["state"]["deleted"], true);
    let at = between.to_rfc3339();
    let then = this.json(&["history", "opportunity", id.as_str(), "--at", &at]).await;
    assert_eq!(then["records"][0]["state"]["deleted"], false);
    assert_eq!(then["records"][0]["state"]["fields"]["stage"], "Negotiation");
    let told = this.ok(&["history", "opportunity", id.as_str()]).await;
    assert!(told.contains("→ Negotiation"), "{told}");

    // Runs and their items.
    let runs = this.json(&["runs", "main/opportunity"]).await;
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 4);
    let run = runs[0]["id"].as_str().unwrap();
    let items = this.json(&["items", run]).await;
    assert_eq!(items["items"].as_array().unwrap().len(), 1, "{items}");
    assert_eq!(items["items"][0]["operation"], "deleted");
    assert_eq!(items["items"][0]["external_id"], id.as_str());
    let first = runs[3]["id"].as_str().unwrap();
    let page = this.json(&["items", first, "--limit", "7"]).await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["more"]), (7, &json!(true)));
}

/// `reconcile` repairs what polling can't see, within the brake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_finds_what_vanished_and_stops_before_too_much() {
    let this = Installation::ready(SMALL).await;
    let control = this.org().control();
    this.ok(&["run", "--all"]).await;
    let ids = this.live("Contact");
    assert!(ids.len() > 25);
    control.purge(ids[0]).unwrap();
    let round = this.json(&["reconcile", "--entity", "contact"]).await;
    assert_eq!(counts(&round, "main/contact")["deleted"], 1, "{round}");
    for id in &ids[1..26] {
        control.purge(*id).unwrap();
    }
    let said = this.run(&["reconcile", "--entity", "contact", "--json"]).await;
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    let round: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(counts(&round, "main/contact")["deleted"], 0);
    assert!(round["runs"][0]["error"].as_str().unwrap().contains("more than the brake allows"), "{round}");
    let round = this.json(&["reconcile", "--entity", "contact", "--allow-deletes"]).await;
    assert_eq!(counts(&round, "main/contact")["deleted"], 25, "{round}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noops_are_recorded_or_counted_as_asked() {
    let this = Installation::ready(SMALL).await;
    this.ok(&["run", "--entity", "account"]).await;
    let items = async |args: &[&str]| {
        let round = this.json(args).await;
        assert_eq!(counts(&round, "main/account")["noop"], 20, "{round}");
        let run = round["runs"][0]["run"].as_str().unwrap().to_owned();
        this.json(&["items", &run]).await["items"].as_array().unwrap().len()
    };
    assert_eq!(items(&["run", "--entity", "account", "--full"]).await, 20);
    assert_eq!(items(&["run", "--entity", "account", "--full", "--noops", "count"]).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_subscriptions_are_left_out_and_refused_by_name() {
    let this = Installation::ready(SMALL).await;
    this.ok(&["subscriptions", "pause", "main/contact"]).await;
    let said = this.run(&["run", "--all", "--json"]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("main/contact: paused, left out"), "{}", said.stderr);
    let round: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(round["runs"].as_array().unwrap().len(), 4);
    let said = this.run(&["run", "main/contact"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("the subscription is paused; resume it first"), "{}", said.stdout);
    this.ok(&["subscriptions", "resume", "main/contact"]).await;
    this.ok(&["run", "main/contact"]).await;
}

/// A calendar of rounds: `--watch` goes on until it is asked to stop, which is its proper end.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_goes_on_until_it_is_told_to_stop() {
    use crate::support::{interrupt, wait};
    let this = Installation::ready(SMALL).await;
    let mut command = this.command(&["run", "--entity", "account", "--watch", "100ms", "--json"]);
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    this.until("three rounds", |counts| counts.get("query").copied().unwrap_or(0) >= 3).await;
    interrupt(&child);
    let said = wait(move || child.wait_with_output().unwrap()).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.lines().count() >= 3, "{}", said.stdout);
}
