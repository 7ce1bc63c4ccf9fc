//! Every operator and literal, as (condition, rows it keeps).

use super::super::{execute, parse};
use super::fixture::{column, id, org, run};

/// Numbers of the rows that a condition keeps, in ascending order.
fn kept(object: &str, prefix: &str, condition: &str, include_deleted: bool) -> Vec<u64> {
    let org = org();
    let soql = format!("SELECT Id FROM {object} WHERE {condition}");
    let query = parse(&soql).unwrap_or_else(|error| panic!("{soql}: {error}"));
    let set = execute(&org, &query, include_deleted).unwrap_or_else(|error| panic!("{soql}: {error}"));
    (1..=9).filter(|n| set.ids().contains(&id(prefix, *n))).collect()
}

fn check(object: &str, prefix: &str, table: &[(&str, &[u64])]) {
    for (condition, expected) in table {
        assert_eq!(kept(object, prefix, condition, false), *expected, "{condition}");
    }
}

#[test]
fn text_compares_without_case() {
    check(
        "Account",
        "001",
        &[
            ("Name = 'ACME'", &[1]),
            ("name != 'acme'", &[2, 3, 4, 5]),
            ("Name <> 'acme'", &[2, 3, 4, 5]),
            ("Name = 'GRÖSSE_1'", &[]),
            ("Name = 'GRÖßE_1'", &[3]),
            (r"Name = 'o\'neil\\sons'", &[4]),
            (r"Name = '\u0041cme'", &[1]),
            ("Name < 'b'", &[1, 2]),
            ("Name >= 'O'", &[4, 5]),
            ("Name > 'zeta'", &[]),
            ("Name <= 'ACME'", &[1]),
            ("Name IN ('zeta', 'ACME', 'nobody')", &[1, 5]),
            ("Name NOT IN ('zeta', 'ACME')", &[2, 3, 4]),
            ("Name > ''", &[1, 2, 3, 4, 5]),
        ],
    );
}

#[test]
fn like_knows_wildcards_and_escapes() {
    check(
        "Account",
        "001",
        &[
            ("Name LIKE 'ac%'", &[1, 2]),
            ("Name LIKE '%E'", &[1]),
            ("Name LIKE '_eta'", &[5]),
            (r"Name LIKE '%100\%'", &[2]),
            (r"Name LIKE '%\_1'", &[3]),
            ("Name LIKE '%ö%'", &[3]),
            ("Phone LIKE '%'", &[]),
            ("(NOT Name LIKE 'ac%')", &[3, 4, 5]),
        ],
    );
}

#[test]
fn null_is_different_from_everything_but_null() {
    check(
        "Account",
        "001",
        &[
            ("Industry = null", &[4, 5]),
            ("Industry != null", &[1, 2, 3]),
            ("Industry = ''", &[4, 5]),
            ("Industry != 'Energy'", &[3, 4, 5]),
            ("Industry IN ('retail', null)", &[3, 4, 5]),
            ("Industry NOT IN ('retail', null)", &[1, 2]),
            ("Phone = null", &[1, 2, 3, 4, 5]),
            ("AnnualRevenue < 2000", &[2, 4]),
            ("AnnualRevenue != 1500", &[1, 3, 4, 5]),
            ("ParentId = null", &[1, 2, 4]),
        ],
    );
}

#[test]
fn numbers_take_signs_fractions_and_exponents() {
    check(
        "Account",
        "001",
        &[
            ("AnnualRevenue = 12500", &[1]),
            ("AnnualRevenue = 1.25e4", &[1]),
            ("AnnualRevenue >= 1.5E+3", &[1, 2]),
            ("AnnualRevenue < -.4", &[4]),
            ("AnnualRevenue IN (1500.0, -0.5)", &[2, 4]),
            ("NumberOfEmployees = 0", &[2]),
            ("NumberOfEmployees > -1", &[1, 2]),
            ("NumberOfEmployees IN (0)", &[2]),
        ],
    );
}

#[test]
fn a_null_boolean_is_false() {
    check(
        "Visit__c",
        "a00",
        &[
            ("Open__c = true", &[3]),
            ("Open__c = false", &[1, 2]),
            ("Open__c != true", &[1, 2]),
            ("Open__c = null", &[1, 2]),
            ("Open__c != null", &[3]),
            ("Open__c IN (true, false)", &[1, 2, 3]),
        ],
    );
    // A calculated boolean is worked out before it is compared.
    check("Opportunity", "006", &[("IsWon = true", &[1]), ("IsClosed = FALSE", &[2])]);
}

#[test]
fn instants_take_zones_and_named_ranges_follow_the_clock() {
    check(
        "Account",
        "001",
        &[
            ("SystemModstamp = 2026-01-05T00:00:00Z", &[3]),
            ("SystemModstamp = 2026-01-05T01:00:00.000+01:00", &[3]),
            ("SystemModstamp != 2026-01-05T00:00:00.000Z", &[1, 2, 4, 5]),
            ("SystemModstamp >= 2026-01-05T00:00:00Z", &[3, 4, 5]),
            ("SystemModstamp > 2026-01-05T00:00:00Z", &[4, 5]),
            ("SystemModstamp < 2026-01-04T04:00:00Z", &[1]),
            ("SystemModstamp <= 2026-01-04T04:00:00Z", &[1, 2]),
            ("SystemModstamp IN (2026-01-04T04:00:00Z, TODAY)", &[2, 3, 4, 5]),
            ("SystemModstamp = TODAY", &[3, 4, 5]),
            ("SystemModstamp = YESTERDAY", &[2]),
            ("SystemModstamp < YESTERDAY", &[1]),
            ("SystemModstamp <= YESTERDAY", &[1, 2]),
            ("SystemModstamp > YESTERDAY", &[3, 4, 5]),
            ("SystemModstamp >= YESTERDAY", &[2, 3, 4, 5]),
            ("SystemModstamp != TODAY", &[1, 2]),
            ("SystemModstamp = LAST_N_DAYS:1", &[2, 3, 4, 5]),
            ("SystemModstamp = last_n_days:2", &[1, 2, 3, 4, 5]),
            ("SystemModstamp = NEXT_N_DAYS:5", &[]),
            // 2026-01-04 is a Sunday, the first day of this week.
            ("SystemModstamp = THIS_WEEK", &[2, 3, 4, 5]),
            ("SystemModstamp = LAST_WEEK", &[1]),
        ],
    );
}

#[test]
fn dates_compare_by_day() {
    check(
        "Contact",
        "003",
        &[
            ("Birthdate = 1990-12-10", &[1]),
            ("Birthdate > 1990-12-10", &[2]),
            ("Birthdate = TODAY", &[2]),
            ("Birthdate < LAST_N_YEARS:3", &[1]),
            ("Birthdate = null", &[3]),
            ("Birthdate IN (1990-12-10, TODAY)", &[1, 2]),
        ],
    );
    check("Opportunity", "006", &[("CloseDate = THIS_QUARTER", &[1]), ("CloseDate = NEXT_MONTH", &[])]);
}

#[test]
fn ids_compare_in_either_length() {
    let (one, three) = (id("001", 1), id("001", 3));
    let short = &three.as_str()[..15];
    for (condition, expected) in [
        (format!("Id = '{one}'"), vec![1]),
        (format!("Id = '{short}'"), vec![3]),
        (format!("Id != '{one}'"), vec![2, 3, 4, 5]),
        (format!("Id IN ('{three}', '{one}', '{}')", id("001", 99)), vec![1, 3]),
        (format!("Id NOT IN ('{three}')"), vec![1, 2, 4, 5]),
        (format!("Id > '{three}'"), vec![4, 5]),
        (format!("Id >= '{three}' AND Id < '{}'", id("001", 5)), vec![3, 4]),
        (format!("ParentId = '{one}'"), vec![3]),
        ("Id > ''".to_owned(), vec![1, 2, 3, 4, 5]),
    ] {
        assert_eq!(kept("Account", "001", &condition, false), expected, "{condition}");
    }
}

#[test]
fn multipicklists_include_and_exclude_sets() {
    check(
        "Account",
        "001",
        &[
            ("Segments__c INCLUDES ('smb')", &[1, 2]),
            ("Segments__c INCLUDES ('SMB;Public')", &[1]),
            ("Segments__c INCLUDES ('Enterprise', 'Public')", &[1]),
            ("Segments__c EXCLUDES ('Public')", &[2, 3, 4, 5]),
            ("Segments__c = 'SMB'", &[2]),
            ("Segments__c = null", &[3, 4, 5]),
        ],
    );
}

#[test]
fn conditions_nest_with_parentheses() {
    check(
        "Account",
        "001",
        &[
            ("Industry = 'Energy' AND NumberOfEmployees = 10", &[1]),
            ("Industry = 'Retail' OR NumberOfEmployees = 10 OR Name = 'Zeta'", &[1, 3, 5]),
            ("(Industry = 'Retail' OR NumberOfEmployees = 10) AND ParentId = null", &[1]),
            ("NOT Industry = 'Energy'", &[3, 4, 5]),
            ("NOT (Industry = 'Energy' OR Name = 'Zeta')", &[3, 4]),
            ("Name != null AND (NOT Industry = 'Energy')", &[3, 4, 5]),
        ],
    );
}

#[test]
fn parents_are_followed_and_missing_ones_are_null() {
    check(
        "Account",
        "001",
        &[
            ("Parent.Name = 'Acme'", &[3]),
            ("Parent.Parent.Name = 'acme'", &[5]),
            ("Parent.Name = null", &[1, 2, 4]),
            ("Parent.Parent.Owner.Manager.LastName = 'boss'", &[5]),
            ("Owner.LastName LIKE 'r%'", &[1, 2, 3, 4, 5]),
        ],
    );
    check("Visit__c", "a00", &[("Up__r.Key__c = 'Ab'", &[3]), ("Up__r.Name != null", &[3])]);
    // A parent in the recycle bin is out of sight, unless it was asked for.
    check("Contact", "003", &[("Account.Name = null", &[3])]);
    assert_eq!(kept("Contact", "003", "Account.Name = 'Gone'", true), [3]);
}

#[test]
fn polymorphic_parents_offer_what_any_target_has() {
    check(
        "Visit__c",
        "a00",
        &[
            ("What.Type = 'Account'", &[1]),
            ("What.Type IN ('Opportunity')", &[2]),
            ("What.Name = 'Renewal'", &[2]),
            ("What.StageName != null", &[2]),
        ],
    );
}

#[test]
fn case_sensitive_keys_compare_exactly() {
    check(
        "Visit__c",
        "a00",
        &[
            ("Key__c = 'Ab'", &[1]),
            ("Key__c IN ('ab')", &[2]),
            ("Key__c LIKE 'a%'", &[2]),
            ("Key__c != 'ab'", &[1, 3]),
        ],
    );
}

#[test]
fn semi_joins_look_up_ids() {
    check(
        "Account",
        "001",
        &[
            ("Id IN (SELECT AccountId FROM Contact)", &[1]),
            ("Id NOT IN (SELECT AccountId FROM Contact WHERE LastName = 'Ada')", &[2, 3, 4, 5]),
            ("Id IN (SELECT ParentId FROM Account WHERE Name = 'Zeta')", &[3]),
        ],
    );
}

#[test]
fn names_ignore_case_and_may_carry_an_alias() {
    let org = org();
    for soql in [
        "select NAME from ACCOUNT where NAME = 'zeta'",
        "SELECT a.Name FROM Account a WHERE a.Name = 'Zeta'",
        "SELECT Account.Name FROM Account WHERE Account.Name = 'Zeta' LIMIT 5",
        "SELECT x.Name FROM Account AS x WHERE Name='Zeta'ORDER BY x.Name",
    ] {
        assert_eq!(column(&org, soql, "Name"), ["Zeta"], "{soql}");
    }
}

#[test]
fn deleted_rows_need_query_all() {
    assert_eq!(kept("Account", "001", "Name = 'Gone'", false), Vec::<u64>::new());
    assert_eq!(kept("Account", "001", "Name = 'Gone'", true), [6]);
    assert_eq!(kept("Account", "001", "IsDeleted = true", true), [6]);
    assert_eq!(
        run(&org(), "SELECT COUNT() FROM Account").unwrap(),
        r#"{"totalSize":5,"done":true,"records":[]}"#
    );
}
