//! Rate limits: calls per ten seconds, searches per second, calls per day.

use std::collections::VecDeque;

use super::auth::TokenKind;
use super::model::time::DAY_MS;
use super::settings::HubspotSettings;

const BURST_MS: i64 = 10_000;
const SEARCH_MS: i64 = 1_000;

/// Which limit refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    TenSecondly,
    Secondly,
    Daily,
}

/// What the headers of an answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) kind: TokenKind,
    pub(crate) burst_max: Option<u32>,
    pub(crate) burst_left: u32,
    pub(crate) daily_max: u64,
    pub(crate) daily_left: u64,
}

/// The calls that still count.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    private: VecDeque<i64>,
    oauth: VecDeque<i64>,
    searches: VecDeque<i64>,
    day: i64,
    today: u64,
}

impl Rates {
    /// Counts a call, unless a limit refuses it. `burst_now` may run with real time, `now` is simulated.
    pub(crate) fn charge(
        &mut self,
        kind: TokenKind,
        search: bool,
        settings: &HubspotSettings,
        (burst_now, now): (i64, i64),
    ) -> Result<(), Limited> {
        self.turn_day(now + settings.utc_offset_ms());
        let private = kind == TokenKind::Private;
        if private && self.used_today(settings) >= settings.daily_max {
            return Err(Limited::Daily);
        }
        if search {
            take(&mut self.searches, settings.search_per_second, SEARCH_MS, burst_now)
                .ok_or(Limited::Secondly)?;
        } else {
            let max = burst_max(kind, settings);
            take(self.window(kind), max, BURST_MS, burst_now).ok_or(Limited::TenSecondly)?;
        }
        self.today += u64::from(private);
        Ok(())
    }

    /// What is left for this kind of token.
    pub(crate) fn left(
        &mut self,
        kind: TokenKind,
        settings: &HubspotSettings,
        (burst_now, now): (i64, i64),
    ) -> Left {
        self.turn_day(now + settings.utc_offset_ms());
        let burst_max = burst_max(kind, settings);
        let window = self.window(kind);
        forget(window, BURST_MS, burst_now);
        let used = u32::try_from(window.len()).unwrap_or(u32::MAX);
        let burst_left = burst_max.unwrap_or(u32::MAX).saturating_sub(used);
        let daily_left = settings.daily_max.saturating_sub(self.used_today(settings));
        Left { kind, burst_max, burst_left, daily_max: settings.daily_max, daily_left }
    }

    /// Calls of today, those of others included.
    pub(crate) fn used_today(&self, settings: &HubspotSettings) -> u64 {
        settings.daily_used.saturating_add(self.today)
    }

    /// Nothing was called yet.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    fn turn_day(&mut self, local_now: i64) {
        let day = local_now.div_euclid(DAY_MS);
        if day != self.day {
            self.day = day;
            self.today = 0;
        }
    }

    fn window(&mut self, kind: TokenKind) -> &mut VecDeque<i64> {
        match kind {
            TokenKind::Private => &mut self.private,
            TokenKind::OAuth => &mut self.oauth,
        }
    }
}

fn burst_max(kind: TokenKind, settings: &HubspotSettings) -> Option<u32> {
    match kind {
        TokenKind::Private => settings.burst_max,
        TokenKind::OAuth => settings.oauth_burst_max,
    }
}

fn forget(window: &mut VecDeque<i64>, length: i64, now: i64) {
    while window.front().is_some_and(|at| now - at >= length) {
        window.pop_front();
    }
}

/// Counts a call in a rolling window; nothing when that is full.
fn take(window: &mut VecDeque<i64>, max: Option<u32>, length: i64, now: i64) -> Option<()> {
    let Some(max) = max else { return Some(()) };
    forget(window, length, now);
    if window.len() >= usize::try_from(max).unwrap_or(usize::MAX) {
        return None;
    }
    window.push_back(now);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_roll_and_days_turn() {
        let settings = HubspotSettings {
            burst_max: Some(2),
            search_per_second: Some(1),
            daily_max: 4,
            ..HubspotSettings::default()
        };
        let mut rates = Rates::default();
        let mut call = |search, now| rates.charge(TokenKind::Private, search, &settings, (now, now));
        assert_eq!([call(false, 0), call(false, 9_000)], [Ok(()), Ok(())]);
        assert_eq!(call(false, 9_999), Err(Limited::TenSecondly));
        assert_eq!(call(true, 9_999), Ok(()), "searches have a window of their own");
        assert_eq!(call(true, 10_000), Err(Limited::Secondly));
        assert_eq!(call(false, 10_000), Ok(()), "the first call is ten seconds old");
        assert_eq!(call(false, 30_000), Err(Limited::Daily));
        assert_eq!(call(false, DAY_MS), Ok(()));
    }
}
