//! Where contacts are kept.

use sync_core::{CustomFieldPolicy, CustomFieldStore, LinkDef, TableDef, TableEntity};

/// The table `contacts`; its columns are in the migrations `0004_contacts.sql`.
pub const TABLE: TableDef = TableDef {
    name: "contacts",
    links: &[
        LinkDef { field: "account", parent_entity: "account", parent_table: "accounts", required: false },
        LinkDef { field: "owner", parent_entity: "user", parent_table: "users", required: false },
    ],
    custom_fields: CustomFieldStore::Json,
    custom_field_policy: CustomFieldPolicy::EVOLVE,
};

impl TableEntity for crate::Contact {
    const TABLE: TableDef = TABLE;
}
