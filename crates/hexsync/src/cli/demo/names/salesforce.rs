//! Salesforce's names.

use super::{Name, Names, name};

/// All entities of the demo.
pub(super) const ALL: &[Names] = &[
    Names { entity: "user", object: "User", fields: USER },
    Names { entity: "account", object: "Account", fields: ACCOUNT },
    Names { entity: "contact", object: "Contact", fields: CONTACT },
    Names { entity: "opportunity", object: "Opportunity", fields: OPPORTUNITY },
    Names { entity: "opportunity_contact", object: "OpportunityContactRole", fields: OPPORTUNITY_CONTACT },
    Names { entity: "project", object: "Project__c", fields: PROJECT },
];

const USER: &[Name] = &[
    name("Name", "name"),
    name("Email", "email"),
    name("Username", "username"),
    name("Title", "title"),
    name("Department", "department"),
    name("IsActive", "active"),
    name("TimeZoneSidKey", "time_zone"),
    name("ManagerId", "manager"),
];

const ACCOUNT: &[Name] = &[
    name("Name", "name"),
    name("Type", "kind"),
    name("Industry", "industry"),
    name("AnnualRevenue", "annual_revenue"),
    name("NumberOfEmployees", "employees"),
    name("Phone", "phone"),
    name("Website", "website"),
    name("BillingAddress.street", "billing_street"),
    name("BillingAddress.city", "billing_city"),
    name("BillingAddress.state", "billing_state"),
    name("BillingAddress.postalCode", "billing_postal_code"),
    name("BillingAddress.country", "billing_country"),
    name("ParentId", "parent"),
    name("OwnerId", "owner"),
];

const CONTACT: &[Name] = &[
    name("Name", "name"),
    name("FirstName", "first_name"),
    name("LastName", "last_name"),
    name("Email", "email"),
    name("Phone", "phone"),
    name("MobilePhone", "mobile_phone"),
    name("Title", "title"),
    name("Department", "department"),
    name("LeadSource", "lead_source"),
    name("Birthdate", "birthdate"),
    name("HasOptedOutOfEmail", "opted_out_of_email"),
    name("MailingAddress.city", "mailing_city"),
    name("MailingAddress.country", "mailing_country"),
    name("AccountId", "account"),
    name("OwnerId", "owner"),
];

const OPPORTUNITY: &[Name] = &[
    name("Name", "name"),
    name("StageName", "stage"),
    name("Amount", "amount"),
    name("Probability", "probability"),
    name("CloseDate", "close_date"),
    name("IsClosed", "closed"),
    name("IsWon", "won"),
    name("Type", "kind"),
    name("LeadSource", "lead_source"),
    name("NextStep", "next_step"),
    name("AccountId", "account"),
    name("OwnerId", "owner"),
];

const OPPORTUNITY_CONTACT: &[Name] = &[
    name("Role", "role"),
    name("IsPrimary", "is_primary"),
    name("OpportunityId", "opportunity"),
    name("ContactId", "contact"),
];

const PROJECT: &[Name] = &[
    name("Name", "name"),
    name("Status__c", "status"),
    name("Budget__c", "budget"),
    name("Start_Date__c", "start_date"),
    name("Code__c", "code"),
    name("Opportunity__c", "opportunity"),
    name("Account__c", "account"),
    name("OwnerId", "owner"),
];
