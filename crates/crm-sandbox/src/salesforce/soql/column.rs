//! Field paths resolved to positions, once per query.

use std::borrow::Cow;

use super::super::model::{FieldType, Org, RecordId, Row, Table, Value};
use super::ast::Path;
use super::error::SoqlError;

/// Parent relationships in one path (provider limit).
const MAX_LEVELS: usize = 5;

/// What every part of an execution reads with.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) org: &'a Org,
    pub(super) now: i64,
    pub(super) include_deleted: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(org: &'a Org, include_deleted: bool) -> Self {
        Self { org, now: org.now_ms(), include_deleted }
    }

    /// The parent row that `reference` points to, among the tables it may point into.
    pub(super) fn parent<T>(
        self,
        row: &Row,
        reference: usize,
        targets: &'a [(usize, T)],
    ) -> Option<(&'a Table, &'a Row, RecordId, &'a T)> {
        let id = row.stored(reference).as_id()?;
        for (index, inner) in targets {
            let table = &self.org.tables()[*index];
            if (targets.len() == 1 || *table.def.key_prefix == *id.prefix())
                && let Some(parent) = table.visible(&id, self.now)
            {
                return (self.include_deleted || !parent.is_deleted()).then_some((table, parent, id, inner));
            }
        }
        None
    }
}

/// Where a value comes from, seen from a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Column {
    /// A field of the row.
    Own(usize),
    /// A field of the row's parent; several targets when the reference is polymorphic.
    Parent { reference: usize, targets: Vec<(usize, Column)> },
    /// The object name of a polymorphic parent: `What.Type`.
    Type(Box<str>),
}

impl Column {
    pub(super) fn read<'a>(&'a self, reader: Reader<'a>, table: &'a Table, row: &'a Row) -> Cow<'a, Value> {
        match self {
            Self::Own(field) => reader.org.value(table, row, *field, reader.now),
            Self::Type(object) => Cow::Owned(Value::Text(object.clone())),
            Self::Parent { reference, targets } => match reader.parent(row, *reference, targets) {
                Some((table, parent, _, column)) => column.read(reader, table, parent),
                None => Cow::Borrowed(&Value::Null),
            },
        }
    }
}

/// A column with what the rules for filters and sorting ask about its field.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) column: Column,
    pub(super) name: Box<str>,
    pub(super) field_type: FieldType,
    pub(super) filterable: bool,
    pub(super) sortable: bool,
    /// Whether text comparisons ignore case.
    pub(super) fold: bool,
}

/// The names a query may put before its fields, and the object they are looked up on.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) org: &'a Org,
    pub(super) table: usize,
    pub(super) alias: Option<&'a str>,
}

impl<'a> Scope<'a> {
    pub(super) fn table(self) -> &'a Table {
        &self.org.tables()[self.table]
    }

    /// The path without the alias or the object's own name in front.
    pub(super) fn strip(self, path: &Path) -> &[String] {
        let def = &self.table().def;
        let own = |name: &String| {
            self.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(name))
                || (def.name.eq_ignore_ascii_case(name) && def.relationship(name).is_none())
        };
        match path.0.as_slice() {
            [first, rest @ ..] if !rest.is_empty() && own(first) => rest,
            all => all,
        }
    }

    pub(super) fn resolve(self, path: &Path) -> Result<Resolved, SoqlError> {
        let parts = self.strip(path);
        if parts.len() > MAX_LEVELS + 1 {
            return Err(SoqlError::malformed(format!(
                "a field path can follow at most {MAX_LEVELS} relationships: {}",
                path.text()
            )));
        }
        resolve(self.org, self.table, parts)
    }
}

fn resolve(org: &Org, table: usize, parts: &[String]) -> Result<Resolved, SoqlError> {
    let def = &org.tables()[table].def;
    let (first, rest) = match parts {
        [] => return Err(SoqlError::unexpected("")),
        [only] => (only, &[][..]),
        [first, rest @ ..] => (first, rest),
    };
    if rest.is_empty() {
        let index = def.field_index(first).ok_or_else(|| SoqlError::no_column(first, &def.name))?;
        let field = &def.fields()[index];
        return Ok(Resolved {
            column: Column::Own(index),
            name: field.name.clone(),
            field_type: field.field_type,
            filterable: field.filterable,
            sortable: field.sortable,
            fold: !field.case_sensitive,
        });
    }
    let (reference, targets) = parents(org, table, first)?;
    if targets.len() > 1 && rest.len() == 1 && rest[0].eq_ignore_ascii_case("Type") {
        let typed = |index: &usize| (*index, Column::Type(org.tables()[*index].def.name.clone()));
        return Ok(Resolved {
            column: Column::Parent { reference, targets: targets.iter().map(typed).collect() },
            name: "Type".into(),
            field_type: FieldType::Picklist,
            filterable: true,
            sortable: true,
            fold: true,
        });
    }
    // A polymorphic reference offers what any of its targets has; elsewhere the value is null.
    let mut found: Option<Resolved> = None;
    let mut missing = SoqlError::no_relation(first, &def.name);
    let mut columns = Vec::new();
    for target in targets {
        match resolve(org, target, rest) {
            Ok(inner) => {
                columns.push((target, inner.column.clone()));
                found.get_or_insert(inner);
            }
            Err(error) => missing = error,
        }
    }
    let mut resolved = found.ok_or(missing)?;
    resolved.column = Column::Parent { reference, targets: columns };
    Ok(resolved)
}

/// The reference field behind a relationship name, and the tables it points into.
pub(super) fn parents(org: &Org, table: usize, relation: &str) -> Result<(usize, Vec<usize>), SoqlError> {
    let def = &org.tables()[table].def;
    let (reference, field) =
        def.relationship(relation).ok_or_else(|| SoqlError::no_relation(relation, &def.name))?;
    let targets = field.reference_to.iter().filter_map(|object| table_index(org, object)).collect();
    Ok((reference, targets))
}

pub(super) fn table_index(org: &Org, object: &str) -> Option<usize> {
    org.tables().iter().position(|table| table.def.name.eq_ignore_ascii_case(object))
}
