//! Where opportunities are kept.

use sync_core::{CustomFieldPolicy, CustomFieldStore, LinkDef, TableDef, TableEntity};

/// The table `opportunities`; its columns are in the migrations `0005_opportunities.sql`.
pub const TABLE: TableDef = TableDef {
    name: "opportunities",
    links: &[
        LinkDef { field: "account", parent_entity: "account", parent_table: "accounts", required: false },
        LinkDef { field: "owner", parent_entity: "user", parent_table: "users", required: false },
    ],
    custom_fields: CustomFieldStore::Json,
    custom_field_policy: CustomFieldPolicy::EVOLVE,
};

impl TableEntity for crate::Opportunity {
    const TABLE: TableDef = TABLE;
}
