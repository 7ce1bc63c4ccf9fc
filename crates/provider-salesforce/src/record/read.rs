//! Values from their JSON text, without a detour through a tree or a binary float.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
pub(super) use provider_http::slices::{field, object, text};
use rust_decimal::Decimal;
use sync_core::value::{parse_decimal, parse_instant};

/// What a decimal holds exactly.
const DIGITS: usize = 28;

pub(super) fn boolean(raw: &str) -> Option<bool> {
    match raw {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

pub(super) fn integer(raw: &str) -> Option<i64> {
    let whole = raw.strip_suffix(".0").unwrap_or(raw);
    whole.parse().ok().or_else(|| decimal(raw).filter(Decimal::is_integer)?.try_into().ok())
}

pub(super) fn is_number(raw: &str) -> bool {
    raw.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

pub(super) fn decimal(raw: &str) -> Option<Decimal> {
    let mantissa = raw.split(['e', 'E']).next()?;
    if mantissa.len() < raw.len() {
        // The scientific form would be rounded to fit; count the digits that mean something first.
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
        if digits > DIGITS {
            return None;
        }
    }
    parse_decimal(raw)
}

pub(super) fn date(raw: &str) -> Option<NaiveDate> {
    let text = text(raw)?;
    if text.len() == 10 { day(text.as_bytes()) } else { None }
}

pub(super) fn instant(raw: &str) -> Option<DateTime<Utc>> {
    let text = text(raw)?;
    salesforce_instant(text.as_bytes()).or_else(|| parse_instant(&text))
}

/// `2026-01-02T10:04:05.000+0000`, the form of nearly every stamp, without a general parser.
fn salesforce_instant(text: &[u8]) -> Option<DateTime<Utc>> {
    let [.., b'+', b'0', b'0', b'0', b'0'] = text else { return None };
    if text.len() != 28 || text[10] != b'T' || text[13] != b':' || text[16] != b':' || text[19] != b'.' {
        return None;
    }
    let [hour, minute, second] = [digits(&text[11..13])?, digits(&text[14..16])?, digits(&text[17..19])?];
    let time = NaiveTime::from_hms_milli_opt(hour, minute, second, digits(&text[20..23])?)?;
    Some(day(&text[..10])?.and_time(time).and_utc())
}

fn day(text: &[u8]) -> Option<NaiveDate> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i32::try_from(digits(&text[..4])?).ok()?;
    NaiveDate::from_ymd_opt(year, digits(&text[5..7])?, digits(&text[8..10])?)
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}
