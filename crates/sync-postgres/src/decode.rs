//! PostgreSQL's binary format, read: the values of canonical fields, without a look-up or a copy too many.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;
use sync_core::FieldValue;
use uuid::Uuid;

use crate::copy::ColumnType;

const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A column's value; what is wrong with it otherwise, in words without the value.
pub(crate) fn value(r#type: ColumnType, bytes: &[u8]) -> Result<FieldValue, &'static str> {
    Ok(match r#type {
        ColumnType::Bool => FieldValue::Bool(bytes.first().is_some_and(|b| *b != 0)),
        ColumnType::Int => FieldValue::Int(int(bytes)?),
        ColumnType::Decimal => FieldValue::Decimal(decimal(bytes)?),
        ColumnType::Text => FieldValue::Text(text(bytes)?.to_owned()),
        ColumnType::Date => FieldValue::Date(date(bytes)?),
        ColumnType::Instant => FieldValue::Instant(instant(bytes)?),
        ColumnType::Json => {
            FieldValue::Json(serde_json::from_slice(bytes).map_err(|_| "the JSON can't be read")?)
        }
        ColumnType::Jsonb => {
            FieldValue::Json(serde_json::from_slice(jsonb(bytes)?).map_err(|_| "the JSON can't be read")?)
        }
        ColumnType::Uuid => FieldValue::Text(uuid(bytes)?.to_string()),
    })
}

pub(crate) fn int(bytes: &[u8]) -> Result<i64, &'static str> {
    fixed(bytes).map(i64::from_be_bytes)
}

pub(crate) fn uuid(bytes: &[u8]) -> Result<Uuid, &'static str> {
    fixed(bytes).map(Uuid::from_bytes)
}

pub(crate) fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(bytes).map_err(|_| "the text is not UTF-8")
}

/// The text behind the version byte.
pub(crate) fn jsonb(bytes: &[u8]) -> Result<&[u8], &'static str> {
    match bytes {
        [1, text @ ..] => Ok(text),
        _ => Err("the jsonb version is unknown"),
    }
}

fn date(bytes: &[u8]) -> Result<NaiveDate, &'static str> {
    let days = i64::from(fixed(bytes).map(i32::from_be_bytes)?);
    NaiveDate::from_ymd_opt(2000, 1, 1)
        .and_then(|epoch| epoch.checked_add_signed(TimeDelta::try_days(days)?))
        .ok_or("the day is out of range")
}

fn instant(bytes: &[u8]) -> Result<DateTime<Utc>, &'static str> {
    int(bytes)?
        .checked_add(EPOCH_MICROS)
        .and_then(DateTime::from_timestamp_micros)
        .ok_or("the instant is out of range")
}

/// Exact, or an error: a number of more digits than a [`Decimal`] holds is never rounded.
fn decimal(bytes: &[u8]) -> Result<Decimal, &'static str> {
    const TOO_LONG: &str = "the number has more than 28 digits";
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let mut word = || words.next().ok_or("the number is cut off");
    let n_digits = word()?;
    let weight = i32::from(word()?.cast_signed());
    let sign = word()?;
    let scale = u32::from(word()?);
    if sign & 0x8000 != 0 {
        return Err("the number is not finite");
    }

    let mut mantissa: i128 = 0;
    for _ in 0..n_digits {
        let group = i128::from(word()?);
        mantissa = mantissa.checked_mul(10_000).and_then(|m| m.checked_add(group)).ok_or(TOO_LONG)?;
    }
    // Bring the mantissa to `scale` digits after the point; what is cut off is zeros.
    let shift = i64::from(scale) + 4 * (i64::from(weight) + 1 - i64::from(n_digits));
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|n| 10_i128.checked_pow(n));
    let scaled = match (mantissa, power) {
        (0, _) => Some(0),
        (_, None) => None,
        (m, Some(power)) if shift < 0 => Some(m / power),
        (m, Some(power)) => m.checked_mul(power),
    };
    let signed = if sign == 0x4000 { scaled.map(|m| -m) } else { scaled };
    signed.and_then(|m| Decimal::try_from_i128_with_scale(m, scale).ok()).ok_or(TOO_LONG)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], &'static str> {
    bytes.try_into().map_err(|_| "the column has another type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy;

    fn round_trip(text: &str) {
        let number: Decimal = text.parse().unwrap();
        let mut bytes = Vec::new();
        copy::decimal(&mut bytes, number);
        let back = decimal(&bytes[4..]).unwrap();
        assert_eq!((back, back.scale()), (number, number.scale()), "{text}");
    }

    #[test]
    fn decimals_come_back_with_all_their_digits() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1",
            "0.1",
            "-0.01",
            "1234.5678",
            "123456789.1",
            "10000.0001",
            "0.0000000000000000000000000001",
            "79228162514264337593543950335",
            "-7922816251426433759354395033.5",
            "7.9228162514264337593543950335",
        ] {
            round_trip(text);
        }
    }

    #[test]
    fn longer_numbers_are_refused_not_rounded() {
        // 10^32 as the server sends it: one digit group of weight 8.
        let bytes = [0, 1, 0, 8, 0, 0, 0, 0, 0, 1];
        assert_eq!(decimal(&bytes), Err("the number has more than 28 digits"));
        assert_eq!(decimal(&[0, 0, 0, 0, 0xC0, 0, 0, 0]), Err("the number is not finite"));
    }
}
