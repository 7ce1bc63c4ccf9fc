//! Fields that the customer added in their CRM.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ChangedFields, FieldValue};

/// The prefix of custom fields' names in the audit.
pub const CUSTOM_PREFIX: &str = "custom.";

/// A record's custom fields by the provider's name for them.
///
/// A key that is missing was *not sent*; a key with [`FieldValue::Null`] was sent as empty. Keys are
/// shared text, so that thousands of records of a page hold each name once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomFields(BTreeMap<Arc<str>, FieldValue>);

impl CustomFields {
    /// Sets one field.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: FieldValue) {
        self.0.insert(name.into(), value);
    }

    /// One field's value; `None` when it was not sent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.0.get(name)
    }

    /// Removes one field and returns what it held.
    pub fn remove(&mut self, name: &str) -> Option<FieldValue> {
        self.0.remove(name)
    }

    /// Keeps the fields for which `keep` holds. Allocates nothing.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &FieldValue) -> bool) {
        self.0.retain(|name, value| keep(name, value));
    }

    /// All fields, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends what has changed from `from`, for the keys that were sent. Null and missing mean the same
    /// on the local side.
    pub fn diff_into(&self, from: &Self, changed: &mut ChangedFields) {
        for (name, to) in &self.0 {
            let from = from.0.get(name).unwrap_or(&FieldValue::Null);
            if !to.as_ref().same(from.as_ref()) {
                changed.push(format!("{CUSTOM_PREFIX}{name}"), from.clone(), to.clone());
            }
        }
    }

    /// Adds the fields of `older` that are missing here: what was not sent stays as it was. Where the
    /// value means the same in another form, the older form stays too, so that the row equals its audit.
    pub fn keep_unsent(&mut self, older: &Self) {
        for (name, value) in &older.0 {
            match self.0.get_mut(name) {
                Some(newer) if newer.as_ref().same(value.as_ref()) => newer.clone_from(value),
                Some(_) => {}
                None => {
                    self.0.insert(Arc::clone(name), value.clone());
                }
            }
        }
    }
}
