//! Changes and readings of days and points in time.

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, NaiveDate, Utc};

use super::TransformError;
use super::text::{empty_to_null, trim};

/// A calendar day from text of this form; empty text is no value. Forms are
/// [chrono's](https://docs.rs/chrono/0.4/chrono/format/strftime/index.html).
///
/// # Errors
/// [`TransformError`] when the text has another form.
pub fn date(text: Option<String>, form: &str) -> Result<Option<NaiveDate>, TransformError> {
    let Some(text) = empty_to_null(trim(text)) else { return Ok(None) };
    let day = read(&text, form).and_then(|parsed| parsed.to_naive_date().ok());
    day.map(Some).ok_or(TransformError::new("is no date of the configured form"))
}

/// A point in time from text of this form, in UTC unless the form has an offset; a day alone is its first
/// moment. Empty text is no value.
///
/// # Errors
/// [`TransformError`] when the text has another form.
pub fn instant(text: Option<String>, form: &str) -> Result<Option<DateTime<Utc>>, TransformError> {
    let Some(text) = empty_to_null(trim(text)) else { return Ok(None) };
    let moment = read(&text, form).and_then(|parsed| point_in_time(&parsed));
    moment.map(Some).ok_or(TransformError::new("is no point in time of the configured form"))
}

fn read(text: &str, form: &str) -> Option<Parsed> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, StrftimeItems::new(form)).ok()?;
    Some(parsed)
}

fn point_in_time(parsed: &Parsed) -> Option<DateTime<Utc>> {
    if parsed.timestamp().is_some() || parsed.offset().is_some() {
        let offset = parsed.offset().unwrap_or_default();
        let moment = parsed.to_naive_datetime_with_offset(offset).ok()?.and_utc();
        return moment.checked_sub_signed(chrono::TimeDelta::seconds(offset.into()));
    }
    let day = parsed.to_naive_date().ok()?;
    let has_time = parsed.hour_mod_12().is_some() || parsed.hour_div_12().is_some();
    let time = if has_time { parsed.to_naive_time().ok()? } else { chrono::NaiveTime::MIN };
    Some(day.and_time(time).and_utc())
}

/// A point in time from milliseconds since 1970.
///
/// # Errors
/// [`TransformError`] when it lies beyond what a calendar holds.
pub fn epoch_millis(number: Option<i64>) -> Result<Option<DateTime<Utc>>, TransformError> {
    since_1970(number, DateTime::from_timestamp_millis)
}

/// A point in time from seconds since 1970.
///
/// # Errors
/// [`TransformError`] when it lies beyond what a calendar holds.
pub fn epoch_seconds(number: Option<i64>) -> Result<Option<DateTime<Utc>>, TransformError> {
    since_1970(number, |seconds| DateTime::from_timestamp(seconds, 0))
}

fn since_1970(
    number: Option<i64>,
    read: impl Fn(i64) -> Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>, TransformError> {
    let Some(number) = number else { return Ok(None) };
    read(number).map(Some).ok_or(TransformError::new("lies beyond the calendar"))
}

/// The calendar day of a point in time, in UTC.
#[must_use]
pub fn date_of_instant(moment: Option<DateTime<Utc>>) -> Option<NaiveDate> {
    moment.map(|moment| moment.date_naive())
}

/// A day in generated code.
///
/// # Panics
/// When there is no such day. Meant for `const`, where that is a compiler's error.
#[must_use]
pub const fn date_literal(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(day) => day,
        None => panic!("no such day"),
    }
}

/// A point in time in generated code, in microseconds since 1970.
///
/// # Panics
/// When it lies beyond the calendar. Meant for `const`, where that is a compiler's error.
#[must_use]
pub const fn instant_literal(micros: i64) -> DateTime<Utc> {
    match DateTime::from_timestamp_micros(micros) {
        Some(moment) => moment,
        None => panic!("beyond the calendar"),
    }
}
