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
}
