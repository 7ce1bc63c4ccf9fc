//! The objects of a new account. Real accounts have several hundred properties on each; these are the ones that syncs
//! use, and some that a customer made.

use super::ObjectPlan;
use crate::hubspot::model::{Formula, PropertyType};

const CONTACTS: &str = "
email|Email|string|text|unique
firstname|First Name|string|text|
lastname|Last Name|string|text|
phone|Phone Number|phone_number|phonenumber|
mobilephone|Mobile Phone Number|phone_number|phonenumber|
jobtitle|Job Title|string|text|
company|Company Name|string|text|
website|Website URL|string|text|
address|Street Address|string|text|
city|City|string|text|
state|State/Region|string|text|
zip|Postal Code|string|text|
country|Country/Region|string|text|
lifecyclestage|Lifecycle Stage|enumeration|radio|subscriber=Subscriber,lead=Lead,marketingqualifiedlead=Marketing Qualified Lead,salesqualifiedlead=Sales Qualified Lead,opportunity=Opportunity,customer=Customer,evangelist=Evangelist,other=Other
hs_analytics_source|Original Source|enumeration|select|readonly,ORGANIC_SEARCH=Organic Search,PAID_SEARCH=Paid Search,DIRECT_TRAFFIC=Direct Traffic,REFERRALS=Referrals,OFFLINE=Offline Sources
hs_lead_status|Lead Status|enumeration|radio|NEW=New,OPEN=Open,IN_PROGRESS=In Progress,CONNECTED=Connected,UNQUALIFIED=Unqualified
hubspot_owner_id|Contact owner|enumeration|select|owner
hs_email_optout|Unsubscribed from all email|bool|booleancheckbox|readonly
date_of_birth|Date of birth|string|text|
notes_last_contacted|Last Contacted|datetime|date|readonly
customer_segment|Customer segment|enumeration|checkbox|custom,smb=SMB,mid=Mid-market,ent=Enterprise,public=Public sector
nps_score|NPS score|number|number|custom
consent_date|Consent given on|date|date|custom
newsletter|Newsletter|bool|booleancheckbox|custom
ext_key|External key|string|text|custom,unique
";

const COMPANIES: &str = "
name|Company name|string|text|
domain|Company Domain Name|string|text|
website|Website URL|string|text|
phone|Phone Number|phone_number|phonenumber|
industry|Industry|enumeration|select|BANKING=Banking,ENERGY=Energy,RETAIL=Retail,COMPUTER_SOFTWARE=Computer Software,OTHER=Other
type|Type|enumeration|select|PROSPECT=Prospect,PARTNER=Partner,RESELLER=Reseller,VENDOR=Vendor,OTHER=Other
address|Street Address|string|text|
city|City|string|text|
state|State/Region|string|text|
zip|Postal Code|string|text|
country|Country/Region|string|text|
annualrevenue|Annual Revenue|number|number|money
numberofemployees|Number of Employees|number|number|
description|Description|string|textarea|
hs_analytics_source|Original Source|enumeration|select|readonly,ORGANIC_SEARCH=Organic Search,PAID_SEARCH=Paid Search,DIRECT_TRAFFIC=Direct Traffic,REFERRALS=Referrals,OFFLINE=Offline Sources
hs_parent_company_id|Parent Company|number|number|
founded_year|Year Founded|string|text|
lifecyclestage|Lifecycle Stage|enumeration|radio|lead=Lead,opportunity=Opportunity,customer=Customer,other=Other
hubspot_owner_id|Company owner|enumeration|select|owner
tier|Tier|enumeration|select|custom,a=A,b=B,c=C
contract_value|Contract value|number|number|custom,money
ext_key|External key|string|text|custom,unique
";

const DEALS: &str = "
dealname|Deal Name|string|text|
amount|Amount|number|number|money
dealstage|Deal Stage|enumeration|radio|external
pipeline|Pipeline|enumeration|select|external
closedate|Close Date|datetime|date|
dealtype|Deal Type|enumeration|radio|newbusiness=New Business,existingbusiness=Existing Business
description|Deal Description|string|textarea|
hs_next_step|Next step|string|text|
hs_analytics_source|Original Source|enumeration|select|readonly,ORGANIC_SEARCH=Organic Search,PAID_SEARCH=Paid Search,DIRECT_TRAFFIC=Direct Traffic,REFERRALS=Referrals,OFFLINE=Offline Sources
hs_priority|Priority|enumeration|select|low=Low,medium=Medium,high=High
deal_currency_code|Currency|enumeration|select|EUR=Euro,USD=US Dollar,GBP=Pound
hubspot_owner_id|Deal owner|enumeration|select|owner
closed_lost_reason|Closed Lost Reason|string|textarea|
region|Region|enumeration|select|custom,emea=EMEA,amer=Americas,apac=APAC,nordics=Nordics
score|Score|number|number|custom
renewal_date|Renewal date|date|date|custom
interest_in|Interested in|enumeration|checkbox|custom,basic=Basic,plus=Plus,pro=Pro,hardware=Hardware
product|Product|string|text|custom
ext_key|External key|string|text|custom,unique
";

const TICKETS: &str = "
subject|Ticket name|string|text|
content|Ticket description|string|textarea|
hs_pipeline|Pipeline|enumeration|select|external
hs_pipeline_stage|Ticket status|enumeration|select|external
hs_ticket_category|Category|enumeration|checkbox|PRODUCT_ISSUE=Product issue,BILLING_ISSUE=Billing issue,FEATURE_REQUEST=Feature request
hs_ticket_priority|Priority|enumeration|select|LOW=Low,MEDIUM=Medium,HIGH=High,URGENT=Urgent
hubspot_owner_id|Ticket owner|enumeration|select|owner
source_type|Source|enumeration|select|CHAT=Chat,EMAIL=Email,FORM=Form,PHONE=Phone
closed_date|Close date|datetime|date|
ext_key|External key|string|text|custom,unique
";

const PROJECT: &str = "
name|Name|string|text|custom
status|Status|enumeration|select|custom,planned=Planned,running=Running,done=Done,stopped=Stopped
budget|Budget|number|number|custom,money
start_date|Start date|date|date|custom
code|Code|string|text|custom,unique
notes|Notes|string|textarea|custom
hubspot_owner_id|Owner|enumeration|select|owner
";

const CONTACT_NUMBERS: &[(&str, &str, PropertyType, Formula)] = &[
    (
        "associatedcompanyid",
        "Primary Associated Company ID",
        PropertyType::Number,
        Formula::PrimaryId("companies"),
    ),
    ("num_associated_deals", "Number of Associated Deals", PropertyType::Number, Formula::Count("deals")),
];

const COMPANY_NUMBERS: &[(&str, &str, PropertyType, Formula)] = &[
    (
        "num_associated_contacts",
        "Number of Associated Contacts",
        PropertyType::Number,
        Formula::Count("contacts"),
    ),
    ("num_associated_deals", "Number of Associated Deals", PropertyType::Number, Formula::Count("deals")),
    (
        "hs_total_deal_value",
        "Total deal value",
        PropertyType::Number,
        Formula::Sum { object: "deals", property: "amount" },
    ),
];

const DEAL_NUMBERS: &[(&str, &str, PropertyType, Formula)] = &[
    (
        "num_associated_contacts",
        "Number of Associated Contacts",
        PropertyType::Number,
        Formula::Count("contacts"),
    ),
    (
        "hs_primary_associated_company",
        "Primary Associated Company",
        PropertyType::Number,
        Formula::PrimaryId("companies"),
    ),
    (
        "company_tier",
        "Tier of the company",
        PropertyType::String,
        Formula::FromPrimary { object: "companies", property: "tier" },
    ),
    ("hs_projected_amount", "Weighted amount", PropertyType::Number, Formula::Projected),
    ("hs_deal_stage_probability", "Deal probability", PropertyType::Number, Formula::Probability),
    ("hs_is_closed", "Is Deal Closed?", PropertyType::Bool, Formula::IsClosed),
    ("hs_is_closed_won", "Is Closed Won", PropertyType::Bool, Formula::IsWon),
];

/// Contacts, companies, deals, tickets. First ids are chosen so that numeric and alphabetic order differ.
pub(super) const STANDARD: &[ObjectPlan] = &[
    ObjectPlan {
        name: "contacts",
        singular: "contact",
        type_id: "0-1",
        first_id: 951,
        primary_display: "email",
        required: &[],
        required_any: &["email", "firstname", "lastname"],
        searchable: &["firstname", "lastname", "email", "phone", "company"],
        defaults: &["email", "firstname", "lastname"],
        properties: CONTACTS,
        calculated: CONTACT_NUMBERS,
    },
    ObjectPlan {
        name: "companies",
        singular: "company",
        type_id: "0-2",
        first_id: 9_701,
        primary_display: "name",
        required: &[],
        required_any: &["name", "domain"],
        searchable: &["name", "domain", "website", "phone"],
        defaults: &["domain", "name"],
        properties: COMPANIES,
        calculated: COMPANY_NUMBERS,
    },
    ObjectPlan {
        name: "deals",
        singular: "deal",
        type_id: "0-3",
        first_id: 9_999_999_501,
        primary_display: "dealname",
        required: &["dealname", "dealstage", "pipeline"],
        required_any: &[],
        searchable: &["dealname", "pipeline", "dealstage", "description"],
        defaults: &["amount", "closedate", "dealname", "dealstage", "pipeline"],
        properties: DEALS,
        calculated: DEAL_NUMBERS,
    },
    ObjectPlan {
        name: "tickets",
        singular: "ticket",
        type_id: "0-5",
        first_id: 70_001,
        primary_display: "subject",
        required: &["subject", "hs_pipeline", "hs_pipeline_stage"],
        required_any: &[],
        searchable: &["subject", "content"],
        defaults: &[
            "content",
            "hs_pipeline",
            "hs_pipeline_stage",
            "hs_ticket_category",
            "hs_ticket_priority",
            "subject",
        ],
        properties: TICKETS,
        calculated: &[],
    },
];

/// The custom object of generated accounts.
pub(super) const PROJECTS: ObjectPlan = ObjectPlan {
    name: "projects",
    singular: "project",
    type_id: super::PROJECTS_TYPE,
    first_id: 5_000_001,
    primary_display: "name",
    required: &["name"],
    required_any: &[],
    searchable: &["name", "code"],
    defaults: &[],
    properties: PROJECT,
    calculated: &[],
};
