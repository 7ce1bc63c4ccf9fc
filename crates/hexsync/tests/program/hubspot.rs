//! An installation with a HubSpot account, alone and beside a Salesforce org.

use std::time::Duration;

use crm_sandbox::hubspot::LinkSpec;
use serde_json::{Value as Json, json};
use sqlx::Connection;

use crate::support::{Installation, SMALL, SMALL_ACCOUNT};

fn properties(fields: &Json) -> crm_sandbox::hubspot::Properties {
    fields.as_object().unwrap().clone().into_iter().collect()
}

/// The counts of a run in a round, by the feed's name.
fn counts<'a>(round: &'a Json, name: &str) -> &'a Json {
    let runs = round["runs"].as_array().unwrap();
    &runs.iter().find(|run| run["name"] == name).unwrap_or_else(|| panic!("{name} in {round}"))["counts"]
}

impl Installation {
    /// The ids of live deals.
    fn deals(&self) -> Vec<u64> {
        self.account().control().read(|account| account.rows("deals", false).map(|(id, _)| id).collect())
    }

    fn let_time_pass(&self) {
        self.account().control().advance(Duration::from_secs(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn installation_lives_with_hubspot() {
    let this = Installation::with_account(SMALL_ACCOUNT).await;
    let control = this.account().control();
    let listed = this.json(&["subscriptions", "list"]).await;
    let adapters: Vec<_> =
        listed["subscriptions"].as_array().unwrap().iter().map(|line| &line["adapter"]).collect();
    assert_eq!(adapters, vec!["hubspot-poll"; 5]);

    let plan = this.json(&["plan", "hub/opportunity", "--full"]).await;
    assert_eq!(plan["plans"][0]["counts"]["created"], 50, "{plan}");
    assert!(plan["plans"][0]["api_calls"].as_u64().unwrap() >= 1, "{plan}");
    let round = this.json(&["run", "--all"]).await;
    for (entity, created) in [("user", 5), ("account", 20), ("contact", 30), ("opportunity", 50)] {
        assert_eq!(counts(&round, &format!("hub/{entity}"))["created"], created, "{entity}");
    }

    let id = this.deals()[0];
    control.update("deals", id, &properties(&json!({"dealname": "Big", "amount": "1234.5"}))).unwrap();
    this.let_time_pass();
    let round = this.json(&["run", "hub/opportunity"]).await;
    assert_eq!(counts(&round, "hub/opportunity")["updated"], 1, "{round}");
    control.archive("deals", id).unwrap();
    this.let_time_pass();
    let round = this.json(&["run", "hub/opportunity"]).await;
    assert_eq!(counts(&round, "hub/opportunity")["deleted"], 1, "{round}");

    let id = id.to_string();
    let history = this.json(&["history", "opportunity", &id]).await;
    let record = &history["records"][0];
    let operations: Vec<_> =
        record["steps"].as_array().unwrap().iter().map(|step| step["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["created", "updated", "deleted"]);
    assert_eq!(record["steps"][1]["changed_fields"]["amount"]["to"], "1234.5");
    let runs = this.json(&["runs", "hub/opportunity"]).await;
    let items = this.json(&["items", runs["runs"][0]["id"].as_str().unwrap()]).await;
    assert_eq!(items["items"][0]["external_id"], id.as_str());
}

/// A record that can't be read is set aside, and lands once it is corrected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_deal_is_parked_and_lands_once_corrected() {
    let this = Installation::with_account(SMALL_ACCOUNT).await;
    let control = this.account().control();
    let id = this.deals()[0];
    control.update("deals", id, &properties(&json!({"amount": "a lot"}))).unwrap();
    this.let_time_pass();
    let said = this.run(&["run", "hub/opportunity", "--json"]).await;
    assert_eq!(said.code, Some(3), "{}", said.stdout);
    let letters = this.json(&["dead-letters", "list"]).await;
    assert_eq!(letters["dead_letters"][0]["external_id"], id.to_string().as_str());
    assert_eq!(letters["dead_letters"][0]["payload"], "unreadable");
    control.update("deals", id, &properties(&json!({"amount": "7"}))).unwrap();
    this.let_time_pass();
    let round = this.json(&["run", "hub/opportunity"]).await;
    assert_eq!(counts(&round, "hub/opportunity")["created"], 1, "{round}");
    assert_eq!(this.json(&["dead-letters", "list"]).await, json!({"dead_letters": []}));
}

/// HubSpot does not tell when an association ends; a comparison of ids does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_finds_associations_that_ended() {
    let this = Installation::with_account(SMALL_ACCOUNT).await;
    let control = this.account().control();
    this.ok(&["run", "--all"]).await;
    let (deal, person, _) = control.associations("deals", "contacts")[0].clone();
    control.disassociate(LinkSpec::new(("deals", deal), ("contacts", person))).unwrap();
    this.let_time_pass();
    let round = this.json(&["run", "hub/opportunity_contact"]).await;
    assert_eq!(counts(&round, "hub/opportunity_contact")["deleted"], 0, "{round}");
    let round = this.json(&["reconcile", "--entity", "opportunity_contact"]).await;
    assert_eq!(counts(&round, "hub/opportunity_contact")["deleted"], 1, "{round}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_looks_at_hubspot() {
    let this = Installation::with_account(SMALL_ACCOUNT).await;
    let found = this.json(&["doctor"]).await;
    let checks = found["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["what"].as_str().unwrap()).collect();
    let expected =
        ["sign-in", "API calls", "clock", "user", "account", "contact", "opportunity", "opportunity_contact"];
    let expected: Vec<_> = expected.iter().map(|what| format!("hub: {what}")).collect();
    assert_eq!(names[4..], expected);
    assert!(checks.iter().all(|check| check["verdict"] == "ok"), "{found}");

    this.account().control().edit_settings(|settings| {
        settings.scopes.retain(|scope| scope != "crm.objects.owners.read");
    });
    let said = this.run(&["doctor", "--json"]).await;
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    let found: Json = serde_json::from_str(&said.stdout).unwrap();
    let failed: Vec<_> =
        found["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{found}");
    assert_eq!(failed[0]["what"], "hub: user");
    assert_eq!(failed[0]["next"], "give the connected user the right to see owners");

    let _ = this.account().control().rotate_private_token();
    let said = this.run(&["doctor", "--json"]).await;
    let found: Json = serde_json::from_str(&said.stdout).unwrap();
    let last = found["checks"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["what"], &last["verdict"]), (&json!("hub: sign-in"), &json!("failed")), "{found}");
    assert!(last["next"].as_str().unwrap().starts_with("connect the account again"), "{found}");
}

/// One table per entity, whatever CRM fills it; rows are told apart by their connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_crms_fill_the_same_tables() {
    let mut this = Installation::with_org(SMALL, "url = \"sqlite:hexsync.db\"").await;
    this.add_account(SMALL_ACCOUNT).await;
    this.ok(&["migrate"]).await;
    this.ok(&["subscriptions", "add"]).await;
    let round = this.json(&["run", "--all"]).await;
    let names: Vec<_> =
        round["runs"].as_array().unwrap().iter().take(4).map(|run| run["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["hub/user", "main/user", "hub/account", "main/account"],
        "parents first, then by connection"
    );

    let url = format!("sqlite://{}", this.path("hexsync.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select connection_id, provider, count(*) from opportunities group by connection_id, provider order by connection_id",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    let expected = [("hub", "hubspot", 50), ("main", "salesforce", 50)]
        .map(|(id, crm, n)| (id.to_owned(), crm.to_owned(), n));
    assert_eq!(rows, expected);
}

/// Neither the private app's token nor what OAuth hands out is shown, in results, errors, or logs at their loudest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_hubspot_never_come_out() {
    let mut this = Installation::with_account(SMALL_ACCOUNT).await;
    this.env.push(("RUST_LOG", "trace".to_owned()));
    let mut said = String::new();
    let private = std::fs::read_to_string(this.path("hexsync.toml")).unwrap();
    let credentials = this.account().credentials().clone();
    let oauth = private.replace(
        "auth = \"access_token\"\naccess_token_env = \"T_HUBSPOT_TOKEN\"",
        &format!(
            "auth = \"refresh_token\"\nclient_id = \"{}\"\nclient_secret_env = \"T_HUBSPOT_SECRET\"\nrefresh_token_env = \"T_HUBSPOT_GRANT\"",
            credentials.client_id
        ),
    );
    assert_ne!(private, oauth);
    this.env.push(("T_HUBSPOT_SECRET", credentials.client_secret.clone()));
    this.env.push(("T_HUBSPOT_GRANT", credentials.refresh_token.clone()));
    for config in [&private, &oauth] {
        this.write("hexsync.toml", config);
        for args in [&["doctor"][..], &["plan", "--all"], &["run", "--all", "--full", "--json"]] {
            let output = this.run(args).await;
            assert_eq!(output.code, Some(0), "{args:?} {}", output.stdout);
            said.push_str(&output.stdout);
            said.push_str(&output.stderr);
        }
    }
    // Refused grants and tokens are the errors in which a careless program quotes the most.
    this.account().control().revoke_refresh_tokens();
    let _ = this.account().control().rotate_private_token();
    for config in [&private, &oauth] {
        this.write("hexsync.toml", config);
        let output = this.run(&["run", "--all"]).await;
        assert_eq!(output.code, Some(1), "{}", output.stdout);
        assert!(output.stdout.contains("not authorised"), "{}", output.stdout);
        said.push_str(&output.stdout);
        said.push_str(&output.stderr);
    }
    assert!(said.contains("TRACE"), "logs were on");
    for secret in [&credentials.private_app_token, &credentials.client_secret, &credentials.refresh_token] {
        assert!(!said.contains(secret.as_str()), "a secret of the configuration came out");
    }
    // Access tokens of the simulated account begin with these letters and go on for 32 more of their alphabet.
    let is_token = |text: &str| {
        let rest = text.strip_prefix("CJ").unwrap_or_default();
        rest.len() >= 32 && rest.bytes().take(32).all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let found =
        said.match_indices("CJ").find(|(at, _)| said.is_char_boundary(at + 34) && is_token(&said[*at..]));
    assert!(found.is_none(), "an access token came out");
}
