//! How Salesforce's `User` becomes a user.

use provider_salesforce::{FromSalesforce, RecordError, SalesforceRecord};
use sync_core::CustomFields;
use sync_detection::FieldMapping;

use crate::User;

const MAPPING: &[FieldMapping] = &[
    FieldMapping::new("Name", "name"),
    FieldMapping::new("Email", "email"),
    FieldMapping::new("Username", "username"),
    FieldMapping::new("Title", "title"),
    FieldMapping::new("Department", "department"),
    FieldMapping::new("IsActive", "active"),
    FieldMapping::new("TimeZoneSidKey", "time_zone"),
    FieldMapping::new("ManagerId", "manager"),
];

impl FromSalesforce for User {
    const OBJECT: &'static str = "User";

    fn mapping() -> &'static [FieldMapping] {
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("Name")?,
            email: record.text("Email")?,
            username: record.text("Username")?,
            title: record.text("Title")?,
            department: record.text("Department")?,
            active: record.boolean("IsActive")?,
            time_zone: record.text("TimeZoneSidKey")?,
            manager: record.link("ManagerId")?,
            custom: CustomFields::default(),
        })
    }
}
