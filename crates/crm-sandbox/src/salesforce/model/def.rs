//! Objects and fields as describe reports them.

use std::collections::HashMap;

/// A field's type, spelt as in describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the documentation: they are describe's own")]
pub enum FieldType {
    Id,
    Reference,
    String,
    TextArea,
    Email,
    Phone,
    Url,
    EncryptedString,
    Combobox,
    Picklist,
    MultiPicklist,
    Boolean,
    Int,
    Long,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Time,
    Address,
    Location,
    Base64,
    AnyType,
}

impl FieldType {
    /// The name in describe's `type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Reference => "reference",
            Self::String => "string",
            Self::TextArea => "textarea",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::EncryptedString => "encryptedstring",
            Self::Combobox => "combobox",
            Self::Picklist => "picklist",
            Self::MultiPicklist => "multipicklist",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
            Self::Address => "address",
            Self::Location => "location",
            Self::Base64 => "base64",
            Self::AnyType => "anyType",
        }
    }

    /// The name in describe's `soapType`.
    #[must_use]
    pub fn soap_type(self) -> &'static str {
        match self {
            Self::Id | Self::Reference => "tns:ID",
            Self::Boolean => "xsd:boolean",
            Self::Int => "xsd:int",
            Self::Long => "xsd:long",
            Self::Double | Self::Currency | Self::Percent => "xsd:double",
            Self::Date => "xsd:date",
            Self::DateTime => "xsd:dateTime",
            Self::Time => "xsd:time",
            Self::Address => "urn:address",
            Self::Location => "urn:location",
            Self::Base64 => "xsd:base64Binary",
            Self::AnyType => "xsd:anyType",
            _ => "xsd:string",
        }
    }

    /// Whether values are strings on the wire and bounded by `length`.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::TextArea
                | Self::Email
                | Self::Phone
                | Self::Url
                | Self::EncryptedString
                | Self::Combobox
                | Self::Picklist
                | Self::MultiPicklist
        )
    }

    /// Whether values are JSON numbers with decimals.
    #[must_use]
    pub fn is_decimal(self) -> bool {
        matches!(self, Self::Double | Self::Currency | Self::Percent)
    }
}

/// How a value that is not stored is worked out when it is read. Fields are given by position in the object.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// `left * right * factor`; null when either is null. Rounded to `scale` decimals.
    Product {
        /// First operand.
        left: usize,
        /// Second operand.
        right: usize,
        /// What the product is multiplied with; 0.01 for a percent field.
        factor: f64,
    },
    /// A field of the parent record: changes when the parent does, without a sign on this row.
    Parent {
        /// The reference field on this object.
        reference: usize,
        /// The parent object.
        object: Box<str>,
        /// The field there.
        field: Box<str>,
    },
    /// True when the field holds one of these texts.
    OneOf {
        /// The text field.
        field: usize,
        /// The texts.
        texts: Vec<Box<str>>,
    },
    /// The non-null texts, separated by one space (a person's `Name`).
    Join(Vec<usize>),
    /// A compound made of other fields, by JSON key. Null when every part is null.
    Parts(Vec<(Box<str>, usize)>),
}

/// One entry of a picklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PicklistValue {
    /// The API value, which rows hold.
    pub value: Box<str>,
    /// What people see.
    pub label: Box<str>,
    /// Retired entries stay in old rows.
    pub active: bool,
}

/// A field, with what describe says of it. Flags are spelt as describe spells them.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "describe is a table of flags")]
#[expect(missing_docs, reason = "the names are describe's own")]
pub struct FieldDef {
    pub name: Box<str>,
    pub label: Box<str>,
    pub field_type: FieldType,
    /// Characters; 0 for anything but text.
    pub length: u32,
    pub precision: u32,
    pub scale: u32,
    pub nillable: bool,
    pub custom: bool,
    pub calculated: bool,
    pub createable: bool,
    pub updateable: bool,
    pub external_id: bool,
    pub id_lookup: bool,
    pub unique: bool,
    pub case_sensitive: bool,
    pub filterable: bool,
    pub sortable: bool,
    pub name_field: bool,
    /// Numbered by the org when the row is made.
    pub auto_number: bool,
    pub restricted_picklist: bool,
    /// Parent objects; several make the field polymorphic.
    pub reference_to: Vec<Box<str>>,
    pub relationship_name: Option<Box<str>>,
    /// What the parent calls these rows in a subquery, such as `Opportunities`.
    pub child_relationship_name: Option<Box<str>>,
    /// Deleting the parent deletes this row too.
    pub cascade_delete: bool,
    pub compound_field_name: Option<Box<str>>,
    pub picklist: Vec<PicklistValue>,
    /// Set on fields that are worked out instead of stored.
    pub formula: Option<Formula>,
    /// Not part of the org (removed, or never there on this object); the position stays taken.
    pub hidden: bool,
}

impl FieldDef {
    /// A nillable, writable, filterable, sortable field without anything special.
    #[must_use]
    pub fn new(name: &str, field_type: FieldType) -> Self {
        let (length, precision, scale) = match field_type {
            FieldType::Id | FieldType::Reference => (18, 0, 0),
            FieldType::Email | FieldType::Phone => (80, 0, 0),
            FieldType::TextArea => (32_000, 0, 0),
            FieldType::Currency => (0, 18, 2),
            FieldType::Double => (0, 18, 2),
            FieldType::Percent => (0, 3, 0),
            FieldType::Int => (0, 0, 0),
            other if other.is_text() => (255, 0, 0),
            _ => (0, 0, 0),
        };
        let long_text = field_type == FieldType::TextArea;
        Self {
            name: name.into(),
            label: name.trim_end_matches("__c").replace('_', " ").into(),
            field_type,
            length,
            precision,
            scale,
            nillable: field_type != FieldType::Boolean,
            custom: name.ends_with("__c"),
            calculated: false,
            createable: true,
            updateable: true,
            external_id: false,
            id_lookup: false,
            unique: false,
            case_sensitive: false,
            filterable: !long_text,
            sortable: !long_text && field_type != FieldType::MultiPicklist,
            name_field: false,
            auto_number: false,
            restricted_picklist: false,
            reference_to: Vec::new(),
            relationship_name: None,
            child_relationship_name: None,
            cascade_delete: false,
            compound_field_name: None,
            picklist: Vec::new(),
            formula: None,
            hidden: false,
        }
    }
}

/// An object: its fields by position, and the names that find them.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are describe's own")]
pub struct ObjectDef {
    pub name: Box<str>,
    pub label: Box<str>,
    pub label_plural: Box<str>,
    /// First three characters of its ids.
    pub key_prefix: Box<str>,
    pub custom: bool,
    /// False for objects whose rows are deactivated instead, such as User.
    pub deletable: bool,
    pub mergeable: bool,
    /// By position, hidden ones included: use [`ObjectDef::visible_fields`] unless positions matter.
    fields: Vec<FieldDef>,
    by_name: HashMap<Box<str>, usize>,
}

impl ObjectDef {
    /// An object with these fields. The first seven must be the system fields, in the order of the constants in
    /// [`crate::salesforce::model`].
    #[must_use]
    pub fn new(name: &str, label_plural: &str, key_prefix: &str, fields: Vec<FieldDef>) -> Self {
        let mut def = Self {
            name: name.into(),
            label: name.trim_end_matches("__c").replace('_', " ").into(),
            label_plural: label_plural.into(),
            key_prefix: key_prefix.into(),
            custom: name.ends_with("__c"),
            deletable: true,
            mergeable: false,
            fields,
            by_name: HashMap::new(),
        };
        def.index_names();
        def
    }

    /// All fields by position, hidden ones included.
    #[must_use]
    pub fn fields(&self) -> &[FieldDef] {
        &self.fields
    }

    /// The fields that exist for a caller, with their positions.
    pub fn visible_fields(&self) -> impl Iterator<Item = (usize, &FieldDef)> {
        self.fields.iter().enumerate().filter(|(_, field)| !field.hidden)
    }

    /// The position of a visible field; names ignore case.
    #[must_use]
    pub fn field_index(&self, name: &str) -> Option<usize> {
        // Callers mostly spell names as describe does; lower-casing is the slow path.
        self.by_name.get(name).or_else(|| self.by_name.get(name.to_ascii_lowercase().as_str())).copied()
    }

    /// A visible field by name; names ignore case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldDef> {
        self.field_index(name).map(|index| &self.fields[index])
    }

    /// The visible reference field whose relationship has this name (`Account`, `Parent__r`); ignores case.
    #[must_use]
    pub fn relationship(&self, name: &str) -> Option<(usize, &FieldDef)> {
        self.visible_fields().find(|(_, field)| {
            field.relationship_name.as_deref().is_some_and(|given| given.eq_ignore_ascii_case(name))
        })
    }

    /// Appends a field and returns its position.
    pub fn push_field(&mut self, field: FieldDef) -> usize {
        self.fields.push(field);
        self.index_names();
        self.fields.len() - 1
    }

    /// Changes the field at `index` in place; does nothing when there is none.
    pub fn edit_field(&mut self, index: usize, edit: impl FnOnce(&mut FieldDef)) {
        if let Some(field) = self.fields.get_mut(index) {
            edit(field);
            self.index_names();
        }
    }

    fn index_names(&mut self) {
        self.by_name.clear();
        for (index, field) in self.fields.iter().enumerate().filter(|(_, field)| !field.hidden) {
            self.by_name.insert(field.name.to_ascii_lowercase().into(), index);
            self.by_name.insert(field.name.clone(), index);
        }
    }
}
