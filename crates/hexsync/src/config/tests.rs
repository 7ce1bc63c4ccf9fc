//! Configurations good and bad, with exactly what is said of them.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::crm::Crm;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("conf/hexsync.toml"), text)
}

/// What is said of a file, without its headline.
fn problems(text: &str) -> String {
    let error = parse(text).unwrap_err().to_string();
    error.split_once('\n').map(|(_, problems)| problems.to_owned()).unwrap_or(error)
}

const CONNECTION: &str = r#"[database]
url = "sqlite:x.db"
[[connections]]
id = "main"
provider = "salesforce"
auth = "access_token"
instance_url = "https://acme.my.salesforce.com"
access_token_env = "TOKEN"
"#;

#[test]
fn template_of_init_is_a_configuration() {
    let config = parse(TEMPLATE).unwrap();
    assert_eq!(config.engine, EngineOptions::default());
    let [connection] = config.connections.as_slice() else { panic!("one connection") };
    assert_eq!(connection.entities, Crm::Salesforce.usual_entities());
    assert_eq!((connection.crm, &connection.base_url), (Crm::Salesforce, &None));
    assert_eq!(
        (connection.api_reserve_percent, connection.settle_lag, connection.overlap),
        (None, None, None)
    );
    let Auth::RefreshToken { token_url, refresh_token, .. } = &connection.auth else {
        panic!("refresh token")
    };
    assert_eq!(token_url.as_str(), "https://login.salesforce.com/services/oauth2/token");
    assert_eq!(*refresh_token, Secret::Env("HEXSYNC_SALESFORCE_REFRESH_TOKEN".into()));
}

/// Every key that the template shows as a comment exists, has the shown value as its default, and is read.
#[test]
fn commented_keys_of_the_template_are_the_defaults() {
    let keys = [
        "tenant_role",
        "multi_tenant",
        "batch_size",
        "noops",
        "failures",
        "all_failed",
        "retry_first",
        "retry_max",
        "retries_per_run",
        "lease_ttl",
        "store_attempts",
        "store",
        "ttl",
        "poll_interval",
        "publish",
        "keep",
        "attempts",
        "pass_parked",
        "nats_create",
        "api_reserve_percent",
        "settle_lag",
        "overlap",
        "account_id",
        "entities",
    ];
    let mut text = TEMPLATE.to_owned();
    for key in keys {
        let commented = format!("\n# {key} = ");
        assert!(text.contains(&commented), "{key}");
        text = text.replace(&commented, &format!("\n{key} = "));
    }
    let config = parse(&text).unwrap();
    assert_eq!(config.engine, EngineOptions::default());
    assert_eq!(config.database.tenant_role.as_deref(), Some("hexsync_app"));
    assert_eq!(config.events, Events::default());
    assert_eq!(config.loopback, Loopback::default());
    let connection = &config.connections[0];
    let default = sync_wiring::salesforce::SalesforceConfig::default();
    assert_eq!(connection.api_reserve_percent, Some(default.api_reserve));
    assert_eq!(connection.settle_lag, Some(default.settle_lag));
    assert_eq!(connection.overlap, Some(default.overlap));
}

#[test]
fn fingerprints_never_outlive_a_poll() {
    let parsed = |section: &str| parse(&format!("[database]\nurl = \"sqlite:a.db\"\n[loopback]\n{section}"));
    let redis =
        parsed("store = \"redis\"\nredis_url_env = \"REDIS\"\nttl = \"10s\"\npoll_interval = \"11s\"\n");
    let kept = Loopback {
        store: Keep::Redis(Secret::Env("REDIS".to_owned())),
        ttl: Duration::from_secs(10),
        poll_interval: Duration::from_secs(11),
    };
    assert_eq!(redis.unwrap().loopback, kept);
    let equal = parsed("ttl = \"5m\"\n").unwrap_err().to_string();
    assert!(equal.contains("`ttl` of 300s is not below `poll_interval` of 300s"), "{equal}");
    assert!(equal.contains("shorten ttl"), "{equal}");
    let nowhere = parsed("store = \"redis\"\n").unwrap_err().to_string();
    assert!(nowhere.contains("name redis_url_env"), "{nowhere}");
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let text = r#"[database]
url = "mysql://localhost/x"

[engine]
batch_sise = 500
noops = "recrd"
lease_ttl = 30

[[connections]]
id = "main"
provider = "salesfroce"
auth = "refresh_token"
client_id = "abc"
client_secret = "hunter2"
overlap = "10 minutes"
entities = ["acount", "user"]
"#;
    let expected = r#"  conf/hexsync.toml:2:7: `url` is not a database address
    allowed: "sqlite:PATH" or "postgres://user@host/database"
  conf/hexsync.toml:5:1: unknown key `batch_sise` in [engine]
    did you mean `batch_size`? allowed: batch_size, multi_tenant, lease_ttl, noops, failures, all_failed, retry_first, retry_max, retries_per_run, store_attempts
  conf/hexsync.toml:6:9: `noops` has a value that is not known
    did you mean `record`? allowed: record, count
  conf/hexsync.toml:7:13: `lease_ttl` has to be a text in quotes, not a whole number
  conf/hexsync.toml:11:12: `provider` has a value that is not known
    did you mean `salesforce`? allowed: salesforce, hubspot
  conf/hexsync.toml:14:1: `client_secret` would put a secret into this file
    put it into an environment variable and write client_secret_env = "ITS_NAME", or into a file and write client_secret_file = "its/path"; a secret that was saved here should be replaced
  conf/hexsync.toml:15:11: `overlap` is not a length of time
    write a whole number and a unit: 500ms, 5s, 10m, 24h or 7d
  conf/hexsync.toml:16:13: `entities` has a value that is not known
    did you mean `account`? allowed: "#;
    let entities = crate::generated::Entity::ALL.map(crate::generated::Entity::name).join(", ");
    assert_eq!(problems(text), format!("{expected}{entities}"));
}

#[test]
fn values_are_never_quoted() {
    for text in [
        CONNECTION.replace("access_token_env = \"TOKEN\"", "access_token = \"hunter2\""),
        CONNECTION.replace("\"TOKEN\"", "\"hunter2!\""),
        CONNECTION.replace("access_token_env = \"TOKEN\"", "access_token = hunter2"),
        CONNECTION.replace("sqlite:x.db", "postgres://app:hunter2@localhost/x"),
        CONNECTION.replace("https://acme", "https://hunter2:hunter2@acme"),
    ] {
        let said = parse(&text).unwrap_err().to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn password_in_the_address_is_refused() {
    let text = CONNECTION.replace("sqlite:x.db", "postgres://app:secret@localhost/x");
    assert_eq!(
        problems(&text),
        "  conf/hexsync.toml:2:7: `url` would put a password into this file
    put the whole address into an environment variable and write url_env = \"ITS_NAME\", or into a file and write url_file = \"its/path\""
    );
}

#[test]
fn keys_of_another_way_to_sign_in_are_no_silent_mistake() {
    let text = CONNECTION.to_owned() + "client_id = \"abc\"\n";
    assert_eq!(
        problems(&text),
        "  conf/hexsync.toml:9:1: `client_id` has no effect with auth = access_token
    it belongs to auth = refresh_token | client_credentials | jwt_bearer | connected; remove it"
    );
}

#[test]
fn tenant_is_required_where_tenants_are_told_apart_and_refused_elsewhere() {
    let apart = format!("[engine]\nmulti_tenant = true\n{CONNECTION}");
    assert!(problems(&apart).contains("`tenant` is missing in [[connections]]"));
    let named = apart + "tenant = \"acme\"\n";
    assert_eq!(parse(&named).unwrap().tenants(), [Some(TenantId::from("acme"))]);
    let alone = CONNECTION.to_owned() + "tenant = \"acme\"\n";
    assert!(problems(&alone).contains("`tenant` is given, but tenants are not told apart"));
}

#[test]
fn one_name_for_two_connections_is_refused() {
    let again = CONNECTION.split_once("[[connections]]").unwrap().1;
    let text = format!("{CONNECTION}[[connections]]{again}");
    assert!(problems(&text).starts_with("  conf/hexsync.toml:10:6: an earlier connection has this `id`"));
}

#[test]
fn paths_start_from_the_directory_of_the_file() {
    let config = parse(CONNECTION).unwrap();
    let Ok(DatabaseKind::Sqlite(path)) = config.database.kind() else { panic!("a file") };
    assert_eq!(path, Path::new("conf/x.db"));
}

#[test]
fn missing_database_is_told() {
    assert_eq!(
        problems("[engine]\n"),
        "  conf/hexsync.toml:1:1: the section [database] is missing
    say where rows are kept, e.g. [database] url = \"sqlite:hexsync.db\""
    );
}

#[test]
fn lengths_of_time_have_a_number_and_a_unit() {
    let good = ["500ms", "5s", "10m", "24h", "7d"].map(|text| parse_duration(text).unwrap().as_millis());
    assert_eq!(good, [500, 5_000, 600_000, 86_400_000, 604_800_000]);
    assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
    for bad in ["", "5", "s", "5 s", "-5s", "5w", "1.5h", "99999999999999999999s"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

const HUBSPOT: &str = r#"[database]
url = "sqlite:x.db"
[[connections]]
id = "hub"
provider = "hubspot"
auth = "access_token"
access_token_env = "TOKEN"
"#;

#[test]
fn private_app_of_hubspot_needs_a_token_only() {
    let config = parse(HUBSPOT).unwrap();
    let connection = &config.connections[0];
    assert_eq!((connection.crm, &connection.base_url), (Crm::Hubspot, &None));
    assert_eq!(connection.entities, Crm::Hubspot.usual_entities());
    let Auth::AccessToken { instance_url: None, access_token } = &connection.auth else { panic!("a token") };
    assert_eq!(*access_token, Secret::Env("TOKEN".into()));
}

#[test]
fn app_of_hubspot_signs_in_where_the_api_lives() {
    let oauth = HUBSPOT.replace(
        "auth = \"access_token\"\naccess_token_env = \"TOKEN\"\n",
        "auth = \"refresh_token\"\nclient_id = \"abc\"\nclient_secret_env = \"SECRET\"\nrefresh_token_file = \"grant\"\n",
    );
    let token_url = |text: &str| match &parse(text).unwrap().connections[0].auth {
        Auth::RefreshToken { token_url, client_secret: Some(_), .. } => token_url.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(token_url(&oauth), "https://api.hubapi.com/oauth/v1/token");
    let eu = format!("{oauth}base_url = \"https://api-eu1.hubapi.com/\"\n");
    assert_eq!(token_url(&eu), "https://api-eu1.hubapi.com/oauth/v1/token");
    let v3 = format!("{oauth}token_url = \"https://api.hubapi.com/oauth/v3/token\"\n");
    assert_eq!(token_url(&v3), "https://api.hubapi.com/oauth/v3/token");
    let without = oauth.replace("client_secret_env = \"SECRET\"\n", "");
    assert_eq!(
        problems(&without),
        "  conf/hexsync.toml:3:1: `client_secret_env` or `client_secret_file` is missing in [[connections]]
    where the client secret of the app is kept"
    );
}

#[test]
fn keys_of_another_provider_are_no_silent_mistake() {
    let text = HUBSPOT.to_owned()
        + "login_url = \"https://login.salesforce.com\"\ninstance_url = \"https://x.test\"\n";
    assert_eq!(
        problems(&text),
        "  conf/hexsync.toml:8:1: `login_url` has no effect with provider = hubspot
    it belongs to provider = salesforce; remove it
  conf/hexsync.toml:9:1: `instance_url` has no effect with provider = hubspot
    it belongs to provider = salesforce; remove it"
    );
    let text = CONNECTION.to_owned() + "base_url = \"https://api.hubapi.com\"\n";
    assert_eq!(
        problems(&text),
        "  conf/hexsync.toml:9:1: `base_url` has no effect with provider = salesforce
    it belongs to provider = hubspot; remove it"
    );
    let text = HUBSPOT.to_owned() + "client_id = \"abc\"\n";
    assert_eq!(
        problems(&text),
        "  conf/hexsync.toml:8:1: `client_id` has no effect with auth = access_token
    it belongs to auth = refresh_token | connected; remove it"
    );
}

#[test]
fn way_to_sign_in_of_another_provider_is_told() {
    let text = HUBSPOT
        .replace("auth = \"access_token\"\naccess_token_env", "auth = \"jwt_bearer\"\naccess_token_env");
    assert_eq!(
        problems(&text),
        "  conf/hexsync.toml:6:8: there is no auth = jwt_bearer for HubSpot
    allowed: refresh_token, access_token, connected"
    );
}

#[test]
fn secret_in_place_of_its_name_is_refused_for_hubspot_too() {
    let text = HUBSPOT.replace("access_token_env = \"TOKEN\"", "access_token = \"pat-na1-hunter2\"");
    let said = problems(&text);
    assert!(said.contains("`access_token` would put a secret into this file"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let text = HUBSPOT.replace("\"TOKEN\"", "\"pat-na1-hunter2\"");
    let said = problems(&text);
    assert!(said.contains("`access_token_env` is not the name of an environment variable"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// The commented account of HubSpot in the template works once its comment signs are gone.
#[test]
fn commented_account_of_the_template_is_one() {
    let (before, commented) = TEMPLATE.split_once("# [[connections]]").unwrap();
    let is_toml = |line: &&str| line.contains(" = ");
    let lines = commented.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_toml);
    let text = format!("{before}[[connections]]\n{}\n", lines.collect::<Vec<_>>().join("\n"));
    let config = parse(&text).unwrap();
    let [_, hubspot] = config.connections.as_slice() else { panic!("two connections") };
    let default = sync_wiring::hubspot::HubspotConfig::default();
    let base_url = hubspot.base_url.as_ref().unwrap().as_str().trim_end_matches('/');
    assert_eq!((hubspot.crm, base_url), (Crm::Hubspot, default.base_url.as_str()));
    assert!(TEMPLATE.contains(&format!("settle_lag (default {}s)", default.settle_lag.as_secs())));
}

#[test]
fn events_are_read_and_their_urls_kept_elsewhere() {
    let section = "[events]\npublish = true\nkeep = \"12h\"\nredis_url_env = \"REDIS\"\nredis_max_length = 5000\nnats_url_file = \"nats.url\"\nnats_create = true\n";
    let config = parse(&format!("[database]\nurl = \"sqlite:a.db\"\n{section}")).unwrap();
    let expected = Events {
        publish: true,
        keep: std::time::Duration::from_secs(12 * 3_600),
        redis: Some(Secret::Env("REDIS".into())),
        redis_max_length: Some(5_000),
        nats_create: true,
        ..Events::default()
    };
    assert!(matches!(&config.events.nats, Some(Secret::File(path)) if path.ends_with("nats.url")));
    assert_eq!(Events { nats: None, ..config.events }, expected);
    let wrong = parse("[database]\nurl = \"sqlite:a.db\"\n[events]\npublsh = true\nattempts = 0\n");
    let told = wrong.unwrap_err().to_string();
    assert!(told.contains("did you mean `publish`?") && told.contains("attempts"), "{told}");
}

#[test]
fn connected_account_needs_keys_and_a_way_back() {
    let connected = CONNECTION
        .replace("auth = \"access_token\"", "auth = \"connected\"\nclient_id = \"abc\"")
        .replace("instance_url = \"https://acme.my.salesforce.com\"\naccess_token_env = \"TOKEN\"\n", "");
    let said = problems(&connected);
    assert!(said.contains("[keys] is missing") && said.contains("hexsync keys new"), "{said}");
    let text = format!("[keys]\nring_env = \"KEYS\"\nactive = \"b\"\n{connected}");
    let config = parse(&text).unwrap();
    let keys = config.keys.unwrap();
    assert_eq!((keys.ring, keys.active.as_deref()), (Secret::Env("KEYS".into()), Some("b")));
    let Auth::Connected(app) = &config.connections[0].auth else { panic!("connected") };
    assert_eq!(app.redirect_url.as_str(), "http://127.0.0.1:8910/connect/salesforce/callback");
    assert_eq!(app.login_url.as_str(), "https://login.salesforce.com/");
    let elsewhere = format!("{text}redirect_url = \"https://app.example.test/callback\"\n");
    let said = problems(&elsewhere);
    assert!(said.contains("`redirect_url` does not lead back here"), "{said}");
    let none = problems(&format!("[keys]\n{connected}"));
    assert!(none.contains("`ring_env` or `ring_file` is missing in [keys]"), "{none}");
}
