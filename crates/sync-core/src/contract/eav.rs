//! Custom fields as definitions and values.

use rust_decimal::Decimal;
use serde_json::json;

use super::fixture::SinkFixture;
use super::replay::{folds, sync};
use super::sample::{SAMPLES, SWITCHED_SAMPLES, Sample};
use super::setup::{at, commit, ids, subscribe, subscribe_as};
use super::sink::{delete, find, named, new_row, one_of, with_custom_fields, write};
use crate::{Change, CustomFields, FieldValue, Scope, Upsert, Version};

/// INV-SNK-1: each value comes back as it was written: of the same kind, with its digits, to the microsecond; what was
/// sent as empty is there and empty, what was not sent is not there.
pub async fn values_keep_their_kind<F: SinkFixture>(f: F) {
    let decimal = |text| FieldValue::Decimal(Decimal::from_str_exact(text).unwrap());
    let text = |text: &str| FieldValue::Text(text.to_owned());
    let instant = |micros| FieldValue::Instant(chrono::DateTime::from_timestamp_micros(micros).unwrap());
    let values = [
        FieldValue::Null,
        FieldValue::Bool(false),
        FieldValue::Int(i64::MIN),
        FieldValue::Int(9_007_199_254_740_993),
        decimal("79228162514264337593543950335"),
        decimal("-0.0000000000000000000000000001"),
        decimal("5"),
        text(""),
        text("0.10"),
        text("2026-11-27"),
        text("null"),
        text("日本 🦀 '\"\\ \u{1}"),
        FieldValue::Date("0001-01-01".parse().unwrap()),
        FieldValue::Date("9999-12-31".parse().unwrap()),
        instant(1_790_000_000_123_456),
        instant(-1),
        FieldValue::Json(json!({"a": [1, null, {"b": "c"}]})),
        FieldValue::Json(json!([])),
        FieldValue::Json(json!(null)),
    ];
    let scope = subscribe(&*f.store()).await;
    let mut record = Sample::default();
    (0..).zip(&values).for_each(|(n, value)| record.custom.set(format!("Field {n} \"ü\"__c"), value.clone()));
    // New, and over a row whose fields all held something else.
    let mut other = Sample::default();
    (0..)
        .zip(&values)
        .for_each(|(n, _)| other.custom.set(format!("Field {n} \"ü\"__c"), text(&format!("{n}"))));
    let rows = [new_row("new", record.clone()), new_row("over", other)];
    write(&f, F::SAMPLES, &scope, &rows).await;
    let over = Upsert { exists: true, record: record.clone(), ..rows[1].clone() };
    write(&f, F::SAMPLES, &scope, &[over]).await;
    for id in ["new", "over"] {
        assert_eq!(one_of(&f, F::SAMPLES, &scope, id).await.record.custom, record.custom);
    }
}

/// INV-SNK-1: a field that is not in the record any more is gone from its row, and from no other.
pub async fn removed_fields_are_gone<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let rows = ["a", "b"].map(|id| new_row(id, with_custom_fields(2, Sample::default())));
    write(&f, F::SAMPLES, &scope, &rows).await;
    let record = with_custom_fields(3, Sample::default());
    let changed = Upsert { exists: true, record: record.clone(), ..rows[0].clone() };
    write(&f, F::SAMPLES, &scope, &[changed]).await;
    assert_eq!(one_of(&f, F::SAMPLES, &scope, "a").await.record, record);
    assert_eq!(one_of(&f, F::SAMPLES, &scope, "b").await.record, rows[1].record);
}

/// INV-SNK-1: a deleted row keeps its custom fields, for its last image and its return.
pub async fn deleted_row_keeps_its_custom_fields<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let row = new_row("a", with_custom_fields(1, Sample::default()));
    write(&f, F::SAMPLES, &scope, std::slice::from_ref(&row)).await;
    delete(&f, &scope, &["a"]).await;
    assert_eq!(one_of(&f, F::SAMPLES, &scope, "a").await.record, row.record);
}

/// INV-SNK-4: a field of one connection is not that of another with the same name.
pub async fn definitions_are_of_their_connection<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let other = subscribe_as(&*f.store(), None, "other").await;
    for (n, scope) in [(1, &scope), (2, &other)] {
        write(&f, F::SAMPLES, scope, &[new_row("a", with_custom_fields(n, Sample::default()))]).await;
    }
    let kept = one_of(&f, F::SAMPLES, &scope, "a").await.record;
    assert_eq!(kept, with_custom_fields(1, Sample::default()));
}

/// A row that moves to another writer's id in the middle of a batch takes its custom fields along.
pub async fn row_that_was_there_gets_the_custom_fields<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    write(&f, F::SAMPLES, &scope, &[new_row("a", with_custom_fields(1, Sample::default()))]).await;
    let record = with_custom_fields(2, Sample::default());
    write(&f, F::SAMPLES, &scope, &[new_row("a", record.clone()), named("b")]).await;
    assert_eq!(one_of(&f, F::SAMPLES, &scope, "a").await.record, record);
    assert!(one_of(&f, F::SAMPLES, &scope, "b").await.record.custom.is_empty());
}

/// INV-SNK-1: after custom fields moved out of a table's own column, rows read as before, until and after they are
/// projected; what is written later does not fall back to what the column held.
pub async fn switched_table_reads_as_before<F: SinkFixture>(f: F) {
    let (scope, written) = switched(&f).await;
    for id in ["a", "b", "c"] {
        let read = one_of(&f, &SWITCHED_SAMPLES, &scope, id).await.record;
        assert!(same(&read.custom, &written), "{id}: {:?}", read.custom);
    }
    let empty = Upsert { exists: true, ..named("a") };
    write(&f, &SWITCHED_SAMPLES, &scope, &[empty]).await;
    assert!(one_of(&f, &SWITCHED_SAMPLES, &scope, "a").await.record.custom.is_empty());
    assert!(one_of(&f, &SAMPLES, &scope, "a").await.record.custom.is_empty());
}

/// R7, INV-SNK-8: a row that was never projected is, when a run finds it unchanged; the audit says noop, and the row
/// stays as it is.
pub async fn noop_projects_what_never_was<F: SinkFixture>(f: F) {
    assert!(f.sink::<Sample>(&SWITCHED_SAMPLES).reprojects_on_noop());
    let (scope, written) = switched(&f).await;
    let same_as_before = one_of(&f, &SWITCHED_SAMPLES, &scope, "b").await;
    let unchanged = Change::upsert("b", same_as_before.record.clone()).version(1);
    let report = sync(&f, &SWITCHED_SAMPLES, &scope, vec![unchanged]).await;
    assert_eq!((report.counts.noop, report.counts.found), (1, 1), "{:?}", report.counts);
    // The values were moved: the column is empty now, and the row reads as before.
    assert!(one_of(&f, &SAMPLES, &scope, "b").await.record.custom.is_empty());
    assert!(!one_of(&f, &SAMPLES, &scope, "c").await.record.custom.is_empty(), "only the row that was read");
    let row = one_of(&f, &SWITCHED_SAMPLES, &scope, "b").await;
    assert!(same(&row.record.custom, &written));
    assert_eq!((row.version, row.deleted), (same_as_before.version, false));
    let partial = Change::upsert("b", with_custom_fields(7, row.record));
    sync(&f, &SWITCHED_SAMPLES, &scope, vec![partial]).await;
    folds(&f, &SWITCHED_SAMPLES, &scope, "b").await;
}

/// INV-SNK-8: projecting rows of which nothing is missing costs at most two statements, however many they are.
pub async fn projecting_anew_is_cheap<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    for table in [F::SAMPLES, &SWITCHED_SAMPLES] {
        let row = |(n, id): (i64, crate::ExternalId)| {
            new_row(id.as_str(), with_custom_fields(n, Sample::default()))
        };
        let mut rows: Vec<_> = (0..).zip(ids(1_000)).map(row).collect();
        write(&f, table, &scope, &rows).await;
        rows.iter_mut().for_each(|row| row.version = Some(Version(9)));
        let sink = f.sink::<Sample>(table);
        let store = f.store();
        commit(&*store, async |tx| {
            sink.reproject_many(tx, &scope, &rows[..1], at(2)).await.unwrap(); // learns the table's shape
            let before = f.statements();
            sink.reproject_many(tx, &scope, &rows, at(2)).await.unwrap();
            if let Some((before, after)) = before.zip(f.statements()) {
                assert!(after - before <= 2, "{} statements for {}", after - before, table.name);
            }
        })
        .await;
        let asked = ids(1_000);
        let found = find::<F, Sample>(&f, table, &scope, &asked).await;
        assert!(found.iter().zip(&rows).all(|(found, row)| found.as_ref().unwrap().record == row.record));
        assert!(
            found.iter().all(|found| found.as_ref().unwrap().version.is_none()),
            "the rows stay as they are"
        );
    }
}

/// Three rows of a table that held custom fields in its own column, of which one was written since.
async fn switched<F: SinkFixture>(f: &F) -> (Scope, CustomFields) {
    let scope = subscribe(&*f.store()).await;
    let mut record = with_custom_fields(5, Sample::default());
    record.custom.set("Rate__c", FieldValue::Decimal(Decimal::from_str_exact("0.30").unwrap()));
    let rows = ["a", "b", "c"].map(|id| Change::upsert(id, record.clone()).version(1));
    sync(f, &SAMPLES, &scope, rows.into()).await;
    (scope, record.custom)
}

/// In JSON, decimals are text; so values that never left their column mean the same in another form.
fn same(a: &CustomFields, b: &CustomFields) -> bool {
    a.len() == b.len()
        && a.iter().all(|(name, value)| b.get(name).is_some_and(|b| value.as_ref().same(b.as_ref())))
}
