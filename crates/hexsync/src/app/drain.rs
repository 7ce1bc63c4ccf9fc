//! What calls from the CRMs concern, and how it is applied.

use std::collections::HashMap;
use std::sync::Arc;

use sync_wiring::core::{ConnectionId, ConnectionKey, Subscription};
use sync_wiring::webhooks::{AnyRecipients, ConnectedRecipients, DrainFeed, Recipient, StaticRecipients};
use sync_wiring::{hubspot, salesforce, writeback};

use super::{App, AppStore, Client, entity_of};
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::{hubspot_both_ways, hubspot_entity, salesforce_both_ways, salesforce_entity};

/// The accounts whose calls are received.
pub(crate) struct Accounts {
    /// Whose feeds an event concerns.
    pub(crate) recipients: AnyRecipients,
    /// What applies what waits.
    pub(crate) feeds: Vec<Arc<dyn DrainFeed>>,
    /// The Salesforce organisations among them.
    pub(crate) organizations: Vec<String>,
}

impl<S: AppStore> App<S> {
    /// Every subscription of a configured connection, by the account that the configuration names, and by the one that
    /// was connected.
    ///
    /// # Errors
    /// Those of the store, and of a connection that can't be made.
    pub(crate) async fn accounts(&self) -> Result<Accounts, CliError> {
        let (mut named, mut feeds) = (StaticRecipients::new(), Vec::new());
        for subscription in self.subscriptions().await? {
            let Some(connection) = self.config.connection(&subscription.connection) else { continue };
            if let Some(account) = &connection.account_id {
                let mapped = connection.crm.mapped(entity_of(&subscription)?)?;
                let key = ConnectionKey::new(subscription.tenant.clone(), subscription.connection.clone());
                let recipient = Recipient::new(key, subscription.id, mapped.object);
                named = named.with(connection.crm.key(), account, recipient);
            }
            feeds.push(self.drain(subscription).await?);
        }
        let crms: HashMap<ConnectionId, Crm> = self
            .config
            .connections
            .iter()
            .map(|connection| (connection.id.clone(), connection.crm))
            .collect();
        let connected = ConnectedRecipients::new(Arc::clone(self.store()), move |feed| {
            let mapped = crms.get(&feed.connection)?.mapped(entity_of(feed).ok()?).ok()?;
            Some(mapped.object.to_owned())
        });
        let recipients = AnyRecipients::of(vec![Arc::new(named), Arc::new(connected)]);
        Ok(Accounts { recipients, feeds, organizations: self.organizations().await? })
    }

    /// The Salesforce organisations that are named in the configuration or were connected.
    async fn organizations(&self) -> Result<Vec<String>, CliError> {
        let configured =
            self.config.connections.iter().filter(|connection| connection.crm == Crm::Salesforce);
        let mut ids: Vec<String> =
            configured.filter_map(|connection| connection.account_id.clone()).collect();
        for tenant in self.tenants() {
            let connected = self
                .transact(tenant.as_ref(), async |store, tx| store.connections(tx, tenant.as_ref()).await)
                .await?;
            let of_salesforce = connected
                .into_iter()
                .filter(|connection| connection.provider.as_str() == Crm::Salesforce.key());
            ids.extend(of_salesforce.filter_map(|connection| connection.profile.account_id));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    async fn drain(&self, subscription: Subscription) -> Result<Arc<dyn DrainFeed>, CliError> {
        let entity = entity_of(&subscription)?;
        let client = self.client(&subscription.connection).await?;
        let made: Option<Arc<dyn DrainFeed>> = match &client {
            // What is edited here as well is not overwritten while it waits to be sent.
            Client::Salesforce(crm) => salesforce_both_ways!(entity, T => {
                Some(Arc::new(writeback::salesforce::drain::<T, S>(&self.module, crm, subscription)?))
            }, else salesforce_entity!(entity, T => {
                Some(Arc::new(salesforce::drain::<T, S>(&self.module, crm, subscription)?))
            }, else None)),
            Client::Hubspot(crm) => hubspot_both_ways!(entity, T => {
                Some(Arc::new(writeback::hubspot::drain::<T, S>(&self.module, crm, subscription)?))
            }, else hubspot_entity!(entity, T => {
                Some(Arc::new(hubspot::drain::<T, S>(&self.module, crm, subscription)?))
            }, else None)),
        };
        made.ok_or_else(|| client.crm().has_no(entity))
    }
}
