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

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn printed_configuration_works_as_it_is() {
    let mut this = Installation::empty();
    let mut command = this.command(&["sandbox", "--records", "60", "--json", "--seed", "7"]);
    let mut served = Served(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut stdout = BufReader::new(served.0.stdout.take().unwrap());
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        line
    });
    let told: Json = serde_json::from_str(&line.await.unwrap()).unwrap();
    this.write("hexsync.toml", told["config"].as_str().unwrap());
    this.env.push(("SANDBOX_CLIENT_SECRET", told["client_secret"].as_str().unwrap().to_owned()));
    this.env.push(("SANDBOX_REFRESH_TOKEN", told["refresh_token"].as_str().unwrap().to_owned()));
    this.ok(&["migrate"]).await;
    this.ok(&["subscriptions", "add"]).await;
    let round = this.json(&["run", "sandbox/opportunity"]).await;
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
