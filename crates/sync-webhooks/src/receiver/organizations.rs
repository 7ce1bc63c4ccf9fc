//! Who may call.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use crate::salesforce::short_id;

/// Salesforce organisations, by their ids of 15 or 18 characters. Clones are one list, which may change while calls
/// are received.
#[derive(Clone, Debug, Default)]
pub struct Organizations(Arc<RwLock<BTreeSet<String>>>);

impl Organizations {
    /// Replaces the list.
    pub fn set(&self, ids: impl IntoIterator<Item = impl AsRef<str>>) {
        let ids = ids.into_iter().map(|id| short_id(id.as_ref()).to_owned()).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(short_id(id))
    }
}

impl<Id: AsRef<str>> FromIterator<Id> for Organizations {
    fn from_iter<I: IntoIterator<Item = Id>>(ids: I) -> Self {
        let list = Self::default();
        list.set(ids);
        list
    }
}
