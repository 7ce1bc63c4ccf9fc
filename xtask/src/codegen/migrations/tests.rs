//! What is read from migrations, and what is written for a change of the YAML.

use std::path::{Path, PathBuf};

use sync_detection::yaml::{EntityFile, KnownEntities};

use super::super::model::{self, Model, Source};
use super::*;

const TICKET: &str = "
entity: ticket
doc: A request for help.
custom_fields: jsonb
fields:
  subject: text
  weight: decimal
relationships:
  parent: { entity: ticket }
sync: { providers: { desk: { remote_entity: tickets } } }
detection:
  desk:
    mode: poll
    poll: { cursor: { kind: timestamp, field: updated_at } }
    mapping: [{ source: subject, target: subject }]
";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn model(text: &str) -> Model {
    let config = EntityFile::parse(Path::new("entity.yaml"), text, &KnownEntities::Any).unwrap();
    let source =
        Source { package: "entity-ticket".into(), text: text.to_owned(), config, events: Vec::new() };
    model::model(&repository(), vec![source]).unwrap()
}

/// What is planned for a YAML on these migrations, the same for both stores but for the dialect.
fn planned(text: &str, files: &[(&str, &str)]) -> Migrations {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let root = std::env::temp_dir().join(format!("hexsync-migrations-{}-{number}", std::process::id()));
    for dialect in DIALECTS {
        let folder = root.join("migrations").join(dialect.store);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, sql) in files {
            std::fs::write(folder.join(name), sql).unwrap();
        }
    }
    let plan = plan(&root, &model(text)).unwrap();
    std::fs::remove_dir_all(&root).unwrap();
    plan
}

fn created(store: &str) -> String {
    planned(TICKET, &[]).new[&format!("migrations/{store}/0001_tickets.sql")].clone()
}

#[test]
fn new_tables_keep_tenants_apart() {
    let new = planned(TICKET, &[("0015_tenant_isolation.sql", "select 1;")]).new;
    assert!(new["migrations/postgres/0016_tickets.sql"].ends_with("select hexsync_isolate('tickets');\n"));
    assert!(!new["migrations/sqlite/0016_tickets.sql"].contains("hexsync_isolate"));
    assert!(!created("postgres").contains("hexsync_isolate"), "there is no such function yet");
}

#[test]
fn tables_of_the_workspace_are_what_would_be_written_today() {
    let model = super::super::model(&repository()).unwrap();
    for entity in &model.entities {
        for dialect in DIALECTS {
            let folder = repository().join("migrations").join(dialect.store);
            let files = sql::read(&folder).unwrap();
            let first = files.iter().find(|file| file.touches(&entity.plural())).unwrap();
            let text = std::fs::read_to_string(folder.join(&first.name)).unwrap();
            let table = entity.plural();
            let began_with = sql::table(std::slice::from_ref(first), &table).unwrap();
            let columns = sql::table(&files, &table).unwrap();
            // What a later migration added is not in the first.
            let is_later = |line: &&str| {
                let column = line.split_whitespace().next().unwrap_or_default();
                columns.contains_key(column) && !began_with.contains_key(column)
            };
            let today = create(entity, dialect) + &isolate(&table, dialect, first.number);
            let expected: String =
                today.lines().filter(|line| !is_later(line)).map(|line| format!("{line}\n")).collect();
            assert_eq!(text, expected, "{} {}", dialect.store, first.name);
        }
    }
}

#[test]
fn written_table_satisfies_its_yaml() {
    let tables = [created("postgres"), created("sqlite")];
    for (dialect, table) in DIALECTS.into_iter().zip(&tables) {
        let files = [sql::File::new(1, "0001_tickets.sql", table)];
        let columns = sql::table(&files, "tickets").unwrap();
        assert_eq!(columns["weight"], dialect.decimal);
        assert_eq!(columns["parent_id"], dialect.id);
        assert_eq!(columns.len(), 14);
    }
}

#[test]
fn new_field_becomes_a_further_migration() {
    let files =
        [("0003_tickets.sql", &*created("sqlite")), ("0007_other.sql", "create table others (id text);")];
    let more = TICKET.replace("  weight: decimal\n", "  weight: decimal\n  due: date\n");
    let plan = planned(&more.replace("subject: text", "subject: { type: text }"), &files);
    let sqlite = &plan.new["migrations/sqlite/0008_tickets_due.sql"];
    assert!(sqlite.contains("alter table tickets add column due text;"), "{sqlite}");
    assert!(plan.of(&model(TICKET).entities[0]).contains(&"0008_tickets_due.sql".to_owned()));
}

#[test]
fn what_is_gone_or_retyped_is_for_a_person() {
    let files = [("0001_tickets.sql", &*created("postgres"))];
    let gone = planned(&TICKET.replace("  weight: decimal\n", ""), &files);
    assert!(gone.new.keys().all(|path| path.contains("sqlite")), "{:?}", gone.new.keys());
    assert!(gone.problems[0].contains("alter table tickets drop column weight;"), "{:?}", gone.problems);
    let retyped = planned(&TICKET.replace("weight: decimal", "weight: int"), &files);
    let found = &retyped.problems[0];
    assert!(found.contains("`weight` is numeric in the migrations of postgres and bigint"), "{found}");
    assert!(found.contains("alter column weight type bigint using weight::bigint;"), "{found}");
}

#[test]
fn new_required_field_needs_a_value_for_the_rows_there_are() {
    let files = [("0001_tickets.sql", &*created("postgres"))];
    let text =
        TICKET.replace("  weight: decimal\n", "  weight: decimal\n  due: { type: date, required: true }\n");
    let text = text.replace("target: subject }]", "target: subject }, { source: due, target: due }]");
    let found = planned(&text, &files).problems;
    assert!(found[0].contains("`due` is new and required"), "{found:?}");
}

#[test]
fn later_statements_count() {
    let sql = "create table t (a text, b numeric(10, 2) not null, check (a <> 'x, (y'), unique (a, b));
        -- alter table t drop column a;
        alter table t add column c date, drop column a;
        alter table t rename column b to d;
        alter table other add column e text;";
    let columns = sql::table(&[sql::File::new(1, "0001_t.sql", sql)], "t").unwrap();
    assert_eq!(columns.keys().collect::<Vec<_>>(), ["c", "d"]);
}

#[test]
fn trigger_for_custom_values_is_seen_in_both_dialects() {
    for dialect in DIALECTS {
        let file = sql::File::new(1, "0001_projects.sql", &trigger("projects", dialect));
        assert!(file.has_trigger_on("projects") && !file.has_trigger_on("accounts"), "{}", dialect.store);
        assert!(file.touches("projects"), "the file is one of the table's migrations");
    }
}
