//! What is said when something is wrong: exactly, with the next step, and with the right exit code.

use sqlx::Connection;

use crate::support::{Installation, SMALL};

#[tokio::test]
async fn missing_configuration_says_how_to_get_one() {
    let said = Installation::empty().run(&["runs"]).await;
    assert_eq!(said.code, Some(2));
    assert_eq!(
        said.stderr,
        "error: the configuration hexsync.toml can't be read: No such file or directory (os error 2)\n  next: run `hexsync init` to write one, or name yours by --config or HEXSYNC_CONFIG\n"
    );
}

#[tokio::test]
async fn wrong_configuration_is_told_as_a_whole() {
    let this = Installation::empty();
    this.write(
        "other.toml",
        r#"[database]
url = "sqlite:x.db"
[engine]
batchsize = 10
[[connections]]
id = "main"
provider = "salesforce"
auth = "client_credential"
client_secret = "s3cret"
"#,
    );
    let said = this.run(&["--config", "other.toml", "run", "--all"]).await;
    assert_eq!(said.code, Some(2));
    assert_eq!(
        said.stderr,
        r#"error: the configuration has 3 problems
  other.toml:4:1: unknown key `batchsize` in [engine]
    did you mean `batch_size`? allowed: batch_size, multi_tenant, lease_ttl, noops, failures, all_failed, retry_first, retry_max, retries_per_run, store_attempts
  other.toml:8:8: `auth` has a value that is not known
    did you mean `client_credentials`? allowed: refresh_token, client_credentials, jwt_bearer, access_token, connected
  other.toml:9:1: `client_secret` would put a secret into this file
    put it into an environment variable and write client_secret_env = "ITS_NAME", or into a file and write client_secret_file = "its/path"; a secret that was saved here should be replaced
"#
    );
    assert!(!this.path("x.db").exists(), "nothing is opened by a wrong configuration");
}

#[tokio::test]
async fn syntax_error_is_told_with_its_place() {
    let this = Installation::empty();
    this.write("hexsync.toml", "[database]\nurl = \"sqlite:x.db\n");
    let said = this.run(&["runs"]).await;
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("\n  hexsync.toml:2:"), "{}", said.stderr);
}

#[tokio::test]
async fn errors_are_json_for_scripts() {
    let said = Installation::empty().run(&["runs", "--json"]).await;
    let error: serde_json::Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!(error["exit_code"], 2);
    assert!(error["next"].as_str().unwrap().starts_with("run `hexsync init`"));
    assert!(said.stdout.is_empty());
}

#[tokio::test]
async fn database_that_can_t_be_opened_is_told() {
    let this = Installation::empty();
    this.write("hexsync.toml", "[database]\nurl = \"sqlite:no/such/folder/x.db\"\n");
    let said = this.run(&["migrate"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("check [database] in the configuration"), "{}", said.stderr);
    // Nobody listens on the discard port of this machine.
    let mut this = Installation::empty();
    this.env.push(("T_URL", "postgres://app:s3cret@127.0.0.1:9/x".to_owned()));
    this.write("hexsync.toml", "[database]\nurl_env = \"T_URL\"\n");
    let said = this.run(&["migrate"]).await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.starts_with("error: the database is unavailable while connecting"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("s3cret"), "{}", said.stderr);
    this.env[0].1 = "mysql://localhost/x".to_owned();
    let said = this.run(&["migrate"]).await;
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("neither sqlite:PATH nor postgres://…"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_of_another_release_is_left_alone() {
    let this = Installation::ready(SMALL).await;
    let url = format!("sqlite://{}", this.path("hexsync.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a later release', true, x'00', 0)",
    )
    .execute(&mut database)
    .await
    .unwrap();
    for args in [&["run", "--all"][..], &["migrate"], &["runs"]] {
        let said = this.run(args).await;
        assert_eq!(said.code, Some(1), "{args:?}");
        let expected = "error: the database is at migration 9999, this release knows up to ";
        assert!(said.stderr.starts_with(expected), "{}", said.stderr);
        assert!(said.stderr.trim_end().ends_with("upgrade the program"), "{}", said.stderr);
    }
    sqlx::query("delete from _sqlx_migrations where version > 2").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let said = this.run(&["runs"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("next: run `hexsync migrate`"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_fit_nothing_are_told() {
    let this = Installation::ready(SMALL).await;
    for (args, code, told) in [
        (&["run"][..], 2, "no subscription was named"),
        (&["run", "main/lead"], 1, "there is no subscription main/lead"),
        (&["run", "--entity", "lead"], 2, "invalid value 'lead'"),
        (&["run", "--all", "--connection", "other"], 1, "there is no such subscription"),
        (&["subscriptions", "add", "--connection", "other"], 2, "has no connection `other`"),
        (&["history", "account", "001"], 1, "nothing was ever recorded of account 001"),
        (&["items", "0192f0c1-2345-7abc-8def-0123456789ab"], 1, "there is no run 0192f0c1"),
        (&["dead-letters", "replay"], 1, "nothing that is set aside fits"),
        (&["runs", "--tenant", "acme"], 2, "tenants are not told apart"),
        (&["run", "--all", "--watch", "5"], 2, "write a whole number and a unit"),
    ] {
        let said = this.run(args).await;
        assert_eq!(said.code, Some(code), "{args:?} {}", said.stderr);
        assert!(said.stderr.contains(told), "{args:?} {}", said.stderr);
    }
}
