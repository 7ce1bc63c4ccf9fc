//! What the engine asks of an entity's type.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{ChangedFields, CustomFields, FieldType, FieldValue, ValueRef};

/// An application's own view of one kind of CRM record, apart from any provider's.
///
/// Implemented by `#[derive(Canonical)]`; a field's position in [`FIELDS`](Self::FIELDS) is its number
/// everywhere. Custom fields are one field of type [`CustomFields`] and not in that list: each of its keys
/// is a field of its own, named `custom.<key>`.
///
/// ```
/// use sync_core::{Canonical, ChangedFields, CustomFields, FieldSet};
///
/// #[derive(Clone, Debug, Default, PartialEq, Canonical)]
/// #[canonical(entity = "ticket", title = "subject")]
/// struct Ticket {
///     subject: Option<String>,
///     priority: Option<i64>,
///     #[canonical(custom)]
///     custom: CustomFields,
/// }
///
/// let old = Ticket { subject: Some("Printer".into()), priority: Some(1), ..Ticket::default() };
/// let new = Ticket { priority: Some(2), ..old.clone() };
/// let mut changed = ChangedFields::default();
/// new.diff_into(&old, FieldSet::all::<Ticket>(), &mut changed);
/// assert_eq!(serde_json::to_string(&changed).unwrap(), r#"{"priority":{"from":1,"to":2}}"#);
/// ```
pub trait Canonical: Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// The entity's name, in the singular: `opportunity`.
    const ENTITY: &'static str;

    /// The fields in order, at most [`FieldSet::CAPACITY`].
    const FIELDS: &'static [FieldDef];

    /// A field's present value.
    ///
    /// # Panics
    /// Never for `field < FIELDS.len()`; beyond it, yes, as an index into a slice.
    fn value(&self, field: usize) -> ValueRef<'_>;

    /// Sets a field from a stored value.
    ///
    /// # Errors
    /// [`FieldMismatch`] when the value is not of the field's type.
    fn set(&mut self, field: usize, value: FieldValue) -> Result<(), FieldMismatch>;

    /// Appends what has changed from `from` to `self` among `fields`, in order. Allocates only for fields
    /// that changed. Custom fields are not looked at.
    fn diff_into(&self, from: &Self, fields: FieldSet, changed: &mut ChangedFields);

    /// Takes the named fields from `other` and leaves the rest alone. Custom fields are not touched.
    fn merge_from(&mut self, other: &Self, fields: FieldSet);

    /// The custom fields, where the entity has them.
    fn custom(&self) -> Option<&CustomFields>;

    /// The custom fields, to change.
    fn custom_mut(&mut self) -> Option<&mut CustomFields>;

    /// What a person would call this record, e.g. its name.
    fn title(&self) -> Option<&str>;
}

/// A field's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldDef {
    /// The name in the audit, the YAML and the tables.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it can be empty.
    pub nullable: bool,
}

impl FieldDef {
    /// The description of a field of type `F`; used by the derive macro.
    #[must_use]
    pub const fn of<F: FieldType>(name: &'static str) -> Self {
        Self { name, kind: F::KIND, nullable: F::NULLABLE }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// An exact decimal of up to 28 digits.
    Decimal,
    /// Text.
    Text,
    /// A calendar day.
    Date,
    /// A point in time, to the microsecond.
    Instant,
    /// Anything structured.
    Json,
    /// Another record's external id.
    Link,
}

impl FieldKind {
    /// The name in YAML, tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Decimal => "decimal",
            Self::Text => "text",
            Self::Date => "date",
            Self::Instant => "instant",
            Self::Json => "json",
            Self::Link => "link",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        const ALL: [FieldKind; 8] = [
            FieldKind::Bool,
            FieldKind::Int,
            FieldKind::Decimal,
            FieldKind::Text,
            FieldKind::Date,
            FieldKind::Instant,
            FieldKind::Json,
            FieldKind::Link,
        ];
        ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A stored or mapped value that a field cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` can't hold {found}, expected {expected:?}")]
pub struct FieldMismatch {
    /// The field's name.
    pub field: &'static str,
    /// What the field holds.
    pub expected: FieldKind,
    /// The kind of value that came; never the value.
    pub found: &'static str,
}

/// A set of fields of one canonical type, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSet(u128);

impl FieldSet {
    /// How many fields a canonical type can have beside its custom ones.
    pub const CAPACITY: usize = 128;

    /// No field.
    pub const EMPTY: Self = Self(0);

    /// Every field of `T`.
    #[must_use]
    pub fn all<T: Canonical>() -> Self {
        match T::FIELDS.len() {
            Self::CAPACITY => Self(u128::MAX),
            n => Self((1 << n) - 1),
        }
    }

    /// The fields of `T` with these names; names that `T` does not have are left out.
    pub fn named<'a, T: Canonical>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = Self::EMPTY;
        for name in names {
            if let Some(field) = field_index::<T>(name) {
                set.insert(field);
            }
        }
        set
    }

    /// Adds a field by number.
    pub fn insert(&mut self, field: usize) {
        self.0 |= 1 << field;
    }

    /// Whether a field is in the set.
    #[must_use]
    pub const fn contains(self, field: usize) -> bool {
        self.0 >> field & 1 == 1
    }

    /// Fields in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Fields in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Fields in this set and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether no field is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The field numbers, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::CAPACITY).filter(move |field| self.contains(*field))
    }
}

/// A field's number by its name.
#[must_use]
pub fn field_index<T: Canonical>(name: &str) -> Option<usize> {
    T::FIELDS.iter().position(|field| field.name == name)
}

/// A record as one JSON object: every field by name, custom fields under `custom`. The form of parked
/// payloads and of last images.
#[must_use]
pub fn record_to_json<T: Canonical>(record: &T) -> Map<String, Json> {
    let mut object: Map<String, Json> = T::FIELDS
        .iter()
        .enumerate()
        .map(|(i, field)| (field.name.to_owned(), record.value(i).to_json()))
        .collect();
    if let Some(custom) = record.custom() {
        let custom = custom.iter().map(|(name, value)| (name.to_owned(), value.to_json())).collect();
        object.insert("custom".to_owned(), Json::Object(custom));
    }
    object
}

/// The inverse of [`record_to_json`]; keys that `T` does not have are left out.
///
/// # Errors
/// [`FieldMismatch`] when a value is not of its field's type.
pub fn record_from_json<T: Canonical>(object: Map<String, Json>) -> Result<T, FieldMismatch> {
    let mut record = T::default();
    for (name, value) in object {
        if let Some(field) = field_index::<T>(&name) {
            record.set(field, FieldValue::from_json(value))?;
        } else if let ("custom", Json::Object(values), Some(custom)) =
            (name.as_str(), value, record.custom_mut())
        {
            for (name, value) in values {
                custom.set(name, FieldValue::from_json(value));
            }
        }
    }
    Ok(record)
}
