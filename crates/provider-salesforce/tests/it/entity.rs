//! The entity that the tests read.

use chrono::NaiveDate;
use provider_salesforce::{FromSalesforce, RecordError, SalesforceRecord};
use sync_core::{Canonical, CustomFields, ExternalId};
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
