//! The same installation on PostgreSQL.

use sqlx::{Connection, Executor};

use crate::support::{Installation, SMALL, service};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn installation_lives_on_postgres() {
    let Some(server) = service("HEXSYNC_TEST_POSTGRES_URL") else { return };
    let name = format!("hexsync_program_{}", std::process::id());
    let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("drop database if exists {name}"))).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();

    let mut this = Installation::with_org(SMALL, "url_env = \"T_DATABASE\"").await;
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    this.env.push(("T_DATABASE", url.to_string()));
    let said = this.run(&["runs"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("next: run `hexsync migrate`"), "{}", said.stderr);
    assert_eq!(this.json(&["migrate"]).await["store"], "PostgreSQL");
    this.ok(&["subscriptions", "add"]).await;
    let round = this.json(&["run", "--all"]).await;
    assert_eq!(round["runs"][3]["counts"]["created"], 50, "{round}");
    let id = this.live("Opportunity")[0];
    this.org().control().delete(id).unwrap();
    this.org().control().advance(std::time::Duration::from_secs(5));
    assert_eq!(this.json(&["run", "--all"]).await["runs"][3]["counts"]["deleted"], 1);
    let history = this.json(&["history", "opportunity", id.as_str()]).await;
    assert_eq!(history["records"][0]["state"]["deleted"], true);
    this.ok(&["doctor"]).await;

    admin.execute(sqlx::AssertSqlSafe(format!("drop database {name} with (force)"))).await.unwrap();
}
