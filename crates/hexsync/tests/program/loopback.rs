//! `[loopback]`: echoes of own writes, whether Redis is shared, away, or not used.

use serde_json::{Value as Json, json};

use crate::support::{Installation, SMALL, service};

const PHONE: &str = "+1 555 0100";

/// An installation that keeps fingerprints in the Redis of `T_REDIS`, on its own database, of the org of `of` if given.
async fn on_redis(of: Option<&Installation>, url: &str) -> Installation {
    let database = "url = \"sqlite:hexsync.db\"\n[loopback]\nstore = \"redis\"\nredis_url_env = \"T_REDIS\"";
    let mut this = match of {
        None => Installation::with_org(SMALL, database).await,
        Some(other) => {
            let this = Installation { env: other.env.clone(), ..Installation::empty() };
            std::fs::copy(other.path("hexsync.toml"), this.path("hexsync.toml")).unwrap();
            this
        }
    };
    this.env.retain(|(name, _)| *name != "T_REDIS");
    this.env.push(("T_REDIS", url.to_owned()));
    this.ok(&["migrate"]).await;
    this.ok(&["subscriptions", "add", "--entity", "account"]).await;
    this.ok(&["run", "--entity", "account"]).await;
    this
}

/// The line of the only run that `args` start.
async fn run(this: &Installation, args: &[&str]) -> Json {
    this.json(args).await["runs"][0].clone()
}

/// The echo is told by its run and by its item; another installation on the same server, whose connection has the same
/// name, takes the same change for what it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn installations_that_share_a_redis_do_not_share_echoes() {
    let Some(redis) = service("HEXSYNC_TEST_REDIS_URL") else { return };
    let writes = on_redis(None, &redis).await;
    let reads = on_redis(Some(&writes), &redis).await;
    let account = writes.live("Account")[0].to_string();
    writes.ok(&["edit", "account", &account, &format!("phone={PHONE}")]).await;
    assert_eq!(run(&writes, &["writeback", "--all"]).await["counts"]["updated"], 1);

    let there = run(&reads, &["run", "--entity", "account"]).await;
    assert_eq!((&there["counts"]["updated"], &there["counts"]["skipped"]), (&json!(1), &json!(0)), "{there}");
    let echo = run(&writes, &["run", "--entity", "account"]).await;
    assert_eq!((&echo["counts"]["updated"], &echo["counts"]["skipped"]), (&json!(0), &json!(1)), "{echo}");
    assert_eq!(echo.get("degraded"), None, "{echo}");
    let items = writes.ok(&["items", echo["run"].as_str().unwrap()]).await;
    assert!(items.contains("echo of our own write"), "{items}");
}

/// Redis away: everything is written and read all the same, and what is weaker is said by the run, by the list of runs
/// and by doctor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_without_its_redis_goes_on_and_says_what_is_weaker() {
    // Port 9 is "discard": nobody listens.
    let this = on_redis(None, "redis://ann:hunter2@127.0.0.1:9/").await;
    let account = this.live("Account")[0].to_string();
    this.ok(&["edit", "account", &account, &format!("phone={PHONE}")]).await;
    let sent = run(&this, &["writeback", "--all"]).await;
    assert_eq!(sent["counts"]["updated"], 1, "{sent}");
    let kept = sent["degraded"].as_str().unwrap();
    assert!(kept.starts_with("fingerprints of what was sent could not be kept"), "{kept}");

    let echo = this.ok(&["run", "--entity", "account"]).await;
    assert!(echo.contains("echoes of own writes could not be told"), "{echo}");
    let listed = this.json(&["runs"]).await;
    let last = &listed["runs"][0];
    assert_eq!((&last["counts"]["noop"], &last["counts"]["updated"]), (&json!(1), &json!(0)), "{listed}");
    assert!(last["degraded"].as_str().unwrap().contains("127.0.0.1:9"), "{listed}");
    assert!(this.ok(&["runs"]).await.contains("echoes of own writes could not be told"));

    let doctor = this.json(&["doctor"]).await;
    let checks = doctor["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["what"] == "fingerprints").unwrap();
    assert_eq!(found["verdict"], "warning", "{found}");
    assert!(found["next"].as_str().unwrap().contains("runs go on"), "{found}");
    let said = format!("{sent}{echo}{listed}{doctor}");
    assert!(!said.contains("hunter2"), "{said}");
}
