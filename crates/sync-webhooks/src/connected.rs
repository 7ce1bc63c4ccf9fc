//! Recipients by what is connected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sync_core::{
    ConnectionKey, ConnectionStore, Provider, StoreError, Subscription, SubscriptionStore, UnitOfWork,
};
use tokio::time::Instant;

use crate::recipients::comparable;
use crate::{Recipient, Recipients};

/// How long an answer of the store is good for: a feed that is added or connected hears of events that soon.
const FRESH: Duration = Duration::from_secs(5);
/// Accounts that are remembered at most.
const MOST_ACCOUNTS: usize = 10_000;

/// What a feed of a connection hears of; `None` where it hears of nothing.
type RecipientOf = dyn Fn(&ConnectionKey, &Subscription) -> Option<Recipient> + Send + Sync;

/// Provider and account.
type Account = (String, String);
/// When it was told, and what.
type Answer = (Instant, Vec<Recipient>);

/// Finds feeds by the connections and subscriptions of a store: every tenant's that has connected the account, and
/// those of connections whose account was [`named`](Self::named). Its answers are remembered for five seconds, so that
/// a flood of calls is not one of questions.
pub struct ConnectedRecipients<S> {
    store: Arc<S>,
    named: Vec<(Account, ConnectionKey)>,
    recipient_of: Box<RecipientOf>,
    known: Mutex<HashMap<Account, Answer>>,
}

impl<S> ConnectedRecipients<S>
where
    S: UnitOfWork + ConnectionStore<S::Tx> + SubscriptionStore<S::Tx>,
{
    /// Looks into this store; `recipient_of` tells what a feed reads.
    pub fn new(
        store: Arc<S>,
        recipient_of: impl Fn(&ConnectionKey, &Subscription) -> Option<Recipient> + Send + Sync + 'static,
    ) -> Self {
        Self { store, named: Vec::new(), recipient_of: Box::new(recipient_of), known: Mutex::default() }
    }

    /// With a connection that has no row in the store, or one that does not say which account it is of. A Salesforce
    /// organisation may be named by its id of 15 or of 18 characters.
    #[must_use]
    pub fn named(mut self, provider: &str, account: &str, key: ConnectionKey) -> Self {
        self.named.push(((provider.to_owned(), comparable(provider, account).to_owned()), key));
        self
    }

    async fn look_up(&self, provider: &str, account: &str) -> Result<Vec<Recipient>, StoreError> {
        let mut tx = self.store.begin_across_tenants().await?;
        let mut keys = self.store.connections_of_account(&mut tx, &Provider::from(provider), account).await?;
        self.store.rollback(tx).await?;
        let account = comparable(provider, account);
        let named = self.named.iter().filter(|((p, a), _)| p == provider && a == account);
        for (_, key) in named {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        let mut recipients = Vec::new();
        for key in keys {
            recipients.extend(self.of_connection(&key).await?);
        }
        Ok(recipients)
    }

    async fn of_connection(&self, key: &ConnectionKey) -> Result<Vec<Recipient>, StoreError> {
        let mut tx = self.store.begin_for(key.tenant.as_ref()).await?;
        let all = self.store.subscriptions(&mut tx, key.tenant.as_ref()).await?;
        self.store.rollback(tx).await?;
        let own = all.into_iter().filter(|subscription| subscription.connection == key.connection);
        Ok(own.filter_map(|feed| (self.recipient_of)(key, &feed)).collect())
    }
}

#[async_trait]
impl<S> Recipients for ConnectedRecipients<S>
where
    S: UnitOfWork + ConnectionStore<S::Tx> + SubscriptionStore<S::Tx>,
{
    async fn of_account(&self, provider: &str, account: &str) -> Result<Vec<Recipient>, StoreError> {
        let key = (provider.to_owned(), account.to_owned());
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, recipients)) = lock().get(&key)
            && at.elapsed() < FRESH
        {
            return Ok(recipients.clone());
        }
        let recipients = self.look_up(provider, account).await?;
        let mut known = lock();
        if known.len() >= MOST_ACCOUNTS {
            known.clear();
        }
        known.insert(key, (Instant::now(), recipients.clone()));
        Ok(recipients)
    }
}
