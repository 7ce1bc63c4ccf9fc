//! The way back: which value of the provider becomes one of ours.

use std::borrow::Cow;
use std::collections::HashSet;

use chrono::NaiveTime;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use sync_core::FieldValue;
use sync_core::value::parse_decimal;

use super::{Otherwise, Transform, TransformError, TruthWords, ValueMap, date, instant, number};

impl Transform {
    /// Whether what it gives can be turned back, so that the field can be written.
    ///
    /// `digits`, `truncate` and `round` can't: what they cut off is lost, and writing would lose it in the CRM as
    /// well. A `map` can if no two words become the same one, a `scale` if dividing by its factor always comes out
    /// even.
    ///
    /// ```
    /// use sync_detection::Transform;
    ///
    /// assert!(Transform::DateOfInstant.is_invertible());
    /// assert!(Transform::scale("100").is_invertible() && !Transform::scale("3").is_invertible());
    /// assert!(!Transform::Round(2).is_invertible());
    /// ```
    #[must_use]
    pub fn is_invertible(&self) -> bool {
        match self {
            Self::Digits | Self::Truncate(_) | Self::Round(_) => false,
            Self::Map(map) => is_one_to_one(map),
            Self::Boolean(words) => !words.truths.is_empty() && !words.falsehoods.is_empty(),
            Self::Scale(factor) => parse_decimal(factor.as_str()).is_some_and(divides_evenly),
            Self::Trim
            | Self::Lowercase
            | Self::Uppercase
            | Self::EmptyToNull
            | Self::SalesforceId
            | Self::Number
            | Self::Integer
            | Self::Date(_)
            | Self::Instant(_)
            | Self::EpochMillis
            | Self::EpochSeconds
            | Self::DateOfInstant
            | Self::ToInteger
            | Self::Not
            | Self::Split(_)
            | Self::Default(_) => true,
        }
    }

    /// The provider's value that this transform makes `value` of. A text is written in the form the transform
    /// would have given it, e.g. without white space around it; empty stays empty.
    ///
    /// # Errors
    /// [`TransformError`] when no value of the provider becomes this one, or the transform is not
    /// [invertible](Self::is_invertible).
    pub fn invert(&self, value: FieldValue) -> Result<FieldValue, TransformError> {
        if value.is_null() {
            return Ok(value);
        }
        if !self.is_invertible() {
            return Err(TransformError::new("can't be turned back into what the provider has"));
        }
        match (self, value) {
            (Self::Trim, FieldValue::Text(text)) => Ok(text_or_null(text.trim().to_owned())),
            (Self::Lowercase, FieldValue::Text(text)) => Ok(FieldValue::Text(text.to_lowercase())),
            (Self::Uppercase, FieldValue::Text(text)) => Ok(FieldValue::Text(text.to_uppercase())),
            (Self::EmptyToNull, FieldValue::Text(text)) => Ok(text_or_null(text)),
            (Self::SalesforceId, FieldValue::Text(text)) => {
                Ok(super::salesforce_id(Some(text))?.map_or(FieldValue::Null, FieldValue::Text))
            }
            (Self::Map(map), FieldValue::Text(text)) => word_of_theirs(map, text),
            (Self::Boolean(words), FieldValue::Bool(truth)) => Ok(truth_word(words, truth)),
            (Self::Number, FieldValue::Decimal(number)) => Ok(FieldValue::Text(number.to_string())),
            (Self::Number | Self::Integer, FieldValue::Int(number)) => {
                Ok(FieldValue::Text(number.to_string()))
            }
            (Self::Date(form), FieldValue::Date(day)) => {
                let text = day.format(form).to_string();
                let read = date(Some(text.clone()), form)?;
                same(read == Some(day), FieldValue::Text(text))
            }
            (Self::Instant(form), FieldValue::Instant(moment)) => {
                let text = moment.format(form).to_string();
                let read = instant(Some(text.clone()), form)?;
                same(read == Some(moment), FieldValue::Text(text))
            }
            (Self::EpochMillis, FieldValue::Instant(moment)) => {
                Ok(FieldValue::Int(moment.timestamp_millis()))
            }
            (Self::EpochSeconds, FieldValue::Instant(moment)) => Ok(FieldValue::Int(moment.timestamp())),
            (Self::DateOfInstant, FieldValue::Date(day)) => {
                Ok(FieldValue::Instant(day.and_time(NaiveTime::MIN).and_utc()))
            }
            (Self::Scale(factor), FieldValue::Decimal(number)) => unscaled(number, factor.as_str()),
            (Self::Scale(factor), FieldValue::Int(number)) => unscaled(number.into(), factor.as_str()),
            (Self::ToInteger, FieldValue::Int(number)) => Ok(FieldValue::Decimal(number.into())),
            (Self::Not, FieldValue::Bool(truth)) => Ok(FieldValue::Bool(!truth)),
            (Self::Split(separator), FieldValue::Json(Json::Array(parts))) => joined(&parts, separator),
            (Self::Default(_), value) => Ok(value),
            _ => Err(TransformError::new("holds a value of another kind than its transform gives")),
        }
    }
}

fn text_or_null(text: String) -> FieldValue {
    if text.is_empty() { FieldValue::Null } else { FieldValue::Text(text) }
}

/// A form can say less than the value holds.
fn same(is_same: bool, value: FieldValue) -> Result<FieldValue, TransformError> {
    if is_same { Ok(value) } else { Err(TransformError::new("says more than its configured form can hold")) }
}

fn is_one_to_one(map: &ValueMap) -> bool {
    let mut ours: HashSet<&Cow<'static, str>> = HashSet::new();
    map.values.0.iter().all(|(_, word)| ours.insert(word))
}

fn word_of_theirs(map: &ValueMap, text: String) -> Result<FieldValue, TransformError> {
    if let Some((theirs, _)) = map.values.0.iter().find(|(_, ours)| *ours == text) {
        return Ok(FieldValue::Text(theirs.clone().into_owned()));
    }
    // A word that is kept on the way in is sent as it is, unless it would come back as another one.
    let comes_back = map.values.0.iter().all(|(theirs, _)| *theirs != text);
    match map.otherwise {
        Otherwise::Keep if comes_back => Ok(FieldValue::Text(text)),
        _ => Err(TransformError::new("holds a value that no value of the provider's becomes")),
    }
}

fn truth_word(words: &TruthWords, truth: bool) -> FieldValue {
    let words = if truth { &words.truths } else { &words.falsehoods };
    words.first().map_or(FieldValue::Null, |word| FieldValue::Text(word.trim().to_owned()))
}

/// Whether one divided by the factor has an end: of its digits, only twos and fives are left.
fn divides_evenly(factor: Decimal) -> bool {
    let mut digits = factor.normalize().mantissa().unsigned_abs();
    if digits == 0 {
        return false;
    }
    for prime in [2, 5] {
        while digits.is_multiple_of(prime) {
            digits /= prime;
        }
    }
    digits == 1
}

fn unscaled(value: Decimal, factor: &str) -> Result<FieldValue, TransformError> {
    let factor = parse_decimal(factor).unwrap_or_default();
    let quotient = value.checked_div(factor).map(|quotient| quotient.normalize());
    let comes_back =
        |quotient: &Decimal| number::scale(Some(*quotient), factor).is_ok_and(|back| back == Some(value));
    quotient
        .filter(comes_back)
        .map(FieldValue::Decimal)
        .ok_or(TransformError::new("needs more than 28 digits when scaled back"))
}

fn joined(parts: &[Json], separator: &str) -> Result<FieldValue, TransformError> {
    let is_part = |part: &&str| !part.is_empty() && part.trim() == *part && !part.contains(separator);
    let texts: Option<Vec<&str>> = parts.iter().map(|part| part.as_str().filter(is_part)).collect();
    texts.map(|texts| FieldValue::Text(texts.join(separator))).ok_or(TransformError::new(
        "holds a part that is no text, is empty, has white space around it or holds the separator",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{pair, word};
    use super::*;

    fn text(text: &str) -> FieldValue {
        FieldValue::Text(text.to_owned())
    }

    fn decimal(text: &str) -> FieldValue {
        FieldValue::Decimal(text.parse().unwrap())
    }

    const STAGES: Transform =
        Transform::map(const { &[pair("closedwon", "Won"), pair("closedlost", "Lost")] }, Otherwise::Keep);

    #[test]
    fn every_invertible_transform_finds_its_way_back() {
        let day = FieldValue::Date("2026-03-31".parse().unwrap());
        let moment = |text: &str| FieldValue::Instant(text.parse().unwrap());
        for (transform, ours, theirs) in [
            (Transform::Trim, text(" a "), text("a")),
            (Transform::Lowercase, text("Ann@X.test"), text("ann@x.test")),
            (Transform::Uppercase, text("eur"), text("EUR")),
            (Transform::EmptyToNull, text(""), FieldValue::Null),
            (Transform::SalesforceId, text("001Dn00000AbCdE"), text("001Dn00000AbCdEIAV")),
            (STAGES, text("Won"), text("closedwon")),
            (STAGES, text("Other"), text("Other")),
            (
                Transform::boolean(const { &[word("yes"), word("y")] }, const { &[word("no")] }),
                FieldValue::Bool(true),
                text("yes"),
            ),
            (Transform::Number, decimal("1.50"), text("1.50")),
            (Transform::Integer, FieldValue::Int(-7), text("-7")),
            (Transform::date("%d.%m.%Y"), day.clone(), text("31.03.2026")),
            (Transform::instant("%d.%m.%Y %H:%M"), moment("2026-03-31T09:30:00Z"), text("31.03.2026 09:30")),
            (Transform::EpochMillis, moment("1970-01-01T00:00:01.5Z"), FieldValue::Int(1_500)),
            (Transform::EpochSeconds, moment("1970-01-01T00:00:02Z"), FieldValue::Int(2)),
            (Transform::DateOfInstant, day, moment("2026-03-31T00:00:00Z")),
            (Transform::scale("100"), decimal("12.5"), decimal("0.125")),
            (Transform::scale("0.04"), decimal("1"), decimal("25")),
            (Transform::ToInteger, FieldValue::Int(5), decimal("5")),
            (Transform::Not, FieldValue::Bool(true), FieldValue::Bool(false)),
            (Transform::split(";"), FieldValue::Json(serde_json::json!(["a", "b"])), text("a;b")),
            (Transform::default("Unknown"), text("Unknown"), text("Unknown")),
        ] {
            assert!(transform.is_invertible(), "{}", transform.name());
            assert_eq!(transform.invert(ours), Ok(theirs), "{}", transform.name());
            assert_eq!(transform.invert(FieldValue::Null), Ok(FieldValue::Null), "{}", transform.name());
        }
    }

    #[test]
    fn what_lost_something_has_no_way_back() {
        let two_alike = Transform::map(const { &[pair("a", "x"), pair("b", "x")] }, Otherwise::Keep);
        for transform in [
            Transform::Digits,
            Transform::truncate(5),
            Transform::round(2),
            two_alike,
            Transform::scale("3"),
            Transform::scale("0.7"),
        ] {
            assert!(!transform.is_invertible(), "{}", transform.name());
            assert!(transform.invert(text("5")).is_err(), "{}", transform.name());
        }
    }

    #[test]
    fn value_that_none_of_theirs_becomes_is_refused() {
        let strict = Transform::map(const { &[pair("closedwon", "Won")] }, Otherwise::Fail);
        let by_year = Transform::date("%Y-%m-%d");
        for (transform, value) in [
            (strict, text("Lost")),
            // Sent as it is, it would come back as `Won`.
            (STAGES, text("closedwon")),
            (Transform::scale("0.0000000000000000000000000001"), decimal("79228162514264337593543950335")),
            (Transform::instant("%d.%m.%Y"), FieldValue::Instant("2026-03-31T09:30:00Z".parse().unwrap())),
            (Transform::split(";"), FieldValue::Json(serde_json::json!(["a;b"]))),
            (Transform::split(";"), FieldValue::Json(serde_json::json!([7]))),
            (by_year, text("2026-03-31")),
        ] {
            assert!(transform.invert(value).is_err(), "{}", transform.name());
        }
    }
}
