//! How Salesforce's `Account` becomes an account.

use provider_salesforce::{FromSalesforce, RecordError, SalesforceRecord};
use sync_core::CustomFields;
use sync_detection::FieldMapping;

use crate::Account;

const MAPPING: &[FieldMapping] = &[
    FieldMapping::new("Name", "name"),
    FieldMapping::new("Type", "kind"),
    FieldMapping::new("Industry", "industry"),
    FieldMapping::new("AnnualRevenue", "annual_revenue"),
    FieldMapping::new("NumberOfEmployees", "employees"),
    FieldMapping::new("Phone", "phone"),
    FieldMapping::new("Website", "website"),
    FieldMapping::new("BillingAddress.street", "billing_street"),
    FieldMapping::new("BillingAddress.city", "billing_city"),
    FieldMapping::new("BillingAddress.state", "billing_state"),
    FieldMapping::new("BillingAddress.postalCode", "billing_postal_code"),
    FieldMapping::new("BillingAddress.country", "billing_country"),
    FieldMapping::new("ParentId", "parent"),
    FieldMapping::new("OwnerId", "owner"),
];

impl FromSalesforce for Account {
    const OBJECT: &'static str = "Account";

    fn mapping() -> &'static [FieldMapping] {
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("Name")?,
            kind: record.text("Type")?,
            industry: record.text("Industry")?,
            annual_revenue: record.decimal("AnnualRevenue")?,
            employees: record.integer("NumberOfEmployees")?,
            phone: record.text("Phone")?,
            website: record.text("Website")?,
            billing_street: record.text("BillingAddress.street")?,
            billing_city: record.text("BillingAddress.city")?,
            billing_state: record.text("BillingAddress.state")?,
            billing_postal_code: record.text("BillingAddress.postalCode")?,
            billing_country: record.text("BillingAddress.country")?,
            parent: record.link("ParentId")?,
            owner: record.link("OwnerId")?,
            custom: CustomFields::default(),
        })
    }
}
