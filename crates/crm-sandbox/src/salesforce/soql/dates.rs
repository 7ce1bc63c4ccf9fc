//! Calendar arithmetic, date literals and named ranges. All of it in UTC: the simulated org has no other zone.

use std::ops::Range;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(super) type Instant = i64;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// A named range of days such as `TODAY` or `LAST_N_WEEKS:3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateLiteral {
    unit: Unit,
    /// First unit of the range, relative to the current one.
    first: i64,
    /// Unit after the last of the range, relative to the current one.
    end: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl DateLiteral {
    /// Looks a name up, in any case; `n` is the number after the colon. `None` when there is no such
    /// name, or when it has a number it does not take, or lacks one.
    ///
    /// Fiscal years are calendar years here, as in an org that never changed that setting.
    #[must_use]
    pub fn named(name: &str, n: Option<u32>) -> Option<Self> {
        let name = name.to_ascii_uppercase().replace("FISCAL_", "");
        let new = |unit, first, end| Some(Self { unit, first, end });
        let Some(n) = n.map(i64::from) else {
            return match name.as_str() {
                "YESTERDAY" => new(Unit::Day, -1, 0),
                "TODAY" => new(Unit::Day, 0, 1),
                "TOMORROW" => new(Unit::Day, 1, 2),
                "LAST_90_DAYS" => new(Unit::Day, -90, 1),
                "NEXT_90_DAYS" => new(Unit::Day, 1, 91),
                other => {
                    let (which, unit) = other.split_once('_')?;
                    let first = match which {
                        "LAST" => -1,
                        "THIS" => 0,
                        "NEXT" => 1,
                        _ => return None,
                    };
                    let unit = Unit::singular(unit)?;
                    new(unit, first, first + 1)
                }
            };
        };
        if let Some(unit) = name.strip_prefix("LAST_N_") {
            let unit = Unit::plural(unit)?;
            // Days run up to and include today; greater units end before the current one.
            return new(unit, -n, i64::from(unit == Unit::Day));
        }
        if let Some(unit) = name.strip_prefix("NEXT_N_") {
            return new(Unit::plural(unit)?, 1, 1 + n);
        }
        let unit = name.strip_prefix("N_")?.strip_suffix("_AGO")?;
        new(Unit::plural(unit)?, -n, 1 - n)
    }

    /// The days covered when `today` is the current day; days count from 1970-01-01.
    #[must_use]
    pub fn days(self, today: i64) -> Range<i64> {
        self.unit.start(today, self.first)..self.unit.start(today, self.end)
    }
}

impl Unit {
    fn singular(name: &str) -> Option<Self> {
        Some(match name {
            "WEEK" => Self::Week,
            "MONTH" => Self::Month,
            "QUARTER" => Self::Quarter,
            "YEAR" => Self::Year,
            _ => return None,
        })
    }

    fn plural(name: &str) -> Option<Self> {
        let unit = name.strip_suffix('S')?;
        if unit == "DAY" { Some(Self::Day) } else { Self::singular(unit) }
    }

    /// First day of the unit that lies `offset` units away from the one `today` is in.
    fn start(self, today: i64, offset: i64) -> i64 {
        let (year, month, _) = civil(today);
        match self {
            Self::Day => today + offset,
            // Weeks begin on Sunday, as in the provider's default locale; 1970-01-04 was one.
            Self::Week => (today - 3).div_euclid(7) * 7 + 3 + offset * 7,
            Self::Month => month_start(year, i64::from(month) - 1 + offset),
            Self::Quarter => month_start(year, ((i64::from(month) - 1) / 3 + offset) * 3),
            Self::Year => month_start(year + offset, 0),
        }
    }
}

/// First day of the month `months` after January of `year`.
fn month_start(year: i64, months: i64) -> i64 {
    // The remainder is 0..=11, so the conversion keeps it.
    days(year + months.div_euclid(12), months.rem_euclid(12) as u32 + 1, 1)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
pub(super) fn days(year: i64, month: u32, day: u32) -> i64 {
    // Counting years from March puts the leap day last, so a month's offset has a closed form.
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day count; the opposite of [`days`].
pub(super) fn civil(day: i64) -> (i64, u32, u32) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * from_march + 2) / 5 + 1) as u32;
    let month = (if from_march < 10 { from_march + 3 } else { from_march - 9 }) as u32;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Parses `2026-01-02`; years 1700 to 4000.
pub(super) fn parse_date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    if !(1700..=4000).contains(&year) || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let count = days(i64::from(year), month, day);
    // A day past the end of its month comes back as another date.
    (civil(count) == (i64::from(year), month, day)).then_some(count)
}

/// Parses `2026-01-02T10:04:05`, an optional fraction of up to three digits, and `Z` or `+01:00`.
///
/// The answers' own `+0000` is not a literal: clients have to normalise it.
pub(super) fn parse_datetime(text: &str) -> Option<Instant> {
    let day = parse_date(text.get(..10)?)?;
    let bytes = text.as_bytes();
    let clock = bytes.get(10..19)?;
    if clock[0] != b'T' || clock[3] != b':' || clock[6] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(&clock[1..3])?, digits(&clock[4..6])?, digits(&clock[7..9])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = &bytes[19..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix(b".") {
        let len = after.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=3).contains(&len) {
            return None;
        }
        fraction = digits(&after[..len])? * [100, 10, 1][len - 1];
        rest = &after[len..];
    }
    let offset = zone_minutes(rest)?;
    let seconds = i64::from((hour * 60 + minute) * 60 + second) - offset * 60;
    Some(day * DAY_MS + seconds * 1_000 + i64::from(fraction))
}

fn zone_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] if hours.len() == 2 => {
            let (hours, minutes) = (digits(hours)?, digits(&[*m1, *m2])?);
            let total = i64::from(hours * 60 + minutes);
            (hours <= 14 && minutes <= 59).then_some(if *sign == b'-' { -total } else { total })
        }
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> i64 {
        parse_date(text).unwrap()
    }

    #[test]
    fn day_counts_agree_with_chrono() {
        let epoch = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        let mut day = chrono::NaiveDate::from_ymd_opt(1699, 12, 28).unwrap();
        while day < chrono::NaiveDate::from_ymd_opt(2405, 1, 1).unwrap() {
            use chrono::Datelike;
            let count = (day - epoch).num_days();
            let parts = (i64::from(day.year()), day.month(), day.day());
            assert_eq!((days(parts.0, parts.1, parts.2), civil(count)), (count, parts));
            day += chrono::Duration::days(1);
        }
    }

    #[test]
    fn datetimes_need_a_zone_and_allow_milliseconds_and_offsets() {
        let base = date("2026-01-02") * DAY_MS + (10 * 3_600 + 4 * 60 + 5) * 1_000;
        let good = [
            ("2026-01-02T10:04:05Z", base),
            ("2026-01-02T10:04:05.000Z", base),
            ("2026-01-02T10:04:05.25Z", base + 250),
            ("2026-01-02T11:04:05+01:00", base),
            ("2026-01-02T04:34:05-05:30", base),
            ("2026-01-01T23:59:59.999-14:00", date("2026-01-02") * DAY_MS + 50_399_999),
        ];
        for (text, expected) in good {
            assert_eq!(parse_datetime(text), Some(expected), "{text}");
        }
        let bad = [
            "2026-01-02T10:04:05",
            "2026-01-02T10:04:05.000+0000",
            "2026-01-02T10:04:05.Z",
            "2026-01-02T10:04:05.0000Z",
            "2026-01-02T24:00:00Z",
            "2026-01-02T10:60:00Z",
            "2026-01-02T10:04Z",
            "2026-02-30T10:04:05Z",
            "2026-01-02 10:04:05Z",
            "2026-01-02T10:04:05+01:60",
            "2026-01-02T10:04:05+15:00",
            "2026-01-02T10:04:05z",
        ];
        for text in bad {
            assert_eq!(parse_datetime(text), None, "{text}");
        }
    }

    #[test]
    fn dates_outside_the_calendar_or_the_range_are_refused() {
        for text in
            ["2025-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "1699-12-31", "4001-01-01", "2026-1-02"]
        {
            assert_eq!(parse_date(text), None, "{text}");
        }
        assert!(parse_date("2024-02-29").is_some() && parse_date("1700-01-01").is_some());
    }

    #[test]
    fn named_ranges_are_relative_to_the_given_day() {
        // 2026-01-02 is a Friday.
        let today = date("2026-01-02");
        let table = [
            ("TODAY", None, "2026-01-02", "2026-01-03"),
            ("yesterday", None, "2026-01-01", "2026-01-02"),
            ("TOMORROW", None, "2026-01-03", "2026-01-04"),
            ("THIS_WEEK", None, "2025-12-28", "2026-01-04"),
            ("LAST_WEEK", None, "2025-12-21", "2025-12-28"),
            ("NEXT_WEEK", None, "2026-01-04", "2026-01-11"),
            ("THIS_MONTH", None, "2026-01-01", "2026-02-01"),
            ("LAST_MONTH", None, "2025-12-01", "2026-01-01"),
            ("NEXT_MONTH", None, "2026-02-01", "2026-03-01"),
            ("THIS_QUARTER", None, "2026-01-01", "2026-04-01"),
            ("LAST_QUARTER", None, "2025-10-01", "2026-01-01"),
            ("NEXT_QUARTER", None, "2026-04-01", "2026-07-01"),
            ("THIS_YEAR", None, "2026-01-01", "2027-01-01"),
            ("LAST_YEAR", None, "2025-01-01", "2026-01-01"),
            ("NEXT_YEAR", None, "2027-01-01", "2028-01-01"),
            ("LAST_FISCAL_QUARTER", None, "2025-10-01", "2026-01-01"),
            ("LAST_90_DAYS", None, "2025-10-04", "2026-01-03"),
            ("NEXT_90_DAYS", None, "2026-01-03", "2026-04-03"),
            ("LAST_N_DAYS", Some(3), "2025-12-30", "2026-01-03"),
            ("NEXT_N_DAYS", Some(3), "2026-01-03", "2026-01-06"),
            ("N_DAYS_AGO", Some(2), "2025-12-31", "2026-01-01"),
            ("LAST_N_WEEKS", Some(2), "2025-12-14", "2025-12-28"),
            ("NEXT_N_WEEKS", Some(1), "2026-01-04", "2026-01-11"),
            ("LAST_N_MONTHS", Some(2), "2025-11-01", "2026-01-01"),
            ("N_MONTHS_AGO", Some(13), "2024-12-01", "2025-01-01"),
            ("NEXT_N_QUARTERS", Some(2), "2026-04-01", "2026-10-01"),
            ("LAST_N_YEARS", Some(5), "2021-01-01", "2026-01-01"),
            ("N_FISCAL_YEARS_AGO", Some(1), "2025-01-01", "2026-01-01"),
        ];
        for (name, n, start, end) in table {
            let range = DateLiteral::named(name, n).unwrap_or_else(|| panic!("{name}")).days(today);
            assert_eq!(range, date(start)..date(end), "{name}");
        }
        for (name, n) in [
            ("TODAY", Some(1)),
            ("LAST_N_DAYS", None),
            ("THIS_DAY", None),
            ("SOON", None),
            ("N_DAYS", Some(1)),
            ("LAST_N_WEEK", Some(1)),
        ] {
            assert_eq!(DateLiteral::named(name, n), None, "{name}");
        }
    }
}
