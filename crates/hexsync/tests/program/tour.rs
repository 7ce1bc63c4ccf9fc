//! `hexsync demo --tour`: every screen says what it must, on either set of stores.

use serde_json::{Value as Json, json};
use sqlx::{Connection, Executor};

use crate::support::{Installation, service};

/// The facts of a screen.
fn facts(told: &Json, number: usize) -> &Json {
    let screen = &told["screens"][number - 1];
    assert_eq!(screen["number"], number, "{told}");
    &screen["facts"]
}

/// What a tour must have shown, wherever it took place.
fn complete(told: &Json) {
    assert_eq!(told["holds"], true);
    let screens = told["screens"].as_array().unwrap();
    let titles: Vec<_> = screens.iter().map(|screen| screen["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Connect", "First load", "Webhooks", "Writeback", "Tenants", "Events", "Check"]);
    for screen in screens {
        let checks = screen["checks"].as_array().unwrap();
        assert!(!checks.is_empty() && checks.iter().all(|check| check["holds"] == true), "{screen}");
    }

    for connection in facts(told, 1)["connections"].as_array().unwrap() {
        assert_eq!(connection["status"], "active", "{connection}");
        assert_eq!(connection["key"], "demo", "{connection}");
        let second = connection["second_callback"].as_u64().unwrap();
        assert!((400..500).contains(&second), "{connection}");
    }
    assert_eq!(facts(told, 2)["rows"]["northwind"]["opportunity"], 60);
    assert_eq!(facts(told, 2)["rows"]["fabrikam"]["opportunity"], 60);
    assert_eq!(facts(told, 3)["forged_fabrikam"], json!({"status": 401, "staged": 0}));
    for tenant in ["northwind", "fabrikam"] {
        assert!(facts(told, 3)["latency_ms"][tenant].is_u64());
        let repeated = &facts(told, 3)[format!("repeated_{tenant}")];
        assert!(repeated["repeated"].as_u64() > Some(0), "{repeated}");
        assert_eq!(repeated["applied_again"], 0);

        let edit = &facts(told, 4)[format!("edit_{tenant}")];
        assert_eq!((&edit["sent"]["updated"], &edit["events"]), (&json!(1), &json!(0)), "{edit}");
        assert_eq!((&edit["echo"]["updated"], &edit["cursor_moved"]), (&json!(0), &json!(true)), "{edit}");
        assert_eq!(facts(told, 4)[format!("conflict_{tenant}")]["asked"], 1);
        let created = &facts(told, 4)[format!("created_{tenant}")];
        assert_eq!(created["records_there"], 1, "{created}");
        assert_ne!(created["id"], created["made"], "{created}");

        let seen = &facts(told, 5)["tenants"][tenant];
        assert_eq!(
            (&seen["own"], &seen["others"], &seen["found_by_id"]),
            (&json!(60), &json!(60), &json!(0))
        );
    }
    let events = facts(told, 6);
    assert_eq!(
        (&events["heard"], &events["streamed"]),
        (&events["expected"], &events["expected"]),
        "{events}"
    );
    assert!(events["changes"]["edits"] == 6 && events["changes"]["runs"].as_u64() > Some(300), "{events}");
    assert_eq!(facts(told, 7)["waiting"], json!({"inbox": 0, "local_changes": 0, "outbox": 0}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tour_on_a_file_needs_nothing_else() {
    let this = Installation::empty();
    let told = this.json(&["demo", "--tour", "--quiet"]).await;
    complete(&told);
    assert_eq!(told["stream"], "a stream in memory");
    assert_eq!(facts(&told, 5)["database_confines"], false);
    // Below the queries a file keeps nobody apart, and the tour says so.
    assert_eq!(facts(&told, 5)["tenants"]["northwind"]["careless"], json!({"fabrikam": 60, "northwind": 60}));

    // What it leaves can be looked at, and is replaced by the next.
    let runs = this.json(&["--config", "hexsync-demo.toml", "--tenant", "fabrikam", "runs"]).await;
    assert!(!runs["runs"].as_array().unwrap().is_empty(), "{runs}");
    let text = this.ok(&["demo", "--tour", "--yes", "--quiet"]).await;
    assert!(text.contains("1/7  Connect") && text.contains("every check held"), "{text}");
    let config = std::fs::read_to_string(this.path("hexsync-demo.toml")).unwrap();
    assert!(config.contains("HEXSYNC_DEMO_KEYS") && !config.contains("demo:"), "{config}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tour_on_servers_is_kept_apart_by_the_database() {
    let (Some(server), Some(redis)) =
        (service("HEXSYNC_TEST_POSTGRES_URL"), service("HEXSYNC_TEST_REDIS_URL"))
    else {
        return;
    };
    let name = format!("hexsync_tour_{}", std::process::id());
    let (mut admin, url) = database(&server, &name).await;

    let this = Installation::empty();
    let args = ["demo", "--tour", "--quiet", "--database-url", url.as_str(), "--redis-url", &redis];
    let told = this.json(&args).await;
    complete(&told);
    assert_eq!(told["stream"], "the Redis stream hexsync-demo:events:change");
    assert_eq!(facts(&told, 5)["database_confines"], true);
    for tenant in ["northwind", "fabrikam"] {
        let seen = &facts(&told, 5)["tenants"][tenant];
        assert_eq!((&seen["careless"], &seen["found_posing"]), (&json!({tenant: 60}), &json!(0)), "{seen}");
    }
    // What it leaves can be looked at, with the same address.
    let config = std::fs::read_to_string(this.path("hexsync-demo.toml")).unwrap();
    assert!(config.contains("store = \"redis\"") && !config.contains(&redis), "{config}");
    let this = Installation { env: vec![("HEXSYNC_DEMO_REDIS_URL", redis)], ..this };
    let runs = this.json(&["--config", "hexsync-demo.toml", "--tenant", "fabrikam", "runs"]).await;
    assert!(!runs["runs"].as_array().unwrap().is_empty(), "{runs}");
    admin.execute(sqlx::AssertSqlSafe(format!("drop database {name} with (force)"))).await.unwrap();
}

/// A tour that is killed in its middle leaves what the next one replaces.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tour_that_was_killed_can_be_taken_again() {
    let this = Installation::empty();
    kill_at(&this, &["demo", "--tour", "--yes", "--quiet"], "3/7").await;
    assert!(this.path("hexsync-demo.db").exists());
    complete(&this.json(&["demo", "--tour", "--quiet"]).await);
}

/// The same as soon as it has begun its file, before there is anything in it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tour_that_was_killed_at_once_can_be_taken_again() {
    let this = Installation::empty();
    let mut child = this.command(&["demo", "--tour", "--yes", "--quiet"]).spawn().unwrap();
    while !this.path("hexsync-demo.db").exists() {
        assert_eq!(child.try_wait().unwrap(), None, "it goes on");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was killed");
    complete(&this.json(&["demo", "--tour", "--quiet"]).await);
}

/// The same on servers, where the stream still holds what the killed one told.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tour_that_was_killed_on_servers_can_be_taken_again() {
    let (Some(server), Some(redis)) =
        (service("HEXSYNC_TEST_POSTGRES_URL"), service("HEXSYNC_TEST_REDIS_URL"))
    else {
        return;
    };
    let name = format!("hexsync_killed_tour_{}", std::process::id());
    let (mut admin, url) = database(&server, &name).await;
    // A database of its own there as well: the stream's name is always the same.
    let mut redis = url::Url::parse(&redis).unwrap();
    redis.set_path("/7");
    let this = Installation::empty();
    let servers = ["--database-url", url.as_str(), "--redis-url", redis.as_str()];
    let args = |first: &[&'static str]| first.iter().copied().chain(servers).collect::<Vec<_>>();
    kill_at(&this, &args(&["demo", "--tour", "--yes", "--quiet"]), "4/7").await;
    complete(&this.json(&args(&["demo", "--tour", "--quiet"])).await);
    admin.execute(sqlx::AssertSqlSafe(format!("drop database {name} with (force)"))).await.unwrap();
}

/// Kills the program without a warning as soon as it has written a line that begins so.
#[cfg(unix)]
async fn kill_at(this: &Installation, args: &[&str], begins: &'static str) {
    use std::io::BufRead as _;

    let mut child = this.command(args).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let killed = tokio::task::spawn_blocking(move || {
        let reached = lines.map_while(Result::ok).any(|line| line.trim_start().starts_with(begins));
        child.kill().unwrap();
        (reached, child.wait().unwrap())
    });
    let (reached, ended) = killed.await.unwrap();
    assert!(reached && ended.code().is_none(), "it was killed in its middle: {ended}");
}

/// A database of a test's own, with the connection that made it.
async fn database(server: &str, name: &str) -> (sqlx::PgConnection, url::Url) {
    let mut admin = sqlx::PgConnection::connect(server).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("drop database if exists {name}"))).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(name);
    (admin, url)
}
