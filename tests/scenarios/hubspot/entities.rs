//! What an application might make of HubSpot's records, and the tables it keeps them in.

use async_trait::async_trait;
use e2e::store::{Backend, SqliteHome};
use provider_hubspot::{FromHubspot, HubspotRecord, RecordError};
use rust_decimal::Decimal;
use sqlx::AssertSqlSafe;
use sync_core::{
    Canonical, CustomFieldPolicy, CustomFieldStore, ExternalId, FieldKind, TableDef, TableEntity,
};
use sync_detection::FieldMapping;
use sync_memory::{MemorySink, MemoryStore};
use sync_sqlite::{SqliteStore, SqliteTableSink};
use sync_wiring::EntityStore;

use super::Object;

/// A contact.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "person", title = "email")]
pub(crate) struct Person {
    email: Option<String>,
    firstname: Option<String>,
    lastname: Option<String>,
    phone: Option<String>,
    jobtitle: Option<String>,
}

/// A deal.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "dealname")]
pub(crate) struct Deal {
    dealname: Option<String>,
    amount: Option<Decimal>,
    dealstage: Option<String>,
    hs_next_step: Option<String>,
    hs_projected_amount: Option<Decimal>,
    company_tier: Option<String>,
}

/// An association of a contact and a company.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "employment")]
pub(crate) struct Employment {
    contact: Option<ExternalId>,
    company: Option<ExternalId>,
    label: Option<String>,
    is_primary: Option<bool>,
}

impl FromHubspot for Person {
    const OBJECT: &'static str = Object::Contacts.name();

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("email", "email"),
            FieldMapping::new("firstname", "firstname"),
            FieldMapping::new("lastname", "lastname"),
            FieldMapping::new("phone", "phone"),
            FieldMapping::new("jobtitle", "jobtitle"),
        ];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            email: record.text("email")?,
            firstname: record.text("firstname")?,
            lastname: record.text("lastname")?,
            phone: record.text("phone")?,
            jobtitle: record.text("jobtitle")?,
        })
    }
}

impl FromHubspot for Deal {
    const OBJECT: &'static str = Object::Deals.name();

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("dealname", "dealname"),
            FieldMapping::new("amount", "amount"),
            FieldMapping::new("dealstage", "dealstage"),
            FieldMapping::new("hs_next_step", "hs_next_step"),
            FieldMapping::new("hs_projected_amount", "hs_projected_amount"),
            FieldMapping::new("company_tier", "company_tier"),
        ];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            dealname: record.text("dealname")?,
            amount: record.decimal("amount")?,
            dealstage: record.text("dealstage")?,
            hs_next_step: record.text("hs_next_step")?,
            hs_projected_amount: record.decimal("hs_projected_amount")?,
            company_tier: record.text("company_tier")?,
        })
    }
}

impl FromHubspot for Employment {
    const OBJECT: &'static str = Object::Employments.name();

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("from", "contact"),
            FieldMapping::new("to", "company"),
            FieldMapping::new("label", "label"),
            FieldMapping::new("primary", "is_primary"),
        ];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            contact: record.link("from")?,
            company: record.link("to")?,
            label: record.text("label")?,
            is_primary: record.boolean("primary")?,
        })
    }
}

const fn table(name: &'static str) -> TableDef {
    TableDef {
        name,
        links: &[],
        custom_fields: CustomFieldStore::None,
        custom_field_policy: CustomFieldPolicy::EVOLVE,
    }
}

impl TableEntity for Person {
    const TABLE: TableDef = table("people");
}

impl TableEntity for Deal {
    const TABLE: TableDef = table("deals");
}

impl TableEntity for Employment {
    const TABLE: TableDef = table("employments");
}

macro_rules! kept {
    ($($entity:ty),+) => {
        $(
            impl EntityStore<$entity> for MemoryStore {
                type Sink = MemorySink<$entity>;

                fn sink(&self) -> Self::Sink {
                    MemorySink::new(self, &<$entity as TableEntity>::TABLE)
                }
            }

            impl EntityStore<$entity> for SqliteStore {
                type Sink = SqliteTableSink<$entity>;

                fn sink(&self) -> Self::Sink {
                    SqliteTableSink::new(<$entity as TableEntity>::TABLE)
                }
            }
        )+
    };
}

kept!(Person, Deal, Employment);

/// A store that has tables for the entities of these scenarios.
#[async_trait]
pub(crate) trait Keeps:
    Backend + EntityStore<Person> + EntityStore<Deal> + EntityStore<Employment>
{
    /// Makes the tables, where a store needs any.
    async fn make_tables(home: &Self::Home);
}

#[async_trait]
impl Keeps for MemoryStore {
    async fn make_tables(_: &Self::Home) {}
}

#[async_trait]
impl Keeps for SqliteStore {
    async fn make_tables(home: &SqliteHome) {
        let mut connection = home.connection().await;
        for sql in [create_table::<Person>(), create_table::<Deal>(), create_table::<Employment>()] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the table can be made");
        }
    }
}

/// What a migration of the application would hold.
fn create_table<T: TableEntity>() -> String {
    let kind = |kind| match kind {
        FieldKind::Bool | FieldKind::Int => "integer",
        _ => "text",
    };
    let columns = T::FIELDS.iter().enumerate();
    let columns: String =
        columns.map(|(n, field)| format!("{} {}, ", T::TABLE.column::<T>(n), kind(field.kind))).collect();
    format!(
        "create table {} (id text primary key, tenant_id text not null default '', connection_id text not null, \
         external_id text not null, provider text not null, remote_version integer, {columns}\
         created_at text not null, updated_at text not null, deleted_at text, \
         unique (tenant_id, connection_id, external_id)) strict",
        T::TABLE.name
    )
}
