//! What calls from the CRMs concern, and how it is applied.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sync_wiring::core::{ConnectionId, StoreError, Subscription, SubscriptionId};
use sync_wiring::webhooks::{ConnectedRecipients, DrainFeed, DrainFeeds, Organizations, Recipient};
use sync_wiring::{hubspot, salesforce, writeback};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::object_ids::{Object, ObjectIds};
use super::{App, AppStore, Client, entity_of, key_of, label};
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::{hubspot_both_ways, hubspot_entity, salesforce_both_ways, salesforce_entity};
use crate::output::note;

/// How long serving waits at its start for the ids of customers' own objects.
const FIRST_IDS: Duration = Duration::from_secs(10);

/// The accounts whose calls are received.
pub(crate) struct Accounts<S: AppStore> {
    /// Whose feeds an event concerns.
    pub(crate) recipients: ConnectedRecipients<S>,
    /// What applies what waits.
    pub(crate) feeds: Arc<Feeds<S>>,
    /// The Salesforce organisations that may call.
    pub(crate) organizations: Organizations,
}

/// A feed for every subscription of a configured connection, those that are added later as well.
pub(crate) struct Feeds<S: AppStore> {
    app: App<S>,
    known: Mutex<Known>,
    /// Follows what is connected.
    organizations: Organizations,
    ids: Arc<ObjectIds<S>>,
}

/// What a look at the store found.
struct Looked {
    /// What can't be applied, and why.
    failed: Vec<(Subscription, CliError)>,
    /// Objects whose ids are to be asked for.
    missing: HashSet<Object>,
}

#[derive(Default)]
struct Known {
    feeds: HashMap<SubscriptionId, Arc<dyn DrainFeed>>,
    /// Why they can't be applied was said.
    complained: HashSet<SubscriptionId>,
}

impl<S: AppStore> App<S> {
    /// Every subscription of a configured connection, by the account that the configuration names, and by the one that
    /// was connected.
    ///
    /// # Errors
    /// Those of the store, and of a connection that can't be made.
    pub(crate) async fn accounts(&self) -> Result<Accounts<S>, CliError> {
        let crms: HashMap<ConnectionId, Crm> = self
            .config
            .connections
            .iter()
            .map(|connection| (connection.id.clone(), connection.crm))
            .collect();
        let ids = Arc::new(ObjectIds::new(self.clone()));
        let known_ids = Arc::clone(&ids);
        let mut recipients = ConnectedRecipients::new(Arc::clone(self.store()), move |key, feed| {
            let mapped = crms.get(&feed.connection)?.mapped(entity_of(feed).ok()?).ok()?;
            let object_id = known_ids.id(&feed.connection, mapped.object);
            Some(Recipient { object_id, ..Recipient::new(key.clone(), feed.id, mapped.object) })
        });
        let tenants = self.tenants();
        for connection in &self.config.connections {
            if let Some(account) = &connection.account_id
                && tenants.contains(&connection.tenant)
            {
                recipients = recipients.named(connection.crm.key(), account, key_of(connection));
            }
        }
        let organizations = Organizations::default();
        let feeds = Feeds::new(self.clone(), organizations.clone(), Arc::clone(&ids));
        let looked = feeds.refresh().await?;
        // What can't be applied is told before anything is received.
        if let Some((_, error)) = looked.failed.into_iter().next() {
            return Err(error);
        }
        // What is not told by then is asked for again while it serves.
        let _ = timeout(FIRST_IDS, ids.learn(looked.missing)).await;
        Ok(Accounts { recipients, feeds: Arc::new(feeds), organizations })
    }

    /// The subscriptions of configured connections; and the Salesforce organisations that are named in the
    /// configuration or were connected.
    async fn connected(&self) -> Result<(Vec<Subscription>, Vec<String>), StoreError> {
        let configured =
            self.config.connections.iter().filter(|connection| connection.crm == Crm::Salesforce);
        let mut organizations: Vec<String> =
            configured.filter_map(|connection| connection.account_id.clone()).collect();
        let mut subscriptions = Vec::new();
        for tenant in self.tenants() {
            let tenant = tenant.as_ref();
            let look = async |store: &S, tx: &mut S::Tx| {
                Ok((store.subscriptions(tx, tenant).await?, store.connections(tx, tenant).await?))
            };
            let (found, connected) = self.transact(tenant, look).await?;
            subscriptions.extend(found);
            let of_salesforce = connected
                .into_iter()
                .filter(|connection| connection.provider.as_str() == Crm::Salesforce.key());
            organizations.extend(of_salesforce.filter_map(|connection| connection.profile.account_id));
        }
        subscriptions.retain(|subscription| self.config.connection(&subscription.connection).is_some());
        Ok((subscriptions, organizations))
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

impl<S: AppStore> Feeds<S> {
    fn new(app: App<S>, organizations: Organizations, ids: Arc<ObjectIds<S>>) -> Self {
        Self { app, known: Mutex::default(), organizations, ids }
    }

    /// How many there are.
    pub(crate) async fn count(&self) -> usize {
        self.known.lock().await.feeds.len()
    }

    /// Looks who may call and which subscriptions there are.
    async fn refresh(&self) -> Result<Looked, StoreError> {
        let (found, organizations) = self.app.connected().await?;
        self.organizations.set(organizations);
        let mut known = self.known.lock().await;
        let ids: HashSet<SubscriptionId> = found.iter().map(|subscription| subscription.id).collect();
        known.feeds.retain(|id, _| ids.contains(id));
        known.complained.retain(|id| ids.contains(id));
        let (mut failed, missing) = (Vec::new(), self.ids.missing(&found));
        for subscription in found {
            if known.feeds.contains_key(&subscription.id) {
                continue;
            }
            match self.app.drain(subscription.clone()).await {
                Ok(feed) => drop(known.feeds.insert(subscription.id, feed)),
                Err(error) => failed.push((subscription, error)),
            }
        }
        Ok(Looked { failed, missing })
    }
}

#[async_trait]
impl<S: AppStore> DrainFeeds for Feeds<S> {
    /// One that can't be applied holds up no other: it is told once, and tried again each time.
    async fn feeds(&self) -> Result<Vec<Arc<dyn DrainFeed>>, StoreError> {
        let Looked { failed, missing } = self.refresh().await?;
        if !missing.is_empty() {
            // Nothing waits for an account that is slow to answer.
            let ids = Arc::clone(&self.ids);
            tokio::spawn(async move { ids.learn(missing).await });
        }
        let mut known = self.known.lock().await;
        for (subscription, error) in failed {
            if known.complained.insert(subscription.id) {
                note(&format!("{}: what calls say is not applied: {error}", label(&subscription)));
            }
        }
        Ok(known.feeds.values().map(Arc::clone).collect())
    }
}
