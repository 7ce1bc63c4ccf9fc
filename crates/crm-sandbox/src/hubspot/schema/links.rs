//! Association types of a new account.

use crate::hubspot::model::{Account, AssociationLabel, Category, Pair};

/// Type ids there and back, between two objects; `Some` label on both ways; whether at most one may have it.
type LinkPlan = (&'static str, &'static str, u32, u32, Option<&'static str>, Option<&'static str>, bool);

const HUBSPOT: &[LinkPlan] = &[
    ("contacts", "companies", 279, 280, None, None, false),
    ("contacts", "companies", 1, 2, Some("Primary"), Some("Primary"), true),
    ("deals", "companies", 341, 342, None, None, false),
    ("deals", "companies", 5, 6, Some("Primary"), Some("Primary"), true),
    ("deals", "contacts", 3, 4, None, None, false),
    ("deals", "tickets", 27, 28, None, None, false),
    ("tickets", "contacts", 16, 15, None, None, false),
    ("tickets", "companies", 339, 340, None, None, false),
    ("tickets", "companies", 26, 25, Some("Primary"), Some("Primary"), true),
    ("contacts", "contacts", 449, 449, None, None, false),
    ("companies", "companies", 450, 450, None, None, false),
    ("companies", "companies", 13, 14, Some("Child Company"), Some("Parent Company"), false),
    ("deals", "deals", 451, 451, None, None, false),
    ("tickets", "tickets", 452, 452, None, None, false),
];

const CUSTOMER: &[LinkPlan] = &[
    ("deals", "contacts", 37, 38, Some("Decision maker"), Some("Decision maker"), false),
    ("deals", "contacts", 39, 40, Some("Champion"), Some("Champion"), false),
    ("deals", "contacts", 41, 42, Some("Billing contact"), Some("Billing contact"), false),
    ("contacts", "companies", 43, 44, Some("Consultant"), Some("Consultant"), false),
    ("projects", "deals", 51, 52, None, None, false),
    ("projects", "contacts", 53, 54, None, None, false),
    ("projects", "companies", 55, 56, None, None, false),
    ("projects", "tickets", 57, 58, None, None, false),
    ("projects", "projects", 59, 59, None, None, false),
];

/// Gives a new account its association types.
pub(crate) fn define_labels(account: &mut Account) {
    for (category, plans) in [(Category::HubspotDefined, HUBSPOT), (Category::UserDefined, CUSTOMER)] {
        for (from, to, there, back, label, back_label, primary) in plans {
            let (Some(one), Some(other)) = (account.object(from), account.object(to)) else { continue };
            let pair = Pair { from: one, to: other };
            let kind = Kind { category, there: *there, back: *back, primary: *primary };
            both_ways(account, pair, &kind, [*label, *back_label]);
        }
    }
}

/// Makes association without a label possible between two objects, both ways.
pub(crate) fn plain_between(account: &mut Account, pair: Pair) {
    if account.links.plain(pair).is_none() {
        let there = account.links.free_type_id();
        let back = if pair.from == pair.to { there } else { there + 1 };
        let kind = Kind { category: Category::UserDefined, there, back, primary: false };
        both_ways(account, pair, &kind, [None, None]);
    }
}

struct Kind {
    category: Category,
    there: u32,
    back: u32,
    primary: bool,
}

fn both_ways(account: &mut Account, pair: Pair, kind: &Kind, labels: [Option<&str>; 2]) {
    let [label, back_label] = labels;
    let singular = |object: usize| account.tables[object].def.singular.clone();
    let name = |from: usize, to: usize, label: Option<&str>| {
        let base = format!("{}_to_{}", singular(from), singular(to));
        match label {
            None if pair.from != pair.to && kind.there > 200 => format!("{base}_unlabeled"),
            None | Some("Primary") => base,
            Some(label) => label.to_lowercase().replace(' ', "_"),
        }
    };
    let there = AssociationLabel {
        category: kind.category,
        type_id: kind.there,
        label: label.map(str::to_owned),
        name: name(pair.from, pair.to, label),
        primary: kind.primary,
        pair,
        inverse: kind.back,
    };
    let back = AssociationLabel {
        category: kind.category,
        type_id: kind.back,
        label: back_label.map(str::to_owned),
        name: name(pair.to, pair.from, back_label),
        primary: false,
        pair: pair.back(),
        inverse: kind.there,
    };
    let alike = kind.there == kind.back;
    account.links.define(there);
    if !alike {
        account.links.define(back);
    }
}
