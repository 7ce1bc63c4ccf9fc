//! A client of whichever CRM a connection is of.

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use sync_wiring::core::{RemoteListing, SourceError, Subscription};
use sync_wiring::http::Budget;
use sync_wiring::hubspot::{self, FromHubspot, HubspotClient, HubspotListing};
use sync_wiring::salesforce::{self, FromSalesforce, SalesforceClient};

use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::{Entity, hubspot_entity, salesforce_entity};

/// Calls one CRM account. Clones share connections, tokens and budgets.
#[derive(Clone)]
pub(crate) enum Client {
    /// An org.
    Salesforce(SalesforceClient),
    /// An account.
    Hubspot(HubspotClient),
}

/// What an entity is in a CRM.
pub(crate) struct Mapped {
    /// The object's name there.
    pub(crate) object: &'static str,
    /// The fields that fill ours, parts of compounds and related records by path.
    pub(crate) fields: Vec<&'static str>,
}

/// How much of an entity the connected user sees.
pub(crate) struct Visible {
    /// Mapped fields that can't be seen.
    pub(crate) missing: Vec<&'static str>,
    /// Whether its records can be read.
    pub(crate) readable: bool,
}

impl Crm {
    /// The name of the adapter that polls it, in subscriptions.
    pub(crate) const fn poll_adapter(self) -> &'static str {
        match self {
            Self::Salesforce => salesforce::POLL_ADAPTER,
            Self::Hubspot => hubspot::POLL_ADAPTER,
        }
    }

    /// How an entity is read from it.
    ///
    /// # Errors
    /// When it has no such entity.
    pub(crate) fn mapped(self, entity: Entity) -> Result<Mapped, CliError> {
        let mapped = match self {
            Self::Salesforce => salesforce_entity!(entity, T => {
                let fields = <T as FromSalesforce>::mapping().iter().map(|field| &*field.source).collect();
                Some(Mapped { object: <T as FromSalesforce>::OBJECT, fields })
            }, else None),
            Self::Hubspot => hubspot_entity!(entity, T => {
                let fields = <T as FromHubspot>::mapping().iter().map(|field| &*field.source).collect();
                Some(Mapped { object: <T as FromHubspot>::OBJECT, fields })
            }, else None),
        };
        mapped.ok_or_else(|| self.has_no(entity))
    }

    /// What is said of an entity that it lacks.
    pub(crate) fn has_no(self, entity: Entity) -> CliError {
        let has: Vec<_> = self.entities().into_iter().map(Entity::name).collect();
        CliError::text(format!("{} has no {}", self.product(), entity.name()))
            .next(format!("it has: {}; pause the subscription", has.join(", ")))
    }
}

impl Client {
    /// Which CRM it calls.
    pub(crate) const fn crm(&self) -> Crm {
        match self {
            Self::Salesforce(_) => Crm::Salesforce,
            Self::Hubspot(_) => Crm::Hubspot,
        }
    }

    /// The account's API budget, to look at.
    pub(crate) fn budget(&self) -> &Budget {
        match self {
            Self::Salesforce(crm) => crm.budget(),
            Self::Hubspot(crm) => crm.budget(),
        }
    }

    /// What time it is at the CRM.
    pub(crate) fn server_now(&self) -> DateTime<Utc> {
        match self {
            Self::Salesforce(crm) => crm.server_now(),
            Self::Hubspot(crm) => crm.server_now(),
        }
    }

    /// Signs in, and counts the objects that can be read.
    pub(crate) async fn sign_in(&self) -> Result<u64, SourceError> {
        let n_objects = match self {
            Self::Salesforce(crm) => crm.describe_global().await?.len(),
            Self::Hubspot(crm) => crm.describe_global().await?.len(),
        };
        Ok(n_objects as u64)
    }

    /// Asks how much of an entity the connected user sees.
    pub(crate) async fn look(&self, mapped: &Mapped) -> Result<Visible, SourceError> {
        match self {
            Self::Salesforce(crm) => {
                let object = crm.describe(mapped.object).await?;
                // The first step of a path is a compound field or a relationship.
                let is_visible = |field: &str| {
                    let first = field.split('.').next().unwrap_or(field);
                    object.field(first).is_some() || object.relationship(first).is_some()
                };
                let missing = mapped.fields.iter().copied().filter(|field| !is_visible(field)).collect();
                Ok(Visible { missing, readable: object.queryable })
            }
            Self::Hubspot(crm) if is_hubspot_object(mapped.object) => {
                let object = crm.properties(mapped.object).await?;
                let is_visible = |field: &str| !is_property(field) || object.property(field).is_some();
                let missing = mapped.fields.iter().copied().filter(|field| !is_visible(field)).collect();
                Ok(Visible { missing, readable: true })
            }
            // Owners and associations have no properties. Whether they can be read shows a first page.
            Self::Hubspot(crm) => {
                let listing = HubspotListing::new(crm.clone(), mapped.object);
                let nobody = Subscription::new("doctor", hubspot::POLL_ADAPTER, mapped.object);
                let page = listing.list_ids(&nobody).next().await.transpose()?;
                Ok(Visible { missing: Vec::new(), readable: page.is_some() })
            }
        }
    }
}

fn is_hubspot_object(name: &str) -> bool {
    name != "owners" && !name.contains('/')
}

/// Whether a mapped name is a property, and not an association or what every record has beside its properties.
fn is_property(name: &str) -> bool {
    const BESIDE: [&str; 5] = ["id", "createdAt", "updatedAt", "archived", "url"];
    !name.starts_with("associations.") && !BESIDE.contains(&name)
}
