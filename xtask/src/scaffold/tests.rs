//! What is refused, what an object's description becomes, and that what is made compiles.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use sync_detection::yaml::{EntityFile, KnownEntities};

use super::yaml::{Origin, Others};
use super::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn refusal(words: &[&str]) -> String {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(subcommand)]
        new: New,
    }
    let cli = <Cli as clap::Parser>::try_parse_from(std::iter::once(&"new").chain(words))
        .map_err(|e| e.to_string());
    match cli {
        Ok(cli) => format!("{:#}", run(&repository(), &cli.new).unwrap_err()),
        Err(usage) => usage,
    }
}

#[test]
fn mistakes_are_answered_with_what_to_do() {
    let cases: &[(&[&str], &str)] = &[
        (&["entity", "user"], "crates/entity-user is there already"),
        (&["entity", "LineItem"], "`LineItem` is not in snake_case; did you mean `line_item`?"),
        (
            &["entity", "ticket", "--store", "postgre"],
            "there is no store `postgre`; did you mean `postgres`?",
        ),
        (&["entity", "ticket", "--from", "salesforc:Case", "--sandbox"], "did you mean `salesforce`?"),
        (
            &["entity", "ticket", "--from", "salesforce:Case"],
            "give `--url` and `--token-env`, or `--sandbox`",
        ),
        (&["entity", "ticket", "--from", "Case", "--sandbox"], "needs a provider and an object"),
        (&["entity", "match", "--provider", "salesforce"], "`match` can't be an entity's name"),
        (&["provider", "hubspot"], "crates/provider-hubspot is there already"),
        (&["provider", "my_crm"], "`my_crm` is not in kebab-case; did you mean `my-crm`?"),
        (&["store", "sqlite"], "crates/sync-sqlite is there already"),
    ];
    for (words, expected) in cases {
        let found = refusal(words);
        assert!(found.contains(expected), "{words:?}: {found}");
    }
}

fn written(key: &str, object: super::remote::Object, others: &[(&str, &str)]) -> String {
    let others: Others = others.iter().map(|(object, entity)| ((*object).into(), (*entity).into())).collect();
    let text = yaml::entity("ticket", "A request.", &[Origin { key: key.into(), object }], &others);
    EntityFile::parse(Path::new("entity.yaml"), &text, &KnownEntities::Any).unwrap();
    text
}

#[test]
fn description_of_salesforce_becomes_fields_and_links() {
    let field = |name: &str, kind: &str, extra: serde_json::Value| {
        let mut field = json!({"name": name, "type": kind, "label": format!("{name} label")});
        field.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        field
    };
    let described = json!({"name": "Case", "label": "Case", "custom": false, "fields": [
        field("Id", "id", json!({})),
        field("Subject", "string", json!({"nameField": true})),
        field("Type", "picklist", json!({})),
        field("Order", "int", json!({})),
        field("ClosedDate", "datetime", json!({})),
        field("AccountId", "reference", json!({"referenceTo": ["Account"]})),
        field("SourceId", "reference", json!({"referenceTo": ["Lead"]})),
        field("Tier__c", "string", json!({"custom": true})),
    ]});
    let text = written("salesforce", super::remote::salesforce(&described), &[("Account", "account")]);
    for line in [
        "title: subject",
        "  kind: { type: text, doc: Type label. }",
        "  order_value: { type: int, doc: Order label. }",
        "  closed_date: { type: instant, doc: ClosedDate label. }",
        "  account: { entity: account, doc: AccountId label. }",
        "  source_id: { type: text, doc: SourceId label. }",
        "      - { source: AccountId, target: account }",
        "    poll: { cursor: { kind: systemModstamp, field: SystemModstamp } }",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("Tier__c"), "custom fields have a place of their own");
}

#[test]
fn provider_that_nobody_described_maps_what_a_record_is_called_by() {
    let field = |name: &str| json!({"name": name, "type": "string", "label": name, "nameField": name == "CaseNumber"});
    let described = json!({"name": "Case", "label": "Case", "custom": false,
        "fields": [field("CaseNumber"), field("Subject")]});
    let other = json!({"name": "tickets", "label": "ticket", "fields": [field("Name")]});
    let origins = [("salesforce", &described), ("hubspot", &other)]
        .map(|(key, object)| Origin { key: key.into(), object: super::remote::salesforce(object) });
    let text = yaml::entity("ticket", "A request.", &origins, &Others::new());
    EntityFile::parse(Path::new("entity.yaml"), &text, &KnownEntities::Any).unwrap();
    let hubspot = text.split("  hubspot:\n").nth(1).unwrap();
    assert!(hubspot.contains("- { source: subject, target: subject }"), "{text}");
}

#[test]
fn description_of_hubspot_becomes_fields_and_links() {
    let property = |name: &str, kind: &str, owner: bool| {
        json!({"name": name, "label": name, "type": kind, "hubspotDefined": true, "hidden": name == "hidden",
            "calculated": name == "sum", "referencedObjectType": if owner { json!("OWNER") } else { json!(null) }})
    };
    let described = json!({"results": [
        property("subject", "string", false), property("amount", "number", false), property("sum", "number", false),
        property("hidden", "string", false), property("hubspot_owner_id", "enumeration", true),
        property("hs_pipeline", "enumeration", false),
    ]});
    let object = super::remote::hubspot("tickets", false, None, &described);
    let text = written("hubspot", object, &[("owners", "user")]);
    for line in [
        "title: subject",
        "  amount: { type: decimal, doc: Amount. }",
        "  pipeline: { type: text, doc: Hs_pipeline. }",
        "  owner: { entity: user, doc: Hubspot_owner_id. }",
        "      - { source: hs_pipeline, target: pipeline }",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("hidden") && !text.contains("sum"), "{text}");
}

/// The repository's files in a folder of the target folder, as they are now. Files that are the same are left alone, so
/// that what cargo knows of them stays true from one run to the next.
fn copy() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    let copy = target.join("scaffold");
    let list = |folder: &Path| {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(folder);
        let output = git.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let files = list(&repository());
    for made in
        ["crates/entity-case-file", "crates/entity-ticket", "crates/provider-acme", "crates/sync-ledger"]
    {
        let _ = std::fs::remove_dir_all(copy.join(made));
    }
    for path in files.split('\0').filter(|path| !path.is_empty()) {
        let (from, to) = (repository().join(path), copy.join(path));
        let Ok(meta) = from.symlink_metadata() else { continue };
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if meta.is_symlink() {
            let _ = std::fs::remove_file(&to);
            std::os::unix::fs::symlink(std::fs::read_link(&from).unwrap(), &to).unwrap();
            continue;
        }
        let content = std::fs::read(&from).unwrap();
        if std::fs::read(&to).ok().as_ref() != Some(&content) {
            std::fs::write(&to, content).unwrap();
        }
    }
    let known: std::collections::BTreeSet<_> = files.split('\0').collect();
    for folder in ["migrations", "xtask/templates", "crates/sync-wiring/src/generated"] {
        remove_unknown(&copy, Path::new(folder), &known);
    }
    copy
}

fn remove_unknown(root: &Path, folder: &Path, known: &std::collections::BTreeSet<&str>) {
    for entry in root.join(folder).read_dir().unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if root.join(&path).is_dir() {
            remove_unknown(root, &path, known);
        } else if !known.contains(path.to_str().unwrap()) {
            std::fs::remove_file(root.join(path)).unwrap();
        }
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> (bool, String) {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(root).env_remove("RUSTFLAGS").env_remove("CARGO_MAKEFLAGS");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_")
            || name.to_string_lossy().starts_with("CARGO_MANIFEST_")
        {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

/// One test for all three, because they share what cargo compiles.
#[test]
fn new_crates_compile_and_keep_their_promises() {
    let root = copy();
    let account = entity::Args {
        name: "case_file".into(),
        provider: vec!["acme".into()],
        store: Vec::new(),
        from: Some("salesforce:Case".into()),
        url: None,
        token_env: None,
        sandbox: true,
    };
    run(&root, &New::Provider(provider::Args { name: "acme".into() })).unwrap();
    run(&root, &New::Store(store::Args { name: "ledger".into() })).unwrap();
    run(&root, &New::Entity(account)).unwrap();

    let yaml = std::fs::read_to_string(root.join("crates/entity-case-file/entity.yaml")).unwrap();
    assert!(yaml.contains("remote_entity: Case") && yaml.contains("account: { entity: account"), "{yaml}");
    crate::codegen::check(&root).unwrap();

    let features = "entity-case-file/full,sync-wiring/provider-acme,sync-wiring/entity-case-file,sync-wiring/store-memory";
    let lint = ["clippy", "--quiet", "--no-deps", "--tests", "--features", features];
    let packages =
        ["entity-case-file", "provider-acme", "sync-ledger", "sync-wiring"].map(|name| ["-p", name]).concat();
    let (fine, text) = cargo(&root, &[&lint[..], &packages, &["--", "-D", "warnings"]].concat());
    assert!(fine, "{text}");
    // The same packages each time where that can be: cargo then compiles what they use once.
    let tests = |features: &'static str, more: &[&'static str]| {
        let packages = ["entity-case-file", "provider-acme", "sync-ledger"];
        let packages = packages.iter().chain(more).flat_map(|name| ["-p", *name]);
        let words = ["test", "--quiet", "--tests", "--no-fail-fast", "--features", features];
        cargo(&root, &words.into_iter().chain(packages).collect::<Vec<_>>())
    };
    let (fine, text) = tests("entity-case-file/full", &[]);
    assert!(!fine && text.contains("write AcmeFixture::seed in tests/contract.rs"), "{text}");
    assert!(text.contains("AcmeClient::now"), "{text}");
    // The store's are all green; only what is left to write fails.
    assert!(text.contains("error: 1 target failed:\n    `-p provider-acme --test contract`"), "{text}");

    guides::write_provider(&root);
    guides::write_entity(&root);
    let (fine, text) = tests("entity-case-file/full,entity-ticket/full", &["entity-ticket"]);
    assert!(fine, "{text}");
}
