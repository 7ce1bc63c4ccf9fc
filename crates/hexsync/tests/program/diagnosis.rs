//! `hexsync doctor`: every check, and what to do about what it finds.

use serde_json::Value as Json;

use crate::support::{Installation, SMALL};

/// The check with this name.
fn check<'a>(doctor: &'a Json, what: &str) -> &'a Json {
    let checks = doctor["checks"].as_array().unwrap();
    checks.iter().find(|check| check["what"] == what).unwrap_or_else(|| panic!("{what} in {doctor}"))
}

async fn doctor(this: &Installation) -> (Option<i32>, Json) {
    let said = this.run(&["doctor", "--json"]).await;
    (said.code, serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}", said.stderr)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthy_installation_has_nothing_to_do() {
    let this = Installation::ready(SMALL).await;
    let (code, found) = doctor(&this).await;
    assert_eq!(code, Some(0), "{found}");
    let names: Vec<_> =
        found["checks"].as_array().unwrap().iter().map(|check| check["what"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "configuration",
            "database",
            "subscriptions",
            "fingerprints",
            "main: sign-in",
            "main: API calls",
            "main: clock",
            "main: user",
            "main: account",
            "main: contact",
            "main: opportunity",
            "main: opportunity_contact"
        ]
    );
    assert!(found["checks"].as_array().unwrap().iter().all(|check| check["verdict"] == "ok"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_database_and_spent_calls_and_dead_grant_are_told() {
    let this = Installation::with_org(SMALL, "url = \"sqlite:hexsync.db\"").await;
    let (code, found) = doctor(&this).await;
    assert_eq!(code, Some(1));
    assert_eq!(check(&found, "database")["next"], "run `hexsync migrate` to create it");
    assert!(!this.path("hexsync.db").exists(), "looking creates nothing");
    assert_eq!(check(&found, "main: sign-in")["verdict"], "ok", "the rest is checked all the same");

    this.ok(&["migrate"]).await;
    let (_, found) = doctor(&this).await;
    assert_eq!(check(&found, "subscriptions")["next"], "add some by `hexsync subscriptions add`");

    this.org().control().set_api_limit(90_000, 100_000);
    let (code, found) = doctor(&this).await;
    assert_eq!(code, Some(1), "{found}");
    assert_eq!(check(&found, "main: API calls")["verdict"], "failed");

    this.org().control().revoke_refresh_tokens();
    let (_, found) = doctor(&this).await;
    assert_eq!(check(&found, "main: sign-in")["verdict"], "failed", "{found}");
    let next = check(&found, "main: sign-in")["next"].as_str().unwrap();
    assert!(next.starts_with("connect the account again"), "{next}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clock_that_is_off_is_told() {
    let this = Installation::ready(SMALL).await;
    this.org().control().advance(std::time::Duration::from_secs(600));
    let (code, found) = doctor(&this).await;
    assert_eq!(code, Some(0), "a warning is no failure");
    assert_eq!(check(&found, "main: clock")["verdict"], "warning", "{found}");
    let next = check(&found, "main: clock")["next"].as_str().unwrap();
    assert!(next.contains("NTP"), "{next}");
}
