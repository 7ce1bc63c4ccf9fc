//! What code generation asks of an entity's configuration.

use sync_core::FieldKind;

use super::{Direction, EntityConfig, Mode, ProviderDetection, ValueKind};
use crate::{DetectionMode, FieldMapping, Transform};

/// A canonical field: a plain one, or a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldView<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it holds.
    pub kind: FieldKind,
    /// Its documentation, or one made from its name.
    pub doc: Option<&'a str>,
    /// Whether the type's field is no `Option`. Never for links: a required link is one whose parent has to
    /// have arrived.
    pub required: bool,
    /// The other entity and whether its record has to have arrived, for links.
    pub link: Option<(&'a str, bool)>,
}

/// A provider of an entity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProviderView<'a> {
    /// Its key in the file, in `kebab-case`: `salesforce`, `hubspot-crm`.
    pub key: &'a str,
    /// The provider's name of the object.
    pub remote_entity: &'a str,
    /// Which way records go.
    pub direction: Direction,
    /// How changes are noticed.
    pub detection: &'a ProviderDetection,
}

/// How one field is read from a record.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRead<'a> {
    /// What it fills.
    pub field: FieldView<'a>,
    /// From where, and through which transforms.
    pub mapping: &'a FieldMapping,
    /// With which accessor of the record the source is read: the first transform's input, or the field's own
    /// kind.
    pub accessor: FieldKind,
}

impl EntityConfig {
    /// The Rust type: `OpportunityContact`.
    #[must_use]
    pub fn type_name(&self) -> String {
        pascal_case(&self.entity)
    }

    /// The table, and the name of several.
    #[must_use]
    pub fn table(&self) -> String {
        self.plural.clone().unwrap_or_else(|| format!("{}s", self.entity))
    }

    /// The canonical fields in order: plain ones, then links.
    pub fn canonical_fields(&self) -> impl Iterator<Item = FieldView<'_>> {
        let fields = self.fields.iter().map(|(name, field)| FieldView {
            name,
            kind: field.kind.field_kind(),
            doc: field.doc.as_deref(),
            required: field.required,
            link: None,
        });
        let links = self.relationships.iter().map(|(name, link)| FieldView {
            name,
            kind: FieldKind::Link,
            doc: link.doc.as_deref(),
            required: false,
            link: Some((&link.entity, link.required)),
        });
        fields.chain(links)
    }

    /// A canonical field by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<FieldView<'_>> {
        self.canonical_fields().find(|field| field.name == name)
    }

    /// The providers in the order of the file.
    pub fn providers(&self) -> impl Iterator<Item = ProviderView<'_>> {
        self.sync.providers.iter().filter_map(|(key, sync)| {
            let detection = self.detection.get(key)?;
            Some(ProviderView {
                key,
                remote_entity: &sync.remote_entity,
                direction: sync.direction,
                detection,
            })
        })
    }

    /// How each canonical field is read from a provider's record, in the order of the fields; `None` for those
    /// that the provider does not fill.
    pub fn reads<'a>(
        &'a self,
        provider: &ProviderView<'a>,
    ) -> impl Iterator<Item = (FieldView<'a>, Option<FieldRead<'a>>)> {
        let mapping = &provider.detection.config.mapping;
        self.canonical_fields().map(|field| {
            let mapping = mapping.iter().find(|mapping| mapping.target == field.name);
            (field, mapping.map(|mapping| FieldRead::new(field, mapping)))
        })
    }
}

impl ProviderView<'_> {
    /// The enum's variant: `HubspotCrm`.
    #[must_use]
    pub fn variant(&self) -> String {
        pascal_case(&self.key.replace('-', "_"))
    }

    /// The struct's field: `hubspot_crm`.
    #[must_use]
    pub fn field_name(&self) -> String {
        self.key.replace('-', "_")
    }

    /// The provider's own name, without `-crm`: `hubspot`; also the part of its crate's name after `provider-`.
    #[must_use]
    pub fn base(&self) -> &str {
        self.key.strip_suffix("-crm").unwrap_or(self.key)
    }

    /// Whether the workspace has a crate for it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        matches!(self.base(), "salesforce" | "hubspot")
    }

    /// How changes are noticed.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self.detection.config.mode {
            DetectionMode::Poll(_) => Mode::Poll,
            DetectionMode::Webhook(_) => Mode::Webhook,
            DetectionMode::Cdc(_) => Mode::Cdc,
        }
    }
}

impl<'a> FieldRead<'a> {
    fn new(field: FieldView<'a>, mapping: &'a FieldMapping) -> Self {
        let accessor = mapping.transforms.iter().find_map(Transform::input).unwrap_or(field.kind);
        Self { field, mapping, accessor }
    }
}

impl ValueKind {
    /// The Rust type of a value, without `Option`: `Decimal`.
    #[must_use]
    pub const fn rust_type(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "i64",
            Self::Decimal => "Decimal",
            Self::Text => "String",
            Self::Date => "NaiveDate",
            Self::Instant => "DateTime<Utc>",
            Self::Json => "Json",
        }
    }
}

/// `opportunity_contact` as `OpportunityContact`.
#[must_use]
pub fn pascal_case(snake: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    snake.split('_').map(capital).collect()
}

/// `LeadSource`, `hs_object_id` or `Legacy Id` as `lead_source`, `hs_object_id`, `legacy_id`.
#[must_use]
pub fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_alphanumeric() {
            if !snake.is_empty() && !snake.ends_with('_') {
                snake.push('_');
            }
        } else {
            let starts_word = letter.is_ascii_uppercase()
                && before.is_some_and(|before| {
                    before.is_ascii_lowercase()
                        || before.is_ascii_digit()
                        || (before.is_ascii_uppercase()
                            && letters.peek().is_some_and(char::is_ascii_lowercase))
                });
            if starts_word && !snake.ends_with('_') {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        before = Some(letter);
    }
    snake.trim_end_matches('_').to_owned()
}
