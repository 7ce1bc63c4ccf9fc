//! `hexsync serve`: the real program receives calls, and the rows follow.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::support::{Installation, SMALL_ACCOUNT, wait};

const PUBLIC: &str = "https://hooks.example.test";
const SECRET: &str = "the client secret of an app";

/// A program that serves. Ended when dropped.
struct Serving {
    child: Child,
    url: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Installation {
    /// Lets the account's calls in, and starts the program.
    async fn serve(&mut self) -> Serving {
        self.let_calls_in();
        self.restart(5).await
    }

    fn let_calls_in(&mut self) {
        let config = std::fs::read_to_string(self.path("hexsync.toml")).unwrap();
        let serve = format!(
            "[serve]\naddress = \"127.0.0.1:0\"\npublic_url = \"{PUBLIC}\"\nhubspot_secret_env = \"T_APP_SECRET\"\n"
        );
        self.write("hexsync.toml", &format!("{serve}{config}account_id = \"9001\"\n"));
        self.env.push(("T_APP_SECRET", SECRET.to_owned()));
    }

    /// Starts the program, which has to say that so many subscriptions hear of calls.
    async fn restart(&self, n_subscriptions: usize) -> Serving {
        let mut child = self.command(&["serve", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            line
        });
        let told: Json = serde_json::from_str(&line.await.unwrap()).unwrap();
        assert_eq!(told["n_subscriptions"], n_subscriptions, "{told}");
        Serving { child, url: format!("http://{}", told["address"].as_str().unwrap()) }
    }

    /// Waits until a deal's row has this amount, or is gone.
    async fn amount_becomes(&self, deal: u64, expected: Option<&str>) {
        eventually(async || self.amount(deal).await.as_deref() == expected).await;
    }

    /// The amount of a deal's row.
    async fn amount(&self, deal: u64) -> Option<String> {
        let amount = "select amount from opportunities where external_id = ? and deleted_at is null";
        self.text_of(amount, deal).await
    }

    /// What a statement finds of a record.
    async fn text_of(&self, statement: &'static str, record: u64) -> Option<String> {
        use sqlx::Connection;
        let url = format!("sqlite:{}?mode=ro", self.path("hexsync.db").display());
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_scalar(statement).bind(record.to_string()).fetch_optional(&mut database).await.unwrap()
    }
}

impl Serving {
    async fn call(&self, event: Json, secret: &str) -> reqwest::StatusCode {
        let body = json!([event]).to_string();
        let millis = chrono::Utc::now().timestamp_millis().to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let text = ["POST", PUBLIC, "/webhooks/hubspot", &body, &millis].concat();
        let call = client()
            .post(format!("{}/webhooks/hubspot", self.url))
            .header("x-hubspot-signature-v3", STANDARD.encode(hmac::sign(&key, text.as_bytes())))
            .header("x-hubspot-request-timestamp", millis)
            .body(body);
        call.send().await.unwrap().status()
    }

    async fn health(&self) -> Json {
        let answer = client().get(format!("{}/healthz", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }
}

/// Waits until it is so.
async fn eventually(is_so: impl AsyncFn() -> bool) {
    for _ in 0..1_200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never was so");
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn event(id: u64, kind: &str, deal: u64) -> Json {
    json!({
        "eventId": id, "subscriptionId": 1, "portalId": 9001, "occurredAt": 1_767_348_245_000_u64 + id,
        "subscriptionType": kind, "objectId": deal, "attemptNumber": 0,
    })
}

/// From a call to the row without anybody asking for it; SIGTERM ends it in order.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_reaches_the_row() {
    let mut this = Installation::with_account(SMALL_ACCOUNT).await;
    this.ok(&["run", "--all"]).await;
    let mut serving = this.serve().await;
    let deal = this.account().control().read(|account| account.rows("deals", false).next().unwrap().0);
    let properties = json!({"amount": "4321.5"}).as_object().unwrap().clone().into_iter().collect();
    this.account().control().update("deals", deal, &properties).unwrap();

    assert_eq!(serving.call(event(1, "deal.propertyChange", deal), "another secret").await, 401);
    assert_eq!(serving.call(event(1, "deal.propertyChange", deal), SECRET).await, 204);
    this.amount_becomes(deal, Some("4321.5")).await;
    let health = serving.health().await;
    assert_eq!((&health["store"], &health["calls"]["notices_staged"]), (&json!("ok"), &json!(1)), "{health}");
    let mut stranger = event(2, "deal.propertyChange", deal);
    stranger["portalId"] = json!(9002);
    assert_eq!(serving.call(stranger, SECRET).await, 204);
    assert_eq!(serving.health().await["calls"]["events_of_unknown_accounts"], 1);
    assert_eq!(this.json(&["runs"]).await["runs"][0]["action"], "webhook");

    // Acknowledged a moment before the end, and there after it.
    this.account().control().archive("deals", deal).unwrap();
    assert_eq!(serving.call(event(3, "deal.deletion", deal), SECRET).await, 204);
    let pid = serving.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || serving.child.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(0));
    let again = this.restart(5).await;
    this.amount_becomes(deal, None).await;
    drop(again);
}

/// Serving begins before there is anything to hear of; what is added is heard without a restart, what is paused waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscription_that_is_added_while_serving_hears_of_calls() {
    let mut this = Installation::empty();
    this.add_account(SMALL_ACCOUNT).await;
    this.ok(&["migrate"]).await;
    this.let_calls_in();
    let serving = this.restart(0).await;
    assert_eq!(serving.health().await["subscriptions"], 0);

    this.ok(&["subscriptions", "add", "--entity", "opportunity"]).await;
    eventually(async || serving.health().await["subscriptions"] == 1).await;
    let deal = this.account().control().read(|account| account.rows("deals", false).next().unwrap().0);
    let set = |amount: &str| {
        let properties = json!({"amount": amount}).as_object().unwrap().clone().into_iter().collect();
        this.account().control().update("deals", deal, &properties).unwrap();
    };
    set("4321.5");
    assert_eq!(serving.call(event(1, "deal.propertyChange", deal), SECRET).await, 204);
    this.amount_becomes(deal, Some("4321.5")).await;

    this.ok(&["subscriptions", "pause", "hub/opportunity"]).await;
    set("5432.5");
    assert_eq!(serving.call(event(2, "deal.propertyChange", deal), SECRET).await, 204);
    // Its turn would have come before that of one that is added now.
    this.ok(&["subscriptions", "add", "--entity", "account"]).await;
    eventually(async || serving.health().await["subscriptions"] == 2).await;
    assert_eq!(this.amount(deal).await.as_deref(), Some("4321.5"));
    this.ok(&["subscriptions", "resume", "hub/opportunity"]).await;
    this.amount_becomes(deal, Some("5432.5")).await;
}

/// Calls about a customer's own object name it by an id that is another one in every account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custom_object_is_heard_of_by_its_id() {
    let mut this = Installation::empty();
    this.add_account(SMALL_ACCOUNT).await;
    let config = std::fs::read_to_string(this.path("hexsync.toml")).unwrap();
    this.write("hexsync.toml", &format!("{config}entities = [\"project\"]\n"));
    this.ok(&["migrate"]).await;
    this.ok(&["subscriptions", "add"]).await;
    this.let_calls_in();
    let serving = this.restart(1).await;
    let (project, type_id) = this.account().control().read(|account| {
        let project = account.rows("projects", false).next().unwrap().0;
        (project, account.object_def("projects").unwrap().type_id.clone())
    });
    let mut told = event(1, "object.propertyChange", project);
    told["objectTypeId"] = json!(type_id);
    assert_eq!(serving.call(told, SECRET).await, 204);
    let calls = serving.health().await["calls"].clone();
    assert_eq!(
        (&calls["notices_staged"], &calls["events_without_recipients"]),
        (&json!(1), &json!(0)),
        "{calls}"
    );
    let is_there = async || {
        let found = this.text_of("select name from projects where external_id = ?", project).await;
        found.is_some()
    };
    eventually(is_there).await;
}

/// What has to be said before anything can be received.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_tells_what_is_missing() {
    let this = Installation::with_account(SMALL_ACCOUNT).await;
    let said = this.run(&["serve"]).await;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("[serve]"), "{}", said.stderr);
    let config = std::fs::read_to_string(this.path("hexsync.toml")).unwrap();
    let serve = "[serve]\naddress = \"nowhere\"\npublic_url = \"hooks\"\n";
    this.write("hexsync.toml", &format!("{serve}{config}account_id = \"nine\"\n"));
    let said = this.run(&["serve"]).await;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    for word in ["`address`", "`public_url`", "without a secret", "`account_id`"] {
        assert!(said.stderr.contains(word), "{word}: {}", said.stderr);
    }
    let mut command = this.command(&["serve", "--help"]);
    assert_eq!(wait(move || command.output().unwrap()).await.code, Some(0));
}
