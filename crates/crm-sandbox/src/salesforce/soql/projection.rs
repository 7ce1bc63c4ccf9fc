//! The `SELECT` list with names resolved and JSON keys written out in advance.

use std::collections::{HashMap, HashSet};

use super::super::model::{FieldType, ObjectDef, Org, RecordId, write_json_string};
use super::ast::{FieldsKind, Path, Query, SelectItem};
use super::column::{Reader, Scope, parents, table_index};
use super::error::SoqlError;
use super::plan::Plan;

/// Where row URLs start. The version is the one the simulator documents itself with.
const SOBJECTS: &str = "/services/data/v66.0/sobjects";
/// Parent relationships and child subqueries of one query (provider limits).
const MAX_PARENTS: usize = 55;
const MAX_CHILDREN: usize = 20;
/// Rows that `FIELDS(ALL)` and `FIELDS(CUSTOM)` may ask for (provider limit).
const MAX_FIELDS_ROWS: u64 = 200;

/// What is written of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Projection {
    /// Everything in front of the id in `attributes.url`.
    pub(super) head: Box<[u8]>,
    pub(super) items: Vec<Item>,
}

/// One key of a record, its quoted name and colon included.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Field { key: Box<[u8]>, field: usize, boolean: bool },
    Fixed(Box<[u8]>),
    Parent { key: Box<[u8]>, reference: usize, targets: Vec<(usize, Projection)> },
    Children { key: Box<[u8]>, set: usize },
}

/// The answer to one parent-to-child subquery, for all parents at once.
#[derive(Debug)]
pub(super) struct Children {
    pub(super) table: usize,
    pub(super) projection: Projection,
    pub(super) by_parent: HashMap<RecordId, Vec<RecordId>>,
}

/// Compiles the list and answers its subqueries.
pub(super) fn project(
    scope: Scope<'_>,
    reader: Reader<'_>,
    query: &Query,
) -> Result<(Projection, Vec<Children>), SoqlError> {
    let mut builder = Builder { scope, seen: HashSet::new(), entries: Vec::new() };
    let mut children = Vec::new();
    for item in &query.select {
        match item {
            SelectItem::Field(path, _) => builder.path(path)?,
            SelectItem::Fields(kind) => builder.fields(*kind, query.limit)?,
            SelectItem::Children(inner) => {
                let (name, set) = subquery(scope, reader, inner)?;
                builder.entries.push(Entry::Children(name, children.len()));
                children.push(set);
            }
            SelectItem::Aggregate(..) => {
                return Err(SoqlError::malformed("aggregates need a grouped query"));
            }
        }
    }
    if children.len() > MAX_CHILDREN {
        return Err(SoqlError::malformed(format!("a query can hold at most {MAX_CHILDREN} subqueries")));
    }
    if Entry::relations(&builder.entries) > MAX_PARENTS {
        return Err(SoqlError::malformed(format!("a query can follow at most {MAX_PARENTS} relationships")));
    }
    Ok((projection(scope.org, scope.table, &builder.entries, false)?, children))
}

/// The list as a tree, so that fields of one parent share one object.
enum Entry {
    Leaf(String),
    Relation(String, Vec<Entry>),
    Children(Box<str>, usize),
}

impl Entry {
    fn insert(entries: &mut Vec<Entry>, path: &[String]) {
        match path {
            [] => {}
            [leaf] => entries.push(Self::Leaf(leaf.clone())),
            [relation, rest @ ..] => {
                let known = entries.iter().position(
                    |entry| matches!(entry, Self::Relation(name, _) if name.eq_ignore_ascii_case(relation)),
                );
                let at = known.unwrap_or(entries.len());
                if known.is_none() {
                    entries.push(Self::Relation(relation.clone(), Vec::new()));
                }
                if let Some(Self::Relation(_, inner)) = entries.get_mut(at) {
                    Self::insert(inner, rest);
                }
            }
        }
    }

    fn relations(entries: &[Entry]) -> usize {
        let count = |entry: &Entry| match entry {
            Self::Relation(_, inner) => 1 + Self::relations(inner),
            _ => 0,
        };
        entries.iter().map(count).sum()
    }
}

struct Builder<'a> {
    scope: Scope<'a>,
    seen: HashSet<String>,
    entries: Vec<Entry>,
}

impl Builder<'_> {
    fn path(&mut self, path: &Path) -> Result<(), SoqlError> {
        self.scope.resolve(path)?;
        let parts = self.scope.strip(path);
        if !self.seen.insert(parts.join(".").to_ascii_lowercase()) {
            return Err(SoqlError::field(format!("duplicate field selected: {}", path.text())));
        }
        Entry::insert(&mut self.entries, parts);
        Ok(())
    }

    fn fields(&mut self, kind: FieldsKind, limit: Option<u64>) -> Result<(), SoqlError> {
        if kind != FieldsKind::Standard && limit.is_none_or(|limit| limit > MAX_FIELDS_ROWS) {
            return Err(SoqlError::malformed(format!(
                "The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_ROWS}"
            )));
        }
        let def = &self.scope.table().def;
        let names: Vec<_> = def
            .visible_fields()
            .filter(|(_, field)| match kind {
                FieldsKind::All => true,
                FieldsKind::Standard => !field.custom,
                FieldsKind::Custom => field.custom,
            })
            .map(|(_, field)| Path(vec![field.name.to_string()]))
            .collect();
        names.iter().try_for_each(|name| self.path(name))
    }
}

/// Resolves a tree against a table. A lenient one comes from a polymorphic reference, whose other
/// targets have the fields that are missing here.
fn projection(org: &Org, table: usize, entries: &[Entry], lenient: bool) -> Result<Projection, SoqlError> {
    let def = &org.tables()[table].def;
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        items.push(match entry {
            Entry::Leaf(name) if lenient && name.eq_ignore_ascii_case("Type") => {
                let mut json = key("Type");
                write_json_string(&def.name, &mut json);
                Item::Fixed(json.into())
            }
            Entry::Leaf(name) => match def.field_index(name) {
                Some(field) => field_item(def, field),
                None if lenient => Item::Fixed([&*key(name), b"null"].concat().into()),
                None => return Err(SoqlError::no_column(name, &def.name)),
            },
            Entry::Relation(name, inner) => match parents(org, table, name) {
                Ok((reference, targets)) => {
                    let several = targets.len() > 1;
                    let spelt = def.fields()[reference].relationship_name.as_deref().unwrap_or(name);
                    let targets = targets.into_iter().map(|target| {
                        Ok::<_, SoqlError>((target, projection(org, target, inner, several || lenient)?))
                    });
                    Item::Parent {
                        key: key(spelt).into(),
                        reference,
                        targets: targets.collect::<Result<_, _>>()?,
                    }
                }
                Err(_) if lenient => Item::Fixed([&*key(name), b"null"].concat().into()),
                Err(error) => return Err(error),
            },
            Entry::Children(name, set) => Item::Children { key: key(name).into(), set: *set },
        });
    }
    let name = &def.name;
    let head = format!("{{\"attributes\":{{\"type\":\"{name}\",\"url\":\"{SOBJECTS}/{name}/");
    Ok(Projection { head: head.into_bytes().into(), items })
}

fn field_item(def: &ObjectDef, field: usize) -> Item {
    let found = &def.fields()[field];
    Item::Field { key: key(&found.name).into(), field, boolean: found.field_type == FieldType::Boolean }
}

/// `"Name":`
pub(super) fn key(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    write_json_string(name, &mut out);
    out.push(b':');
    out
}

/// Answers a subquery in one pass over the child table, whatever the number of parents.
fn subquery(scope: Scope<'_>, reader: Reader<'_>, query: &Query) -> Result<(Box<str>, Children), SoqlError> {
    let (table, reference, name) = child_relation(scope, &query.object)?;
    let inner = Scope { org: scope.org, table, alias: query.alias.as_deref() };
    let plan = Plan::new(inner, reader, query)?;
    let (projection, _) = project(inner, reader, query)?;
    let mut by_parent: HashMap<RecordId, Vec<RecordId>> = HashMap::new();
    for id in plan.uncut_ids(reader) {
        let row = inner.table().visible(&id, reader.now);
        if let Some(parent) = row.and_then(|row| row.stored(reference).as_id()) {
            by_parent.entry(parent).or_default().push(id);
        }
    }
    for ids in by_parent.values_mut() {
        *ids = plan.cut(std::mem::take(ids));
    }
    Ok((name, Children { table, projection, by_parent }))
}

/// The child table, its reference field, and the relationship's defined spelling.
fn child_relation(scope: Scope<'_>, relation: &str) -> Result<(usize, usize, Box<str>), SoqlError> {
    let parent = &scope.table().def.name;
    for table in scope.org.tables() {
        for (index, field) in table.def.visible_fields() {
            if let Some(name) = &field.child_relationship_name
                && name.eq_ignore_ascii_case(relation)
                && field.reference_to.iter().any(|object| object == parent)
                && let Some(child) = table_index(scope.org, &table.def.name)
            {
                return Ok((child, index, name.clone()));
            }
        }
    }
    Err(SoqlError {
        code: "INVALID_TYPE",
        message: format!("Didn't understand relationship '{relation}' in FROM part of query call."),
    })
}
