//! What each transform makes of its values.

use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use super::*;

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn dec(text: &str) -> Option<Decimal> {
    Some(text.parse().unwrap())
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().unwrap())
}

#[test]
fn texts_are_changed() {
    assert_eq!(trim(text(" \u{a0}Ann \n")), text("Ann"));
    assert_eq!(lowercase(text("ANN@Example.COM")), text("ann@example.com"));
    assert_eq!(uppercase(text("straße")), text("STRASSE"));
    assert_eq!(empty_to_null(text("")), None);
    assert_eq!(empty_to_null(text(" ")), text(" "));
    assert_eq!(digits(text("+49 (30) 12-34")), text("49301234"));
    assert_eq!(digits(text("none")), None);
    assert_eq!(truncate(text("naïve"), 3), text("naï"));
    assert_eq!(truncate(text("ab"), 3), text("ab"));
}

#[test]
fn nothing_stays_nothing() {
    assert_eq!(trim(None), None);
    assert_eq!(salesforce_id(None), Ok(None));
    assert_eq!(map(None, &[("a", "b")], &Otherwise::Fail), Ok(None));
    assert_eq!(boolean(None, &["1"], &["0"]), Ok(None));
    assert_eq!(number(None), Ok(None));
    assert_eq!(integer(None), Ok(None));
    assert_eq!(date(None, "%Y"), Ok(None));
    assert_eq!(instant(None, "%Y"), Ok(None));
    assert_eq!(epoch_millis(None), Ok(None));
    assert_eq!(date_of_instant(None), None);
    assert_eq!(scale(None, Decimal::ONE), Ok(None));
    assert_eq!(to_integer(None), Ok(None));
    assert_eq!(not(None), None);
    assert_eq!(split(None, ";"), None);
    assert_eq!(link(None), None);
    assert_eq!(default(None, "x"), text("x"));
}

/// Empty text is what many CRMs send for nothing.
#[test]
fn readings_of_empty_text_are_nothing() {
    for empty in ["", "  "] {
        assert_eq!(boolean(text(empty), &["1"], &["0"]), Ok(None));
        assert_eq!(number(text(empty)), Ok(None));
        assert_eq!(integer(text(empty)), Ok(None));
        assert_eq!(date(text(empty), "%Y-%m-%d"), Ok(None));
        assert_eq!(instant(text(empty), "%Y-%m-%d"), Ok(None));
    }
    assert_eq!(link(text("")), None);
}

#[test]
fn salesforce_ids_become_long() {
    for (short, long) in [
        ("001Dn00000AbCdE", "001Dn00000AbCdEIAV"),
        ("005Dn000001ABcd", "005Dn000001ABcdIAG"),
        ("000000000000000", "000000000000000AAA"),
    ] {
        assert_eq!(salesforce_id(text(short)), Ok(text(long)));
        assert_eq!(salesforce_id(text(long)), Ok(text(long)));
    }
    for wrong in ["", "001Dn00000AbCd", "001Dn00000AbCdEIAA", "001dn00000AbCdEIAV", "001Dn00000AbCdEé"] {
        assert!(salesforce_id(text(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn words_are_mapped() {
    let words = [("closedwon", "Won"), ("", "None")];
    let of = |word: &str, otherwise| map(text(word), &words, &otherwise);
    assert_eq!(of("closedwon", Otherwise::Fail), Ok(text("Won")));
    assert_eq!(of("", Otherwise::Fail), Ok(text("None")));
    assert_eq!(of("new", Otherwise::Keep), Ok(text("new")));
    assert_eq!(of("new", Otherwise::Null), Ok(None));
    assert_eq!(of("new", Otherwise::value("Other")), Ok(text("Other")));
    assert!(of("Closedwon", Otherwise::Fail).is_err());
}

#[test]
fn truths_are_read_of_their_words() {
    let of = |word: &str| boolean(text(word), &["Yes", "1", "ÄH"], &["no"]);
    assert_eq!(of("äh"), Ok(Some(true)));
    assert_eq!((of(" YES "), of("1"), of("No")), (Ok(Some(true)), Ok(Some(true)), Ok(Some(false))));
    assert!(of("maybe").is_err());
    assert_eq!((not(Some(true)), not(Some(false))), (Some(false), Some(true)));
}

#[test]
fn numbers_are_exact_or_refused() {
    assert_eq!(number(text(" 0.1 ")), Ok(dec("0.1")));
    assert_eq!(number(text("-1.5e3")), Ok(dec("-1500")));
    assert_eq!(number(text("1234567890123456789012345678")), Ok(dec("1234567890123456789012345678")));
    for wrong in ["1,5", "12 EUR", "NaN", "1e99", "0.12345678901234567890123456789"] {
        assert!(number(text(wrong)).is_err(), "{wrong}");
    }
    assert_eq!(integer(text("12.0")), Ok(Some(12)));
    assert_eq!(integer(text("-9223372036854775808")), Ok(Some(i64::MIN)));
    for wrong in ["12.5", "9223372036854775808", "twelve"] {
        assert!(integer(text(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn numbers_are_scaled_and_rounded() {
    assert_eq!(scale(dec("12.5"), "0.01".parse().unwrap()), Ok(dec("0.125")));
    assert_eq!(scale(dec("0.10"), "100".parse().unwrap()), Ok(dec("10")));
    let longest = dec("0.1234567890123456789012345678");
    assert!(scale(longest, "0.1".parse().unwrap()).is_err(), "a product that would be rounded");
    assert!(scale(Some(Decimal::MAX), "10".parse().unwrap()).is_err());
    assert_eq!(round(dec("2.345"), 2), dec("2.35"));
    assert_eq!(round(dec("-2.5"), 0), dec("-3"));
    assert_eq!(to_integer(dec("7.00")), Ok(Some(7)));
    assert!(to_integer(dec("7.5")).is_err());
    assert!(to_integer(dec("9223372036854775808")).is_err());
}

#[test]
fn days_are_read_of_their_form() {
    let day = NaiveDate::from_ymd_opt(2026, 3, 1);
    assert_eq!(date(text("01.03.2026"), "%d.%m.%Y"), Ok(day));
    assert_eq!(date(text("Mar 1, 2026"), "%b %-d, %Y"), Ok(day));
    for wrong in ["2026-03-01", "31.02.2026", "01.03.2026 10:00", "soon"] {
        assert!(date(text(wrong), "%d.%m.%Y").is_err(), "{wrong}");
    }
    assert_eq!(date_of_instant(moment("2026-03-01T23:59:59.999Z")), day);
    assert_eq!(date_of_instant(moment("2026-03-02T00:30:00+01:00")), day);
}

#[test]
fn moments_are_read_of_their_form() {
    let of = |form: &str, value: &str| instant(text(value), form).map_err(|error| error.to_string());
    assert_eq!(of("%d.%m.%Y %H:%M", "01.03.2026 09:30"), Ok(moment("2026-03-01T09:30:00Z")));
    assert_eq!(of("%Y-%m-%dT%H:%M:%S%z", "2026-03-01T10:30:00+0100"), Ok(moment("2026-03-01T09:30:00Z")));
    assert_eq!(of("%Y-%m-%d", "2026-03-01"), Ok(moment("2026-03-01T00:00:00Z")));
    assert_eq!(of("%s", "1772357445"), Ok(moment("2026-03-01T09:30:45Z")));
    assert_eq!(of("%Y-%m-%d %H:%M:%S%.f", "2026-03-01 09:30:00.125"), Ok(moment("2026-03-01T09:30:00.125Z")));
    assert_eq!(of("%Y-%m-%d %I:%M %p", "2026-03-01 09:30 PM"), Ok(moment("2026-03-01T21:30:00Z")));
    for (form, wrong) in [("%H:%M", "09:30"), ("%Y-%m-%d %H", "2026-03-01 24"), ("%Y-%m-%d", "2026")] {
        assert!(of(form, wrong).is_err(), "{form} {wrong}");
    }
    assert_eq!(epoch_millis(Some(1_772_357_445_125)), Ok(moment("2026-03-01T09:30:45.125Z")));
    assert_eq!(epoch_seconds(Some(-1)), Ok(moment("1969-12-31T23:59:59Z")));
    assert!(epoch_millis(Some(i64::MAX)).is_err() && epoch_seconds(Some(i64::MIN)).is_err());
}

#[test]
fn lists_are_cut() {
    assert_eq!(split(text("A; B;;C "), ";"), Some(json!(["A", "B", "C"])));
    assert_eq!(split(text(""), ";"), Some(json!([])));
}

#[test]
fn links_are_external_ids() {
    assert_eq!(link(text("42")).unwrap().as_str(), "42");
}

#[test]
fn literals_of_generated_code_are_exact() {
    assert_eq!(decimal_literal(-1050, 2), "-10.50".parse().unwrap());
    let longest: Decimal = "79228162514264337593543950335".parse().unwrap();
    assert_eq!(decimal_literal(longest.mantissa(), 0), longest);
    assert_eq!(Some(date_literal(2026, 3, 1)), NaiveDate::from_ymd_opt(2026, 3, 1));
    assert_eq!(Some(instant_literal(1_772_357_445_000_000)), moment("2026-03-01T09:30:45Z"));
}

/// What a transform says of itself is what generated code is built on.
#[test]
fn fallible_ones_are_those_that_return_results() {
    let fallible: Vec<_> = ALL.iter().filter(|one| one.is_fallible()).map(Transform::name).collect();
    let expected = [
        "salesforceId",
        "map",
        "boolean",
        "number",
        "integer",
        "date",
        "instant",
        "epochMillis",
        "epochSeconds",
        "scale",
        "toInteger",
    ];
    assert_eq!(fallible, expected);
}

#[test]
fn names_are_the_spellings_in_a_file() {
    for one in ALL {
        let text = serde_json::to_string(one).unwrap();
        let json: Json = serde_json::from_str(&text).unwrap();
        let spelt = json.as_str().map(str::to_owned);
        let spelt = spelt.or_else(|| json.as_object()?.keys().next().cloned());
        assert_eq!(spelt.as_deref(), Some(one.name()));
        assert_eq!(serde_json::from_str::<Transform>(&text).unwrap(), *one);
    }
}

const ALL: &[Transform] = &[
    Transform::Trim,
    Transform::Lowercase,
    Transform::Uppercase,
    Transform::EmptyToNull,
    Transform::Digits,
    Transform::SalesforceId,
    Transform::truncate(2),
    Transform::map(const { &[pair("a", "b"), pair("B", "c")] }, Otherwise::value("d")),
    Transform::boolean(const { &[word("y")] }, const { &[word("n")] }),
    Transform::Number,
    Transform::Integer,
    Transform::date("%Y-%m-%d"),
    Transform::instant("%s"),
    Transform::EpochMillis,
    Transform::EpochSeconds,
    Transform::DateOfInstant,
    Transform::scale("0.1"),
    Transform::round(2),
    Transform::ToInteger,
    Transform::Not,
    Transform::split(";"),
    Transform::default("x"),
];

proptest! {
    #[test]
    fn no_text_makes_a_transform_panic(value in any::<String>(), form in "(%[a-zA-Z+.:#3]{1,2}|[ .:-]){0,6}", n in any::<u16>()) {
        let given = || Some(value.clone());
        let _ = (trim(given()), lowercase(given()), uppercase(given()), digits(given()), split(given(), ";"));
        let _ = (salesforce_id(given()), number(given()), integer(given()), boolean(given(), &["1"], &["0"]));
        let _ = (date(given(), &form), instant(given(), &form), truncate(given(), n.into()));
    }

    #[test]
    fn scaling_back_gives_the_number_again(mantissa in -1_000_000_000_000_i64..1_000_000_000_000, places in 0_u32..6) {
        let number = Decimal::new(mantissa, places);
        let scaled = scale(Some(number), Decimal::new(1, 3)).unwrap();
        prop_assert_eq!(scale(scaled, Decimal::ONE_THOUSAND).unwrap(), Some(number));
    }
}
