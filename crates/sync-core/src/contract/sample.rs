//! The entities of the suites.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::{Canonical, CustomFieldPolicy, CustomFieldStore, CustomFields, ExternalId, LinkDef, TableDef};

/// A record with a field of every kind, custom fields and a link to a [`SampleParent`].
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "sample", title = "name")]
pub struct Sample {
    /// Text, and the title.
    pub name: Option<String>,
    /// A flag that is never empty.
    pub active: bool,
    /// A whole number.
    pub amount: Option<i64>,
    /// An exact decimal.
    pub price: Option<Decimal>,
    /// A day.
    pub day: Option<NaiveDate>,
    /// An instant.
    pub moment: Option<DateTime<Utc>>,
    /// Something structured.
    pub details: Option<Json>,
    /// The parent's external id.
    pub parent: Option<ExternalId>,
    /// Custom fields.
    #[canonical(custom)]
    pub custom: CustomFields,
}

/// A record to which others link, itself in a tree.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "sample_parent", title = "name")]
pub struct SampleParent {
    /// Its name.
    pub name: Option<String>,
    /// Its own parent's external id.
    pub parent: Option<ExternalId>,
}

/// The table of [`Sample`]: `name` text, `active` bool, `amount` bigint, `price` numeric, `day` date, `moment`
/// instant, `details` json, `parent_external_id` text, `parent_id` → `sample_parents(id)`, `custom_fields`, and
/// what every table has ([`TableDef`]).
pub const SAMPLES: TableDef = samples("samples", CustomFieldStore::Json, false);

/// The same table for a sink that fails rows whose parent has not arrived.
pub const SAMPLES_WITH_REQUIRED_PARENT: TableDef = samples("samples", CustomFieldStore::Json, true);

/// The same table after custom fields moved out of it: what its column `custom_fields` still holds was not projected.
pub const SWITCHED_SAMPLES: TableDef = samples("samples", CustomFieldStore::Eav, false);

/// A table like [`SAMPLES`] without `custom_fields`, for [`Eav`](super::Eav).
pub const EAV_SAMPLES: TableDef = samples("eav_samples", CustomFieldStore::Eav, false);

/// The same table for a sink that fails rows whose parent has not arrived.
pub const EAV_SAMPLES_WITH_REQUIRED_PARENT: TableDef = samples("eav_samples", CustomFieldStore::Eav, true);

/// The table of [`SampleParent`]: `name` text, `parent_external_id` text, `parent_id` → `sample_parents(id)`, and
/// what every table has ([`TableDef`]) except custom fields.
pub const SAMPLE_PARENTS: TableDef = TableDef {
    name: "sample_parents",
    links: &[link(false)],
    custom_fields: CustomFieldStore::None,
    custom_field_policy: CustomFieldPolicy::EVOLVE,
};

const fn samples(name: &'static str, custom_fields: CustomFieldStore, required: bool) -> TableDef {
    const LINKS: [&[LinkDef]; 2] = [&[link(false)], &[link(true)]];
    let links = LINKS[required as usize];
    TableDef { name, links, custom_fields, custom_field_policy: CustomFieldPolicy::EVOLVE }
}

const fn link(required: bool) -> LinkDef {
    LinkDef { field: "parent", parent_entity: "sample_parent", parent_table: "sample_parents", required }
}
