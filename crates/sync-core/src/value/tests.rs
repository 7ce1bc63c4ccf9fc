use super::*;
use serde_json::json;

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// R8: comparison normalises decimals, exactly, also against integers and numeric text.
#[test]
fn numbers_are_compared_as_decimals() {
    let same = [
        (FieldValue::Decimal(d("100.50")), FieldValue::Decimal(d("100.5"))),
        (FieldValue::Decimal(d("7.00")), FieldValue::Int(7)),
        (FieldValue::Decimal(d("0.1")), FieldValue::Text("0.10".into())),
        (FieldValue::Int(12), FieldValue::Text("1.2e1".into())),
        (FieldValue::Json(json!(12.5)), FieldValue::Decimal(d("12.50"))),
    ];
    for (a, b) in same {
        assert!(a.as_ref().same(b.as_ref()), "{a:?} = {b:?}");
        assert!(b.as_ref().same(a.as_ref()), "{b:?} = {a:?}");
    }
    // Beyond 2^53 a binary float would call these equal.
    assert!(
        !FieldValue::Int(9_007_199_254_740_993)
            .as_ref()
            .same(FieldValue::Decimal(d("9007199254740992")).as_ref())
    );
}

/// R8: text is compared as it stands; a phone number is not a number.
#[test]
fn two_texts_are_not_numbers() {
    assert!(!ValueRef::Text("007").same(ValueRef::Text("7")));
    assert!(!ValueRef::Text("1.0").same(ValueRef::Text("1")));
}

/// R8: instants are compared to the microsecond, in any written form.
#[test]
fn instants_are_compared_by_the_moment_they_name() {
    let instant = parse_instant("2026-01-02T10:04:05.000+0000").unwrap();
    assert!(ValueRef::Instant(instant).same(ValueRef::Text("2026-01-02T11:04:05+01:00")));
    assert!(ValueRef::Instant(instant).same(ValueRef::Instant(instant + chrono::Duration::nanoseconds(300))));
    assert!(!ValueRef::Instant(instant).same(ValueRef::Text("2026-01-02T10:04:06Z")));
}

/// R8: null differs from everything but null.
#[test]
fn null_is_only_null() {
    assert!(ValueRef::Null.same(ValueRef::Null));
    for value in [ValueRef::Text(""), ValueRef::Bool(false), ValueRef::Int(0)] {
        assert!(!ValueRef::Null.same(value));
    }
}

#[test]
fn structures_are_equal_whatever_the_order_of_keys_and_form_of_numbers() {
    let a = json!({"city": "Köln", "geo": [50.9, 6]});
    let b = json!({"geo": ["50.90", 6.0], "city": "Köln"});
    assert!(ValueRef::Json(&a).same(ValueRef::Json(&b)));
    let c = json!({"geo": [50.9], "city": "Köln"});
    assert!(!ValueRef::Json(&a).same(ValueRef::Json(&c)));
}

/// R8: numbers that no decimal holds are still told apart.
#[test]
fn numbers_beyond_a_decimal_are_compared_as_they_stand() {
    let (a, b) = (json!(1e30), json!(2e30));
    assert!(ValueRef::Json(&a).same(ValueRef::Json(&a)));
    assert!(!ValueRef::Json(&a).same(ValueRef::Json(&b)));
    assert!(!ValueRef::Json(&a).same(ValueRef::Int(1)));
}

#[test]
fn a_number_beyond_28_digits_is_no_decimal() {
    assert_eq!(parse_decimal("1e30"), None);
    assert_eq!(parse_decimal("12345678901234567890123456789012"), None);
    assert_eq!(parse_decimal("1.5e3"), Some(d("1500")));
    assert_eq!(parse_decimal("1.25e-3"), Some(d("0.00125")));
    assert_eq!(parse_decimal("1.25E+1"), Some(d("12.5")));
    assert_eq!(parse_decimal("0e40"), None, "a power beyond what fits is refused, not guessed");
    assert_eq!(parse_decimal("1.23456789012345678901234567895e2"), None, "refused, not rounded");
    assert_eq!(parse_decimal("abc"), None);
}

#[test]
fn json_form_is_exact_and_readable() {
    assert_eq!(FieldValue::Decimal(d("12500.10")).to_json(), json!("12500.10"));
    let instant = parse_instant("2026-01-02T10:04:05.120Z").unwrap();
    assert_eq!(FieldValue::Instant(instant).to_json(), json!("2026-01-02T10:04:05.120Z"));
    assert_eq!(serde_json::to_value(FieldValue::Int(5)).unwrap(), json!(5));
}
