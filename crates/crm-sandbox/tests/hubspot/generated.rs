//! What a generated account holds: odd values on purpose, shared stamps, roles.

use std::collections::{BTreeMap, BTreeSet};

use crm_sandbox::SimClock;
use crm_sandbox::hubspot::generate::{AccountSpec, generate};
use crm_sandbox::hubspot::model::Account;

use crate::support::SMALL;

fn account() -> Account {
    generate(1, &SMALL, SimClock::default())
}

/// All values of a property.
fn values(account: &Account, object: &str, property: &str) -> Vec<Option<String>> {
    account.rows(object, false).map(|(id, _)| account.value(object, id, property)).collect()
}

fn some(all: &[Option<String>], fits: impl Fn(&str) -> bool) -> usize {
    all.iter().flatten().filter(|value| fits(value)).count()
}

#[test]
fn values_are_as_odd_as_in_real_accounts() {
    let account = account();
    let amounts = values(&account, "deals", "amount");
    assert!(some(&amounts, |value| value.contains('E')) > 0, "exponents");
    assert!(some(&amounts, str::is_empty) > 0 && amounts.contains(&None), "empty and unset");
    assert!(amounts.iter().flatten().all(|value| value.is_empty() || value.parse::<f64>().is_ok()));
    let contacts = values(&account, "contacts", "email");
    let without = contacts.iter().filter(|email| email.is_none()).count();
    assert!((20..100).contains(&without), "{without} contacts without e-mail");
    let story = values(&account, "deals", "description");
    assert!(some(&story, |value| value.contains('\n') && value.contains('🚀')) > 0);
    let region = account.object_def("deals").unwrap().property("region").unwrap();
    let regions = values(&account, "deals", "region");
    assert!(
        some(&regions, |value| !region.options.iter().any(|one| one.value == value)) > 0,
        "unknown option"
    );
    let names = values(&account, "contacts", "lastname");
    for letters in ["ü", "佐", "И", "ا", "क"] {
        assert!(some(&names, |value| value.contains(letters)) > 0, "{letters}");
    }
}

#[test]
fn one_mass_edit_gave_many_rows_one_modified_date() {
    let spec = AccountSpec { deals: 20_000, ..AccountSpec::default() };
    let account = generate(1, &spec, SimClock::default());
    let mut stamps: BTreeMap<i64, usize> = BTreeMap::new();
    for (_, row) in account.rows("deals", false) {
        *stamps.entry(row.updated_at).or_default() += 1;
        assert!(row.created_at <= row.updated_at && row.updated_at < 1_767_600_000_000);
    }
    let most = stamps.values().max().copied().unwrap();
    assert!((1_500..3_000).contains(&most), "{most} rows share a stamp");
}

#[test]
fn deals_have_companies_contacts_and_roles() {
    let account = account();
    let companies = account.associations("deals", "companies");
    let primary: BTreeSet<u64> = companies
        .iter()
        .filter(|(.., labels)| labels.contains(&"Primary".into()))
        .map(|(deal, ..)| *deal)
        .collect();
    assert!((650..800).contains(&primary.len()), "{} of 848 deals have a primary company", primary.len());
    assert!(companies.len() > primary.len(), "some have more than one");
    let roles = account.associations("deals", "contacts");
    for label in ["Decision maker", "Champion", "Billing contact"] {
        assert!(roles.iter().any(|(.., labels)| labels.contains(&label.into())), "{label}");
    }
    assert!(
        roles.iter().any(|(.., labels)| labels.len() == 2)
            && roles.iter().any(|(.., labels)| labels.is_empty())
    );
    assert_eq!(account.associations("contacts", "deals").len(), roles.len());
    assert!(!account.associations("projects", "deals").is_empty());
}

#[test]
fn customers_own_properties_and_unique_keys_are_there() {
    let account = account();
    for (object, name) in
        [("deals", "region"), ("contacts", "nps_score"), ("companies", "tier"), ("projects", "code")]
    {
        let property = account.object_def(object).unwrap().property(name).unwrap();
        assert!(!property.hubspot_defined, "{object}.{name}");
    }
    let codes = values(&account, "projects", "code");
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), SMALL.projects);
    let archived = account.rows("contacts", true).count();
    assert_eq!((archived, account.rows("deals", true).count()), (1, 2));
}
