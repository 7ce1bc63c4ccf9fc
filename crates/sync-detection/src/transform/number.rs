//! Changes and readings of numbers: exact, or an error.

use rust_decimal::{Decimal, RoundingStrategy};
use sync_core::value::parse_decimal;

use super::TransformError;
use super::text::{empty_to_null, trim};

/// An exact decimal from its text, plain or scientific; empty text is no value.
///
/// # Errors
/// [`TransformError`] when the text is no number, or needs more than 28 digits.
pub fn number(text: Option<String>) -> Result<Option<Decimal>, TransformError> {
    let Some(text) = empty_to_null(trim(text)) else { return Ok(None) };
    parse_decimal(&text).map(Some).ok_or(TransformError::new("is no number of at most 28 digits"))
}

/// A whole number from its text; `12.0` is one, empty text is no value.
///
/// # Errors
/// [`TransformError`] when the text is no whole number of 64 bits.
pub fn integer(text: Option<String>) -> Result<Option<i64>, TransformError> {
    let Some(text) = empty_to_null(trim(text)) else { return Ok(None) };
    parse_decimal(&text).and_then(whole).map(Some).ok_or(TransformError::new("is no whole number of 64 bits"))
}

/// The number times `factor`.
///
/// # Errors
/// [`TransformError`] when the product needs more than 28 digits.
pub fn scale(number: Option<Decimal>, factor: Decimal) -> Result<Option<Decimal>, TransformError> {
    let Some(number) = number else { return Ok(None) };
    product(number, factor).map(Some).ok_or(TransformError::new("needs more than 28 digits when scaled"))
}

/// `Decimal`'s own product rounds where digits run out; this one does not.
fn product(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (a, b) = (a.normalize(), b.normalize());
    let mantissa = a.mantissa().checked_mul(b.mantissa())?;
    Decimal::try_from_i128_with_scale(mantissa, a.scale() + b.scale()).ok()
}

/// The number with at most `decimals` decimals, halves away from zero.
#[must_use]
pub fn round(number: Option<Decimal>, decimals: u32) -> Option<Decimal> {
    number.map(|number| number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero))
}

/// A whole number from a decimal one.
///
/// # Errors
/// [`TransformError`] when it has a fraction or does not fit 64 bits.
pub fn to_integer(number: Option<Decimal>) -> Result<Option<i64>, TransformError> {
    let Some(number) = number else { return Ok(None) };
    whole(number).map(Some).ok_or(TransformError::new("is no whole number of 64 bits"))
}

fn whole(number: Decimal) -> Option<i64> {
    if number.is_integer() { i64::try_from(number).ok() } else { None }
}

/// A decimal in generated code: the digits without the point, and how many of them follow it.
///
/// # Panics
/// With more than 96 bits or 28 decimals. Meant for `const`, where that is a compiler's error.
#[must_use]
pub const fn decimal_literal(digits: i128, decimals: u32) -> Decimal {
    let size = digits.unsigned_abs();
    assert!(size >> 96 == 0 && decimals <= 28, "a decimal has at most 96 bits and 28 decimals");
    #[expect(clippy::cast_possible_truncation, reason = "cut into its three words")]
    let (lo, mid, hi) = (size as u32, (size >> 32) as u32, (size >> 64) as u32);
    Decimal::from_parts(lo, mid, hi, digits < 0, decimals)
}
