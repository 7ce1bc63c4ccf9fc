//! What is known of the two CRMs that come with a crate: names of objects and fields, positions.

use super::super::suggest::near;

/// A CRM that comes with a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crm {
    Salesforce,
    Hubspot,
}

/// Keys of providers that come with a crate.
pub(super) const KEYS: &[&str] = &["salesforce", "hubspot"];

/// Salesforce's objects that are often synced, to help with their spelling. Others are allowed.
const SALESFORCE_OBJECTS: &[&str] = &[
    "Account",
    "AccountContactRelation",
    "Asset",
    "Campaign",
    "CampaignMember",
    "Case",
    "Contact",
    "Contract",
    "Event",
    "Lead",
    "Opportunity",
    "OpportunityContactRole",
    "OpportunityLineItem",
    "Order",
    "OrderItem",
    "Pricebook2",
    "PricebookEntry",
    "Product2",
    "Quote",
    "QuoteLineItem",
    "RecordType",
    "Task",
    "User",
];

/// HubSpot's own objects, several and one.
const HUBSPOT_OBJECTS: &[(&str, &str)] = &[
    ("contacts", "contact"),
    ("companies", "company"),
    ("deals", "deal"),
    ("tickets", "ticket"),
    ("products", "product"),
    ("line_items", "line_item"),
    ("quotes", "quote"),
    ("tasks", "task"),
    ("notes", "note"),
    ("meetings", "meeting"),
    ("calls", "call"),
    ("emails", "email"),
    ("leads", "lead"),
    ("users", "user"),
    ("owners", "owner"),
];

impl Crm {
    pub(super) fn of(key: &str) -> Option<Self> {
        match key.strip_suffix("-crm").unwrap_or(key) {
            "salesforce" => Some(Self::Salesforce),
            "hubspot" => Some(Self::Hubspot),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Salesforce => "Salesforce",
            Self::Hubspot => "HubSpot",
        }
    }

    /// What is wrong with an object's name, and what would be right.
    pub(super) fn object(self, name: &str) -> Result<(), (String, Option<String>)> {
        match self {
            Self::Salesforce => salesforce_object(name),
            Self::Hubspot => match name.split_once('/') {
                Some((from, to)) => {
                    hubspot_object(from).and_then(|()| hubspot_object(to)).map_err(|(reason, help)| {
                        (reason, help.map(|help| format!("{help}; associations look like `deals/contacts`")))
                    })
                }
                None => hubspot_object(name),
            },
        }
    }

    /// Whether a mapping's source can be a field of this CRM.
    pub(super) fn is_source(self, source: &str) -> bool {
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match self {
            Self::Salesforce => source.split('.').all(is_name),
            Self::Hubspot => match source.strip_prefix("associations.") {
                Some(object) => hubspot_object(object).is_ok(),
                None => {
                    is_name(source)
                        && (source.bytes().all(|byte| !byte.is_ascii_uppercase())
                            || [
                                "createdAt",
                                "updatedAt",
                                "archivedAt",
                                "firstName",
                                "lastName",
                                "userId",
                                "userIdIncludingInactive",
                            ]
                            .contains(&source))
                }
            },
        }
    }

    /// Why records of this object can't be written; `None` where they can.
    pub(super) fn read_only(self, object: &str) -> Option<&'static str> {
        match self {
            Self::Salesforce => None,
            Self::Hubspot if object == "owners" => Some("HubSpot's owners can only be read"),
            Self::Hubspot if object.contains('/') => {
                Some("associations are written as links of their records, not on their own")
            }
            Self::Hubspot => None,
        }
    }

    /// What a source is written like.
    pub(super) fn source_form(self) -> &'static str {
        match self {
            Self::Salesforce => "an API name or a path of them: `StageName`, `Account.Name`, `Region__c`",
            Self::Hubspot => "a property's internal name (`dealname`) or `associations.companies`",
        }
    }

    /// The field by which an object is polled; there is one, and the wrong one reads too little without an error.
    pub(super) fn stamp(self, object: &str) -> &'static str {
        match self {
            Self::Salesforce => "SystemModstamp",
            Self::Hubspot => match object.split('/').next() {
                Some("contacts" | "0-1") => "lastmodifieddate",
                Some("owners") => "updatedAt",
                _ => "hs_lastmodifieddate",
            },
        }
    }
}

fn salesforce_object(name: &str) -> Result<(), (String, Option<String>)> {
    let lower = name.to_lowercase();
    let is_meant = |known: &&&str| {
        let known = known.to_lowercase();
        let plural = known.strip_suffix('y').map_or_else(|| format!("{known}s"), |stem| format!("{stem}ies"));
        lower == known || lower == plural
    };
    if let Some(known) = SALESFORCE_OBJECTS.iter().find(is_meant)
        && *known != name
    {
        return Err(("is not how Salesforce spells it".to_owned(), Some(format!("write `{known}`"))));
    }
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let starts_small = name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.contains("__");
    if !is_name || starts_small {
        let help = near(name, SALESFORCE_OBJECTS.iter().copied())
            .unwrap_or_else(|| "API names look like `Opportunity` or `Project__c`".to_owned());
        return Err(("can't be an object of Salesforce".to_owned(), Some(help)));
    }
    Ok(())
}

fn hubspot_object(name: &str) -> Result<(), (String, Option<String>)> {
    let lower = name.to_lowercase();
    let is_meant = |(several, one): &&(&str, &str)| {
        lower == *several || lower == *one || lower == several.replace('_', "")
    };
    if let Some((several, _)) = HUBSPOT_OBJECTS.iter().find(is_meant) {
        if *several == name {
            return Ok(());
        }
        return Err(("is not how HubSpot spells it".to_owned(), Some(format!("write `{several}`"))));
    }
    let is_type_id = name.split_once('-').is_some_and(|(class, n)| {
        [class, n].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    });
    let is_custom = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_type_id || is_custom {
        return Ok(());
    }
    let help = near(name, HUBSPOT_OBJECTS.iter().map(|(several, _)| *several)).unwrap_or_else(|| {
        "objects look like `deals`, `2-123` or `car`, associations like `deals/contacts`".to_owned()
    });
    Err(("can't be an object of HubSpot".to_owned(), Some(help)))
}
