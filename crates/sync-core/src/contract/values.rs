//! Values come back from a table as they went in.

use chrono::DateTime;
use rust_decimal::Decimal;
use serde_json::json;

use super::fixture::SinkFixture;
use super::sample::Sample;
use super::setup::subscribe;
use super::sink::{find, new_row, write};
use crate::{Canonical, FieldValue};

/// INV-SNK-1: a record with every field filled comes back field by field.
pub async fn filled_record_comes_back<F: SinkFixture>(f: F) {
    let mut record = filled();
    record.custom.set("Region__c", FieldValue::Text("Süd".to_owned()));
    comes_back(&f, record).await;
}

/// INV-SNK-1: a record with every field empty comes back empty.
pub async fn empty_record_comes_back<F: SinkFixture>(f: F) {
    comes_back(&f, Sample::default()).await;
}

/// INV-SNK-1: decimals keep all of their 28 digits, at both ends of the range.
pub async fn decimals_are_exact<F: SinkFixture>(f: F) {
    for text in [
        "0.1",
        "0.3333333333333333333333333333",
        "7922816251426433759354395.0335",
        "-7922816251426433759354395.0335",
        "9007199254740993.000000000001",
        "0.0000000000000000000000000001",
        "-0.0000000000000000000000000001",
        "100000000000000000000000000",
        "0",
    ] {
        let price = Some(Decimal::from_str_exact(text).unwrap());
        comes_back(&f, Sample { price, ..Sample::default() }).await;
    }
}

/// INV-SNK-1: whole numbers and instants keep their extremes, to the unit and to the microsecond.
pub async fn numbers_and_instants_keep_their_extremes<F: SinkFixture>(f: F) {
    for amount in [i64::MIN, i64::MAX, 9_007_199_254_740_993, 0] {
        comes_back(&f, Sample { amount: Some(amount), ..Sample::default() }).await;
    }
    for (seconds, micros) in
        [(0, 0), (-1, 999_999), (1_790_000_000, 1), (253_402_300_799, 999_999), (-62_135_596_800, 0)]
    {
        let moment = DateTime::from_timestamp(seconds, micros * 1_000);
        comes_back(&f, Sample { moment, ..Sample::default() }).await;
    }
    for day in ["0001-01-01", "2024-02-29", "9999-12-31"] {
        comes_back(&f, Sample { day: Some(day.parse().unwrap()), ..Sample::default() }).await;
    }
}

/// INV-SNK-1: text comes back character by character: any script, quotes, line ends, emptiness, a million characters.
pub async fn text_is_kept<F: SinkFixture>(f: F) {
    let long = "ü".repeat(1_000_000);
    for text in [
        "",
        " ",
        "'",
        "\"",
        "\\",
        "{}",
        "NULL",
        "a,b\t\r\n\u{1}",
        "日本 🦀 e\u{301}",
        "\u{FEFF}\u{FFFF}",
        "'; drop table samples; --",
        &long,
    ] {
        comes_back(&f, Sample { name: Some(text.to_owned()), ..Sample::default() }).await;
    }
}

/// INV-SNK-1: structured values come back, however nested.
pub async fn structured_values_are_kept<F: SinkFixture>(f: F) {
    for details in [
        json!({"city": "Köln", "lines": ["a", {"b": [[], {}]}], "none": null}),
        json!([]),
        json!("text"),
        json!(false),
        json!(9_007_199_254_740_993_i64),
    ] {
        comes_back(&f, Sample { details: Some(details), ..Sample::default() }).await;
    }
}

/// INV-SNK-1: a custom field that was sent as empty is not one that was not sent, and each value keeps its kind.
pub async fn custom_fields_are_kept<F: SinkFixture>(f: F) {
    let mut record = Sample::default();
    record.custom.set("Empty__c", FieldValue::Null);
    record.custom.set("Flag__c", FieldValue::Bool(false));
    record.custom.set("Count__c", FieldValue::Int(i64::MAX));
    record.custom.set("Text__c", FieldValue::Text("0.10".to_owned()));
    record.custom.set("Ünïcode 'c' \"", FieldValue::Text("🦀".to_owned()));
    record.custom.set("List__c", FieldValue::Json(json!(["a", {"b": null}])));
    comes_back(&f, record).await;
}

/// INV-SNK-1: an exact number among the custom fields stays exact, as a number or as text.
pub async fn custom_decimals_are_exact<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let exact = FieldValue::Decimal(Decimal::from_str_exact("0.3333333333333333333333333333").unwrap());
    let mut record = Sample::default();
    record.custom.set("Rate__c", exact.clone());
    write(&f, F::SAMPLES, &scope, &[new_row("r1", record)]).await;
    let row = find::<F, Sample>(&f, F::SAMPLES, &scope, &["r1".into()]).await.pop().flatten().unwrap();
    let kept = row.record.custom.get("Rate__c").unwrap();
    assert!(kept.as_ref().same(exact.as_ref()), "{kept:?}");
}

/// A record with every field filled.
pub(super) fn filled() -> Sample {
    Sample {
        name: Some("Ünïcode 🦀".to_owned()),
        active: true,
        amount: Some(-7),
        price: Some(Decimal::from_str_exact("1234.5600").unwrap()),
        day: Some("2026-11-23".parse().unwrap()),
        moment: DateTime::from_timestamp(1_790_000_000, 123_456_000),
        details: Some(json!({"street": "Hauptstr. 1", "geo": [50.9, null]})),
        parent: Some("p1".into()),
        custom: crate::CustomFields::default(),
    }
}

/// Writes a record, over an empty one as well, and compares it field by field.
async fn comes_back<F: SinkFixture>(f: &F, record: Sample) {
    let scope = super::setup::subscribe_as(&*f.store(), None, &uuid::Uuid::now_v7().to_string()).await;
    let over = new_row("r2", Sample::default());
    write(f, F::SAMPLES, &scope, &[new_row("r1", record.clone()), over.clone()]).await;
    write(f, F::SAMPLES, &scope, &[crate::Upsert { record: record.clone(), exists: true, ..over }]).await;
    for row in find::<F, Sample>(f, F::SAMPLES, &scope, &["r1".into(), "r2".into()]).await {
        let kept = row.unwrap().record;
        for (i, field) in Sample::FIELDS.iter().enumerate() {
            let (kept, written) = (kept.value(i), record.value(i));
            assert!(kept.is_null() == written.is_null() && kept.same(written), "{}: {kept:?}", field.name);
        }
        assert_eq!(kept.custom, record.custom);
    }
}
