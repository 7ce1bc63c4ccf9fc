//! The `Retry-After` header (RFC 9110, section 10.2.3).

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

/// No provider means more than a day; what says so is a mistake that must not park a connection for good.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long an answer asks to wait: seconds (fractions are accepted) or an HTTP date, at most a day.
///
/// A date is taken relative to the answer's own `Date`, so that a wrong local clock does no harm; `now` is used
/// when there is none. A date in the past means no wait. `None` if the header is absent or unreadable.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| !seconds.is_nan()) {
        let wait = Duration::try_from_secs_f64(seconds.min(LONGEST.as_secs_f64())).ok()?;
        return Some(wait.min(LONGEST));
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?.to_utc();
    let sent_at = http_date(headers, &DATE).unwrap_or(now);
    Some((until - sent_at).to_std().unwrap_or_default().min(LONGEST))
}

/// A header that holds an HTTP date.
pub(crate) fn http_date(headers: &HeaderMap, name: &HeaderName) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(headers.get(name)?.to_str().ok()?).ok().map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after_value: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after_value.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers, "2026-01-02T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn seconds_and_dates_are_read() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(wait("7", None), seconds(7));
        assert_eq!(wait(" 7 ", None), seconds(7));
        assert_eq!(wait("0.5", None), Some(Duration::from_millis(500)));
        assert_eq!(wait("Fri, 02 Jan 2026 10:00:30 GMT", None), seconds(30));
        assert_eq!(wait("Fri, 02 Jan 2026 10:00:30 GMT", Some("Fri, 02 Jan 2026 10:00:25 GMT")), seconds(5));
        assert_eq!(wait("Fri, 02 Jan 2026 09:00:00 GMT", None), seconds(0));
    }

    #[test]
    fn absurd_values_end_at_a_day() {
        let day = Some(Duration::from_secs(86_400));
        assert_eq!(wait("99999999999999999999999", None), day);
        assert_eq!(wait("inf", None), day);
        assert_eq!(wait("Fri, 02 Jan 2099 10:00:30 GMT", None), day);
    }

    #[test]
    fn nonsense_is_as_good_as_absent() {
        for nonsense in ["", "-1", "NaN", "soon", "2026-01-02"] {
            assert_eq!(wait(nonsense, None), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), DateTime::UNIX_EPOCH), None);
    }
}
