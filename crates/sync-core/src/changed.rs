//! Which fields a change touched, and from what to what.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::FieldValue;

/// One field's step.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// The field's name; custom fields are `custom.<name>`.
    pub field: Cow<'static, str>,
    /// What it held, raw.
    pub from: FieldValue,
    /// What it holds now, raw.
    pub to: FieldValue,
}

/// The mutated fields of one change, in the order of the type's fields (R8). As JSON:
/// `{"stage": {"from": "Open", "to": "Won"}}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangedFields(Vec<FieldChange>);

impl ChangedFields {
    /// Adds one field.
    pub fn push(&mut self, field: impl Into<Cow<'static, str>>, from: FieldValue, to: FieldValue) {
        self.0.push(FieldChange { field: field.into(), from, to });
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many fields changed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The steps in order.
    pub fn iter(&self) -> impl Iterator<Item = &FieldChange> {
        self.0.iter()
    }

    /// One field's step.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&FieldChange> {
        self.0.iter().find(|change| change.field == field)
    }

    /// Leaves only the steps for which `keep` says yes.
    pub fn retain(&mut self, keep: impl FnMut(&FieldChange) -> bool) {
        self.0.retain(keep);
    }
}

impl FromIterator<FieldChange> for ChangedFields {
    fn from_iter<I: IntoIterator<Item = FieldChange>>(changes: I) -> Self {
        Self(changes.into_iter().collect())
    }
}

#[derive(Serialize, Deserialize)]
struct Step<V> {
    from: V,
    to: V,
}

impl Serialize for ChangedFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for change in &self.0 {
            map.serialize_entry(&change.field, &Step { from: change.from.as_ref(), to: change.to.as_ref() })?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ChangedFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Steps;

        impl<'de> Visitor<'de> for Steps {
            type Value = ChangedFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of field steps")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ChangedFields, A::Error> {
                let mut changed = ChangedFields::default();
                while let Some((field, step)) = map.next_entry::<String, Step<FieldValue>>()? {
                    changed.push(field, step.from, step.to);
                }
                Ok(changed)
            }
        }

        deserializer.deserialize_map(Steps)
    }
}
