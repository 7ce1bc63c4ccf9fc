//! Aggregates, alone and by group.

use serde_json::{Value, json};

use super::fixture::{org, records, run};

fn rows(soql: &str) -> Vec<Value> {
    let mut rows = records(&org(), soql);
    for row in &mut rows {
        let attributes = row.as_object_mut().unwrap().remove("attributes");
        assert_eq!(attributes, Some(json!({"type": "AggregateResult"})));
    }
    rows
}

#[test]
fn count_without_argument_is_a_size() {
    let answer = |soql: &str| run(&org(), soql).unwrap();
    assert_eq!(
        answer("SELECT count() FROM Account WHERE Name LIKE 'ac%'"),
        r#"{"totalSize":2,"done":true,"records":[]}"#
    );
    assert_eq!(answer("SELECT COUNT() FROM Account LIMIT 3"), r#"{"totalSize":3,"done":true,"records":[]}"#);
}

#[test]
fn totals_skip_nulls() {
    assert_eq!(
        rows(
            "SELECT COUNT(Id), COUNT(AnnualRevenue) n, SUM(AnnualRevenue), MIN(Name), MAX(NumberOfEmployees), AVG(NumberOfEmployees), \
              SUM(NumberOfEmployees), COUNT_DISTINCT(Industry) kinds FROM Account"
        ),
        [
            json!({"expr0": 5, "n": 3, "expr1": 13_999.5, "expr2": "Acme", "expr3": 10, "expr4": 5.0, "expr5": 10, "kinds": 2})
        ]
    );
}

#[test]
fn totals_over_nothing_are_one_record() {
    assert_eq!(
        rows("SELECT COUNT(Id), SUM(AnnualRevenue), MAX(Name) FROM Account WHERE Name = 'nobody'"),
        [json!({"expr0": 0, "expr1": null, "expr2": null})]
    );
}

#[test]
fn groups_ignore_case_and_include_null() {
    let answer =
        rows("SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry ORDER BY COUNT(Id) DESC, Industry");
    assert_eq!(answer[0], json!({"Industry": null, "expr0": 2}));
    assert_eq!(answer[1]["expr0"], 2);
    assert_eq!(answer[2], json!({"Industry": "Retail", "expr0": 1}));
    assert_eq!(answer.len(), 3);
}

#[test]
fn groups_follow_parents_and_aliases_and_limits() {
    assert_eq!(
        rows("SELECT Owner.LastName who, MAX(SystemModstamp) latest FROM Account GROUP BY Owner.LastName"),
        [json!({"who": "Rep", "latest": "2026-01-05T01:00:00.000+0000"})]
    );
    assert_eq!(
        rows("SELECT Name FROM Account GROUP BY Name ORDER BY Name DESC LIMIT 1 OFFSET 1"),
        [json!({"Name": "O'Neil\\Sons"})]
    );
}
