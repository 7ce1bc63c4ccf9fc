//! Values from their text (reference/hubspot.md, Value encodings).

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use sync_core::value::{parse_decimal, parse_instant};

/// What a decimal holds exactly.
const DIGITS: usize = 28;
const DAY_MS: i64 = 86_400_000;
/// Instants below this are counted in seconds, as old accounts have them: in milliseconds it is 1973.
const LEAST_MILLIS: u64 = 100_000_000_000;

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

pub(super) fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| decimal(text)?.filter(Decimal::is_integer)?.try_into().ok())
}

/// A number with an optional fraction and exponent, and commas between thousands. `None` if it is none,
/// `Some(None)` if a decimal can't hold it exactly.
pub(super) fn decimal(text: &str) -> Option<Option<Decimal>> {
    let text = without_commas(text)?;
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (&*text, None),
    };
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_whole = exponent.is_none_or(|exponent| exponent.parse::<i32>().is_ok());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) || !exponent_is_whole
    {
        return None;
    }
    // The scientific form would be rounded to fit; count the digits that mean something first.
    let digits = unsigned.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    if exponent.is_some() && digits > DIGITS {
        return Some(None);
    }
    Some(parse_decimal(&text))
}

/// Old values have commas between thousands. Anywhere else a comma may mean a decimal point, which nobody can
/// tell: such a text is no number.
fn without_commas(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(',') {
        return Some(Cow::Borrowed(text));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.strip_prefix('-').unwrap_or(whole).split(',');
    let first = groups.next()?;
    let is_grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    if is_grouped && !fraction.contains(',') { Some(Cow::Owned(text.replace(',', ""))) } else { None }
}

/// `2026-03-31`, or the midnight in UTC at which the day begins, in milliseconds or, from old accounts, seconds.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    if let Some(day) = iso_date(text) {
        return Some(day);
    }
    let number: i64 = text.parse().ok()?;
    let millis = if number % DAY_MS == 0 {
        number
    } else if number.unsigned_abs() < LEAST_MILLIS && number.checked_mul(1_000)? % DAY_MS == 0 {
        number * 1_000
    } else {
        return None;
    };
    Some(DateTime::from_timestamp_millis(millis)?.date_naive())
}

fn iso_date(text: &str) -> Option<NaiveDate> {
    if text.len() == 10 && text.as_bytes()[4] == b'-' { text.parse().ok() } else { None }
}

/// `2026-01-02T10:04:05.123Z`, or milliseconds since 1970 (seconds from old accounts).
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(number) = text.parse::<i64>() {
        let millis = if number.unsigned_abs() < LEAST_MILLIS { number * 1_000 } else { number };
        return DateTime::from_timestamp_millis(millis);
    }
    hubspot_instant(text).or_else(|| parse_instant(text))
}

/// The form of nearly every stamp, without a general parser.
fn hubspot_instant(text: &str) -> Option<DateTime<Utc>> {
    let bytes = text.as_bytes();
    if bytes.len() != 24 || bytes[10] != b'T' || bytes[19] != b'.' || bytes[23] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
    };
    if bytes[4] != b'-' || bytes[7] != b'-' || bytes[13] != b':' || bytes[16] != b':' {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(5, 7)?, number(8, 10)?)?;
    let at: NaiveDateTime =
        date.and_hms_milli_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?)?;
    Some(at.and_utc())
}
