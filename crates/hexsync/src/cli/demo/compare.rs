//! What a row should hold beside what it holds.

use std::collections::BTreeMap;

use sync_wiring::core::{CUSTOM_PREFIX, ExternalId, FieldValue};

use super::names::{Expected, Held};

/// The fields in which a row is not as expected, by the CRM's names.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Differences {
    /// Wrong.
    pub(super) wrong: Vec<String>,
    /// Older, which they may be.
    pub(super) older: Vec<String>,
}

/// Compares a row's fields (those that are not empty, by our names) with what is expected of it. An entity that has
/// no place for the customer's own fields is not expected to hold them. `redirects` leads from records that were
/// merged into others to those.
pub(super) fn differences(
    expected: &Expected,
    ours: &BTreeMap<String, FieldValue>,
    keeps_custom: bool,
    redirects: &BTreeMap<ExternalId, ExternalId>,
) -> Differences {
    let mut found = Differences::default();
    let custom = expected.custom.iter().filter(|_| keeps_custom);
    for held in expected.own.iter().chain(custom) {
        let our = ours.get(&held.ours).unwrap_or(&FieldValue::Null);
        if is_same(held, our, redirects) {
            continue;
        }
        let list = if held.elsewhere { &mut found.older } else { &mut found.wrong };
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

fn is_same(held: &Held, our: &FieldValue, redirects: &BTreeMap<ExternalId, ExternalId>) -> bool {
    if held.value.as_ref().same(our.as_ref()) {
        return true;
    }
    let FieldValue::Text(id) = our else { return false };
    let winner = redirects.get(&ExternalId::from(id.as_str()));
    winner.is_some_and(|winner| held.value.as_ref().same(FieldValue::Text(winner.to_string()).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(theirs: &str, ours: &str, value: &str, elsewhere: bool) -> Held {
        let value = FieldValue::Text(value.to_owned());
        Held { theirs: theirs.to_owned(), ours: ours.to_owned(), value, elsewhere }
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
        differences(&expected(), ours, true, &BTreeMap::new())
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

    #[test]
    fn link_to_a_merged_record_leads_to_its_survivor() {
        let expected = Expected { own: vec![held("company", "account", "8", false)], custom: Vec::new() };
        let redirects = BTreeMap::from([(ExternalId::from("7"), ExternalId::from("8"))]);
        let ours = |id| row(&[("account", text(id))]);
        assert_eq!(differences(&expected, &ours("7"), false, &redirects), Differences::default());
        assert_eq!(differences(&expected, &ours("6"), false, &redirects).wrong, ["company"]);
    }
}
