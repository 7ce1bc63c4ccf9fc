//! Fields by the names of the audit.

use crate::custom::CUSTOM_PREFIX;
use crate::{Canonical, ExternalId, FieldKind, FieldValue, LocalEdit, ValueRef, field_index, is_placeholder};

/// What a record holds; null where it has no such field.
pub(crate) fn get<T: Canonical>(record: &T, name: &str) -> FieldValue {
    match (field_index::<T>(name), name.strip_prefix(CUSTOM_PREFIX)) {
        (Some(field), _) => record.value(field).to_owned(),
        (None, Some(custom)) => record.custom().and_then(|all| all.get(custom)).cloned().unwrap_or_default(),
        (None, None) => FieldValue::Null,
    }
}

/// Sets a field. A value that it can't hold, and a field that the record does not have, are left.
pub(crate) fn set<T: Canonical>(record: &mut T, name: &str, value: &FieldValue) {
    match (field_index::<T>(name), name.strip_prefix(CUSTOM_PREFIX)) {
        (Some(field), _) => drop(record.set(field, value.clone())),
        (None, Some(custom)) => {
            if let Some(all) = record.custom_mut() {
                all.set(custom, value.clone());
            }
        }
        (None, None) => {}
    }
}

/// The parent that a field names, if it is one that the CRM does not have yet.
pub(crate) fn placeholder_in<T: Canonical>(name: &str, value: ValueRef<'_>) -> Option<ExternalId> {
    let is_link = field_index::<T>(name).is_some_and(|field| T::FIELDS[field].kind == FieldKind::Link);
    match value {
        ValueRef::Text(text) if is_link => Some(ExternalId::from(text)).filter(is_placeholder),
        _ => None,
    }
}

/// Takes edits of a record, in order, back: what it held before the first of them.
pub(super) fn take_back<'a, T: Canonical>(
    record: &mut T,
    edits: impl IntoIterator<Item = &'a LocalEdit, IntoIter: DoubleEndedIterator>,
) {
    for change in edits.into_iter().rev().flat_map(|edit| edit.edit.fields.iter()) {
        set(record, &change.field, &change.from);
    }
}
