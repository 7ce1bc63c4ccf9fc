//! What is written is what was read.

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use sync_core::{Canonical, ConflictPolicy, FieldSet};
use sync_detection::transform::{self, Otherwise, pair};
use sync_detection::{FieldMapping, Transform};

use super::body::Body;
use crate::describe::ObjectDescription;
use crate::{FromHubspot, HubspotRecord, RecordError, ToHubspot};

/// An entity with every kind of value and the transforms that have a way back.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "name")]
struct Deal {
    name: Option<String>,
    kind: Option<String>,
    share: Option<Decimal>,
    amount: Option<Decimal>,
    closes: Option<NaiveDate>,
    due: Option<NaiveDate>,
    signed: Option<DateTime<chrono::Utc>>,
    hidden: Option<bool>,
    seats: Option<i64>,
    rounded: Option<Decimal>,
}

impl FromHubspot for Deal {
    const OBJECT: &'static str = "deals";

    fn mapping() -> &'static [FieldMapping] {
        const KINDS: Transform = Transform::map(const { &[pair("newbusiness", "New")] }, Otherwise::Keep);
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::through("name", "name", const { &[Transform::Trim, Transform::EmptyToNull] }),
            FieldMapping::through("kind", "kind", const { &[KINDS] }),
            FieldMapping::through("share", "share", const { &[Transform::scale("100")] }),
            FieldMapping::new("amount", "amount"),
            FieldMapping::through("closes", "closes", const { &[Transform::DateOfInstant] }),
            FieldMapping::new("due", "due"),
            FieldMapping::new("signed", "signed"),
            FieldMapping::through("shown", "hidden", const { &[Transform::Not] }),
            FieldMapping::through("seats", "seats", const { &[Transform::ToInteger] }),
            FieldMapping::through("rounded", "rounded", const { &[Transform::Round(2)] }),
        ];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        let failed = |field: &'static str| move |error| RecordError::transform(field, error);
        Ok(Self {
            name: transform::empty_to_null(transform::trim(record.text("name")?)),
            kind: transform::map(record.text("kind")?, &[("newbusiness", "New")], &Otherwise::Keep)
                .map_err(failed("kind"))?,
            share: transform::scale(record.decimal("share")?, Decimal::ONE_HUNDRED)
                .map_err(failed("share"))?,
            amount: record.decimal("amount")?,
            closes: transform::date_of_instant(record.instant("closes")?),
            due: record.date("due")?,
            signed: record.instant("signed")?,
            hidden: transform::not(record.boolean("shown")?),
            seats: transform::to_integer(record.decimal("seats")?).map_err(failed("seats"))?,
            rounded: transform::round(record.decimal("rounded")?, 2),
        })
    }
}

impl ToHubspot for Deal {
    const KEY: Option<&'static str> = None;
    const CONFLICTS: ConflictPolicy = ConflictPolicy::ASK;
}

fn described() -> ObjectDescription {
    let property = |(name, property_type): (&str, &str)| json!({"name": name, "type": property_type, "modificationMetadata": {"readOnlyValue": false}});
    let properties = [
        ("name", "string"),
        ("kind", "enumeration"),
        ("share", "number"),
        ("amount", "number"),
        ("closes", "datetime"),
        ("due", "date"),
        ("signed", "datetime"),
        ("shown", "bool"),
        ("seats", "number"),
        ("rounded", "number"),
    ];
    let properties = properties.map(property).map(|one| serde_json::from_value(one).unwrap());
    ObjectDescription::new("deals", "deals", properties.into())
}

/// The record as HubSpot sends what it was sent.
fn sent(deal: &Deal) -> String {
    let (body, links) = Body::of(&described(), deal, FieldSet::all::<Deal>(), false).unwrap();
    assert!(links.is_empty());
    let mut properties = serde_json::to_value(&body).unwrap();
    properties["rounded"] = Json::Null;
    json!({"id": "1", "properties": properties}).to_string()
}

fn deals() -> impl Strategy<Value = Deal> {
    let text = "[ -~äß日🙂\"\\\\\n]{0,20}".prop_map(|text: String| {
        let text = text.trim().to_owned();
        Some(text).filter(|text| !text.is_empty())
    });
    let kind = prop_oneof![Just(None), Just(Some("New".to_owned())), "[a-m]{1,9}".prop_map(Some)];
    let number = (any::<i64>(), 0_u32..10).prop_map(|(digits, scale)| Some(Decimal::new(digits, scale)));
    let small = (any::<i32>(), 0_u32..6).prop_map(|(digits, scale)| Some(Decimal::new(digits.into(), scale)));
    let day =
        (0_i64..40_000).prop_map(|days| DateTime::from_timestamp(days * 86_400, 0).map(|at| at.date_naive()));
    let moment = (0_i64..4_000_000_000_000).prop_map(DateTime::from_timestamp_millis);
    let truth = any::<bool>().prop_map(Some);
    let seats = prop_oneof![Just(None), any::<i64>().prop_map(Some)];
    (text, kind, small, number, day.clone(), day, moment, truth, seats).prop_map(
        |(name, kind, share, amount, closes, due, signed, hidden, seats)| Deal {
            name,
            kind,
            share,
            amount,
            closes,
            due,
            signed,
            hidden,
            seats,
            rounded: None,
        },
    )
}

fn writable() -> FieldSet {
    super::body::writable::<Deal>(&described())
}

#[test]
fn what_lost_something_is_never_written() {
    let rounded = FieldSet::named::<Deal>(["rounded"]);
    assert_eq!(writable(), FieldSet::all::<Deal>().without(rounded));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// From the entity to the CRM's form and back: the same in every field that is written.
    #[test]
    fn record_comes_back(deal in deals()) {
        let sent = sent(&deal);
        let record = HubspotRecord::parse(&sent).unwrap();
        let back = Deal::from_record(&record).unwrap();
        for field in writable().iter() {
            prop_assert!(back.value(field).same(deal.value(field)), "{}: {sent}", Deal::FIELDS[field].name);
        }
    }
}
