//! The shape of an entity's table, as data that every SQL store reads alike.

use crate::{Canonical, CustomFieldPolicy, FieldKind};

/// A table that holds one entity.
///
/// Beside the columns of the canonical fields (same names; a link field `account` becomes
/// `account_external_id` and, where it is bound, `account_id`), every such table has: `id` (UUID, primary key),
/// `tenant_id`, `connection_id`, `external_id` (unique together), `provider`, `remote_version`, `created_at`,
/// `updated_at`, `deleted_at`; with [`CustomFieldStore::Json`] also `custom_fields`, with [`CustomFieldStore::Eav`] the
/// trigger that the migrations `0006_custom_fields.sql` describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDef {
    /// The table's name, e.g. `opportunities`.
    pub name: &'static str,
    /// The links that are bound to another table's `id`.
    pub links: &'static [LinkDef],
    /// Where the fields that customers added are kept.
    pub custom_fields: CustomFieldStore,
    /// Which of them are taken, and what happens when one of them changes upstream.
    pub custom_field_policy: CustomFieldPolicy,
}

/// Where a table keeps the fields that customers added in their CRM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CustomFieldStore {
    /// Nowhere: the entity has no [`CustomFields`](crate::CustomFields).
    #[default]
    None,
    /// In the row's own column `custom_fields`, as one JSON object.
    Json,
    /// As entity, attribute, value: a definition per field and a typed value row per record and field, in the tables
    /// `custom_field_definitions` and `custom_field_values`. Why: docs/decisions/0005-custom-fields.md.
    Eav,
}

/// An entity that is kept in a table.
pub trait TableEntity: Canonical {
    /// The table.
    const TABLE: TableDef;
}

/// A link of a row to a parent row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkDef {
    /// The canonical field that holds the parent's external id, of kind [`FieldKind::Link`].
    pub field: &'static str,
    /// The parent's entity.
    pub parent_entity: &'static str,
    /// The parent's table.
    pub parent_table: &'static str,
    /// Whether a row without its parent is a failure instead of waiting for it.
    pub required: bool,
}

impl LinkDef {
    /// The column of the parent's external id.
    #[must_use]
    pub fn external_column(&self) -> String {
        format!("{}_external_id", self.field)
    }

    /// The column of the parent's local id.
    #[must_use]
    pub fn id_column(&self) -> String {
        format!("{}_id", self.field)
    }
}

impl TableDef {
    /// The column that holds a canonical field.
    #[must_use]
    pub fn column<T: Canonical>(&self, field: usize) -> String {
        let def = T::FIELDS[field];
        match def.kind {
            FieldKind::Link => format!("{}_external_id", def.name),
            _ => def.name.to_owned(),
        }
    }

    /// The link of a canonical field, if it is one that is bound.
    #[must_use]
    pub fn link<T: Canonical>(&self, field: usize) -> Option<&'static LinkDef> {
        self.links.iter().find(|link| link.field == T::FIELDS[field].name)
    }
}
