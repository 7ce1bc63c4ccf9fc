//! What calls from the CRMs concern, and how it is applied.

use std::sync::Arc;

use sync_wiring::core::{ConnectionKey, Subscription};
use sync_wiring::webhooks::{DrainFeed, Recipient, StaticRecipients};
use sync_wiring::{hubspot, salesforce};

use super::{App, AppStore, Client, entity_of};
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::{hubspot_entity, salesforce_entity};
use crate::output::note;

/// The accounts whose calls are received.
#[derive(Default)]
pub(crate) struct Accounts {
    /// Whose feeds an event concerns.
    pub(crate) recipients: StaticRecipients,
    /// What applies what waits.
    pub(crate) feeds: Vec<Arc<dyn DrainFeed>>,
    /// The Salesforce organisations among them.
    pub(crate) organizations: Vec<String>,
}

impl<S: AppStore> App<S> {
    /// Every subscription whose connection names its account. The others are told, and left out.
    ///
    /// # Errors
    /// Those of the store, and of a connection that can't be made.
    pub(crate) async fn accounts(&self) -> Result<Accounts, CliError> {
        let mut accounts = Accounts::default();
        for subscription in self.subscriptions().await? {
            let Some(connection) = self.config.connection(&subscription.connection) else { continue };
            let Some(account) = connection.account_id.clone() else { continue };
            let entity = entity_of(&subscription)?;
            let mapped = connection.crm.mapped(entity)?;
            let key = ConnectionKey::new(subscription.tenant.clone(), subscription.connection.clone());
            let recipient = Recipient::new(key, subscription.id, mapped.object);
            accounts.recipients = accounts.recipients.with(connection.crm.key(), &account, recipient);
            if connection.crm == Crm::Salesforce && !accounts.organizations.contains(&account) {
                accounts.organizations.push(account);
            }
            accounts.feeds.push(self.drain(subscription).await?);
        }
        for connection in self.config.connections.iter().filter(|connection| connection.account_id.is_none())
        {
            note(&format!("connection {}: without account_id, its calls are not received", connection.id));
        }
        Ok(accounts)
    }

    async fn drain(&self, subscription: Subscription) -> Result<Arc<dyn DrainFeed>, CliError> {
        let entity = entity_of(&subscription)?;
        let client = self.client(&subscription.connection).await?;
        let made: Option<Arc<dyn DrainFeed>> = match &client {
            Client::Salesforce(crm) => salesforce_entity!(entity, T => {
                Some(Arc::new(salesforce::drain::<T, S>(&self.module, crm, subscription)?))
            }, else None),
            Client::Hubspot(crm) => hubspot_entity!(entity, T => {
                Some(Arc::new(hubspot::drain::<T, S>(&self.module, crm, subscription)?))
            }, else None),
        };
        made.ok_or_else(|| client.crm().has_no(entity))
    }
}
