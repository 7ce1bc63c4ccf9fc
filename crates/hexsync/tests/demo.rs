//! `hexsync demo` as a newcomer runs it: it proves itself, can be run again, and touches nothing that is not its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// The demo in a directory of its own.
struct Demo {
    dir: TempDir,
}

impl Demo {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_hexsync"));
        program.current_dir(self.dir.path()).env_remove("HEXSYNC_DEMO_DATABASE_URL").env_remove("RUST_LOG");
        program
    }

    fn run(&self, args: &[&str]) -> Output {
        self.program().arg("demo").args(args).output().unwrap()
    }

    /// Runs it to its good end; its document is all there is on standard output.
    fn document(&self, args: &[&str]) -> Json {
        let output = self.run(&[args, &["--json"]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{stderr}{stdout}");
        assert_eq!(stdout.lines().count(), 1, "{stdout}");
        let document: Json = serde_json::from_str(&stdout).unwrap();
        for check in document["checks"].as_array().unwrap() {
            assert_eq!((&check["holds"], &check["problems"]), (&json!(true), &json!([])), "{check}");
        }
        document
    }

    /// Carries out every command that the document says to try next. `url` takes the place of the line that
    /// leaves a password to be filled in.
    fn follow(&self, document: &Json, url: &str) {
        let next = document["next"].as_array().unwrap();
        let steps: Vec<_> =
            next.iter().filter_map(Json::as_str).filter(|step| !step.starts_with("export")).collect();
        assert_eq!(steps.len(), 3 + document["histories"].as_array().unwrap().len(), "{next:?}");
        for step in steps {
            let mut shell = Command::new("sh");
            shell.args(["-c", step]).current_dir(self.dir.path()).env("HEXSYNC_DEMO_DATABASE_URL", url);
            let output = shell.output().unwrap();
            assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

const SALESFORCE: &str = "salesforce";
const HUBSPOT: &str = "hubspot";
const CRMS: [&str; 2] = [SALESFORCE, HUBSPOT];

/// The counts of one run: found, created, updated, deleted, restored, noop, skipped, parked.
fn counts(document: &Json, act: &str, crm: &str, entity: &str) -> [u64; 8] {
    let runs = document["runs"].as_array().unwrap();
    let is_it = |run: &&Json| run["act"] == act && run["crm"] == crm && run["entity"] == entity;
    let run = runs.iter().find(is_it).unwrap();
    ["found", "created", "updated", "deleted", "restored", "noop", "skipped", "parked"]
        .map(|name| run[name].as_u64().unwrap())
}

/// The document without what differs from run to run: times, and ids made here.
fn lasting(mut document: Json) -> Json {
    const PASSING: [&str; 5] = ["run", "at", "duration_ms", "next_attempt_at", "next"];
    fn strip(value: &mut Json) {
        match value {
            Json::Object(fields) => {
                fields.retain(|name, _| !PASSING.contains(&name.as_str()));
                fields.values_mut().for_each(strip);
            }
            Json::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    document["database"] = Json::Null;
    strip(&mut document);
    document
}

const SMALL: [&str; 4] = ["--records", "1000", "--seed", "7"];

/// R3, R8, R11, R19: 1,000 deals mean 500 in each CRM, and for each of these 75 accounts, 200 contacts and 5 users;
/// every 400th deal starts in the recycle bin or the archive. 5 % are edited, 1 % are new, 1 % are deleted.
#[test]
fn story_is_told_in_full_and_again_on_the_same_file() {
    let demo = Demo::new();
    let first = demo.document(&SMALL);
    for crm in CRMS {
        assert_eq!(counts(&first, "load", crm, "user"), [5, 5, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counts(&first, "load", crm, "account"), [75, 75, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counts(&first, "load", crm, "contact"), [200, 200, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counts(&first, "load", crm, "opportunity"), [500, 499, 0, 0, 0, 1, 0, 0]);
        assert_eq!(counts(&first, "load", crm, "project"), [25, 25, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counts(&first, "delta", crm, "user"), [0; 8]);
        assert!(counts(&first, "second_delta", crm, "opportunity")[4] > 0, "some are restored");
        let quiet = |run: &&Json| run["act"] == "quiet" && run["crm"] == crm;
        let quiet: Vec<_> = first["runs"].as_array().unwrap().iter().filter(quiet).collect();
        assert_eq!(quiet.len(), 6);
        assert!(quiet.iter().all(|run| run["status"] == "no_changes"), "{quiet:?}");
    }
    assert_eq!(counts(&first, "delta", SALESFORCE, "account"), [5, 1, 4, 0, 0, 0, 0, 0]);
    assert_eq!(counts(&first, "delta", SALESFORCE, "contact"), [14, 2, 10, 2, 0, 0, 0, 0]);
    // Four can't be applied.
    assert_eq!(counts(&first, "delta", SALESFORCE, "opportunity"), [39, 5, 25, 5, 0, 0, 0, 4]);
    // As in Salesforce, and two pairs are merged, four deals get another contact or company.
    for (entity, found, created, deleted, parked) in
        [("account", 9, 1, 2, 0), ("contact", 18, 2, 4, 0), ("opportunity", 43, 5, 5, 4)]
    {
        let counts = counts(&first, "delta", HUBSPOT, entity);
        assert_eq!(
            [counts[0], counts[1], counts[3], counts[7]],
            [found, created, deleted, parked],
            "{entity}"
        );
    }
    // A property that is new upstream reaches the deals that nobody edited since by a run of its own.
    let backfill = counts(&first, "backfill", HUBSPOT, "opportunity");
    assert!(backfill[0] > 100 && backfill[0] == backfill[2], "{backfill:?}");
    // Associations that ended are found by comparing ids.
    assert!(counts(&first, "comparison", HUBSPOT, "opportunity_contact")[3] > 0);

    for (crm, won) in [(SALESFORCE, "Closed Won"), (HUBSPOT, "closedwon")] {
        let histories = first["histories"].as_array().unwrap();
        let history = histories.iter().find(|history| history["crm"] == crm).unwrap();
        let steps: Vec<_> =
            history["steps"].as_array().unwrap().iter().map(|step| &step["operation"]).collect();
        assert_eq!(steps, ["created", "deleted", "restored"], "{crm}");
        assert_eq!(history["steps"][2]["changed_fields"]["stage"]["to"], won, "{crm}");
    }
    let edits = first["field_changes"].as_array().unwrap();
    assert_eq!(edits.len(), 8);
    for edit in edits {
        let fields = edit["changed_fields"].as_object().unwrap();
        assert!(!fields.is_empty() && fields.values().all(|step| step["from"] != step["to"]), "{edit}");
    }
    let merges = first["merges"].as_array().unwrap();
    assert_eq!(merges.len(), 4);
    assert!(merges.iter().all(|merge| merge["crm"] == HUBSPOT && merge["loser"] != merge["winner"]));
    let parked = first["parked"].as_array().unwrap();
    let reasons = |crm: &str, text: &str| {
        let fits = |record: &&Json| record["crm"] == crm && record["reason"].as_str().unwrap().contains(text);
        parked.iter().filter(fits).count()
    };
    assert_eq!(parked.len(), 6);
    assert_eq!((reasons(SALESFORCE, "NUL character"), reasons(SALESFORCE, "28 digits")), (1, 2));
    assert_eq!((reasons(HUBSPOT, "NUL character"), reasons(HUBSPOT, "expected a number")), (1, 2));
    demo.follow(&first, "");

    let second = demo.document(&SMALL);
    assert_eq!(lasting(first), lasting(second));
    demo.follow(&demo.document(&["--records", "150", "--seed", "8"]), "");
}

#[test]
fn one_crm_is_enough_for_a_demo() {
    let demo = Demo::new();
    for crm in CRMS {
        let document = demo.document(&["--records", "200", "--crm", crm]);
        assert_eq!(document["crms"].as_array().unwrap().len(), 1);
        assert_eq!(document["crms"][0]["crm"], crm);
        assert!(document["runs"].as_array().unwrap().iter().all(|run| run["crm"] == crm));
        assert_eq!(counts(&document, "load", crm, "opportunity")[0], 200);
    }
    assert_eq!(demo.run(&["--crm", "pipedrive"]).status.code(), Some(2));
}

#[test]
fn few_records_are_enough_for_a_demo() {
    let demo = Demo::new();
    for records in ["1", "30"] {
        demo.document(&["--records", records]);
    }
}

#[test]
fn text_is_plain_where_there_is_no_terminal() {
    let demo = Demo::new();
    let output = demo.run(&["--records", "300"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}{stdout}");
    assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'), "{stderr}{stdout}");
    for expected in ["restored", "→", "28 digits", "NUL character", "in hexsync-demo.db"] {
        assert!(stdout.contains(expected), "{expected}: {stdout}");
    }
    assert_eq!(stdout.lines().filter(|line| line.starts_with("ok  ")).count(), 5, "{stdout}");
    for expected in [
        "150 opportunities",
        "a simulated HubSpot account at",
        "load salesforce/opportunity: 150 read",
        "load hubspot/opportunity: 150 read",
        "upstream hubspot: ",
        "quiet hubspot/user: nothing new",
    ] {
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
    let quiet = demo.run(&["--records", "30", "--quiet"]);
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
}

/// Refused, and there as before.
#[test]
fn foreign_database_is_left_alone() {
    let demo = Demo::new();
    let file = demo.file("hexsync-demo.db");
    let refused = |what: &str| {
        let output = demo.run(&["--records", "30"]);
        assert_eq!(output.status.code(), Some(1), "{what}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("./hexsync-demo.db was not made by this demo"), "{what}: {stderr}");
        assert!(stderr.contains("next: move it away"), "{what}: {stderr}");
        assert!(!demo.file("hexsync-demo.toml").exists(), "{what}");
    };
    fs::write(&file, "a shopping list").unwrap();
    refused("a text");
    assert_eq!(fs::read_to_string(&file).unwrap(), "a shopping list");

    // A database of this very program, but not of the demo.
    fs::remove_file(&file).unwrap();
    let config = "[database]\nurl = \"sqlite:hexsync-demo.db\"\n[[connections]]\nid = \"mine\"\n\
                  provider = \"salesforce\"\nauth = \"access_token\"\naccess_token_env = \"TOKEN\"\n\
                  instance_url = \"https://mine.example\"\n";
    fs::write(demo.file("hexsync.toml"), config).unwrap();
    let installation = |args: &[&str]| {
        let output = demo.program().args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    installation(&["migrate"]);
    refused("an empty installation");
    installation(&["subscriptions", "add"]);
    let before = installation(&["subscriptions", "list", "--json"]);
    refused("an installation");
    assert_eq!(installation(&["subscriptions", "list", "--json"]), before);
    assert!(before.contains("\"mine\""), "{before}");
}

#[test]
fn foreign_configuration_is_left_alone() {
    let demo = Demo::new();
    fs::write(demo.file("hexsync-demo.toml"), "# mine\n").unwrap();
    let output = demo.run(&["--records", "30"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(demo.file("hexsync-demo.toml")).unwrap(), "# mine\n");
    assert!(!demo.file("hexsync-demo.db").exists());
}

#[test]
fn sizes_out_of_range_are_refused() {
    for records in ["0", "1000001", "many"] {
        assert_eq!(Demo::new().run(&["--records", records]).status.code(), Some(2), "{records}");
    }
}

/// The real data: 35 agents and whoever connected the account, 85 companies, 8,800 deals, 1,425 of them without an account.
#[test]
fn crms_of_files_are_synced_as_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/b2b-pipeline");
    if !folder.is_dir() {
        println!("skipped: there is no {}", folder.display());
        return;
    }
    let demo = Demo::new();
    let document = demo.document(&["--data", folder.to_str().unwrap()]);
    for crm in CRMS {
        assert_eq!(counts(&document, "load", crm, "user")[..2], [36, 36], "{crm}");
        assert_eq!(counts(&document, "load", crm, "account")[..2], [85, 85], "{crm}");
        assert_eq!(counts(&document, "load", crm, "contact")[..2], [0, 0], "{crm}");
        assert_eq!(counts(&document, "load", crm, "opportunity")[..2], [8_800, 8_800], "{crm}");
    }
    demo.follow(&document, "");
}

#[test]
fn missing_files_are_named() {
    let output = Demo::new().run(&["--data", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("nowhere/") && stderr.contains(".csv"), "{stderr}");
}

/// The same on a server: the schema is made anew, and one that is not the demo's is refused.
#[tokio::test]
async fn postgres_tells_the_same_story() {
    use sqlx::{Connection, Executor};

    let Ok(url) = std::env::var("HEXSYNC_TEST_POSTGRES_URL") else {
        let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|set| set == "1");
        assert!(!required, "HEXSYNC_TEST_POSTGRES_URL is not set");
        println!("skipped: HEXSYNC_TEST_POSTGRES_URL is not set");
        return;
    };
    let demo = Demo::new();
    let args = [&SMALL[..], &["--database-url", &url]].concat();
    let first = demo.document(&args);
    assert_eq!(first["database"]["schema"], "hexsync_demo");
    assert!(!demo.file("hexsync-demo.db").exists());
    let separator = if url.contains('?') { '&' } else { '?' };
    demo.follow(&first, &format!("{url}{separator}options[search_path]=hexsync_demo"));
    let second = lasting(demo.document(&args));
    assert_eq!(lasting(first), second);
    let on_a_file = Demo::new().document(&SMALL);
    for act in ["load", "delta", "second_delta", "quiet"] {
        for crm in CRMS {
            for entity in ["user", "account", "contact", "opportunity", "opportunity_contact", "project"] {
                let both = [&on_a_file, &second].map(|document| counts(document, act, crm, entity));
                assert_eq!(both[0], both[1], "{act} {crm}/{entity}");
            }
        }
    }

    let mut server = sqlx::PgConnection::connect(&url).await.unwrap();
    server.execute("update hexsync_demo.sync_subscriptions set external_ref = null").await.unwrap();
    let output = demo.run(&args);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("the schema hexsync_demo was not made by this demo"), "{stderr}");
    server.execute("drop schema hexsync_demo cascade").await.unwrap();
}
