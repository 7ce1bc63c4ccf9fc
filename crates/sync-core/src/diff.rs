//! Comparing an incoming record with the local row.

use std::marker::PhantomData;

use crate::custom::CUSTOM_PREFIX;
use crate::{Canonical, ChangedFields, FieldSet, Record};

/// Finds what a change touches (R8).
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait FieldDiffer<T: Canonical>: Send + Sync {
    /// What `incoming` changes on `local`: every non-null field from null when there is no row, the mutated
    /// fields only otherwise. Only fields that were sent are compared; `hint`, where a provider gives one,
    /// narrows them further.
    #[expect(clippy::needless_lifetimes, reason = "mockall needs a name for lifetimes inside of options")]
    fn diff<'a>(&self, local: Option<&'a T>, incoming: &Record<T>, hint: Option<FieldSet>) -> ChangedFields;
}

/// Compares field by field, in normalised form. Row metadata (ids, stamps, provider) is no field of a
/// canonical record and so never compared, unless a type has a field of such a name: then it is ignored
/// unless [`unignore`](Self::unignore)d.
#[derive(Clone, Debug)]
pub struct DeepEqualDiffer<T> {
    compared: FieldSet,
    ignored_custom: Vec<String>,
    ignores_all_custom: bool,
    of: PhantomData<fn() -> T>,
}

/// Names that say something of the row rather than of the record.
pub const METADATA: [&str; 9] = [
    "id",
    "external_id",
    "provider",
    "provider_metadata",
    "created_at",
    "updated_at",
    "deleted_at",
    "last_modified_at",
    "system_modstamp",
];

impl<T: Canonical> Default for DeepEqualDiffer<T> {
    fn default() -> Self {
        Self {
            compared: FieldSet::all::<T>().without(FieldSet::named::<T>(METADATA)),
            ignored_custom: Vec::new(),
            ignores_all_custom: false,
            of: PhantomData,
        }
    }
}

impl<T: Canonical> DeepEqualDiffer<T> {
    /// Leaves these fields out of comparison and audit. Custom fields are named `custom.<name>`; `custom`
    /// means all of them.
    #[must_use]
    pub fn ignore<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        for name in names {
            match name.strip_prefix(CUSTOM_PREFIX) {
                Some(custom) => self.ignored_custom.push(custom.to_owned()),
                None if name == "custom" => self.ignores_all_custom = true,
                None => self.compared = self.compared.without(FieldSet::named::<T>([name])),
            }
        }
        self
    }

    /// Compares these fields although they are ignored by default or by an earlier `ignore`.
    #[must_use]
    pub fn unignore<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        for name in names {
            match name.strip_prefix(CUSTOM_PREFIX) {
                Some(custom) => self.ignored_custom.retain(|ignored| ignored != custom),
                None if name == "custom" => self.ignores_all_custom = false,
                None => self.compared = self.compared.union(FieldSet::named::<T>([name])),
            }
        }
        self
    }
}

impl<T: Canonical> FieldDiffer<T> for DeepEqualDiffer<T> {
    fn diff(&self, local: Option<&T>, incoming: &Record<T>, hint: Option<FieldSet>) -> ChangedFields {
        let mut changed = ChangedFields::default();
        let sent = incoming.sent().intersection(self.compared);
        match local {
            Some(local) => {
                let fields = hint.map_or(sent, |hint| sent.intersection(hint));
                incoming.value.diff_into(local, fields, &mut changed);
                self.diff_custom(local, incoming, &mut changed);
            }
            None => {
                let empty = T::default();
                for field in sent.iter() {
                    let to = incoming.value.value(field);
                    if !to.is_null() {
                        changed.push(T::FIELDS[field].name, crate::FieldValue::Null, to.to_owned());
                    }
                }
                self.diff_custom(&empty, incoming, &mut changed);
            }
        }
        changed
    }
}

impl<T: Canonical> DeepEqualDiffer<T> {
    fn diff_custom(&self, local: &T, incoming: &Record<T>, changed: &mut ChangedFields) {
        let (Some(from), Some(to)) = (local.custom(), incoming.value.custom()) else { return };
        if self.ignores_all_custom {
            return;
        }
        to.diff_into(from, changed);
        if !self.ignored_custom.is_empty() {
            changed.retain(|change| {
                change
                    .field
                    .strip_prefix(CUSTOM_PREFIX)
                    .is_none_or(|name| !self.ignored_custom.iter().any(|ignored| ignored == name))
            });
        }
    }
}
