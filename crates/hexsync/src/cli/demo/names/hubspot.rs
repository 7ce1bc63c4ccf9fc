//! HubSpot's names.

use super::Form::{Day, Joined, Linked, Percent};
use super::{Name, Names, formed, name};

/// All entities of the demo.
pub(super) const ALL: &[Names] = &[
    Names { entity: "user", object: "owners", fields: USER },
    Names { entity: "account", object: "companies", fields: ACCOUNT },
    Names { entity: "contact", object: "contacts", fields: CONTACT },
    Names { entity: "opportunity", object: "deals", fields: OPPORTUNITY },
    Names { entity: "opportunity_contact", object: "deals/contacts", fields: OPPORTUNITY_CONTACT },
    Names { entity: "project", object: "projects", fields: PROJECT },
];

const USER: &[Name] = &[formed("firstName lastName", "name", Joined), name("email", "email")];

const ACCOUNT: &[Name] = &[
    name("name", "name"),
    name("type", "kind"),
    name("industry", "industry"),
    name("annualrevenue", "annual_revenue"),
    name("numberofemployees", "employees"),
    name("phone", "phone"),
    name("website", "website"),
    name("address", "billing_street"),
    name("city", "billing_city"),
    name("state", "billing_state"),
    name("zip", "billing_postal_code"),
    name("country", "billing_country"),
    name("hs_parent_company_id", "parent"),
    name("hubspot_owner_id", "owner"),
];

const CONTACT: &[Name] = &[
    formed("firstname lastname", "name", Joined),
    name("firstname", "first_name"),
    name("lastname", "last_name"),
    name("email", "email"),
    name("phone", "phone"),
    name("mobilephone", "mobile_phone"),
    name("jobtitle", "title"),
    name("hs_analytics_source", "lead_source"),
    name("hs_email_optout", "opted_out_of_email"),
    name("city", "mailing_city"),
    name("country", "mailing_country"),
    formed("companies", "account", Linked),
    name("hubspot_owner_id", "owner"),
];

const OPPORTUNITY: &[Name] = &[
    name("dealname", "name"),
    name("dealstage", "stage"),
    name("pipeline", "pipeline"),
    name("amount", "amount"),
    formed("hs_deal_stage_probability", "probability", Percent),
    formed("closedate", "close_date", Day),
    name("hs_is_closed", "closed"),
    name("hs_is_closed_won", "won"),
    name("dealtype", "kind"),
    name("hs_analytics_source", "lead_source"),
    name("hs_next_step", "next_step"),
    formed("companies", "account", Linked),
    name("hubspot_owner_id", "owner"),
];

const OPPORTUNITY_CONTACT: &[Name] = &[
    name("label", "role"),
    name("primary", "is_primary"),
    name("from", "opportunity"),
    name("to", "contact"),
];

const PROJECT: &[Name] = &[
    name("name", "name"),
    name("status", "status"),
    name("budget", "budget"),
    name("start_date", "start_date"),
    name("code", "code"),
    formed("deals", "opportunity", Linked),
    formed("companies", "account", Linked),
    name("hubspot_owner_id", "owner"),
];
