//! A table's columns, in the order in which every statement names them.

use sync_core::{Canonical, CustomFieldStore, ExternalId, TableDef, field_index};

use super::quoted;
use crate::copy::{self, Column, ColumnType};

/// The columns of one table.
pub(super) struct Columns {
    /// The table's name.
    pub(super) name: &'static str,
    /// The table's name as SQL takes it.
    pub(super) table: String,
    /// The canonical fields, in their order.
    pub(super) fields: Vec<FieldColumn>,
    /// The columns of the parents' local ids, in the order of the table's links.
    pub(super) link_ids: Vec<String>,
    /// Whether there is a `custom_fields` column.
    pub(super) custom: bool,
}

/// The column of one canonical field.
pub(super) struct FieldColumn {
    /// The field's name.
    pub(super) field: &'static str,
    /// The column's name as SQL takes it.
    pub(super) column: String,
    /// The column's type.
    pub(super) r#type: ColumnType,
    /// Whether the field can be empty.
    pub(super) nullable: bool,
}

impl Columns {
    pub(super) fn of<T: Canonical>(def: &TableDef) -> Self {
        let field = |(i, field): (usize, &sync_core::FieldDef)| FieldColumn {
            field: field.name,
            column: quoted(&def.column::<T>(i)),
            r#type: ColumnType::of(field.kind),
            nullable: field.nullable,
        };
        let links = def.links.iter().filter(|link| field_index::<T>(link.field).is_some());
        Self {
            name: def.name,
            table: quoted(def.name),
            fields: T::FIELDS.iter().enumerate().map(field).collect(),
            link_ids: links.map(|link| quoted(&link.id_column())).collect(),
            custom: def.custom_fields == CustomFieldStore::Json,
        }
    }

    /// The columns that hold what a record says, with their types: fields, parents' ids, custom fields.
    pub(super) fn contents(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        let fields = self.fields.iter().map(|field| (field.column.as_str(), field.r#type));
        let link_ids = self.link_ids.iter().map(|column| (column.as_str(), ColumnType::Uuid));
        let custom = self.custom.then_some(("custom_fields", ColumnType::Jsonb));
        fields.chain(link_ids).chain(custom)
    }
}

/// Keys for `external_id = any(…)`. An id with a NUL can't be in a table, so it is not asked for.
pub(super) fn keys<'a>(ids: impl ExactSizeIterator<Item = &'a ExternalId>) -> Column {
    let mut keys = Column::new(ColumnType::Text, ids.len());
    for id in ids.map(ExternalId::as_str).filter(|id| !id.contains('\0')) {
        copy::text(keys.next(), id);
    }
    keys
}
