//! ORDER BY, LIMIT and OFFSET.

use super::fixture::{column, org, records};

fn names(rest: &str) -> Vec<String> {
    column(&org(), &format!("SELECT Name FROM Account {rest}"), "Name")
}

const BY_NAME: [&str; 5] = ["Acme", "acme 100%", "Größe_1", "O'Neil\\Sons", "Zeta"];

#[test]
fn text_sorts_without_case_and_in_both_directions() {
    assert_eq!(names("ORDER BY Name"), BY_NAME);
    assert_eq!(names("ORDER BY Name ASC"), BY_NAME);
    let mut reverse = BY_NAME;
    reverse.reverse();
    assert_eq!(names("ORDER BY Name DESC"), reverse);
}

#[test]
fn nulls_come_first_unless_told_otherwise() {
    let revenue = |rest: &str| {
        let soql = format!("SELECT AnnualRevenue FROM Account ORDER BY AnnualRevenue {rest}");
        records(&org(), &soql).iter().map(|row| row["AnnualRevenue"].as_f64()).collect::<Vec<_>>()
    };
    let (low, mid, high) = (Some(-0.5), Some(1_500.0), Some(12_500.0));
    assert_eq!(revenue(""), [None, None, low, mid, high]);
    assert_eq!(revenue("DESC"), [None, None, high, mid, low]);
    assert_eq!(revenue("NULLS LAST"), [low, mid, high, None, None]);
    assert_eq!(revenue("DESC NULLS LAST"), [high, mid, low, None, None]);
    assert_eq!(revenue("ASC NULLS FIRST"), [None, None, low, mid, high]);
}

#[test]
fn later_keys_break_ties() {
    assert_eq!(
        names("ORDER BY Industry DESC NULLS LAST, Name DESC"),
        ["Größe_1", "acme 100%", "Acme", "Zeta", "O'Neil\\Sons"]
    );
    // Parents are Acme of one and Größe_1 of another; the rest has none.
    assert_eq!(names("ORDER BY Parent.Name NULLS LAST, Id")[..2], ["Größe_1", "Zeta"]);
}

#[test]
fn index_orders_run_both_ways() {
    let by_id = ["Acme", "acme 100%", "Größe_1", "O'Neil\\Sons", "Zeta"];
    let mut reverse = by_id;
    reverse.reverse();
    assert_eq!(names("ORDER BY Id"), by_id);
    assert_eq!(names("ORDER BY Id DESC"), reverse);
    assert_eq!(names("ORDER BY SystemModstamp, Id"), by_id);
    assert_eq!(names("ORDER BY SystemModstamp DESC, Id DESC"), reverse);
    assert_eq!(
        names("ORDER BY SystemModstamp DESC, Id"),
        ["O'Neil\\Sons", "Zeta", "Größe_1", "acme 100%", "Acme"]
    );
}

#[test]
fn without_an_order_rows_are_not_sorted_by_id_or_stamp() {
    let mut sorted = names("");
    assert_ne!(sorted, BY_NAME);
    sorted.sort_by_key(|name| name.to_lowercase());
    assert_eq!(sorted, BY_NAME);
    // Ties of an incomplete order are not in id order either.
    assert_eq!(names("ORDER BY SystemModstamp")[3..], ["Zeta", "O'Neil\\Sons"]);
    assert_eq!(names("WHERE SystemModstamp > 2026-01-05T00:00:00Z"), ["Zeta", "O'Neil\\Sons"]);
}

#[test]
fn limit_and_offset_cut_the_ordered_rows() {
    assert_eq!(names("ORDER BY Name LIMIT 2"), BY_NAME[..2]);
    assert_eq!(names("ORDER BY Name LIMIT 2 OFFSET 1"), BY_NAME[1..3]);
    assert_eq!(names("ORDER BY Name OFFSET 4"), BY_NAME[4..]);
    assert_eq!(names("ORDER BY Id LIMIT 1 OFFSET 1"), ["acme 100%"]);
    assert_eq!(names("ORDER BY Name LIMIT 0"), Vec::<String>::new());
    assert_eq!(names("ORDER BY Name OFFSET 2000"), Vec::<String>::new());
}
