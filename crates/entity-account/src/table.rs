//! Where accounts are kept.

use sync_core::{CustomFieldPolicy, CustomFieldStore, LinkDef, TableDef, TableEntity};

/// The table `accounts`; its columns are in the migrations `0003_accounts.sql`.
pub const TABLE: TableDef = TableDef {
    name: "accounts",
    links: &[
        LinkDef { field: "parent", parent_entity: "account", parent_table: "accounts", required: false },
        LinkDef { field: "owner", parent_entity: "user", parent_table: "users", required: false },
    ],
    custom_fields: CustomFieldStore::Json,
    custom_field_policy: CustomFieldPolicy::EVOLVE,
};

impl TableEntity for crate::Account {
    const TABLE: TableDef = TABLE;
}
