//! Tenants told apart: two customers' orgs in one database.

use crate::support::{Installation, SMALL};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_see_their_own() {
    let this = Installation::with_org(SMALL, "url = \"sqlite:hexsync.db\"").await;
    let config = std::fs::read_to_string(this.path("hexsync.toml")).unwrap();
    let (database, connection) = config.split_once("[[connections]]").unwrap();
    let of = |id: &str, tenant: &str| {
        let connection =
            connection.replace("id = \"main\"", &format!("id = \"{id}\"\ntenant = \"{tenant}\""));
        format!("[[connections]]{connection}")
    };
    let both = of("a", "acme") + &of("b", "beta");
    this.write("hexsync.toml", &format!("{database}[engine]\nmulti_tenant = true\n{both}"));
    this.ok(&["migrate"]).await;
    let all = this.json(&["subscriptions", "add"]).await;
    assert_eq!(all["subscriptions"].as_array().unwrap().len(), 10);
    let round = this.json(&["run", "--entity", "account", "--tenant", "acme"]).await;
    assert_eq!(round["runs"].as_array().unwrap().len(), 1, "{round}");
    assert_eq!(round["runs"][0]["name"], "acme/a/account");
    assert_eq!(this.json(&["runs", "--tenant", "beta"]).await["runs"].as_array().unwrap().len(), 0);
    let round = this.json(&["run", "--entity", "account"]).await;
    assert_eq!(round["runs"].as_array().unwrap().len(), 2, "without --tenant, all of the configuration");
    let id = this.live("Account")[0];
    let history = this.json(&["history", "account", id.as_str(), "--tenant", "beta"]).await;
    assert_eq!(history["records"].as_array().unwrap().len(), 1);
    assert_eq!(history["records"][0]["tenant"], "beta");

    erased(&this).await;
}

/// One tenant is counted, erased when told so twice, and gone; the other's records, history and runs are as before.
async fn erased(this: &Installation) {
    let before = this.json(&["runs", "--tenant", "beta"]).await;
    let counted = this.json(&["erase", "tenant", "acme", "--dry-run"]).await;
    assert_eq!(counted["erased"], false);
    let tables: Vec<_> =
        counted["tables"].as_array().unwrap().iter().map(|table| table["table"].as_str().unwrap()).collect();
    assert!(
        ["accounts", "sync_runs", "sync_run_items", "sync_subscriptions"].iter().all(|t| tables.contains(t))
    );
    let unasked = this.run(&["erase", "tenant", "acme"]).await;
    assert_ne!(unasked.code, Some(0), "nobody is there to type the id");
    assert!(unasked.stderr.contains("nothing was erased"), "{}", unasked.stderr);
    let erased = this.json(&["erase", "tenant", "acme", "--yes"]).await;
    assert_eq!((&erased["erased"], &erased["rows"]), (&true.into(), &counted["rows"]));
    assert_eq!(this.json(&["erase", "tenant", "acme", "--yes"]).await["rows"], 0);
    assert_eq!(this.json(&["subscriptions", "list"]).await["subscriptions"].as_array().unwrap().len(), 5);
    assert_eq!(this.json(&["runs", "--tenant", "beta"]).await, before);
    let id = this.live("Account")[0];
    let history = this.json(&["history", "account", id.as_str(), "--tenant", "beta"]).await;
    assert_eq!(history["records"].as_array().unwrap().len(), 1);
}
