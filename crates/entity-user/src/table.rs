//! Where users are kept.

use sync_core::{CustomFieldPolicy, CustomFieldStore, LinkDef, TableDef, TableEntity};

/// The table `users`; its columns are in the migrations `0002_users.sql`.
pub const TABLE: TableDef = TableDef {
    name: "users",
    links: &[LinkDef { field: "manager", parent_entity: "user", parent_table: "users", required: false }],
    custom_fields: CustomFieldStore::Json,
    custom_field_policy: CustomFieldPolicy::EVOLVE,
};

impl TableEntity for crate::User {
    const TABLE: TableDef = TABLE;
}
