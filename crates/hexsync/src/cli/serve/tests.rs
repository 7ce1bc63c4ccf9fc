//! What a part that broke comes to.

use std::time::Duration;

use serde_json::Value as Json;
use sync_wiring::sqlite::SqliteStore;
use tokio::time::timeout;

use super::*;
use crate::app::Opening;
use crate::config::Config;

/// A program that serves on a store of its own, and the folder of its secret.
async fn serving() -> (Serving, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "the client secret of an app").unwrap();
    let config = r#"
[database]
url = "sqlite:unused.db"
[serve]
address = "127.0.0.1:0"
public_url = "https://hooks.example.test"
hubspot_secret_file = "secret"
"#;
    let config = Config::parse(&dir.path().join("hexsync.toml"), config).unwrap();
    let store = SqliteStore::in_memory().await.unwrap();
    AppStore::migrate(&store).await.unwrap();
    let settings = config.serve.clone().unwrap();
    let app = App::new(config, None, store, Opening::Ready).await.unwrap();
    let accounts = app.accounts().await.unwrap();
    (Serving::prepare(&app, &settings, accounts).await.unwrap(), dir)
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/healthz", listener.local_addr().unwrap());
    (listener, url)
}

async fn health(url: &str) -> (u16, Json) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// A part that is gone shows in the health, by its name.
#[tokio::test]
async fn part_that_broke_shows_in_the_health() {
    for (part, other) in [("staging", "draining"), ("draining", "staging")] {
        let (serving, _dir) = serving().await;
        // The routes alone: what serves them in earnest would end at once.
        let ((listener, url), stop) = (listener().await, CancellationToken::new());
        let (router, limits, end) = (serving.router.clone(), Limits::default(), stop.clone());
        let server =
            tokio::spawn(async move { sync_wiring::webhooks::serve(listener, router, &limits, end).await });
        let (status, told) = health(&url).await;
        assert_eq!((status, &told["staging"], &told["draining"]), (200, &"ok".into(), &"ok".into()));

        let mut broken = if part == "staging" { serving.staging } else { serving.draining };
        broken.pulse().stop();
        broken.ended().await;
        let (status, told) = health(&url).await;
        assert_eq!((status, &told[part], &told[other]), (503, &"ended".into(), &"ok".into()), "{told}");
        stop.cancel();
        server.await.unwrap();
    }
}

/// Nobody has to notice a part that broke: the program ends as a failure, for whatever starts it again.
#[tokio::test]
async fn part_that_broke_ends_the_program() {
    for (is_staging, named) in [(true, "stores calls"), (false, "applies")] {
        let (serving, _dir) = serving().await;
        let pulse = if is_staging { serving.staging.pulse() } else { serving.draining.pulse() };
        let (listener, url) = listener().await;
        let server = tokio::spawn(serving.serve(listener, CancellationToken::new()));
        assert_eq!(health(&url).await.0, 200);
        pulse.stop();
        let ended = timeout(Duration::from_secs(60), server).await.expect("it ends").unwrap();
        let error = ended.unwrap_err();
        assert_eq!(error.exit, Exit::Failure);
        assert!(error.to_string().contains(named), "{error}");
    }
}

/// A signal is no failure.
#[tokio::test]
async fn end_that_was_asked_for_is_none() {
    let (serving, _dir) = serving().await;
    let (listener, url) = listener().await;
    let stop = CancellationToken::new();
    let server = tokio::spawn(serving.serve(listener, stop.clone()));
    assert_eq!(health(&url).await.0, 200);
    stop.cancel();
    timeout(Duration::from_secs(60), server).await.expect("it ends").unwrap().unwrap();
}
