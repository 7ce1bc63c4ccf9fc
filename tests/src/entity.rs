//! The entities as these tests know them: which column comes from which remote field, written down apart from the
//! provider's mapping, so that a mistake there is seen here.

use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use entity_user::User;
use provider_salesforce::FromSalesforce;
use sync_core::TableEntity;

/// An entity with its table and the remote fields behind its own.
pub trait Entity: FromSalesforce + TableEntity {
    /// Field and remote field, for every field.
    const REMOTE: &'static [(&'static str, &'static str)];
    /// Remote custom fields that change without the record, because they come from its parent. A poll can't see
    /// that.
    const DRIFTING: &'static [&'static str];
}

impl Entity for User {
    const REMOTE: &'static [(&'static str, &'static str)] = &[
        ("name", "Name"),
        ("email", "Email"),
        ("username", "Username"),
        ("title", "Title"),
        ("department", "Department"),
        ("active", "IsActive"),
        ("time_zone", "TimeZoneSidKey"),
        ("manager", "ManagerId"),
    ];
    const DRIFTING: &'static [&'static str] = &[];
}

impl Entity for Account {
    const REMOTE: &'static [(&'static str, &'static str)] = &[
        ("name", "Name"),
        ("kind", "Type"),
        ("industry", "Industry"),
        ("annual_revenue", "AnnualRevenue"),
        ("employees", "NumberOfEmployees"),
        ("phone", "Phone"),
        ("website", "Website"),
        ("billing_street", "BillingStreet"),
        ("billing_city", "BillingCity"),
        ("billing_state", "BillingState"),
        ("billing_postal_code", "BillingPostalCode"),
        ("billing_country", "BillingCountry"),
        ("parent", "ParentId"),
        ("owner", "OwnerId"),
    ];
    const DRIFTING: &'static [&'static str] = &[];
}

impl Entity for Contact {
    const REMOTE: &'static [(&'static str, &'static str)] = &[
        ("name", "Name"),
        ("first_name", "FirstName"),
        ("last_name", "LastName"),
        ("email", "Email"),
        ("phone", "Phone"),
        ("mobile_phone", "MobilePhone"),
        ("title", "Title"),
        ("department", "Department"),
        ("lead_source", "LeadSource"),
        ("birthdate", "Birthdate"),
        ("opted_out_of_email", "HasOptedOutOfEmail"),
        ("mailing_city", "MailingCity"),
        ("mailing_country", "MailingCountry"),
        ("account", "AccountId"),
        ("owner", "OwnerId"),
    ];
    const DRIFTING: &'static [&'static str] = &[];
}

impl Entity for Opportunity {
    const REMOTE: &'static [(&'static str, &'static str)] = &[
        ("name", "Name"),
        ("stage", "StageName"),
        ("amount", "Amount"),
        ("probability", "Probability"),
        ("close_date", "CloseDate"),
        ("closed", "IsClosed"),
        ("won", "IsWon"),
        ("kind", "Type"),
        ("lead_source", "LeadSource"),
        ("next_step", "NextStep"),
        ("account", "AccountId"),
        ("owner", "OwnerId"),
    ];
    const DRIFTING: &'static [&'static str] = &["Account_Rating__c"];
}
