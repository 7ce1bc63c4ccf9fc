//! The objects every simulated org starts with, and the words that build a field list.

mod deals;
mod edit;
mod objects;

use super::model::{FieldDef, FieldType, Formula, PicklistValue};

pub(in crate::salesforce) use deals::{CASE_CLOSED, CASE_STATUS, PROJECT_STATUS, ROLES};
pub use edit::FieldSpec;
pub use objects::{PROBABILITY_OF_STAGE, standard_objects};

/// Words for building a field list, in the order in which one would say them.
impl FieldDef {
    pub(crate) fn required(mut self) -> Self {
        self.nillable = false;
        self
    }

    pub(crate) fn length(mut self, characters: u32) -> Self {
        self.length = characters;
        self
    }

    pub(crate) fn number(mut self, precision: u32, scale: u32) -> Self {
        (self.precision, self.scale) = (precision, scale);
        self
    }

    pub(crate) fn name_field(mut self) -> Self {
        self.name_field = true;
        self
    }

    pub(crate) fn read_only(mut self) -> Self {
        (self.createable, self.updateable) = (false, false);
        self
    }

    /// Given when the row is made, never changed by a caller.
    pub(crate) fn create_only(mut self) -> Self {
        self.updateable = false;
        self
    }

    /// Numbered by the org, eight digits.
    pub(crate) fn auto_number(mut self) -> Self {
        self.auto_number = true;
        self.read_only()
    }

    pub(crate) fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    pub(crate) fn part_of(mut self, compound: &str) -> Self {
        self.compound_field_name = Some(compound.into());
        self
    }

    /// A key for upserts: external id, unique, case ignored.
    pub(crate) fn external_key(mut self) -> Self {
        (self.external_id, self.id_lookup, self.unique) = (true, true, true);
        self
    }

    pub(crate) fn id_lookup(mut self) -> Self {
        self.id_lookup = true;
        self
    }

    /// A reference to `object`. The relationship is the field's name without `Id`.
    pub(crate) fn to(mut self, object: &str) -> Self {
        self.reference_to = vec![object.into()];
        self.relationship_name = Some(match self.name.strip_suffix("__c") {
            Some(stem) => format!("{stem}__r").into(),
            None => self.name.strip_suffix("Id").unwrap_or(&self.name).into(),
        });
        self
    }

    /// What the parent calls these rows in a subquery.
    pub(crate) fn children(mut self, relationship: &str) -> Self {
        self.child_relationship_name = Some(relationship.into());
        self
    }

    pub(crate) fn cascades(mut self) -> Self {
        self.cascade_delete = true;
        self
    }

    pub(crate) fn values(mut self, values: &[&str]) -> Self {
        self.picklist = values.iter().map(|value| PicklistValue::active(value)).collect();
        self
    }

    pub(crate) fn restricted(mut self) -> Self {
        self.restricted_picklist = true;
        self
    }

    /// A value worked out when read; a formula field of the org when `custom`.
    pub(crate) fn formula(mut self, formula: Formula) -> Self {
        self.formula = Some(formula);
        self.calculated = self.custom;
        self.read_only()
    }
}

impl PicklistValue {
    pub(crate) fn active(value: &str) -> Self {
        Self { value: value.into(), label: value.into(), active: true }
    }
}

/// The seven fields that come first on every object.
pub(crate) fn system_fields(deletable: bool) -> Vec<FieldDef> {
    let stamp = |name| FieldDef::new(name, FieldType::DateTime).required().read_only();
    let user = |name| FieldDef::new(name, FieldType::Reference).required().read_only().to("User");
    let is_deleted = FieldDef::new("IsDeleted", FieldType::Boolean).read_only();
    vec![
        FieldDef::new("Id", FieldType::Id).required().read_only().id_lookup(),
        if deletable { is_deleted } else { is_deleted.hidden() },
        stamp("CreatedDate"),
        user("CreatedById"),
        stamp("LastModifiedDate"),
        user("LastModifiedById"),
        stamp("SystemModstamp"),
    ]
}
