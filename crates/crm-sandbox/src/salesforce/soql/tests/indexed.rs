//! Random conditions give the same rows through the indexes as a plain look at every row does.

use proptest::prelude::*;

use super::super::{execute, parse};
use super::fixture::{TODAY, add, id};
use crate::SimClock;
use crate::salesforce::model::{Org, RecordId, Row, SYSTEM_MODSTAMP, Value};
use crate::salesforce::schema::standard_objects;

const ROWS: u64 = 60;
/// Stamps fall on so few seconds that ties are the rule.
const SECONDS: i64 = 12;

/// A condition that this file can both write as text and decide by itself.
#[derive(Debug, Clone)]
enum Condition {
    Stamp(&'static str, i64),
    Id(&'static str, u64),
    Ids(bool, Vec<u64>),
    Staff(&'static str, i64),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    fn text(&self) -> String {
        let joined = |all: &[Self], word: &str| {
            let parts: Vec<String> = all.iter().map(|one| format!("({})", one.text())).collect();
            parts.join(word)
        };
        match self {
            Self::Stamp(op, second) => format!("SystemModstamp {op} 2026-01-05T00:00:{second:02}Z"),
            Self::Id(op, n) => format!("Id {op} '{}'", id("001", *n)),
            Self::Ids(negated, all) => {
                let list: Vec<String> = all.iter().map(|n| format!("'{}'", id("001", *n))).collect();
                format!("Id {} ({})", if *negated { "NOT IN" } else { "IN" }, list.join(","))
            }
            Self::Staff(op, n) => format!("NumberOfEmployees {op} {n}"),
            Self::And(all) => joined(all, " AND "),
            Self::Or(all) => joined(all, " OR "),
            Self::Not(one) => format!("NOT ({})", one.text()),
        }
    }

    fn holds(&self, number: u64, row: &Row, staff: usize) -> bool {
        match self {
            Self::Stamp(op, second) => relates(op, row.stamp(), TODAY + second * 1_000),
            Self::Id(op, n) => relates(op, number, *n),
            Self::Ids(negated, all) => all.contains(&number) != *negated,
            Self::Staff(op, n) => match row.stored(staff) {
                Value::Int(value) => relates(op, *value, *n),
                _ => *op == "!=",
            },
            Self::And(all) => all.iter().all(|one| one.holds(number, row, staff)),
            Self::Or(all) => all.iter().any(|one| one.holds(number, row, staff)),
            Self::Not(one) => !one.holds(number, row, staff),
        }
    }
}

fn relates<T: Ord + Copy>(op: &str, left: T, right: T) -> bool {
    match op {
        "=" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let op = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let number = 0..ROWS + 2;
    let leaf = prop_oneof![
        4 => (op.clone(), 0..SECONDS + 1).prop_map(|(op, second)| Condition::Stamp(op, second)),
        2 => (op.clone(), number.clone()).prop_map(|(op, n)| Condition::Id(op, n)),
        1 => (any::<bool>(), prop::collection::vec(number, 1..6)).prop_map(|(not, all)| Condition::Ids(not, all)),
        1 => (op, 0..4_i64).prop_map(|(op, n)| Condition::Staff(op, n)),
        // The keyset condition, as clients write it.
        2 => (0..SECONDS, 0..ROWS).prop_map(|(second, n)| Condition::Or(vec![
            Condition::Stamp(">", second),
            Condition::And(vec![Condition::Stamp("=", second), Condition::Id(">", n)]),
        ])),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            1 => inner.prop_map(|one| Condition::Not(Box::new(one))),
        ]
    })
}

/// Row numbers by what `seed` says; some rows were restamped, so the stamp index has seen older versions.
fn org(seed: &[(i64, Option<i64>, bool)]) -> Org {
    let mut org = Org::new(SimClock::default(), standard_objects());
    for (n, (second, staff, moved)) in (1..).zip(seed) {
        let staff = [("NumberOfEmployees", staff.map_or(Value::Null, Value::Int))];
        if *moved {
            add(&mut org, "Account", id("001", n), (SECONDS - second) * 1_000, &staff);
        }
        add(&mut org, "Account", id("001", n), second * 1_000, &staff);
    }
    org
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn indexed_execution_equals_a_full_scan(
        seed in prop::collection::vec((0..SECONDS, prop::option::of(0..4_i64), any::<bool>()), ROWS as usize),
        condition in condition(),
        order in 0..4_usize,
        limit in prop::option::of(0..70_usize),
    ) {
        let org = org(&seed);
        let table = org.table("Account").unwrap();
        let staff = table.def.field_index("NumberOfEmployees").unwrap();
        let mut expected: Vec<(i64, RecordId)> = (1..=ROWS)
            .filter_map(|n| table.newest(&id("001", n)).map(|row| (n, row)))
            .filter(|(n, row)| condition.holds(*n, row, staff))
            .map(|(n, row)| (row.stored(SYSTEM_MODSTAMP).as_millis().unwrap(), id("001", n)))
            .collect();
        let clause = match order {
            0 => "",
            1 => " ORDER BY SystemModstamp ASC, Id ASC",
            2 => " ORDER BY Id",
            _ => " ORDER BY SystemModstamp DESC, Id DESC",
        };
        expected.sort_by_key(|(stamp, id)| (if order == 2 { 0 } else { *stamp }, *id));
        if order == 3 {
            expected.reverse();
        }
        let cut = limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
        let soql = format!("SELECT Id FROM Account WHERE {}{clause}{cut}", condition.text());
        let set = execute(&org, &parse(&soql).unwrap(), false).unwrap();
        let mut found = set.ids().to_vec();
        let size = limit.unwrap_or(usize::MAX).min(expected.len());
        prop_assert_eq!(found.len(), size, "{}", soql);
        let mut expected: Vec<RecordId> = expected.into_iter().map(|(_, id)| id).collect();
        if order == 0 {
            // Any rows will do when no order was asked for, as long as they match and none comes twice.
            expected.sort();
            found.sort();
            found.dedup();
            prop_assert!(found.len() == size && found.iter().all(|id| expected.binary_search(id).is_ok()), "{}", soql);
        } else {
            prop_assert_eq!(found, &expected[..size], "{}", soql);
        }
    }
}
