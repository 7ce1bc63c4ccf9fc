//! `hexsync connections` and `hexsync keys`: an account is connected in a browser, synced, and dies with its grant.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crm_sandbox::Consent;
use serde_json::Value as Json;

use crate::support::{Installation, SMALL};

/// An installation whose connection nobody has connected yet.
async fn unconnected() -> Installation {
    let mut this = Installation::with_org(SMALL, "url = \"sqlite:hexsync.db\"").await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let redirect = format!("http://{free}/connect/salesforce/callback");
    let config = std::fs::read_to_string(this.path("hexsync.toml")).unwrap();
    let connected = format!("auth = \"connected\"\nredirect_url = \"{redirect}\"");
    let config = config
        .replace("auth = \"refresh_token\"", &connected)
        .replace("refresh_token_env = \"T_REFRESH_TOKEN\"\n", "");
    this.write("hexsync.toml", &format!("[keys]\nring_env = \"T_KEYS\"\n{config}"));
    let key = this.ok(&["keys", "new", "--id", "first"]).await;
    assert!(key.starts_with("first:") && key.trim().len() == "first:".len() + 64, "a key line");
    this.env.push(("T_KEYS", key.trim().to_owned()));
    this.ok(&["migrate"]).await;
    this.ok(&["subscriptions", "add"]).await;
    let control = this.org().control();
    control.register_redirect_uri(&redirect);
    control.edit_settings(|settings| {
        settings.consent = Consent::Allow;
        settings.rotate_refresh_tokens = true;
    });
    this
}

impl Installation {
    /// Connects as a browser does: presses the button, follows every redirect with its cookie.
    async fn connect(&self) -> Json {
        let mut command = self.command(&["connections", "connect", "main", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let start = line.split_whitespace().last().unwrap().to_owned();
        assert!(start.starts_with("http://127.0.0.1:"), "{line}");

        let browser = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let page = browser.get(&start).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let form = [("return_to", "/connect/done")];
        let pressed =
            browser.post(&start).header("sec-fetch-site", "same-origin").form(&form).send().await.unwrap();
        let text = |response: &reqwest::Response, name: &str| {
            response.headers().get(name).unwrap().to_str().unwrap().to_owned()
        };
        let cookie = text(&pressed, "set-cookie").split(';').next().unwrap().to_owned();
        let granted = browser.get(text(&pressed, "location")).send().await.unwrap();
        let back = browser.get(text(&granted, "location")).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(back.status(), 303, "{}", back.text().await.unwrap());
        assert_eq!(text(&back, "location"), "/connect/done");

        let ended = tokio::task::spawn_blocking(move || {
            let mut stdout = String::new();
            child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
            (child.wait().unwrap(), stdout)
        });
        let (status, stdout) = ended.await.unwrap();
        assert!(status.success(), "{stdout}");
        serde_json::from_str(&stdout).unwrap()
    }

    /// Runs everything and answers the round with the exit code.
    async fn round(&self) -> (Option<i32>, Json) {
        let said = self.run(&["run", "--all", "--json"]).await;
        let round = serde_json::from_str(&said.stdout);
        (said.code, round.unwrap_or_else(|error| panic!("{error}\n{}\n{}", said.stdout, said.stderr)))
    }

    fn calls(&self) -> u64 {
        self.org().control().request_counts().values().sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn account_is_connected_synced_and_stops_with_its_grant() {
    let this = unconnected().await;
    let before = this.calls();
    let (code, round) = this.round().await;
    assert_eq!(code, Some(3), "{round}");
    for run in round["runs"].as_array().unwrap() {
        assert_eq!(run["status"], "skipped", "{run}");
        assert!(run["error"].as_str().unwrap().contains("hexsync connections connect main"), "{run}");
    }
    assert_eq!(this.calls(), before, "nothing is called for what is not connected");

    let connected = this.connect().await;
    let line = &connected["connections"][0];
    assert_eq!(
        (&line["status"], &line["key"], &line["grants"]),
        (&"active".into(), &"first".into(), &1.into())
    );
    assert!(line["account"].as_str().unwrap().starts_with("00D"), "{line}");
    let (code, round) = this.round().await;
    assert_eq!(code, Some(0), "{round}");

    // The key is changed while everything goes on.
    let mut this = this;
    let old = this.env.pop().unwrap().1;
    let new = this.ok(&["keys", "new", "--id", "second"]).await;
    this.env.push(("T_KEYS", format!("{},{old}", new.trim())));
    let checked = this.json(&["keys", "check"]).await;
    assert_eq!((&checked["active"], &checked["older"]), (&"second".into(), &1.into()));
    assert_eq!(this.json(&["keys", "rotate"]).await["resealed"], 1);
    this.env.pop();
    this.env.push(("T_KEYS", new.trim().to_owned()));
    assert_eq!(this.json(&["keys", "check"]).await["current"], 1);
    assert_eq!(this.round().await.0, Some(0));

    // Somebody removes the app's access: one run finds out, and no other calls again.
    this.org().control().revoke_refresh_tokens();
    this.round().await;
    let calls = this.calls();
    let (code, round) = this.round().await;
    assert_eq!(code, Some(3), "{round}");
    for run in round["runs"].as_array().unwrap() {
        assert_eq!(run["status"], "skipped", "{run}");
        assert!(run["error"].as_str().unwrap().contains("revoked"), "{run}");
    }
    assert_eq!(this.calls(), calls, "a dead connection costs no call");
    let listed = this.json(&["connections"]).await;
    let line = &listed["connections"][0];
    assert_eq!((&line["status"], &line["cause"]), (&"dead".into(), &"revoked".into()));
    assert!(line["next"].as_str().unwrap().contains("connect the account again"));
    assert!(this.ok(&["connections", "list"]).await.contains("its grant was revoked or has run out"));

    // Connecting again is all it takes.
    this.connect().await;
    assert_eq!(this.round().await.0, Some(0));
    let revoked = this.json(&["connections", "revoke", "main"]).await;
    assert_eq!(revoked["connections"][0]["status"], "revoked");
    assert_eq!(revoked["connections"][0]["key"], Json::Null);
    this.ok(&["connections", "forget", "main"]).await;
    assert_eq!(this.json(&["connections"]).await["connections"][0]["status"], "missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_nowhere_in_the_clear() {
    let this = unconnected().await;
    this.connect().await;
    let said = {
        let mut command = this.command(&["run", "--all"]);
        command.env("RUST_LOG", "trace");
        crate::support::wait(move || command.output().unwrap()).await
    };
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    // Access tokens of the simulated org begin with its id, refresh tokens with 5Aep861.
    let written = std::fs::read_dir(this.dir.path()).unwrap().map(|file| file.unwrap().path());
    let shown = [said.stdout.into_bytes(), said.stderr.into_bytes()];
    let all = written.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap()).chain(shown);
    for bytes in all {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("5Aep861"), "a refresh token is shown");
        let key = this.env.iter().find(|(name, _)| *name == "T_KEYS").unwrap().1.split_once(':').unwrap().1;
        assert!(!text.contains(key), "a key is shown");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_are_named_with_the_next_step() {
    let mut this = unconnected().await;
    this.env.retain(|(name, _)| *name != "T_KEYS");
    let said = this.run(&["keys", "check"]).await;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("T_KEYS"), "{}", said.stderr);
    this.env.push(("T_KEYS", "first:abc".to_owned()));
    let said = this.run(&["keys", "check"]).await;
    assert_ne!(said.code, Some(0));
    assert!(said.stderr.contains("32 bytes") && !said.stderr.contains("abc"), "{}", said.stderr);
}
