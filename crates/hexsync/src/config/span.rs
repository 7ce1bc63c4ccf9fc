//! Lengths of time as people write them.

use std::time::Duration;

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 24 * 3_600_000)];

/// Reads `500ms`, `5s`, `10m`, `24h` or `7d`. The error says what is allowed.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis);
    match (number.parse::<u64>(), unit) {
        (Ok(number), Some(millis)) => number.checked_mul(millis).map(Duration::from_millis),
        _ => None,
    }
    .ok_or_else(|| "write a whole number and a unit: 500ms, 5s, 10m, 24h or 7d".to_owned())
}
