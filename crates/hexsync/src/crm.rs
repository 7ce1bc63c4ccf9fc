//! The CRMs this program can talk to.

use serde::{Serialize, Serializer};

use crate::generated::Entity;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Crm {
    /// Salesforce.
    Salesforce,
    /// HubSpot.
    Hubspot,
}

impl Crm {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Salesforce, Self::Hubspot];

    /// The key in configurations, rows and requests.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::Hubspot => "hubspot",
        }
    }

    /// The product's name, for people.
    pub(crate) const fn product(self) -> &'static str {
        match self {
            Self::Salesforce => "Salesforce",
            Self::Hubspot => "HubSpot",
        }
    }

    /// What a customer's account of it is called.
    pub(crate) const fn account(self) -> &'static str {
        match self {
            Self::Salesforce => "org",
            Self::Hubspot => "account",
        }
    }

    /// The entities that can be read from it, parents first.
    pub(crate) fn entities(self) -> Vec<Entity> {
        Entity::ALL.into_iter().filter(|entity| self.has(*entity)).collect()
    }

    /// The entities that are synced unless it is said otherwise: those that every account has.
    pub(crate) fn usual_entities(self) -> Vec<Entity> {
        Entity::by_default(self.key())
    }

    /// Whether an entity can be read from it.
    pub(crate) fn has(self, entity: Entity) -> bool {
        entity.providers().contains(&self.key())
    }
}

impl Serialize for Crm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}
