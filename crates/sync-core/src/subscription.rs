//! A subscription, and the scope that every stored row carries.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Clock, ConnectionId, Cursor, IdGenerator, Provider, SubscriptionId, SystemClock, TenantId,
    TimeOrderedIds, UserId,
};

/// One feed: an entity of one connection, read by one adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose data it is; `None` in single-tenant installations.
    pub tenant: Option<TenantId>,
    /// Through which connection.
    pub connection: ConnectionId,
    /// Which adapter reads it, e.g. `salesforce-poll`.
    pub adapter: String,
    /// The entity it fills, e.g. `opportunity`.
    pub domain: String,
    /// A further key of the application's own, when it keeps several feeds of one entity.
    pub external_ref: Option<String>,
    /// A paused subscription is not run.
    pub paused: bool,
    /// The last committed position; `None` before the first.
    pub cursor: Option<Cursor>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

impl Subscription {
    /// A subscription of no tenant, neither paused nor ever run, with a fresh id, added now.
    ///
    /// ```
    /// let feed = sync_core::Subscription::new("acme", "salesforce-poll", "opportunity");
    /// assert_eq!((feed.connection.as_str(), feed.domain.as_str()), ("acme", "opportunity"));
    /// assert!(feed.cursor.is_none() && !feed.paused);
    /// ```
    pub fn new(
        connection: impl Into<ConnectionId>,
        adapter: impl Into<String>,
        domain: impl Into<String>,
    ) -> Self {
        Self {
            id: SubscriptionId(TimeOrderedIds.next_id()),
            tenant: None,
            connection: connection.into(),
            adapter: adapter.into(),
            domain: domain.into(),
            external_ref: None,
            paused: false,
            cursor: None,
            created_at: SystemClock.now(),
        }
    }
}

/// One CRM account of one tenant: what every key about it carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionKey {
    /// Whose account it is; `None` where tenants are not told apart.
    pub tenant: Option<TenantId>,
    /// Which account.
    pub connection: ConnectionId,
}

impl ConnectionKey {
    /// An account of a tenant.
    pub fn new(tenant: Option<TenantId>, connection: impl Into<ConnectionId>) -> Self {
        Self { tenant, connection: connection.into() }
    }

    /// The tenant as stores keep it, see [`Scope::tenant_key`].
    #[must_use]
    pub fn tenant_key(&self) -> &str {
        self.tenant.as_ref().map_or("", TenantId::as_str)
    }
}

impl From<ConnectionId> for ConnectionKey {
    /// An account where tenants are not told apart.
    fn from(connection: ConnectionId) -> Self {
        Self { tenant: None, connection }
    }
}

impl From<&str> for ConnectionKey {
    /// An account where tenants are not told apart.
    fn from(connection: &str) -> Self {
        Self { tenant: None, connection: connection.into() }
    }
}

impl fmt::Display for ConnectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "{tenant}/{}", self.connection),
            None => self.connection.fmt(f),
        }
    }
}

/// Whose rows, through which feed: passed to every port, so that no key is ever without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whose data it is.
    pub tenant: Option<TenantId>,
    /// Through which connection.
    pub connection: ConnectionId,
    /// By which subscription.
    pub subscription: SubscriptionId,
    /// The entity's name.
    pub entity: &'static str,
    /// From which CRM.
    pub provider: Provider,
    /// On whose behalf.
    pub user: UserId,
}

impl Scope {
    /// The tenant as stores keep it: empty text when there is none, so that unique keys hold without one.
    #[must_use]
    pub fn tenant_key(&self) -> &str {
        self.tenant.as_ref().map_or("", TenantId::as_str)
    }

    /// The one check of R1, for the engine and for every store's own boundary.
    ///
    /// # Errors
    /// [`MissingTenantId`] when tenants are told apart and this scope has none.
    pub fn require_tenant(&self, multi_tenant: bool) -> Result<(), MissingTenantId> {
        require_tenant(self.tenant.as_ref(), multi_tenant)
    }
}

/// The check behind [`Scope::require_tenant`], for callers without a scope.
///
/// # Errors
/// [`MissingTenantId`] when tenants are told apart and there is none.
pub fn require_tenant(tenant: Option<&TenantId>, multi_tenant: bool) -> Result<(), MissingTenantId> {
    if multi_tenant && tenant.is_none() { Err(MissingTenantId) } else { Ok(()) }
}

/// Tenants are told apart, and none was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant id is required because multi-tenancy is on; pass one with the request")]
pub struct MissingTenantId;
