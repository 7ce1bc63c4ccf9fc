//! How Salesforce's `Contact` becomes a contact.

use provider_salesforce::{FromSalesforce, RecordError, SalesforceRecord};
use sync_core::CustomFields;
use sync_detection::FieldMapping;

use crate::Contact;

const MAPPING: &[FieldMapping] = &[
    FieldMapping::new("Name", "name"),
    FieldMapping::new("FirstName", "first_name"),
    FieldMapping::new("LastName", "last_name"),
    FieldMapping::new("Email", "email"),
    FieldMapping::new("Phone", "phone"),
    FieldMapping::new("MobilePhone", "mobile_phone"),
    FieldMapping::new("Title", "title"),
    FieldMapping::new("Department", "department"),
    FieldMapping::new("LeadSource", "lead_source"),
    FieldMapping::new("Birthdate", "birthdate"),
    FieldMapping::new("HasOptedOutOfEmail", "opted_out_of_email"),
    FieldMapping::new("MailingAddress.city", "mailing_city"),
    FieldMapping::new("MailingAddress.country", "mailing_country"),
    FieldMapping::new("AccountId", "account"),
    FieldMapping::new("OwnerId", "owner"),
];

impl FromSalesforce for Contact {
    const OBJECT: &'static str = "Contact";

    fn mapping() -> &'static [FieldMapping] {
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("Name")?,
            first_name: record.text("FirstName")?,
            last_name: record.text("LastName")?,
            email: record.text("Email")?,
            phone: record.text("Phone")?,
            mobile_phone: record.text("MobilePhone")?,
            title: record.text("Title")?,
            department: record.text("Department")?,
            lead_source: record.text("LeadSource")?,
            birthdate: record.date("Birthdate")?,
            opted_out_of_email: record.boolean("HasOptedOutOfEmail")?,
            mailing_city: record.text("MailingAddress.city")?,
            mailing_country: record.text("MailingAddress.country")?,
            account: record.link("AccountId")?,
            owner: record.link("OwnerId")?,
            custom: CustomFields::default(),
        })
    }
}
