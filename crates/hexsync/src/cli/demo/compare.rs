//! A record of the org beside a local row. Apart from what synced it: values are taken from the org by the names
//! of the mapping, and not through the code that maps.

use serde_json::Value as Json;
use sync_wiring::core::{FieldValue, field_index};
use sync_wiring::salesforce::FromSalesforce;

/// What Salesforce adds to the name of a field that a customer made.
const CUSTOM_SUFFIX: &str = "__c";

/// The fields in which they differ, by the org's names.
pub(super) fn differences<T: FromSalesforce>(theirs: &Json, ours: &T) -> Vec<String> {
    let mut different: Vec<String> = T::mapping()
        .iter()
        .filter(|mapping| {
            let their = FieldValue::from_json(at(theirs, &mapping.source));
            field_index::<T>(&mapping.target).is_none_or(|field| !their.as_ref().same(ours.value(field)))
        })
        .map(|mapping| mapping.source.to_string())
        .collect();
    let (Some(custom), Json::Object(fields)) = (ours.custom(), theirs) else { return different };
    for (name, value) in fields.iter().filter(|(name, _)| name.ends_with(CUSTOM_SUFFIX)) {
        let their = FieldValue::from_json(value.clone());
        let our = custom.get(name).unwrap_or(&FieldValue::Null);
        if !their.as_ref().same(our.as_ref()) {
            different.push(name.clone());
        }
    }
    different
}

/// A field's value; parts of compound fields by path.
fn at(record: &Json, path: &str) -> Json {
    path.split('.').try_fold(record, |value, step| value.get(step)).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_wiring::account::Account;

    use super::*;

    fn theirs(city: &str, own: &str) -> Json {
        json!({"Name": "Acme", "AnnualRevenue": 1.5e7, "BillingAddress": {"city": city}, "Own__c": own})
    }

    fn ours() -> Account {
        let mut account = Account {
            name: Some("Acme".into()),
            annual_revenue: Some("15000000".parse().unwrap()),
            billing_city: Some("Oslo".into()),
            ..Account::default()
        };
        account.custom.set("Own__c", FieldValue::Text("x".into()));
        account
    }

    #[test]
    fn equal_records_do_not_differ_whatever_their_form() {
        assert_eq!(differences(&theirs("Oslo", "x"), &ours()), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_field_counts() {
        assert_eq!(differences(&theirs("Bergen", "y"), &ours()), ["BillingAddress.city", "Own__c"]);
        let named = Account { name: None, ..ours() };
        assert_eq!(differences(&theirs("Oslo", "x"), &named), ["Name"]);
    }
}
