//! How Salesforce's `Opportunity` becomes an opportunity.

use provider_salesforce::{FromSalesforce, RecordError, SalesforceRecord};
use sync_core::CustomFields;
use sync_detection::FieldMapping;

use crate::Opportunity;

const MAPPING: &[FieldMapping] = &[
    FieldMapping::new("Name", "name"),
    FieldMapping::new("StageName", "stage"),
    FieldMapping::new("Amount", "amount"),
    FieldMapping::new("Probability", "probability"),
    FieldMapping::new("CloseDate", "close_date"),
    FieldMapping::new("IsClosed", "closed"),
    FieldMapping::new("IsWon", "won"),
    FieldMapping::new("Type", "kind"),
    FieldMapping::new("LeadSource", "lead_source"),
    FieldMapping::new("NextStep", "next_step"),
    FieldMapping::new("AccountId", "account"),
    FieldMapping::new("OwnerId", "owner"),
];

impl FromSalesforce for Opportunity {
    const OBJECT: &'static str = "Opportunity";

    fn mapping() -> &'static [FieldMapping] {
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("Name")?,
            stage: record.text("StageName")?,
            amount: record.decimal("Amount")?,
            probability: record.decimal("Probability")?,
            close_date: record.date("CloseDate")?,
            closed: record.boolean("IsClosed")?,
            won: record.boolean("IsWon")?,
            kind: record.text("Type")?,
            lead_source: record.text("LeadSource")?,
            next_step: record.text("NextStep")?,
            account: record.link("AccountId")?,
            owner: record.link("OwnerId")?,
            custom: CustomFields::default(),
        })
    }
}
