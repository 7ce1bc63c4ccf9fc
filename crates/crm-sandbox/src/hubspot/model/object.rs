//! Objects: names, properties, what comes back unasked.

use std::collections::HashMap;

use super::property::{PropertyDef, Source};

/// An object such as `contacts`.
#[derive(Debug, Clone)]
pub struct ObjectDef {
    /// The name in paths: `contacts`, or the fully qualified name of a custom object.
    pub name: String,
    /// `contact`; the short name of a custom object.
    pub singular: String,
    /// `0-1`, `2-…`.
    pub type_id: String,
    /// What people call one row, and several.
    pub labels: (String, String),
    /// Made by the customer.
    pub custom: bool,
    /// The property a row is known by.
    pub primary_display: String,
    /// Properties a new row must have.
    pub required: Vec<String>,
    /// Of these a new row must have at least one.
    pub required_any: Vec<String>,
    /// Properties that `query` looks through.
    pub searchable: Vec<String>,
    /// Properties that come back when none are asked for.
    pub defaults: Vec<String>,
    /// When it was made.
    pub created_at: i64,
    properties: Vec<PropertyDef>,
    by_name: HashMap<String, usize>,
    stored: usize,
}

impl ObjectDef {
    pub(crate) fn new(name: &str, singular: &str, type_id: &str) -> Self {
        Self {
            name: name.to_owned(),
            singular: singular.to_owned(),
            type_id: type_id.to_owned(),
            labels: (capital(singular), capital(name)),
            custom: false,
            primary_display: String::new(),
            required: Vec::new(),
            required_any: Vec::new(),
            searchable: Vec::new(),
            defaults: Vec::new(),
            created_at: 0,
            properties: Vec::new(),
            by_name: HashMap::new(),
            stored: 0,
        }
    }

    /// All properties, archived ones included, in the order they were made.
    #[must_use]
    pub fn properties(&self) -> &[PropertyDef] {
        &self.properties
    }

    /// A property by name, archived or not.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&PropertyDef> {
        self.index(name).map(|index| &self.properties[index])
    }

    /// Where a property stands in [`ObjectDef::properties`].
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Where a property that is not archived stands.
    pub(crate) fn live_index(&self, name: &str) -> Option<usize> {
        self.index(name).filter(|index| !self.properties[*index].archived)
    }

    pub(crate) fn property_mut(&mut self, index: usize) -> Option<&mut PropertyDef> {
        self.properties.get_mut(index)
    }

    /// Adds a property, giving it a place in rows if it is stored. Names are unique; a second one is ignored.
    pub(crate) fn add(&mut self, mut property: PropertyDef) -> usize {
        if let Some(index) = self.index(&property.name) {
            return index;
        }
        if matches!(property.source, Source::Stored(_)) {
            property.source = Source::Stored(self.stored);
            self.stored += 1;
        }
        let index = self.properties.len();
        self.by_name.insert(property.name.clone(), index);
        self.properties.push(property);
        index
    }

    /// Where the value of a stored property lies in a row.
    pub(crate) fn slot(&self, name: &str) -> Option<usize> {
        match self.property(name)?.source {
            Source::Stored(slot) => Some(slot),
            _ => None,
        }
    }

    /// The property that holds when a row was last changed.
    #[must_use]
    pub fn modified_property(&self) -> &'static str {
        if self.name == "contacts" { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    /// The property that holds when a row was made.
    #[must_use]
    pub fn created_property(&self) -> &'static str {
        if self.custom { "hs_createdate" } else { "createdate" }
    }

    /// Whether people mean this object by `name`: plural, singular, type id, fully qualified name; case is ignored.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        same(&self.name) || same(&self.singular) || same(&self.type_id) || self.custom_plural(name)
    }

    /// The short name of a custom object, without the account's prefix.
    pub(crate) fn short_name(&self) -> &str {
        let short = self.name.split_once('_').filter(|_| self.custom);
        short.map_or(&self.name, |(_, short)| short)
    }

    /// Custom objects are also found without their prefix.
    fn custom_plural(&self, name: &str) -> bool {
        self.custom && self.short_name().eq_ignore_ascii_case(name)
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
