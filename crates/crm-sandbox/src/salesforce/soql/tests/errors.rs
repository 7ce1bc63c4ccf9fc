//! Refusals, as (query, code, part of the message).

use super::fixture::{org, run};

fn check(table: &[(&str, &str, &str)]) {
    let org = org();
    for (soql, code, message) in table {
        let error = run(&org, soql).expect_err(soql);
        assert_eq!(error.code, *code, "{soql}: {error}");
        assert!(error.message.contains(message), "{soql}: {error}");
    }
}

#[test]
fn grammar_violations_are_malformed() {
    let code = "MALFORMED_QUERY";
    check(&[
        ("", code, "unexpected token: '<EOF>'"),
        ("SELECT", code, "<EOF>"),
        ("SELECT Id", code, "<EOF>"),
        ("SELECT Id FROM", code, "<EOF>"),
        ("SELECT * FROM Account", code, "'*'"),
        ("SELECT Id, FROM Account", code, "'FROM'"),
        ("SELECT Id FROM Account WHERE", code, "<EOF>"),
        ("SELECT Id FROM Account WHERE Name", code, "<EOF>"),
        ("SELECT Id FROM Account WHERE Name = ", code, "<EOF>"),
        ("SELECT Id FROM Account WHERE Name = Acme", code, "'Acme'"),
        ("SELECT Id FROM Account WHERE Name = \"x\"", code, "'\"'"),
        ("SELECT Id FROM Account WHERE Name = 'x", code, "<EOF>"),
        ("SELECT Id FROM Account WHERE Name = 'x' AND", code, "<EOF>"),
        ("SELECT Id FROM Account WHERE Name = 'x' Name = 'y'", code, "'Name'"),
        ("SELECT Id FROM Account WHERE (Name = 'x'", code, "<EOF>"),
        ("SELECT Id FROM Account WHERE Name = 'x')", code, "')'"),
        ("SELECT Id FROM Account WHERE Name IN ()", code, "')'"),
        ("SELECT Id FROM Account WHERE Name IN ('a',)", code, "')'"),
        ("SELECT Id FROM Account WHERE Name NOT LIKE 'x'", code, "'LIKE'"),
        ("SELECT Id FROM Account WHERE Name LIKE 5", code, "'5'"),
        ("SELECT Id FROM Account WHERE Name == 'x'", code, "'='"),
        ("SELECT Id FROM Account ORDER Name", code, "'Name'"),
        ("SELECT Id FROM Account ORDER BY Name NULLS", code, "<EOF>"),
        ("SELECT Id FROM Account LIMIT ten", code, "'ten'"),
        ("SELECT Id FROM Account LIMIT -1", code, "'-1'"),
        ("SELECT Id FROM Account LIMIT 1.5", code, "'1.5'"),
        ("SELECT Id FROM Account OFFSET 1 LIMIT 1", code, "'LIMIT'"),
        ("SELECT Id FROM Account; DROP", code, "';'"),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2026-01-02T10:04:05", code, "'2026-01-02T10:04:05'"),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2026-01-02T10:04:05.000+0000", code, "+0000'"),
        ("SELECT Id FROM Account WHERE SystemModstamp = LAST_N_DAYS", code, "'LAST_N_DAYS'"),
        ("SELECT Id FROM Account WHERE SystemModstamp = TODAY:3", code, "'TODAY'"),
        (r"SELECT Id FROM Account WHERE Name = 'a\d'", code, r"'\d'"),
        (r"SELECT Id FROM Account WHERE Name = 'a\%'", code, r"'\%'"),
    ]);
}

#[test]
fn logical_operators_do_not_mix_without_parentheses() {
    let code = "MALFORMED_QUERY";
    check(&[
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", code, "'OR'"),
        ("SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'", code, "'AND'"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND NOT (Name = 'b')", code, "'NOT'"),
        ("SELECT Id FROM Account WHERE NOT Name = 'a' AND Name = 'b'", code, "'AND'"),
        ("SELECT Id FROM Account WHERE NOT NOT Name = 'a'", code, "'NOT'"),
    ]);
}

#[test]
fn clauses_that_do_not_fit_together_are_malformed() {
    let code = "MALFORMED_QUERY";
    check(&[
        ("SELECT COUNT(), Name FROM Account", code, "COUNT()"),
        ("SELECT COUNT() FROM Account GROUP BY Name", code, "COUNT()"),
        ("SELECT COUNT() FROM Account ORDER BY Name", code, "COUNT()"),
        ("SELECT Name n FROM Account", code, "aliasing"),
        ("SELECT Name, COUNT(Id) FROM Account", code, "grouped or aggregated: Name"),
        ("SELECT COUNT(Id) FROM Account ORDER BY Name", code, "grouped or aggregated: Name"),
        ("SELECT Id FROM Account ORDER BY COUNT(Id)", code, "aggregate"),
        ("SELECT FIELDS(ALL) FROM Account", code, "LIMIT of at most 200"),
        ("SELECT FIELDS(CUSTOM) FROM Account LIMIT 201", code, "LIMIT of at most 200"),
        ("SELECT FIELDS(SOME) FROM Account LIMIT 1", code, "'SOME'"),
        ("SELECT UPPER(Name) FROM Account", code, "UPPER"),
        ("SELECT TYPEOF What WHEN Account THEN Name END FROM Visit__c", code, "TYPEOF"),
        ("SELECT (SELECT Id, (SELECT Id FROM Visits__r) FROM Contacts) FROM Account", code, "subquery"),
        ("SELECT (SELECT COUNT(Id) FROM Contacts) FROM Account", code, "aggregate"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Id, Name FROM Contact)", code, "one field"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Name FROM Contact)", code, "Name"),
        ("SELECT Id FROM Account WHERE Name IN (SELECT Id FROM Contact)", code, "Name"),
        ("SELECT SUM(Name) FROM Account", code, "SUM"),
        ("SELECT COUNT(Id) FROM Account GROUP BY AnnualRevenue", code, "grouped"),
        ("SELECT Id FROM Account ORDER BY Description", code, "can not be sorted"),
        ("SELECT Id FROM Account ORDER BY Segments__c", code, "can not be sorted"),
        ("SELECT Up__r.Up__r.Up__r.Up__r.Up__r.Up__r.Name FROM Visit__c", code, "5 relationships"),
    ]);
}

#[test]
fn unknown_names_tell_where_they_were_looked_up() {
    check(&[
        ("SELECT Foo__c FROM account", "INVALID_FIELD", "No such column 'Foo__c' on entity 'Account'."),
        (
            "SELECT Id FROM Account WHERE Foo = 1",
            "INVALID_FIELD",
            "No such column 'Foo' on entity 'Account'.",
        ),
        ("SELECT Id FROM Account ORDER BY Foo", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'."),
        ("SELECT Account.Foo FROM Contact", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'."),
        ("SELECT Gone__c FROM Visit__c", "INVALID_FIELD", "No such column 'Gone__c' on entity 'Visit__c'."),
        ("SELECT What.Foo FROM Visit__c", "INVALID_FIELD", "No such column 'Foo'"),
        ("SELECT Boss.Name FROM Account", "INVALID_FIELD", "relationship 'Boss'"),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD", "No such column 'IsDeleted' on entity 'User'."),
        ("SELECT Id, id FROM Account", "INVALID_FIELD", "duplicate field selected: id"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE", "sObject type 'Nothing__c' is not supported."),
        ("SELECT (SELECT Id FROM Contact) FROM Account", "INVALID_TYPE", "relationship 'Contact'"),
    ]);
}

#[test]
fn literals_have_to_suit_their_field() {
    let code = "INVALID_FIELD";
    check(&[
        (
            "SELECT Id FROM Account WHERE Name = 5",
            code,
            "'Name' must be of type string and should be enclosed",
        ),
        (
            "SELECT Id FROM Account WHERE NumberOfEmployees = '5'",
            code,
            "of type int and should not be enclosed",
        ),
        ("SELECT Id FROM Account WHERE NumberOfEmployees = 5.5", code, "of type int"),
        ("SELECT Id FROM Account WHERE AnnualRevenue = '5'", code, "of type currency"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01T00:00:00Z'", code, "of type dateTime"),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2026-01-01", code, "of type dateTime"),
        ("SELECT Id FROM Contact WHERE Birthdate = 2026-01-01T00:00:00Z", code, "of type date"),
        ("SELECT Id FROM Contact WHERE HasOptedOutOfEmail = 'true'", code, "of type boolean"),
        ("SELECT Id FROM Contact WHERE HasOptedOutOfEmail > false", code, "invalid operator"),
        ("SELECT Id FROM Account WHERE Name = true", code, "of type string"),
        ("SELECT Id FROM Account WHERE AnnualRevenue > null", code, "invalid operator"),
        ("SELECT Id FROM Account WHERE AnnualRevenue LIKE '5%'", code, "invalid operator"),
        ("SELECT Id FROM Account WHERE Id LIKE '001%'", code, "invalid operator"),
        ("SELECT Id FROM Account WHERE Name INCLUDES ('a')", code, "invalid operator"),
        ("SELECT Id FROM Account WHERE Segments__c > 'a'", code, "invalid operator"),
        (
            "SELECT Id FROM Account WHERE Id IN ('x', 5)",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: x",
        ),
        (
            "SELECT Id FROM Account WHERE Id = '001Dn00000AbCdEIAA'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID",
        ),
    ]);
}

#[test]
fn unfilterable_fields_are_refused_in_where() {
    check(&[
        (
            "SELECT Id FROM Account WHERE Description = 'x'",
            "INVALID_FIELD",
            "'Description' can not be filtered",
        ),
        (
            "SELECT Id FROM Account WHERE BillingAddress = null",
            "INVALID_FIELD",
            "'BillingAddress' can not be",
        ),
        ("SELECT Id FROM Visit__c WHERE Place__c = null", "INVALID_FIELD", "'Place__c' can not be filtered"),
        (
            "SELECT Id FROM Contact WHERE Account.Description LIKE 'x'",
            "INVALID_FIELD",
            "'Description' can not",
        ),
    ]);
}

#[test]
fn offsets_end_at_two_thousand() {
    check(&[("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2001")]);
    assert!(run(&org(), "SELECT Id FROM Account LIMIT 5 OFFSET 2000").is_ok());
}
