//! The contract of writers that follow from a mapping: what is written is what was read.
//!
//! An entity with every kind of value and every transform that has a way back. A provider reads it with
//! [`read_deal!`](crate::read_deal), writes it, and reads what it sent.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use sync_core::{Canonical, FieldSet};

use crate::transform::{Otherwise, pair};
use crate::{FieldMapping, Transform};

/// An entity with every kind of value.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "name")]
#[expect(missing_docs, reason = "what the fields hold stands in the mapping")]
pub struct Deal {
    pub name: Option<String>,
    pub kind: Option<String>,
    pub share: Option<Decimal>,
    pub amount: Option<Decimal>,
    pub closes: Option<NaiveDate>,
    pub due: Option<NaiveDate>,
    pub signed: Option<DateTime<Utc>>,
    pub hidden: Option<bool>,
    pub seats: Option<i64>,
    pub rounded: Option<Decimal>,
}

/// The words of a kind, there and here.
pub const KINDS: &[(Cow<'static, str>, Cow<'static, str>)] = &[pair("newbusiness", "New")];

/// Where the values come from.
pub const MAPPING: &[FieldMapping] = &[
    FieldMapping::through("name", "name", const { &[Transform::Trim, Transform::EmptyToNull] }),
    FieldMapping::through("kind", "kind", const { &[Transform::map(KINDS, Otherwise::Keep)] }),
    FieldMapping::through("share", "share", const { &[Transform::scale("100")] }),
    FieldMapping::new("amount", "amount"),
    FieldMapping::through("closes", "closes", const { &[Transform::DateOfInstant] }),
    FieldMapping::new("due", "due"),
    FieldMapping::new("signed", "signed"),
    FieldMapping::through("shown", "hidden", const { &[Transform::Not] }),
    FieldMapping::through("seats", "seats", const { &[Transform::ToInteger] }),
    FieldMapping::through("rounded", "rounded", const { &[Transform::Round(2)] }),
];

/// The fields that are written: all but the one that lost something on its way here.
#[must_use]
pub fn written() -> FieldSet {
    FieldSet::all::<Deal>().without(FieldSet::named::<Deal>(["rounded"]))
}

/// Values of every kind, odd ones among them.
pub fn deals() -> impl Strategy<Value = Deal> {
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

/// Whether what is read of a written record is the record again, in every field that is written.
///
/// # Errors
/// The first field that differs, with what was `sent`.
pub fn comes_back(deal: &Deal, back: &Deal, sent: &str) -> Result<(), TestCaseError> {
    for field in written().iter() {
        prop_assert!(back.value(field).same(deal.value(field)), "{}: {sent}", Deal::FIELDS[field].name);
    }
    Ok(())
}

/// Reads a [`Deal`] of a provider's record, as generated code does. The error is the provider's `RecordError`.
#[macro_export]
macro_rules! read_deal {
    ($record:expr, $error:ident) => {{
        use $crate::transform;

        let record = $record;
        let failed = |field: &'static str| move |error| $error::transform(field, error);
        Ok($crate::contract::Deal {
            name: transform::empty_to_null(transform::trim(record.text("name")?)),
            kind: transform::map(
                record.text("kind")?,
                &[("newbusiness", "New")],
                &transform::Otherwise::Keep,
            )
            .map_err(failed("kind"))?,
            share: transform::scale(record.decimal("share")?, transform::decimal_literal(100, 0))
                .map_err(failed("share"))?,
            amount: record.decimal("amount")?,
            closes: transform::date_of_instant(record.instant("closes")?),
            due: record.date("due")?,
            signed: record.instant("signed")?,
            hidden: transform::not(record.boolean("shown")?),
            seats: transform::to_integer(record.decimal("seats")?).map_err(failed("seats"))?,
            rounded: transform::round(record.decimal("rounded")?, 2),
        })
    }};
}
