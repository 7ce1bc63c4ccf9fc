//! Whose feeds an event concerns.

use async_trait::async_trait;
use sync_core::{ConnectionKey, StoreError, SubscriptionId};

/// A feed that wants the events of one object of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The account, as its tenant has connected it.
    pub key: ConnectionKey,
    /// The feed.
    pub subscription: SubscriptionId,
    /// What it reads, as the entity spells it: `Opportunity`, `deals`, `deals/contacts`, `2-1234`.
    pub object: String,
    /// The provider's id of a custom object that is read by name: `2-1234`.
    pub object_id: Option<String>,
}

impl Recipient {
    /// A feed that reads this object.
    pub fn new(key: ConnectionKey, subscription: SubscriptionId, object: impl Into<String>) -> Self {
        Self { key, subscription, object: object.into(), object_id: None }
    }

    /// With the provider's id of a custom object.
    #[must_use]
    pub fn object_id(mut self, id: impl Into<String>) -> Self {
        self.object_id = Some(id.into());
        self
    }
}

/// Finds the feeds of an account. One account may be connected by several tenants; each has feeds of its own.
#[async_trait]
pub trait Recipients: Send + Sync {
    /// All feeds that read something of this account: a HubSpot portal id, a Salesforce organisation id of 18
    /// characters. None when nobody here has connected it.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be told now; the call is then put off.
    async fn of_account(&self, provider: &str, account: &str) -> Result<Vec<Recipient>, StoreError>;
}

/// A table of accounts that is known at the start.
#[derive(Clone, Debug, Default)]
pub struct StaticRecipients {
    rows: Vec<(String, String, Recipient)>,
}

impl StaticRecipients {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a feed of an account. A Salesforce organisation may be named by its id of 15 or of 18 characters.
    #[must_use]
    pub fn with(mut self, provider: &str, account: &str, recipient: Recipient) -> Self {
        self.rows.push((provider.to_owned(), comparable(provider, account).to_owned(), recipient));
        self
    }
}

#[async_trait]
impl Recipients for StaticRecipients {
    async fn of_account(&self, provider: &str, account: &str) -> Result<Vec<Recipient>, StoreError> {
        let account = comparable(provider, account);
        let of_account = self.rows.iter().filter(|(p, a, _)| p == provider && a == account);
        Ok(of_account.map(|(_, _, recipient)| recipient.clone()).collect())
    }
}

/// The last three characters of Salesforce's long ids repeat the case of the others (reference/salesforce.md, Ids).
pub(crate) fn comparable<'a>(provider: &str, account: &'a str) -> &'a str {
    if provider == crate::salesforce::PROVIDER { crate::salesforce::short_id(account) } else { account }
}
