//! Rebuilding a record from its audit (R16).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::custom::CUSTOM_PREFIX;
use crate::{Canonical, FieldValue, Operation, RecordedItem};

/// A record as its audit tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// The fields that are not empty, by their names in the audit.
    pub fields: BTreeMap<String, FieldValue>,
    /// Whether it is deleted.
    pub deleted: bool,
}

/// Folds a record's applied changes, oldest first, into its state; `None` when there is none. With `at`,
/// only what was recorded up to that instant.
#[must_use]
pub fn fold<'a>(
    items: impl IntoIterator<Item = &'a RecordedItem>,
    at: Option<DateTime<Utc>>,
) -> Option<Folded> {
    let mut state: Option<Folded> = None;
    for recorded in items {
        if at.is_some_and(|at| recorded.recorded_at > at) {
            break;
        }
        let item = &recorded.item;
        let folded = match item.operation {
            Operation::Noop => continue,
            Operation::Created => state.insert(Folded::default()),
            _ => state.get_or_insert_with(Folded::default),
        };
        folded.deleted = item.operation == Operation::Deleted;
        for change in item.changed_fields.iter() {
            if change.to.is_null() {
                folded.fields.remove(&*change.field);
            } else {
                folded.fields.insert(change.field.to_string(), change.to.clone());
            }
        }
    }
    state
}

/// A local record in the same form, to compare with [`fold`].
#[must_use]
pub fn image<T: Canonical>(record: &T, deleted: bool) -> Folded {
    let own =
        T::FIELDS.iter().enumerate().map(|(i, field)| (field.name.to_owned(), record.value(i).to_owned()));
    let custom = record.custom().into_iter().flat_map(|custom| custom.iter());
    let custom = custom.map(|(name, value)| (format!("{CUSTOM_PREFIX}{name}"), value.clone()));
    Folded { fields: own.chain(custom).filter(|(_, value)| !value.is_null()).collect(), deleted }
}

impl Folded {
    /// The fields in which two states differ, by the rules of [`ValueRef::same`](crate::ValueRef::same).
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names =
            self.fields.keys().chain(other.fields.keys().filter(|name| !self.fields.contains_key(*name)));
        let value = |state: &Self, name: &str| state.fields.get(name).cloned().unwrap_or_default();
        let mut different: Vec<String> = names
            .filter(|name| !value(self, name).as_ref().same(value(other, name).as_ref()))
            .cloned()
            .collect();
        if self.deleted != other.deleted {
            different.push("deleted".to_owned());
        }
        different
    }
}
