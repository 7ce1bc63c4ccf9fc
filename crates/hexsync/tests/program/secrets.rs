//! Secrets: where they may be, and that they come out nowhere.

use crate::support::{Installation, SMALL};

/// Neither results nor errors nor logs at their loudest show a secret, in text or in JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_never_come_out() {
    let mut this = Installation::ready(SMALL).await;
    let secrets: Vec<String> = this.env.iter().map(|(_, value)| value.clone()).collect();
    this.env.push(("RUST_LOG", "trace".to_owned()));
    let mut said = String::new();
    for args in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["plan", "--all"],
        &["run", "--all"],
        &["run", "--all", "--full", "--json"],
        &["subscriptions", "list", "--json"],
        &["runs", "--json"],
    ] {
        let output = this.run(args).await;
        assert_eq!(output.code, Some(0), "{args:?} {}", output.stdout);
        said.push_str(&output.stdout);
        said.push_str(&output.stderr);
    }
    // A refused grant is the error in which a careless program quotes the most.
    this.org().control().revoke_refresh_tokens();
    let output = this.run(&["run", "--all"]).await;
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    assert!(output.stdout.contains("not authorised"), "{}", output.stdout);
    said.push_str(&output.stdout);
    said.push_str(&output.stderr);
    assert!(said.contains("TRACE"), "logs were on");
    for secret in &secrets {
        assert!(!said.contains(secret.as_str()), "a secret of the configuration came out");
    }
    // Access tokens of the simulated org all have this in them.
    if let Some(at) = said.find("!AQ.") {
        panic!("an access token came out: {}", &said[at.saturating_sub(300)..at]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_secret_is_told_by_where_it_should_be() {
    let mut this = Installation::ready(SMALL).await;
    this.env.retain(|(name, _)| *name != "T_CLIENT_SECRET");
    let said = this.run(&["run", "main/user"]).await;
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    let expected =
        "main/user: the environment variable T_CLIENT_SECRET is not set; set it to the client secret\n";
    assert!(said.stdout.ends_with(expected), "{}", said.stdout);
}

/// A provider that replaces the refresh token with each use: the file always holds the one that is good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotated_refresh_token_is_written_back_to_its_file() {
    let this = Installation::ready(SMALL).await;
    let config = std::fs::read_to_string(this.path("hexsync.toml")).unwrap();
    this.write(
        "hexsync.toml",
        &config.replace("refresh_token_env = \"T_REFRESH_TOKEN\"", "refresh_token_file = \"grant\""),
    );
    let first = this.env.iter().find(|(name, _)| *name == "T_REFRESH_TOKEN").unwrap().1.clone();
    this.write("grant", &first);
    this.org().control().edit_settings(|settings| settings.rotate_refresh_tokens = true);
    for _ in 0..3 {
        this.ok(&["run", "main/user"]).await;
    }
    let last = std::fs::read_to_string(this.path("grant")).unwrap();
    assert_ne!(last, first);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(this.path("grant")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// Every way to sign in works against the org.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_sign_in_works() {
    let mut this = Installation::ready(SMALL).await;
    let org = this.org();
    let (base, id, user) =
        (org.base_url(), org.credentials().client_id.clone(), org.credentials().username.clone());
    let head = "[database]\nurl = \"sqlite:hexsync.db\"\n[[connections]]\nid = \"main\"\nprovider = \"salesforce\"\n";
    let configs = [
        format!(
            "{head}login_url = \"{base}\"\nauth = \"client_credentials\"\nclient_id = \"{id}\"\nclient_secret_env = \"T_CLIENT_SECRET\"\n"
        ),
        format!(
            "{head}login_url = \"{base}\"\nauth = \"jwt_bearer\"\nclient_id = \"{id}\"\nusername = \"{user}\"\nprivate_key_file = \"key.pem\"\n"
        ),
        format!(
            "{head}instance_url = \"{base}\"\nauth = \"access_token\"\naccess_token_env = \"T_ACCESS\"\n"
        ),
    ];
    this.write("key.pem", org.jwt_private_key().unwrap());
    let token = org.control().open_session();
    this.env.push(("T_ACCESS", token));
    for config in configs {
        this.write("hexsync.toml", &config);
        let doctor = this.json(&["doctor"]).await;
        assert!(
            doctor["checks"].as_array().unwrap().iter().all(|check| check["verdict"] == "ok"),
            "{doctor}"
        );
        this.ok(&["run", "main/user"]).await;
    }
}
