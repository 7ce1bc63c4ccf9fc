//! No text makes the parser panic, and what it accepts runs without a panic too.

use proptest::prelude::*;

use super::super::{execute, parse, render_page};
use super::fixture::org;

const VALID: [&str; 8] = [
    "SELECT Id, Name, Owner.Name FROM Account a WHERE (Name LIKE 'A%\\_' OR a.Industry IN ('x', null)) AND AnnualRevenue > 1.5e3 ORDER BY Name DESC NULLS LAST LIMIT 10 OFFSET 3",
    "SELECT Id FROM Opportunity WHERE SystemModstamp <= 2026-01-05T00:00:00Z AND (SystemModstamp > 2026-01-04T04:00:00.000Z OR (SystemModstamp = 2026-01-04T04:00:00+01:00 AND Id > '001Dn00000AbCdEIAV')) ORDER BY SystemModstamp, Id LIMIT 2000",
    "SELECT COUNT() FROM Contact WHERE Birthdate = LAST_N_DAYS:30",
    "SELECT StageName, COUNT(Id) n, SUM(Amount) FROM Opportunity GROUP BY StageName ORDER BY COUNT(Id)",
    "SELECT FIELDS(ALL), (SELECT Id FROM Contacts WHERE LastName != 'x') FROM Account LIMIT 200",
    "SELECT Id FROM Account WHERE Segments__c INCLUDES ('A;B', 'C') AND (NOT Name = '\\u0041\\'')",
    "SELECT What.Type FROM Visit__c WHERE Id NOT IN (SELECT Up__c FROM Visit__c WHERE Open__c = true)",
    "SELECT Name FROM Account WHERE NOT (Id < '' OR Name >= '' OR NumberOfEmployees <> -0)",
];

/// Words and fragments that keep a mutated query close to the grammar.
const FRAGMENTS: [&str; 24] = [
    "(",
    ")",
    ",",
    "'",
    "\\",
    "\\u",
    "=",
    "!",
    "<",
    ".",
    ":",
    " AND ",
    " OR ",
    " NOT ",
    "SELECT ",
    " FROM ",
    "null",
    "é",
    "\0",
    "LAST_N_YEARS:4294967295",
    "9e999",
    "-",
    "2026-02-30",
    "COUNT(",
];

fn survive(text: &str) {
    if let Ok(query) = parse(text) {
        let org = org();
        if let Ok(set) = execute(&org, &query, true) {
            render_page(&org, &set, 0..usize::MAX, None, &mut Vec::new());
        }
    }
}

proptest! {
    #[test]
    fn random_text_does_not_panic(text in "\\PC{0,200}") {
        survive(&text);
    }

    #[test]
    fn mutated_queries_do_not_panic(
        which in 0..VALID.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, 0..FRAGMENTS.len()), 0..4),
    ) {
        let mut chars: Vec<char> = VALID[which].chars().collect();
        for (at, cut, fragment) in edits {
            let at = at.index(chars.len() + 1);
            let end = (at + cut).min(chars.len());
            chars.splice(at..end, FRAGMENTS[fragment].chars());
        }
        survive(&chars.into_iter().collect::<String>());
    }
}

#[test]
fn the_unmutated_queries_are_valid() {
    let org = org();
    for text in VALID {
        let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        execute(&org, &query, false).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn deep_nesting_is_refused_instead_of_overflowing() {
    let nested =
        |n: usize| format!("SELECT Id FROM Account WHERE {}Name = 'x'{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(50)).is_ok());
    assert_eq!(parse(&nested(51)).unwrap_err().code, "MALFORMED_QUERY");
    assert_eq!(parse(&nested(40_000)).unwrap_err().code, "MALFORMED_QUERY");
    let not = format!("SELECT Id FROM Account WHERE {}", "(NOT ".repeat(10_000));
    assert_eq!(parse(&not).unwrap_err().code, "MALFORMED_QUERY");
}

#[test]
fn long_texts_are_refused() {
    let query = |n: usize| format!("SELECT Id FROM Account {}", " ".repeat(n - 23));
    assert!(parse(&query(100_000)).is_ok());
    assert_eq!(parse(&query(100_001)).unwrap_err().code, "MALFORMED_QUERY");
}
