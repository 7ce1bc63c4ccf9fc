//! What CRMs call things, and what our rows should hold of them. Written down here apart from the mapping that the
//! runs use, so that a mistake there is noticed.

mod hubspot;
mod salesforce;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sync_wiring::core::FieldValue;

use crate::crm::Crm;
use crate::generated::Entity;

/// One entity in one CRM.
pub(super) struct Names {
    /// Our name of it.
    pub(super) entity: &'static str,
    /// The object there.
    pub(super) object: &'static str,
    /// Field by field.
    pub(super) fields: &'static [Name],
}

/// One field.
pub(super) struct Name {
    /// Theirs; parts of compound fields by path.
    pub(super) theirs: &'static str,
    /// Ours.
    pub(super) ours: &'static str,
    /// What is done to the value.
    pub(super) form: Form,
}

/// What is done to a value on the way.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// Nothing.
    Same,
    /// A share of one becomes percent.
    Percent,
    /// An instant becomes its day.
    Day,
    /// The texts of several fields, named with blanks between, become one with blanks between.
    Joined,
    /// The associated record of this object, the primary one before others.
    Linked,
}

const fn name(theirs: &'static str, ours: &'static str) -> Name {
    Name { theirs, ours, form: Form::Same }
}

const fn formed(theirs: &'static str, ours: &'static str, form: Form) -> Name {
    Name { theirs, ours, form }
}

/// The names of an entity in a CRM; `None` for one that is not part of the demo.
pub(super) fn of(crm: Crm, entity: Entity) -> Option<&'static Names> {
    let all = match crm {
        Crm::Salesforce => salesforce::ALL,
        Crm::Hubspot => hubspot::ALL,
    };
    all.iter().find(|names| names.entity == entity.name())
}

/// The entities of a CRM that the demo syncs, parents first.
pub(super) fn entities(crm: Crm) -> Vec<Entity> {
    crm.entities().into_iter().filter(|entity| of(crm, *entity).is_some()).collect()
}

/// The entity that an object of a CRM is here. HubSpot puts the account's number before the names of objects that
/// the customer made: `p9001_projects`.
pub(super) fn entity_of(crm: Crm, object: &str) -> Option<Entity> {
    let numbered = |own: &str| object.strip_suffix(own).is_some_and(|rest| rest.ends_with('_'));
    let is_it = |own: &str| own == object || crm == Crm::Hubspot && numbered(own);
    entities(crm).into_iter().find(|entity| of(crm, *entity).is_some_and(|names| is_it(names.object)))
}

/// What the row of a record should hold.
#[derive(Default)]
pub(super) struct Expected {
    /// The entity's own fields.
    pub(super) own: Vec<Held>,
    /// The fields that the customer made.
    pub(super) custom: Vec<Held>,
}

/// One value.
pub(super) struct Held {
    /// The CRM's name.
    pub(super) theirs: String,
    /// Ours.
    pub(super) ours: String,
    pub(super) value: FieldValue,
    /// Whether it may be older here, because it is calculated from another record and changes without a sign.
    pub(super) elsewhere: bool,
    /// Whether it is an association, which ends and begins without a sign when the other record goes and returns.
    pub(super) linked: bool,
}

/// A value in our form.
pub(super) fn in_form(value: Json, form: Form) -> FieldValue {
    match (form, value) {
        (Form::Percent, Json::String(share)) => FieldValue::Text(hundredfold(&share)),
        (Form::Day, Json::String(at)) => match at.parse::<DateTime<Utc>>() {
            Ok(at) => FieldValue::Date(at.date_naive()),
            Err(_) => FieldValue::Text(at),
        },
        (_, value) => FieldValue::from_json(value),
    }
}

/// A number's digits with the point two places on, so that nothing is rounded.
fn hundredfold(digits: &str) -> String {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = format!("{part:0<2}");
    let (cents, rest) = part.split_at(2);
    format!("{whole}{cents}.{rest}0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_percent_exactly() {
        let percent = |share| hundredfold(share);
        assert_eq!(["0.2", "1.0", "0.125", "1"].map(percent), ["020.0", "100.0", "012.50", "100.0"]);
    }

    #[test]
    fn every_entity_of_every_crm_has_names() {
        for crm in Crm::ALL {
            assert_eq!(entities(crm), crm.entities(), "{}", crm.product());
        }
    }
}
