//! What time it is at the provider.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;
use http::header::{AGE, DATE};
use sync_core::Clock;

use crate::retry_after::http_date;

/// The provider's clock, known from the `Date` of its answers. Clones share what they learnt.
///
/// The estimate is never ahead of the provider's true time: `Date` is cut to whole seconds and was written before
/// the answer arrived. It lags by less than a second plus the answer's way. So it is safe as the upper bound of a
/// time window, which must not reach into the provider's future.
#[derive(Clone)]
pub struct ServerClock {
    local: Arc<dyn Clock>,
    offset: Arc<Mutex<Option<TimeDelta>>>,
}

impl ServerClock {
    /// A clock that has heard nothing yet.
    #[must_use]
    pub fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, offset: Arc::default() }
    }

    /// Learns from an answer that has just arrived. Answers out of a cache (`Age`) teach nothing.
    pub fn observe(&self, headers: &HeaderMap) {
        if let Some(date) = http_date(headers, &DATE)
            && !headers.contains_key(AGE)
        {
            *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = Some(date - self.local.now());
        }
    }

    /// How far the provider is ahead of the local clock, negative if behind; `None` before the first answer.
    #[must_use]
    pub fn offset(&self) -> Option<TimeDelta> {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present instant at the provider; the local one before the first answer.
    #[must_use]
    pub fn server_now(&self) -> DateTime<Utc> {
        self.local.now() + self.offset().unwrap_or_default()
    }
}

impl fmt::Debug for ServerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerClock").field("offset", &self.offset()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stopped(&'static str);

    impl Clock for Stopped {
        fn now(&self) -> DateTime<Utc> {
            self.0.parse().unwrap()
        }
    }

    fn answer(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn offset_is_learnt_from_answers() {
        let clock = ServerClock::new(Arc::new(Stopped("2026-01-02T10:00:00.500Z")));
        assert_eq!((clock.offset(), clock.server_now()), (None, "2026-01-02T10:00:00.500Z".parse().unwrap()));
        let clone = clock.clone();
        clone.observe(&answer(&[("date", "Fri, 02 Jan 2026 10:03:00 GMT")]));
        assert_eq!(clock.offset(), Some(TimeDelta::milliseconds(179_500)));
        assert_eq!(clock.server_now(), "2026-01-02T10:03:00Z".parse::<DateTime<Utc>>().unwrap());
        clock.observe(&answer(&[("date", "Fri, 02 Jan 2026 09:59:58 GMT")]));
        assert_eq!(clock.offset(), Some(TimeDelta::milliseconds(-2500)), "the newest answer counts");
    }

    #[test]
    fn cached_and_unreadable_dates_teach_nothing() {
        let clock = ServerClock::new(Arc::new(Stopped("2026-01-02T10:00:00Z")));
        clock.observe(&answer(&[("date", "Fri, 02 Jan 2026 09:00:00 GMT"), ("age", "3600")]));
        clock.observe(&answer(&[("date", "yesterday")]));
        clock.observe(&HeaderMap::new());
        assert_eq!(clock.offset(), None);
    }
}
