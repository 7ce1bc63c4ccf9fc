//! The tables: what the migrations have made of them, and what the YAML wants beyond that.
//!
//! A table without a migration gets one. A field without a column gets a further one that adds it. Anything else (a
//! field that is gone, or of another type) is for a person, who is told what to write.

mod sql;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use sync_core::FieldKind;
use sync_detection::yaml::CustomFieldStore;

use super::model::{Entity, Model};
use super::names::{capitalised, words};

/// How a database spells the kinds of columns.
#[derive(Clone, Copy)]
struct Dialect {
    store: &'static str,
    id: &'static str,
    int: &'static str,
    decimal: &'static str,
    bool: &'static str,
    date: &'static str,
    instant: &'static str,
    json: &'static str,
    end: &'static str,
}

const DIALECTS: [Dialect; 2] = [
    Dialect {
        store: "postgres",
        id: "uuid",
        int: "bigint",
        decimal: "numeric",
        bool: "boolean",
        date: "date",
        instant: "timestamptz",
        json: "jsonb",
        end: ");",
    },
    Dialect {
        store: "sqlite",
        id: "text",
        int: "integer",
        decimal: "text",
        bool: "integer",
        date: "text",
        instant: "text",
        json: "text",
        end: ") strict;",
    },
];

/// The migrations there are, and those to be added.
pub(crate) struct Migrations {
    /// Names without folder, by table, in order.
    names: BTreeMap<String, Vec<String>>,
    /// New files by path.
    pub(crate) new: BTreeMap<String, String>,
    /// What a person has to decide.
    pub(crate) problems: Vec<String>,
}

impl Migrations {
    /// The names of the files that make and change an entity's table.
    pub(crate) fn of(&self, entity: &Entity) -> Vec<String> {
        self.names.get(&entity.plural()).cloned().unwrap_or_default()
    }
}

/// Compares the tables with the entities.
pub(crate) fn plan(root: &Path, model: &Model) -> Result<Migrations> {
    let mut existing = BTreeMap::new();
    for dialect in DIALECTS {
        existing.insert(dialect.store, sql::read(&root.join("migrations").join(dialect.store))?);
    }
    let taken = existing.values().flat_map(|files| files.iter().map(|file| file.number)).max().unwrap_or(0);
    let mut plan = Migrations { names: BTreeMap::new(), new: BTreeMap::new(), problems: Vec::new() };
    let mut next = taken + 1;
    for entity in &model.entities {
        let table = entity.plural();
        let mut step = Step { name: None, files: Vec::new() };
        for dialect in
            DIALECTS.iter().filter(|dialect| entity.stores.iter().any(|store| store == dialect.store))
        {
            let files = &existing[dialect.store];
            let names = files.iter().filter(|file| file.touches(&table)).map(|file| file.name.clone());
            let known = plan.names.entry(table.clone()).or_default();
            for name in names {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
            step.compare(entity, *dialect, next, files, &mut plan.problems);
        }
        if let Some(name) = &step.name {
            let name = format!("{next:04}_{name}.sql");
            next += 1;
            for (store, text) in step.files {
                plan.new.insert(format!("migrations/{store}/{name}"), text);
            }
            plan.names.entry(table.clone()).or_default().push(name);
        }
        plan.names.entry(table).or_default().sort();
    }
    Ok(plan)
}

/// What one entity's tables need, the same number in each store.
struct Step {
    name: Option<String>,
    files: Vec<(&'static str, String)>,
}

impl Step {
    fn compare(
        &mut self,
        entity: &Entity,
        dialect: Dialect,
        number: u32,
        files: &[sql::File],
        problems: &mut Vec<String>,
    ) {
        let table = entity.plural();
        let Some(there) = sql::table(files, &table) else {
            self.files.push((dialect.store, create(entity, dialect) + &isolate(&table, dialect, number)));
            self.name = Some(table);
            return;
        };
        let wanted = columns(entity, dialect);
        let mut added = Vec::new();
        for column in &wanted {
            match there.get(&column.name) {
                None if column.constraint.contains("not null") => problems.push(format!(
                    "{table}: `{}` is new and required, but the rows of {} have no value for it; write \
                     migrations/{}/NNNN_{table}_{}.sql with `alter table {table} add column …` and a default for them",
                    column.name, dialect.store, dialect.store, column.name
                )),
                None => added.push(column),
                Some(kind) if *kind != column.kind => problems.push(format!(
                    "{table}: `{}` is {kind} in the migrations of {} and {} in entity.yaml; {}",
                    column.name,
                    dialect.store,
                    column.kind,
                    retype(&table, column, dialect)
                )),
                Some(_) => {}
            }
        }
        // What a column for custom fields holds that are kept as values now is projected bit by bit.
        let may_stay = |name: &str| is_eav(entity) && name == "custom_fields";
        let gone = there.keys().filter(|name| wanted.iter().all(|column| column.name != **name));
        for gone in gone.filter(|name| !may_stay(name)) {
            problems.push(format!(
                "{table}: the column `{gone}` of {} has no field in entity.yaml any more; if it shall go, write \
                 migrations/{}/NNNN_{table}_without_{gone}.sql with `alter table {table} drop column {gone};`, or put \
                 the field back",
                dialect.store, dialect.store
            ));
        }
        if !added.is_empty() {
            let first = added[0].name.trim_end_matches("_external_id");
            self.name = Some(format!("{table}_{first}"));
            self.files.push((dialect.store, alter(entity, &added)));
        }
        if is_eav(entity) && !files.iter().any(|file| file.has_trigger_on(&table)) {
            let text = trigger(&table, dialect);
            match self.files.iter_mut().find(|(store, _)| *store == dialect.store) {
                Some((_, file)) => *file += &text,
                None => self.files.push((
                    dialect.store,
                    format!("-- Custom fields of {} are values now.\n{text}", words(&table)),
                )),
            }
            self.name.get_or_insert_with(|| format!("{table}_custom_values"));
        }
    }
}

fn retype(table: &str, column: &Column, dialect: Dialect) -> String {
    let (name, kind, store) = (&column.name, &column.kind, dialect.store);
    let statement = if store == "postgres" {
        format!("`alter table {table} alter column {name} type {kind} using {name}::{kind};`")
    } else {
        format!("a new column, an `update` that fills it, and `drop column`/`rename column` on {table}")
    };
    format!("write migrations/{store}/NNNN_{table}_{name}.sql with {statement}, or put the type back")
}

/// A column as the YAML wants it.
#[derive(Debug)]
struct Column {
    name: String,
    kind: String,
    constraint: String,
}

impl Column {
    fn new(name: impl Into<String>, kind: &str, constraint: &str) -> Self {
        Self { name: name.into(), kind: kind.to_owned(), constraint: constraint.to_owned() }
    }

    fn sql(&self) -> String {
        let Self { name, kind, constraint } = self;
        if constraint.is_empty() { format!("{name} {kind}") } else { format!("{name} {kind} {constraint}") }
    }
}

fn columns(entity: &Entity, dialect: Dialect) -> Vec<Column> {
    let mut columns = vec![
        Column::new("id", dialect.id, "primary key"),
        Column::new("tenant_id", "text", "not null default ''"),
        Column::new("connection_id", "text", "not null"),
        Column::new("external_id", "text", "not null"),
        Column::new("provider", "text", "not null"),
        Column::new("remote_version", dialect.int, ""),
    ];
    for field in entity.fields() {
        let kind = match field.kind {
            FieldKind::Bool => dialect.bool,
            FieldKind::Int => dialect.int,
            FieldKind::Decimal => dialect.decimal,
            FieldKind::Text | FieldKind::Link => "text",
            FieldKind::Date => dialect.date,
            FieldKind::Instant => dialect.instant,
            FieldKind::Json => dialect.json,
        };
        let Some((parent, _)) = field.link else {
            columns.push(Column::new(field.name, kind, if field.required { "not null" } else { "" }));
            continue;
        };
        let parent = entity.tables.get(parent).map_or("", String::as_str);
        columns.push(Column::new(format!("{}_external_id", field.name), "text", ""));
        columns.push(Column::new(
            format!("{}_id", field.name),
            dialect.id,
            &format!("references {parent} (id) on delete set null"),
        ));
    }
    if entity.config.custom_fields.store == CustomFieldStore::Jsonb {
        columns.push(Column::new("custom_fields", dialect.json, "not null default '{}'"));
    }
    columns.push(Column::new("created_at", dialect.instant, "not null"));
    columns.push(Column::new("updated_at", dialect.instant, "not null"));
    columns.push(Column::new("deleted_at", dialect.instant, ""));
    columns
}

fn create(entity: &Entity, dialect: Dialect) -> String {
    let table = entity.plural();
    let lines: String =
        columns(entity, dialect).iter().map(|column| format!("    {},\n", column.sql())).collect();
    let mut indexes: String = entity.config.relationships.keys().map(|link| index(&table, link)).collect();
    if is_eav(entity) {
        indexes += &trigger(&table, dialect);
    }
    format!(
        "-- {}, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table {table} (
{lines}    unique (tenant_id, connection_id, external_id)
{}
{indexes}",
        capitalised(&words(&table)),
        dialect.end
    )
}

/// The migration that brings row-level security, `0015_tenant_isolation.sql`: tables that were there it covers itself.
const ISOLATION: u32 = 15;

/// Keeps the table's tenants apart.
fn isolate(table: &str, dialect: Dialect, number: u32) -> String {
    if dialect.store == "postgres" && number > ISOLATION {
        format!("select hexsync_isolate('{table}');\n")
    } else {
        String::new()
    }
}

fn is_eav(entity: &Entity) -> bool {
    entity.config.custom_fields.store == CustomFieldStore::Eav
}

/// Removes the custom values of rows that are removed; see the migrations `0006_custom_fields.sql`.
fn trigger(table: &str, dialect: Dialect) -> String {
    let on = format!("create trigger {table}_custom_values after delete on {table}\n   ");
    if dialect.store == "postgres" {
        format!(
            "{on} referencing old table as removed for each statement execute function sync_remove_custom_values();\n"
        )
    } else {
        format!("{on} begin delete from custom_field_values where row_id = old.id; end;\n")
    }
}

fn index(table: &str, link: &str) -> String {
    format!("create index {table}_{link} on {table} ({link}_id);\n")
}

fn alter(entity: &Entity, added: &[&Column]) -> String {
    let table = entity.plural();
    let names: Vec<_> = added.iter().map(|column| format!("`{}`", column.name)).collect();
    let mut text = format!("-- {} of {}, new in entity.yaml.\n", names.join(", "), words(&table));
    for column in added {
        text += &format!("alter table {table} add column {};\n", column.sql());
    }
    for column in added {
        if let Some(link) = column.name.strip_suffix("_external_id").filter(|_| column.kind == "text") {
            text += &index(&table, link);
        }
    }
    text
}

#[cfg(test)]
mod tests;
