//! What is kept of a connected account beside its records: who granted access, whether it still stands, and its
//! secrets as bytes that nobody here can read.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::run::names;
use crate::{ConnectionKey, HolderId, Provider};

/// The name of a key that secrets are sealed with, e.g. `2026-11`.
pub type KeyId = String;

/// What a provider may keep of one user's grants to one app, as far as this installation knows them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grantor {
    /// The application's client id at the provider.
    pub client_id: String,
    /// The account at the CRM: Salesforce's org id, HubSpot's portal id.
    pub account_id: String,
    /// The CRM's user who granted.
    pub user_id: String,
}

/// Sealed secrets: opaque to every store.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key opens them.
    pub key_id: KeyId,
    /// The envelope.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("key_id", &self.key_id).field("n_bytes", &self.bytes.len()).finish()
    }
}

names! {
    /// Whether a connection can be used.
    #[non_exhaustive]
    ConnectionStatus {
        /// Somebody began to connect it and has not finished.
        Pending = "pending",
        /// Its grant is good as far as is known.
        Active = "active",
        /// The provider refuses its grant; no call is made until somebody connects again.
        Dead = "dead",
        /// We gave its grant up; its secrets are gone.
        Revoked = "revoked",
    }
}

names! {
    /// Why a grant ended.
    #[non_exhaustive]
    EndCause {
        /// The provider says that it was revoked or has run out.
        Revoked = "revoked",
        /// The provider keeps only so many grants per user and app, and newer ones took its place.
        GrantLimit = "grant_limit",
        /// An exchange was under way and its answer lost; with it, the refresh token that replaced ours.
        RotationLost = "rotation_lost",
        /// A policy of the account or the app forbids it.
        Policy = "policy",
        /// The user who granted it was deactivated.
        UserInactive = "user_inactive",
        /// The app's own id, secret or key is refused.
        Client = "client",
        /// The account is gone or locked.
        AccountGone = "account_gone",
        /// Our clock differs from the provider's, so that what we sign is refused.
        Clock = "clock",
        /// There is nothing to refresh with.
        NoGrant = "no_grant",
        /// A token that nothing can renew was refused.
        TokenRejected = "token_rejected",
    }
}

/// The end of a grant. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantEnd {
    /// Why, in our words.
    pub cause: EndCause,
    /// The provider's code, e.g. `invalid_grant`, or a word of ours.
    pub code: String,
    /// More about it, if there is more to say.
    pub detail: Option<String>,
    /// When it was noticed.
    pub at: DateTime<Utc>,
}

/// What is known of a connected account. Texts are the CRM's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionProfile {
    /// The account at the CRM: Salesforce's org id, HubSpot's portal id.
    pub account_id: Option<String>,
    /// What people call the account.
    pub account_label: Option<String>,
    /// The CRM's user who granted access.
    pub grantor_id: Option<String>,
    /// What people call that user.
    pub grantor_label: Option<String>,
    /// Where the account's API lives, where it has an address of its own.
    pub instance_url: Option<String>,
    /// The application's client id at the provider.
    pub client_id: Option<String>,
    /// What was granted. A scope holds no blank (RFC 6749, section 3.3).
    pub scopes: Vec<String>,
}

impl ConnectionProfile {
    /// Who granted it to which app, where all of that is known.
    #[must_use]
    pub fn grantor(&self) -> Option<Grantor> {
        Some(Grantor {
            client_id: self.client_id.clone()?,
            account_id: self.account_id.clone()?,
            user_id: self.grantor_id.clone()?,
        })
    }
}

/// A connected account as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Whose it is, and which.
    pub key: ConnectionKey,
    /// The CRM.
    pub provider: Provider,
    /// What is known of the account.
    pub profile: ConnectionProfile,
    /// Whether it can be used.
    pub status: ConnectionStatus,
    /// Why not, when it is dead.
    pub end: Option<GrantEnd>,
    /// Its tokens, sealed.
    pub sealed: Option<Sealed>,
    /// Grows with every change of the secrets' content; sealing the same content anew leaves it.
    pub generation: i64,
    /// When the access token ends, if that is known.
    pub expires_at: Option<DateTime<Utc>>,
    /// When somebody last granted access.
    pub granted_at: Option<DateTime<Utc>>,
    /// Who refreshes it, and until when unless given up.
    pub refreshing: Option<(HolderId, DateTime<Utc>)>,
    /// Since when an exchange may have taken place whose answer never arrived.
    pub unresolved_since: Option<DateTime<Utc>>,
    /// When it was first seen.
    pub created_at: DateTime<Utc>,
    /// When anything about it last changed, refreshes included.
    pub updated_at: DateTime<Utc>,
}

/// A fresh grant to be kept.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Whose connection, and which.
    pub key: ConnectionKey,
    /// The CRM.
    pub provider: Provider,
    /// What is known of the account; replaces what was known.
    pub profile: ConnectionProfile,
    /// The tokens, sealed.
    pub sealed: Sealed,
    /// When the access token ends, if that is known.
    pub expires_at: Option<DateTime<Utc>>,
    /// When somebody granted it; it counts among the grants of that user then. `None` when a known grant is written
    /// anew.
    pub granted_at: Option<DateTime<Utc>>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// The right to refresh a connection, for a while. The token grows with every new holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshLease {
    /// Who holds it.
    pub holder: HolderId,
    /// The fencing token.
    pub token: i64,
}

/// The answer to a request for the right to refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshTurn {
    /// It is ours.
    Held {
        /// The right.
        lease: RefreshLease,
        /// Since when an exchange of an earlier holder may have taken place whose answer never arrived.
        unresolved_since: Option<DateTime<Utc>>,
    },
    /// Another has it.
    Busy {
        /// Who.
        holder: HolderId,
        /// Until when, unless given up sooner.
        until: DateTime<Utc>,
    },
}

/// What a refresh brought.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The tokens, sealed.
    pub sealed: Sealed,
    /// When the access token ends, if that is known.
    pub expires_at: Option<DateTime<Utc>>,
    /// Where the API lives now; `None` leaves what was known.
    pub instance_url: Option<String>,
}

/// The same secrets under another key.
#[derive(Clone, Debug)]
pub struct Resealed {
    /// Whose.
    pub key: ConnectionKey,
    /// The generation that was sealed anew: if it has moved on meanwhile, this is outdated.
    pub generation: i64,
    /// The secrets under the other key.
    pub sealed: Sealed,
}
