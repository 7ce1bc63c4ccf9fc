//! Public client libraries work against the simulated org. They come from their registries and are kept under the
//! cargo target directory; without pip, npm or a registry the tests say so and pass, unless
//! `HEXSYNC_REQUIRE_SERVICES=1`.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crm_sandbox::SalesforceSandbox;
use crm_sandbox::salesforce::Running;
use crm_sandbox::salesforce::generate::OrgSpec;
use serde_json::{Value as Json, json};

const SIMPLE_SALESFORCE: &str = "simple-salesforce==1.12.10";
const JSFORCE: &str = "jsforce@3.10.16";
/// What describe-global lists.
const OBJECTS: [&str; 7] =
    ["Account", "Case", "Contact", "Opportunity", "OpportunityContactRole", "Project__c", "User"];

/// Opportunities: more than two pages, some of them in the bin.
const SPEC: OrgSpec = OrgSpec { users: 3, accounts: 50, contacts: 0, opportunities: 4_400, ..OrgSpec::EMPTY };
const LIVE: usize = 4_389;
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
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace(['=', '@', '.'], "-"));
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

#[tokio::test]
async fn simple_salesforce_reads_and_writes() {
    let folder = cache(SIMPLE_SALESFORCE);
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
    if let Err(why) = install(&folder, pip.arg(&folder).arg(SIMPLE_SALESFORCE)) {
        return skip(&why);
    }
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
    let folder = cache(JSFORCE);
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(JSFORCE);
    if let Err(why) = install(&folder, &mut npm) {
        return skip(&why);
    }
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
        "deleted": true,
        "afterDelete": "ENTITY_IS_DELETED",
        "badQuery": "INVALID_FIELD",
        "deletions": 1,
        "identity": "integration@example.com",
        "limit": 15_000,
        "usage": 15_000,
    });
    assert_eq!(seen, expected);
}
