//! What a row should hold beside what it holds.

use std::collections::{BTreeMap, BTreeSet};

use sync_wiring::core::{CUSTOM_PREFIX, FieldValue};

use super::names::{Expected, Held};

/// The fields in which a row is not as expected, by the CRM's names.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Differences {
    /// Wrong.
    pub(super) wrong: Vec<String>,
    /// Older, which they may be.
    pub(super) older: Vec<String>,
}

/// What happened to records that others lead to, by their ids.
#[derive(Default)]
pub(super) struct Fates {
    /// Where those that were merged into others live on.
    pub(super) redirects: BTreeMap<String, String>,
    /// Those that were deleted, whether they came back or not.
    pub(super) deleted: BTreeSet<String>,
}

/// Compares a row's fields (those that are not empty, by our names) with what is expected of it. An entity that has
/// no place for the customer's own fields is not expected to hold them.
pub(super) fn differences(
    expected: &Expected,
    ours: &BTreeMap<String, FieldValue>,
    keeps_custom: bool,
    fates: &Fates,
) -> Differences {
    let mut found = Differences::default();
    let custom = expected.custom.iter().filter(|_| keeps_custom);
    for held in expected.own.iter().chain(custom) {
        let our = ours.get(&held.ours).unwrap_or(&FieldValue::Null);
        if fates.same(&held.value, our) {
            continue;
        }
        let may_be_older = held.elsewhere || held.linked && fates.unsettled(held, our);
        let list = if may_be_older { &mut found.older } else { &mut found.wrong };
        list.push(held.theirs.clone());
    }
    // What nothing there could have filled.
    let is_expected = |name: &str| {
        let list = if name.starts_with(CUSTOM_PREFIX) { &expected.custom } else { &expected.own };
        list.iter().any(|held| held.ours == name)
    };
    found.wrong.extend(ours.keys().filter(|name| !is_expected(name)).cloned());
    found
}

impl Fates {
    /// Whether two values are the same, if need be by following what was merged.
    fn same(&self, theirs: &FieldValue, our: &FieldValue) -> bool {
        let followed = || match our {
            FieldValue::Text(id) => self.redirects.get(id).cloned().map(FieldValue::Text),
            _ => None,
        };
        let is_same = |our: &FieldValue| theirs.as_ref().same(our.as_ref());
        is_same(our) || followed().is_some_and(|our| is_same(&our))
    }

    /// Whether the record on either side was deleted: HubSpot then ends the association without moving the stamp
    /// of the one that is left, and begins it again when the other returns.
    fn unsettled(&self, held: &Held, our: &FieldValue) -> bool {
        let was_deleted =
            |value: &FieldValue| matches!(value, FieldValue::Text(id) if self.deleted.contains(id));
        was_deleted(&held.value) || was_deleted(our)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(theirs: &str, ours: &str, value: &str, elsewhere: bool) -> Held {
        let value = FieldValue::Text(value.to_owned());
        Held { theirs: theirs.to_owned(), ours: ours.to_owned(), value, elsewhere, linked: false }
    }

    fn expected() -> Expected {
        Expected {
            own: vec![held("Name", "name", "Acme", false), held("Amount", "amount", "15000000", false)],
            custom: vec![
                held("Own__c", "custom.Own__c", "x", false),
                held("Sum__c", "custom.Sum__c", "7", true),
            ],
        }
    }

    fn row(fields: &[(&str, FieldValue)]) -> BTreeMap<String, FieldValue> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn text(value: &str) -> FieldValue {
        FieldValue::Text(value.to_owned())
    }

    fn compare(ours: &BTreeMap<String, FieldValue>) -> Differences {
        differences(&expected(), ours, true, &Fates::default())
    }

    #[test]
    fn equal_records_do_not_differ_whatever_their_form() {
        let ours = row(&[
            ("name", text("Acme")),
            ("amount", FieldValue::Int(15_000_000)),
            ("custom.Own__c", text("x")),
            ("custom.Sum__c", FieldValue::Int(7)),
        ]);
        assert_eq!(compare(&ours), Differences::default());
    }

    #[test]
    fn every_kind_of_field_counts() {
        let ours = row(&[
            ("name", text("Bcme")),
            ("custom.Sum__c", text("6")),
            ("custom.Left__c", text("y")),
            ("phone", text("1")),
        ]);
        let found = compare(&ours);
        assert_eq!(found.wrong, ["Name", "Amount", "Own__c", "custom.Left__c", "phone"]);
        assert_eq!(found.older, ["Sum__c"]);
    }

    fn linked(ours: &str, fates: &Fates) -> Differences {
        let held = Held { linked: true, ..held("company", "account", "8", false) };
        let expected = Expected { own: vec![held], custom: Vec::new() };
        differences(&expected, &row(&[("account", text(ours))]), false, fates)
    }

    #[test]
    fn link_to_a_merged_record_leads_to_its_survivor() {
        let redirects = BTreeMap::from([("7".to_owned(), "8".to_owned())]);
        let fates = Fates { redirects, ..Fates::default() };
        assert_eq!(linked("7", &fates), Differences::default());
        assert_eq!(linked("6", &fates).wrong, ["company"]);
    }

    #[test]
    fn link_to_a_deleted_record_may_be_older() {
        let fates = |id: &str| Fates { deleted: BTreeSet::from([id.to_owned()]), ..Fates::default() };
        assert_eq!(linked("7", &fates("7")).older, ["company"]);
        assert_eq!(linked("7", &fates("8")).older, ["company"], "it came back");
        assert_eq!(linked("7", &fates("9")).wrong, ["company"]);
    }
}
