//! Fields that the customer added in their CRM.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ChangedFields, FieldKind, FieldValue};

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

    /// The fields of many records, by name, with the kind of their values: that of the last one, except that whole
    /// numbers don't narrow decimals; `None` where every value is empty.
    pub fn kinds<'a>(records: impl IntoIterator<Item = &'a Self>) -> BTreeMap<&'a str, Option<FieldKind>> {
        let mut kinds: HashMap<&str, Option<FieldKind>> = HashMap::new();
        for (name, value) in records.into_iter().flat_map(Self::iter) {
            let kind = kinds.entry(name).or_default();
            *kind = Self::wider_kind(*kind, value.kind());
        }
        kinds.into_iter().collect()
    }

    /// The kind of a field that held `older` values and now holds `newer` ones, as in [`kinds`](Self::kinds).
    #[must_use]
    pub const fn wider_kind(older: Option<FieldKind>, newer: Option<FieldKind>) -> Option<FieldKind> {
        match (older, newer) {
            (older, None) => older,
            (Some(FieldKind::Decimal), Some(FieldKind::Int)) => older,
            (_, newer) => newer,
        }
    }

    /// What it takes to make stored values those of this record. `stored` are one record's values by the number of
    /// their definition; `definition` answers the number of a field. A value that means the same in another form of
    /// its kind (`1.50` and `1.5`) counts as the same.
    pub fn steps_from<'a>(
        &'a self,
        mut stored: HashMap<i64, FieldValue>,
        definition: impl Fn(&str) -> Option<i64>,
    ) -> CustomSteps<'a> {
        let mut steps = CustomSteps::default();
        for (name, value) in self.iter() {
            let Some(definition) = definition(name) else { continue };
            match stored.remove(&definition) {
                Some(old) if old.kind() == value.kind() && old.as_ref().same(value.as_ref()) => {}
                _ => steps.put.push((definition, value)),
            }
        }
        steps.removed.extend(stored.into_keys());
        steps.removed.sort_unstable();
        steps
    }
}

/// What has to be written of one record's custom fields, by the numbers of their definitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomSteps<'a> {
    /// Values to be added or replaced.
    pub put: Vec<(i64, &'a FieldValue)>,
    /// Values that are not in the record.
    pub removed: Vec<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(fields: &[(&str, FieldValue)]) -> CustomFields {
        let mut custom = CustomFields::default();
        fields.iter().for_each(|(name, value)| custom.set(*name, value.clone()));
        custom
    }

    fn decimal(text: &str) -> FieldValue {
        FieldValue::Decimal(text.parse().unwrap())
    }

    #[test]
    fn whole_numbers_do_not_narrow_decimals() {
        let records = [
            custom(&[("n", decimal("0.5")), ("t", FieldValue::Int(1)), ("e", FieldValue::Null)]),
            custom(&[("n", FieldValue::Int(1)), ("t", FieldValue::Text("a".into()))]),
            custom(&[("t", FieldValue::Null)]),
        ];
        let kinds: Vec<_> = CustomFields::kinds(&records).into_iter().collect();
        assert_eq!(kinds, [("e", None), ("n", Some(FieldKind::Decimal)), ("t", Some(FieldKind::Text))]);
    }

    #[test]
    fn only_what_differs_is_written() {
        let number = |name: &str| Some(i64::from(name.as_bytes()[0]));
        let new = custom(&[
            ("a", decimal("1.5")),
            ("b", FieldValue::Text("1.5".into())),
            ("c", FieldValue::Null),
            ("d", FieldValue::Bool(true)),
        ]);
        let stored =
            [("a", decimal("1.50")), ("b", decimal("1.5")), ("c", FieldValue::Null), ("x", decimal("1"))];
        let stored = stored.into_iter().map(|(name, value)| (i64::from(name.as_bytes()[0]), value)).collect();
        let steps = new.steps_from(stored, number);
        let put: Vec<_> = steps.put.iter().map(|(definition, _)| *definition).collect();
        assert_eq!((put, steps.removed), (vec![98, 100], vec![120]));
        assert_eq!(new.steps_from(HashMap::new(), number).put.len(), 4);
    }
}
