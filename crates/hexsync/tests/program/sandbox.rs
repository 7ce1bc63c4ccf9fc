//! `hexsync sandbox`, and an installation made from what it prints.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use serde_json::Value as Json;

use crate::support::{Installation, wait};

/// A served org; killed when the test ends, however it does.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The secrets that configurations for simulated CRMs name.
const SECRETS: [&str; 3] =
    ["SANDBOX_SALESFORCE_CLIENT_SECRET", "SANDBOX_SALESFORCE_REFRESH_TOKEN", "SANDBOX_HUBSPOT_ACCESS_TOKEN"];

impl Served {
    /// Starts one, and sets the installation up with what it prints.
    async fn start(this: &mut Installation, args: &[&str]) -> (Self, Json) {
        let args = [&["sandbox", "--records", "60", "--json", "--seed", "7"], args].concat();
        let mut command = this.command(&args);
        let mut served = Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let mut stdout = BufReader::new(served.0.stdout.take().unwrap());
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line
        });
        let told: Json = serde_json::from_str(&line.await.unwrap()).unwrap();
        this.write("hexsync.toml", told["config"].as_str().unwrap());
        for name in SECRETS {
            this.env.extend(told["env"][name].as_str().map(|secret| (name, secret.to_owned())));
        }
        (served, told)
    }
}

/// One address, or two next to each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_crm_or_both_are_served() {
    for (crm, connections) in [("hubspot", &["hubspot"][..]), ("both", &["salesforce", "hubspot"])] {
        let mut this = Installation::empty();
        let (_served, told) = Served::start(&mut this, &["--crm", crm]).await;
        let served: Vec<_> =
            told["crms"].as_array().unwrap().iter().map(|told| told["crm"].as_str().unwrap()).collect();
        assert_eq!(served, connections);
        this.ok(&["migrate"]).await;
        this.ok(&["subscriptions", "add"]).await;
        let round = this.json(&["run", "--entity", "opportunity"]).await;
        assert_eq!(round["runs"].as_array().unwrap().len(), connections.len());
        for run in round["runs"].as_array().unwrap() {
            assert_eq!(run["counts"]["created"], 60, "{run}");
        }
        let doctor = this.json(&["doctor"]).await;
        let checks = doctor["checks"].as_array().unwrap();
        assert!(checks.iter().all(|check| check["verdict"] == "ok"), "{doctor}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn printed_configuration_works_as_it_is() {
    let mut this = Installation::empty();
    let (mut served, _) = Served::start(&mut this, &[]).await;
    this.ok(&["migrate"]).await;
    this.ok(&["subscriptions", "add"]).await;
    let round = this.json(&["run", "salesforce/opportunity"]).await;
    assert_eq!(round["runs"][0]["counts"]["created"], 60, "{round}");
    let doctor = this.json(&["doctor"]).await;
    assert!(doctor["checks"].as_array().unwrap().iter().all(|check| check["verdict"] == "ok"), "{doctor}");

    crate::support::interrupt(&served.0);
    let mut stderr = served.0.stderr.take().unwrap();
    let said = wait(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).unwrap();
        let status = served.0.wait().unwrap();
        std::process::Output { status, stdout: Vec::new(), stderr: text }
    })
    .await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.starts_with("serving until Ctrl-C\n"), "{}", said.stderr);
}

#[tokio::test]
async fn taken_port_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = Installation::empty().run(&["sandbox", "--port", &port]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("choose a free address of this machine"), "{}", said.stderr);
}
