//! Public client libraries work against the simulated CRMs. They come from their registries and are kept under the
//! cargo target directory; without pip, npm or a registry the tests say so and pass, unless
//! `HEXSYNC_REQUIRE_SERVICES=1`.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::hubspot::webhooks::OldSignature;
use crm_sandbox::salesforce::Running;
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::{HubspotSandbox, SalesforceSandbox, hubspot};
use serde_json::{Value as Json, json};

const SIMPLE_SALESFORCE: &str = "simple-salesforce==1.12.10";
const JSFORCE: &str = "jsforce@3.10.16";
/// What describe-global lists.
const OBJECTS: [&str; 7] =
    ["Account", "Case", "Contact", "Opportunity", "OpportunityContactRole", "Project__c", "User"];

const HUBSPOT_API_CLIENT: &str = "hubspot-api-client==12.0.0";
const HUBSPOT_NODE_CLIENT: &str = "@hubspot/api-client@14.0.1";
/// A library for any provider that follows the OAuth standard; it knows neither CRM.
const REQUESTS_OAUTHLIB: &str = "requests-oauthlib==2.0.0";
/// Opportunities: more than two pages, some of them in the bin.
const SPEC: OrgSpec = OrgSpec { users: 3, accounts: 50, contacts: 0, opportunities: 4_400, ..OrgSpec::EMPTY };
const LIVE: usize = 4_389;
/// Deals: several pages, some of them archived.
const ACCOUNT: AccountSpec =
    AccountSpec { owners: 12, companies: 60, contacts: 100, deals: 850, tickets: 0, projects: 30 };
const LIVE_DEALS: usize = 848;
/// How long an installation or a client may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Reports why the test can't run; in CI that is a failure.
fn skip(why: &str) {
    assert!(std::env::var("HEXSYNC_REQUIRE_SERVICES").as_deref() != Ok("1"), "{why}");
    eprintln!("skipped: {why}");
}

/// Runs a command to its end, or kills it when it takes too long.
fn run(command: &mut Command) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().map_err(|error| format!("{name}: {error}"))?;
    let start = Instant::now();
    while child.try_wait().map_err(|error| format!("{name}: {error}"))?.is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().ok();
            return Err(format!("{name} took longer than {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// A folder that survives from run to run. Its name changes with the version, so that a new one is installed anew.
fn cache(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace(['=', '@', '.', '/'], "-"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Installs once; a marker file says that it was finished.
fn install(folder: &Path, command: &mut Command) -> Result<(), String> {
    let marker = folder.join(".installed");
    if !marker.exists() {
        run(command)?;
        std::fs::write(marker, "").map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

async fn org() -> Running {
    SalesforceSandbox::builder().org(SPEC).start().await.unwrap()
}

/// Runs a client while the server goes on serving, and reads what it printed.
async fn drive(mut command: Command) -> Json {
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The folder of a package from PyPI; nothing when it can't be installed.
fn from_pypi(package: &str) -> Option<PathBuf> {
    let folder = cache(package);
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
    install(&folder, pip.arg(&folder).arg(package)).map_err(|why| skip(&why)).ok()?;
    Some(folder)
}

/// The folder of a package from npm; nothing when it can't be installed.
fn from_npm(package: &str) -> Option<PathBuf> {
    let folder = cache(package);
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(package);
    install(&folder, &mut npm).map_err(|why| skip(&why)).ok()?;
    Some(folder)
}

#[tokio::test]
async fn simple_salesforce_reads_and_writes() {
    let Some(folder) = from_pypi(SIMPLE_SALESFORCE) else { return };
    let running = org().await;
    let token = running.control().open_session();
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", &folder).env("NO_PROXY", "127.0.0.1");
    python.arg(script("simple_salesforce_client.py")).args([running.base_url(), &token]);
    let seen = drive(python).await;
    let expected = json!({
        "queried": {"total": LIVE, "rows": LIVE, "distinct": LIVE},
        "iterated": LIVE,
        "with_deleted": SPEC.opportunities,
        "objects": OBJECTS,
        "amount_type": "currency",
        "created": true,
        "updated": 204,
        "row": {"name": "Päivi & Söhne", "phone": "+49 30 1"},
        "by_key": true,
        "upsert_update": 200,
        "upsert_insert": 201,
        "composite": [["missing", 400], ["fine", 204]],
        "deleted": 204,
        "after_delete": "ENTITY_IS_DELETED",
        "bad_query": "INVALID_FIELD",
        "deletions": 1,
        "changes": true,
        "limit": 15_000,
        "usage": 15_000,
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn jsforce_refreshes_reads_and_writes() {
    let Some(folder) = from_npm(JSFORCE) else { return };
    let running = org().await;
    let app = running.credentials();
    let mut node = Command::new("node");
    node.env("NO_PROXY", "127.0.0.1").arg(script("jsforce_client.mjs"));
    node.args([running.base_url(), &app.client_id, &app.client_secret, &app.refresh_token]).arg(&folder);
    let seen = drive(node).await;
    let expected = json!({
        "total": LIVE,
        "distinct": LIVE,
        "fetched": LIVE,
        "refreshes": 1,
        "objects": OBJECTS,
        "amountType": "currency",
        "created": true,
        "updated": true,
        "row": {"name": "Żółw & Co", "phone": "1"},
        "upserted": {"success": true, "created": false},
        "many": [true, false, true],
        "read": ["A", "C"],
        "manyUpserted": [false, true],
        "composite": [["fresh", 204], ["stale", 412], ["parent", 201], ["child", 201]],
        "guarded": "fresh",
        "deleted": true,
        "afterDelete": "ENTITY_IS_DELETED",
        "badQuery": "INVALID_FIELD",
        "deletions": 1,
        "identity": "integration@example.com",
        "authorized": {"user": "integration@example.com", "refreshes": 1, "verified": true},
        "reused": "invalid_grant",
        "revoked": 401,
        "limit": 15_000,
        "usage": 15_000,
    });
    assert_eq!(seen, expected);
}

/// A user lets an app in, and turns one away, by the pages at `authorize` and `token`.
async fn connect(
    folder: &Path,
    [authorize, token, probe]: [String; 3],
    [redirect, id, secret]: [&str; 3],
    scopes: &str,
) {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", folder).env("NO_PROXY", "127.0.0.1").env("OAUTHLIB_INSECURE_TRANSPORT", "1");
    python.arg(script("oauth_client.py")).args([&authorize, &token, redirect, id, secret, scopes, &probe]);
    let seen = drive(python).await;
    let expected = json!({
        "challenge": ["S256"],
        "refreshable": true,
        "called": 200,
        "twice": seen["twice"],
        "other_verifier": seen["other_verifier"],
        "denied": true,
        "foreign_state": true,
        "refreshed": true,
        "stale": true,
    });
    assert_eq!(seen, expected);
    for refused in ["twice", "other_verifier"] {
        assert_eq!(seen[refused], "InvalidGrantError", "{refused}");
    }
}

#[tokio::test]
async fn requests_oauthlib_connects_to_both_crms() {
    let Some(folder) = from_pypi(REQUESTS_OAUTHLIB) else { return };
    let redirect = "http://localhost/oauth-callback";
    let running = org().await;
    let app = running.credentials();
    let at = |path: &str| format!("{}/services/{path}", running.base_url());
    let urls = [at("oauth2/authorize"), at("oauth2/token"), at("data/v66.0/limits")];
    connect(&folder, urls, [redirect, &app.client_id, &app.client_secret], "api refresh_token").await;

    let running = account().await;
    let app = running.credentials();
    let at = |path: &str| format!("{}/{path}", running.base_url());
    let urls = [at("oauth/authorize"), at("oauth/v3/token"), at("crm/v3/objects/deals")];
    connect(&folder, urls, [redirect, &app.client_id, &app.client_secret], "crm.objects.deals.read oauth")
        .await;
}

/// An account with the limits of a real one.
async fn account() -> hubspot::Running {
    HubspotSandbox::builder().account(ACCOUNT).start().await.unwrap()
}

#[tokio::test]
async fn hubspot_api_client_refreshes_reads_and_writes() {
    let Some(folder) = from_pypi(HUBSPOT_API_CLIENT) else { return };
    let running = account().await;
    let app = running.credentials();
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", &folder).env("NO_PROXY", "127.0.0.1").arg(script("hubspot_client.py"));
    python.args([running.base_url(), &app.client_id, &app.client_secret, &app.refresh_token]);
    let seen = drive(python).await;
    let expected = json!({
        "expired": 401,
        "expires_in": 1_800,
        "token_of": "access",
        "all_deals": {"rows": LIVE_DEALS, "distinct": LIVE_DEALS},
        "archived_deals": 2,
        "page": {"rows": 100, "more": true},
        "searched": {"total": LIVE_DEALS, "distinct": LIVE_DEALS},
        "linked": {"with": seen["linked"]["with"], "without": seen["linked"]["without"], "labels": ["", "Primary"]},
        "projects": 30,
        "amount": "number",
        "calculated": true,
        "own_property": false,
        "made_property": "number",
        "pipelines": ["Sales Pipeline", "Renewals"],
        "owners": 11,
        "archived_owners": [null],
        "schemas": ["Projects"],
        "conflict": [409, true],
        "row": "+49 30 1",
        "read": [1, 1, ["1"]],
        "created": [2, ["b"]],
        "upserted": [[true, true], [false, false]],
        "merged": [true, true],
        "linked_to": [true],
        "after_archive": 404,
        "in_archive": true,
        "after_purge": 404,
    });
    assert_eq!(seen, expected);
    let count = |key: &str| seen["linked"][key].as_u64().unwrap();
    assert_eq!(count("with") + count("without"), 40, "rows without associations are errors of a 207");
    assert!(count("without") > 0);
}

/// Deliveries signed in every way, by the machine's clock; nobody has to take them.
async fn signed() -> (String, Json) {
    let running = account().await;
    let control = running.control();
    control.set_webhook_target("http://127.0.0.1:9/hooks?from=hubspot&x=1").unwrap();
    for old in [OldSignature::V1, OldSignature::V2] {
        control.edit_webhook_settings(|settings| {
            (settings.old_signature, settings.real_timestamps) = (old, true);
        });
        control.send_event(json!({"subscriptionType": "deal.creation", "objectId": 1, "note": "Żółw"}));
        assert!(control.webhooks_settled(Duration::from_secs(20)).await);
    }
    let deliveries = control.deliveries();
    assert_eq!(deliveries.len(), 2);
    (running.credentials().client_secret.clone(), json!(deliveries))
}

fn all_hold() -> Json {
    json!({
        "v1 good": true, "v1 forged": false, "v2 good": true, "v2 forged": false, "v3 good": true, "v3 forged": false,
    })
}

#[tokio::test]
async fn hubspot_api_client_accepts_our_signatures() {
    let Some(folder) = from_pypi(HUBSPOT_API_CLIENT) else { return };
    let (secret, deliveries) = signed().await;
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", &folder).arg(script("signatures.py")).args([secret, deliveries.to_string()]);
    assert_eq!(drive(python).await, all_hold());
}

#[tokio::test]
async fn hubspot_node_client_accepts_our_signatures() {
    let Some(folder) = from_npm(HUBSPOT_NODE_CLIENT) else { return };
    let (secret, deliveries) = signed().await;
    let mut node = Command::new("node");
    node.arg(script("signatures.mjs")).args([secret, deliveries.to_string()]).arg(&folder);
    assert_eq!(drive(node).await, all_hold());
}

#[tokio::test]
async fn hubspot_node_client_refreshes_retries_reads_and_writes() {
    let Some(folder) = from_npm(HUBSPOT_NODE_CLIENT) else { return };
    let running = account().await;
    let app = running.credentials();
    let mut node = Command::new("node");
    node.env("NO_PROXY", "127.0.0.1").arg(script("hubspot_client.mjs"));
    node.args([running.base_url(), &app.client_id, &app.client_secret, &app.refresh_token]).arg(&folder);
    let seen = drive(node).await;
    let expected = json!({
        "expired": 401,
        "expiresIn": 1_800,
        "allDeals": {"rows": LIVE_DEALS, "distinct": LIVE_DEALS},
        "searched": {"total": LIVE_DEALS, "distinct": LIVE_DEALS},
        "after500": 200,
        "after429OfSearch": 200,
        "after429": 200,
        "afterDaily": 429,
        "retries": ["500", "500", "429", "429"],
        "amount": "number",
        "pipelines": ["Sales Pipeline", "Renewals"],
        "owners": 11,
        "schemas": ["Projects"],
        "created": "Żółw",
        "conflict": 409,
        "row": {"phone": "1", "created": true},
        "read": {"rows": 1, "errors": 1, "ids": ["1"]},
        "many": {"rows": 1, "trace": ["b"]},
        "merged": true,
        "linked": {"labels": ["Primary", null], "same": true, "without": 1},
        "afterArchive": 404,
    });
    assert_eq!(seen, expected);
}
