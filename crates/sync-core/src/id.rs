//! Identifiers as types, so that a tenant can't be passed for a connection.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes any text; nothing is trimmed or folded.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A customer of the application. Absent in single-tenant installations.
    TenantId
}
text_id! {
    /// One connected CRM account of a tenant, e.g. one Salesforce org.
    ConnectionId
}
text_id! {
    /// A record's identifier in the CRM. Cheap to clone.
    ExternalId
}
text_id! {
    /// A record's identifier in the application's own tables, as text: a UUID, a number, whatever the sink uses.
    LocalId
}
text_id! {
    /// Who a run acts for, e.g. `system`.
    UserId
}
text_id! {
    /// The CRM's name, e.g. `salesforce`.
    Provider
}
text_id! {
    /// Who receives events, by the name the application gives it, e.g. `search-index`.
    ConsumerName
}
text_id! {
    /// A process that holds leases, e.g. host and process id.
    HolderId
}

impl From<Uuid> for LocalId {
    fn from(id: Uuid) -> Self {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        Self::new(&*id.hyphenated().encode_lower(&mut text))
    }
}

impl From<i64> for LocalId {
    fn from(id: i64) -> Self {
        Self::new(id.to_string())
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// One feed of one entity from one connection; owns a cursor.
    SubscriptionId
}
uuid_id! {
    /// One execution of a subscription.
    RunId
}
uuid_id! {
    /// A parked change.
    DeadLetterId
}
uuid_id! {
    /// An event in the outbox.
    EventId
}
uuid_id! {
    /// One process's claim on events to deliver.
    ClaimId
}
uuid_id! {
    /// One intended write to a CRM: the same however often it is tried.
    IntentId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_id_of_a_uuid_is_its_hyphenated_form() {
        let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_002a);
        assert_eq!(LocalId::from(id).as_str(), id.to_string());
    }
}
