//! TEMPORARY stand-in for the generated file.

use sync_wiring::EntityStore;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Entity {
    /// Users of the CRM.
    User,
    /// Companies.
    Account,
    /// People.
    Contact,
    /// Deals.
    Opportunity,
}

impl Entity {
    /// All, parents first.
    pub(crate) const ALL: [Self; 4] = [Self::User, Self::Account, Self::Contact, Self::Opportunity];

    /// The name in subscriptions, tables of the audit and the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Account => "account",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
        }
    }

    /// The keys of the providers that have it.
    pub(crate) const fn providers(self) -> &'static [&'static str] {
        &["salesforce"]
    }

    /// The inverse of [`name`](Self::name).
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }
}

/// A store that keeps every entity.
pub(crate) trait Stores:
    EntityStore<sync_wiring::user::User>
    + EntityStore<sync_wiring::account::Account>
    + EntityStore<sync_wiring::contact::Contact>
    + EntityStore<sync_wiring::opportunity::Opportunity>
{
}
impl<S> Stores for S where
    S: EntityStore<sync_wiring::user::User>
        + EntityStore<sync_wiring::account::Account>
        + EntityStore<sync_wiring::contact::Contact>
        + EntityStore<sync_wiring::opportunity::Opportunity>
{
}

macro_rules! with_entity {
    ($entity:expr, $T:ident => $body:expr) => {{
        match $entity {
            $crate::generated::Entity::User => {
                type $T = sync_wiring::user::User;
                $body
            }
            $crate::generated::Entity::Account => {
                type $T = sync_wiring::account::Account;
                $body
            }
            $crate::generated::Entity::Contact => {
                type $T = sync_wiring::contact::Contact;
                $body
            }
            $crate::generated::Entity::Opportunity => {
                type $T = sync_wiring::opportunity::Opportunity;
                $body
            }
        }
    }};
}
pub(crate) use with_entity;

macro_rules! salesforce_entity {
    ($entity:expr, $T:ident => $body:expr, else $other:expr) => {{
        match $entity {
            $crate::generated::Entity::User => {
                type $T = sync_wiring::user::User;
                $body
            }
            $crate::generated::Entity::Account => {
                type $T = sync_wiring::account::Account;
                $body
            }
            $crate::generated::Entity::Contact => {
                type $T = sync_wiring::contact::Contact;
                $body
            }
            $crate::generated::Entity::Opportunity => {
                type $T = sync_wiring::opportunity::Opportunity;
                $body
            }
        }
    }};
}
pub(crate) use salesforce_entity;

macro_rules! hubspot_entity {
    ($entity:expr, $T:ident => $body:expr, else $other:expr) => {{
        match $entity {
            _ => $other,
        }
    }};
}
pub(crate) use hubspot_entity;
