//! Numbers, times and values as people read them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use sync_wiring::core::FieldValue;

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `350 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// UTC, to the second.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A field's value in one line; `-` for nothing.
pub(crate) fn value(value: &FieldValue) -> String {
    if value.is_null() {
        return "-".to_owned();
    }
    match value.as_ref().to_json() {
        serde_json::Value::String(text) => {
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let texts = [0, 999, 1_000, 12_345, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn durations_have_at_most_two_units() {
        let texts = [350, 12_400, 200_000, 7_500_000].map(|millis| duration(Duration::from_millis(millis)));
        assert_eq!(texts, ["350 ms", "12.4 s", "3 min 20 s", "2 h 5 min"]);
    }
}
