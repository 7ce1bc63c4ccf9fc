//! What every entity owes its tables: a record with every field is kept as it is.

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use rust_decimal::Decimal;
use serde_json::json;

use super::fixture::reached;
use crate::{
    Canonical, ExternalId, FieldKind, FieldValue, LocalId, Provider, Scope, Store, SubscriptionId, SyncSink,
    Upsert, UserId, record_to_json,
};

/// A record that holds another value in every field, and custom fields where it has a place for them.
#[must_use]
pub fn full_record<T: Canonical>() -> T {
    let mut record = T::default();
    for (number, field) in T::FIELDS.iter().enumerate() {
        let value = value(field.kind, number);
        record.set(number, value).unwrap();
    }
    if let Some(custom) = record.custom_mut() {
        custom.set("Text__c", FieldValue::Text("more, with 'quotes'".to_owned()));
        custom.set("Number__c", FieldValue::Decimal(Decimal::new(125, 2)));
    }
    record
}

fn value(kind: FieldKind, number: usize) -> FieldValue {
    let n = i64::try_from(number).unwrap();
    match kind {
        FieldKind::Bool => FieldValue::Bool(number.is_multiple_of(2)),
        FieldKind::Int => FieldValue::Int(i64::MAX - n),
        FieldKind::Decimal => {
            FieldValue::Decimal(Decimal::from_i128_with_scale(10_i128.pow(27) + i128::from(n), 9))
        }
        FieldKind::Text => FieldValue::Text(format!("{number}: ä \"'\\\n{{}}")),
        FieldKind::Date => {
            FieldValue::Date(NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Days::new(number as u64))
        }
        FieldKind::Instant => FieldValue::Instant(moment() + chrono::TimeDelta::microseconds(n)),
        FieldKind::Json => FieldValue::Json(json!({"number": n, "list": [1, "two", null]})),
        FieldKind::Link => FieldValue::Text(format!("parent-{number}")),
    }
}

fn moment() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap()
}

/// Writes a record with every field and one with as few as possible, and reads both back.
///
/// # Panics
/// When one of them is refused, or comes back as another.
pub async fn full_record_comes_back<T, S>(store: &S, sink: &impl SyncSink<T, S::Tx>)
where
    T: Canonical,
    S: Store,
{
    let scope = Scope {
        tenant: None,
        connection: "contract".into(),
        subscription: SubscriptionId(uuid::Uuid::from_u128(1)),
        entity: T::ENTITY,
        provider: Provider::from("contract"),
        user: UserId::from("contract"),
    };
    let row = |number: u128, record: T| Upsert {
        external_id: ExternalId::new(format!("record-{number}")),
        local_id: LocalId::from(uuid::Uuid::from_u128(number)),
        record,
        version: None,
        exists: false,
    };
    let rows = [row(1, full_record::<T>()), row(2, T::default())];
    let ids = [rows[0].external_id.clone(), rows[1].external_id.clone()];
    let mut tx = store.begin_across_tenants().await.unwrap();
    sink.upsert_many(&mut tx, &scope, &rows, moment()).await.unwrap();
    let kept = sink.find_many(&mut tx, &scope, &ids).await.unwrap();
    store.rollback(tx).await.unwrap();
    for (sent, kept) in rows.into_iter().zip(kept) {
        let kept = kept.expect("the row was written just before");
        // In JSON, because a store may keep a custom decimal as text.
        assert_eq!(record_to_json(&kept.record), record_to_json(&sent.record));
    }
}

/// The address of a backend for tests, from the environment; says so where there is none.
///
/// # Panics
/// Without one, when `HEXSYNC_REQUIRE_SERVICES=1`.
#[must_use]
pub fn backend(variable: &str) -> Option<String> {
    reached(std::env::var(variable).ok(), variable)
}
