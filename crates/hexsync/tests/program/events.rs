//! Events of applied changes: published only where that is wished, printed, relayed, purged.

use serde_json::{Value as Json, json};

use crate::support::{Installation, SMALL};

fn publish(this: &Installation, more: &str) {
    let config = std::fs::read_to_string(this.path("hexsync.toml")).unwrap();
    this.write("hexsync.toml", &format!("{config}\n[events]\npublish = true\n{more}"));
}

fn lines(stdout: &str) -> Vec<Json> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Without `publish` nothing is kept; with it every applied change is a line, once and with its record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applied_changes_are_printed() {
    let this = Installation::ready(SMALL).await;
    this.ok(&["run", "main/account"]).await;
    assert_eq!(this.ok(&["events", "tail", "--all", "--once"]).await, "");
    assert_eq!(this.json(&["events", "list"]).await, json!({"publish": false, "queues": [], "parked": []}));

    publish(&this, "");
    this.ok(&["run", "main/opportunity"]).await;
    let printed = lines(&this.ok(&["events", "tail", "--all", "--once"]).await);
    let live: Vec<String> = this.live("Opportunity").iter().map(|id| id.as_str().to_owned()).collect();
    let mut told: Vec<&str> = printed.iter().map(|event| event["external_id"].as_str().unwrap()).collect();
    told.sort_unstable();
    let mut expected: Vec<&str> = live.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(told, expected);
    for event in &printed {
        assert_eq!((&event["kind"], &event["lane"]), (&json!("opportunity_created"), &json!("change")));
        assert_eq!((&event["source"], &event["connection"]), (&json!("integration"), &json!("main")));
        assert!(event["changed_fields"]["name"]["to"].is_string(), "{event}");
    }
    // Who has printed has left, and what nobody waits for is removed.
    assert_eq!(this.json(&["events", "list"]).await["queues"], json!([]));
    assert_eq!(this.json(&["events", "purge", "--older-than", "0s"]).await, json!({"events": 50}));
    assert_eq!(this.ok(&["events", "tail", "--all", "--once"]).await, "");
}

/// What Redis has not received waits for it, and shows; each event arrives once. A missing server is no loss.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_relayed_to_redis() {
    let Ok(url) = std::env::var("HEXSYNC_TEST_REDIS_URL") else {
        let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|set| set == "1");
        assert!(!required, "HEXSYNC_TEST_REDIS_URL is not set");
        println!("skipped: HEXSYNC_TEST_REDIS_URL is not set");
        return;
    };
    let mut this = Installation::ready(SMALL).await;
    publish(&this, "redis_url_env = \"T_REDIS\"\n");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    this.env.push(("T_REDIS", format!("redis://127.0.0.1:{port}/")));
    // Known from now on, though Redis is away.
    this.ok(&["events", "relay", "redis", "--once", "--consumer", "stream"]).await;
    this.ok(&["run", "main/opportunity"]).await;
    let said = this.run(&["events", "relay", "redis", "--once", "--consumer", "stream", "--json"]).await;
    assert_eq!(said.code, Some(3), "{}{}", said.stdout, said.stderr);
    let relayed: Json = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(relayed["delivered"], 0, "{relayed}");
    assert!(relayed["stalled"].as_u64() > Some(0), "{relayed}");
    let listed = this.json(&["events", "list"]).await;
    let change = listed["queues"].as_array().unwrap().iter().find(|queue| queue["lane"] == "change").unwrap();
    assert_eq!(
        (&change["consumer"], &change["waiting"], &change["parked"]),
        (&json!("stream"), &json!(50), &json!(0))
    );
    assert!(change["lag_seconds"].is_u64(), "{change}");
    assert_eq!(this.json(&["events", "purge", "--older-than", "0s"]).await, json!({"events": 0}));

    this.env.retain(|(name, _)| *name != "T_REDIS");
    this.env.push(("T_REDIS", url));
    let relayed = this.json(&["events", "relay", "redis", "--once", "--consumer", "stream"]).await;
    assert_eq!(relayed, json!({"delivered": 50, "failed": 0, "parked": 0, "stalled": 0}));
    assert_eq!(this.json(&["events", "purge", "--older-than", "0s"]).await, json!({"events": 50}));
    assert_eq!(this.run(&["events", "replay"]).await.code, Some(1));
    this.ok(&["events", "forget", "stream"]).await;
    assert_eq!(this.run(&["events", "forget", "stream"]).await.code, Some(1));
}

/// What is missing in the configuration is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relay_without_an_address_says_what_to_write() {
    let this = Installation::ready(SMALL).await;
    for target in ["redis", "nats"] {
        let said = this.run(&["events", "relay", target, "--once"]).await;
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains(&format!("{target}_url_env")), "{}", said.stderr);
    }
}
