//! The entity that the tests read.

use chrono::NaiveDate;
use provider_salesforce::{FromSalesforce, RecordError, SalesforceRecord, ToSalesforce};
use sync_core::{Canonical, ConflictPolicy, CustomFields, ExternalId};
use sync_detection::FieldMapping;

type Decimal = rust_decimal::Decimal;

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "opportunity", title = "name")]
pub(crate) struct Opportunity {
    pub(crate) name: Option<String>,
    pub(crate) stage: Option<String>,
    pub(crate) amount: Option<Decimal>,
    pub(crate) close_date: Option<NaiveDate>,
    pub(crate) account: Option<ExternalId>,
    pub(crate) account_name: Option<String>,
    #[canonical(custom)]
    pub(crate) custom: CustomFields,
}

impl FromSalesforce for Opportunity {
    const OBJECT: &'static str = "Opportunity";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("Name", "name"),
            FieldMapping::new("StageName", "stage"),
            FieldMapping::new("Amount", "amount"),
            FieldMapping::new("CloseDate", "close_date"),
            FieldMapping::new("AccountId", "account"),
            FieldMapping::new("Account.Name", "account_name"),
        ];
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("Name")?,
            stage: record.text("StageName")?,
            amount: record.decimal("Amount")?,
            close_date: record.date("CloseDate")?,
            account: record.link("AccountId")?,
            account_name: record.text("Account.Name")?,
            custom: CustomFields::default(),
        })
    }
}

impl ToSalesforce for Opportunity {
    const KEY: Option<&'static str> = Some("Hexsync_Key__c");
    const CONFLICTS: ConflictPolicy = ConflictPolicy::ASK;
}

/// What can be written in every way: parts of a compound, several kinds, and a field that the mapping keeps from it.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "account", title = "name")]
pub(crate) struct Account {
    pub(crate) name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) employees: Option<i64>,
    pub(crate) revenue: Option<Decimal>,
    pub(crate) city: Option<String>,
    pub(crate) created: Option<chrono::DateTime<chrono::Utc>>,
    pub(crate) kind: Option<String>,
    pub(crate) parent: Option<ExternalId>,
    #[canonical(custom)]
    pub(crate) custom: CustomFields,
}

impl FromSalesforce for Account {
    const OBJECT: &'static str = "Account";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("Name", "name"),
            FieldMapping::new("Phone", "phone"),
            FieldMapping::new("NumberOfEmployees", "employees"),
            FieldMapping::new("AnnualRevenue", "revenue"),
            FieldMapping::new("BillingAddress.city", "city"),
            FieldMapping::new("CreatedDate", "created"),
            FieldMapping::new("Type", "kind").read_only(),
            FieldMapping::new("ParentId", "parent"),
        ];
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("Name")?,
            phone: record.text("Phone")?,
            employees: record.integer("NumberOfEmployees")?,
            revenue: record.decimal("AnnualRevenue")?,
            city: record.text("BillingAddress.city")?,
            created: record.instant("CreatedDate")?,
            kind: record.text("Type")?,
            parent: record.link("ParentId")?,
            custom: CustomFields::default(),
        })
    }
}

impl ToSalesforce for Account {
    const KEY: Option<&'static str> = Some("Hexsync_Key__c");
    const CONFLICTS: ConflictPolicy = ConflictPolicy::ASK;
}
