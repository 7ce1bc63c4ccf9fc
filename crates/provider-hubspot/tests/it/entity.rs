//! The entities that the tests read.

use chrono::NaiveDate;
use provider_hubspot::{FromHubspot, HubspotRecord, RecordError, ToHubspot};
use sync_core::{Canonical, ConflictPolicy, CustomFields, ExternalId};
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
    #[canonical(custom)]
    pub(crate) custom: CustomFields,
}

impl FromHubspot for Opportunity {
    const OBJECT: &'static str = "deals";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("dealname", "name"),
            FieldMapping::new("dealstage", "stage"),
            FieldMapping::new("amount", "amount"),
            FieldMapping::new("closedate", "close_date"),
            FieldMapping::new("associations.companies", "account"),
        ];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("dealname")?,
            stage: record.text("dealstage")?,
            amount: record.decimal("amount")?,
            close_date: record.instant("closedate")?.map(|at| at.date_naive()),
            account: record.link("associations.companies")?,
            custom: CustomFields::default(),
        })
    }
}

impl ToHubspot for Opportunity {
    const KEY: Option<&'static str> = Some("hexsync_key");
    const CONFLICTS: ConflictPolicy = ConflictPolicy::ASK;
}

/// A contact that can be written: text, an enumeration, a link, and what can't be written.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "person", title = "last_name")]
pub(crate) struct Person {
    pub(crate) last_name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) created: Option<chrono::DateTime<chrono::Utc>>,
    pub(crate) title: Option<String>,
    pub(crate) company: Option<ExternalId>,
    #[canonical(custom)]
    pub(crate) custom: CustomFields,
}

impl FromHubspot for Person {
    const OBJECT: &'static str = "contacts";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("lastname", "last_name"),
            FieldMapping::new("phone", "phone"),
            FieldMapping::new("email", "email"),
            FieldMapping::new("createdate", "created"),
            FieldMapping::new("jobtitle", "title").read_only(),
            FieldMapping::new("associations.companies", "company"),
        ];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            last_name: record.text("lastname")?,
            phone: record.text("phone")?,
            email: record.text("email")?,
            created: record.instant("createdate")?,
            title: record.text("jobtitle")?,
            company: record.link("associations.companies")?,
            custom: CustomFields::default(),
        })
    }
}

impl ToHubspot for Person {
    const KEY: Option<&'static str> = Some("hexsync_key");
    const CONFLICTS: ConflictPolicy = ConflictPolicy::ASK;
}

macro_rules! named_entity {
    ($(#[$about:meta])* $name:ident, $object:literal, $source:literal) => {
        $(#[$about])*
        pub(crate) struct $name {
            pub(crate) name: Option<String>,
        }

        impl FromHubspot for $name {
            const OBJECT: &'static str = $object;

            fn mapping() -> &'static [FieldMapping] {
                const MAPPING: &[FieldMapping] = &[FieldMapping::new($source, "name")];
                MAPPING
            }

            fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
                Ok(Self { name: record.text($source)? })
            }
        }
    };
}

named_entity!(
    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "contact")]
    Contact,
    "contacts",
    "email"
);
named_entity!(
    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "company")]
    Company,
    "companies",
    "name"
);
named_entity!(
    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "ticket")]
    Ticket,
    "ticket",
    "subject"
);
named_entity!(
    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "owner")]
    Owner,
    "owners",
    "email"
);
named_entity!(
    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "misspelt")]
    Misspelt,
    "deals",
    "delname"
);

/// A person who counts as a record after being archived, too.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "user")]
pub(crate) struct User {
    pub(crate) email: Option<String>,
    pub(crate) archived: Option<bool>,
}

impl FromHubspot for User {
    const OBJECT: &'static str = "owners";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] =
            &[FieldMapping::new("email", "email"), FieldMapping::new("archived", "archived")];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self { email: record.text("email")?, archived: record.boolean("archived")? })
    }
}

/// A custom object, by the name its maker gave it.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "project")]
pub(crate) struct Project {
    pub(crate) name: Option<String>,
    pub(crate) deal: Option<ExternalId>,
}

impl FromHubspot for Project {
    const OBJECT: &'static str = "projects";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] =
            &[FieldMapping::new("name", "name"), FieldMapping::new("associations.deals", "deal")];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self { name: record.text("name")?, deal: record.link("associations.deals")? })
    }
}

/// Who plays what part in a deal.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "role")]
pub(crate) struct Role {
    pub(crate) deal: Option<ExternalId>,
    pub(crate) contact: Option<ExternalId>,
    pub(crate) label: Option<String>,
    pub(crate) primary: Option<bool>,
}

impl FromHubspot for Role {
    const OBJECT: &'static str = "deals/contacts";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("from", "deal"),
            FieldMapping::new("to", "contact"),
            FieldMapping::new("label", "label"),
            FieldMapping::new("primary", "primary"),
        ];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            deal: record.link("from")?,
            contact: record.link("to")?,
            label: record.text("label")?,
            primary: record.boolean("primary")?,
        })
    }
}
