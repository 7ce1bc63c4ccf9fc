//! Instants and dates as HubSpot writes and reads them. All are milliseconds since 1970 UTC.

use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat, Timelike as _, Utc};

pub(crate) const DAY_MS: i64 = 86_400_000;

/// `2026-01-02T10:04:05.123Z`; whole seconds are written without a fraction.
pub(crate) fn write_iso(ms: i64, out: &mut Vec<u8>) {
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    let year = u32::try_from(at.year()).unwrap_or(0);
    digits(year, 4, out);
    for (mark, part) in [(b'-', at.month()), (b'-', at.day()), (b'T', at.hour()), (b':', at.minute())] {
        out.push(mark);
        digits(part, 2, out);
    }
    out.push(b':');
    digits(at.second(), 2, out);
    let millis = at.timestamp_subsec_millis();
    if millis > 0 {
        out.push(b'.');
        digits(millis, 3, out);
    }
    out.push(b'Z');
}

fn digits(mut number: u32, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    for place in (start..start + width).rev() {
        out[place] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// As [`write_iso`].
pub(crate) fn iso(ms: i64) -> String {
    let mut out = Vec::with_capacity(24);
    write_iso(ms, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// `2026-03-31`, the UTC day of an instant.
pub(crate) fn date_text(ms: i64) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.date_naive().to_string()
}

/// Reads an ISO instant, or epoch milliseconds as text.
pub(crate) fn parse_instant(text: &str) -> Option<i64> {
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_millis());
    }
    parse_day(text)
}

/// Reads `2026-03-31`, or epoch milliseconds at midnight UTC. Other instants are no date.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    match text.parse::<i64>() {
        Ok(ms) => (ms.rem_euclid(DAY_MS) == 0).then_some(ms),
        Err(_) => parse_day(text),
    }
}

fn parse_day(text: &str) -> Option<i64> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

/// As `Date` and journal fields write it.
pub(crate) fn http_date(ms: i64) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// With milliseconds always, as error contexts write it.
pub(crate) fn iso_millis(ms: i64) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_and_read_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_348_245_123, "2026-01-02T10:04:05.123Z"),
            (1_767_348_245_007, "2026-01-02T10:04:05.007Z"),
            (1_767_348_245_000, "2026-01-02T10:04:05Z"),
        ] {
            assert_eq!(iso(ms), text);
            assert_eq!(parse_instant(text), Some(ms));
            assert_eq!(parse_instant(&ms.to_string()), Some(ms));
        }
        assert_eq!(parse_instant("2026-01-02T11:04:05+01:00"), parse_instant("2026-01-02T10:04:05Z"));
        assert_eq!(parse_instant("soon"), None);
    }

    #[test]
    fn dates_are_midnights() {
        assert_eq!(parse_date("2026-03-31"), Some(1_774_915_200_000));
        assert_eq!(parse_date("1774915200000"), Some(1_774_915_200_000));
        assert_eq!(parse_date("1774915200001"), None);
        assert_eq!(date_text(1_774_915_200_000), "2026-03-31");
    }
}
