//! The token that calls are made with.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// By how much the clocks of two processes may differ without anybody minding.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What a call to the CRM is authorised with. `Debug` never shows the secret.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The bearer value. Opaque: never decoded, never assumed to have a length.
    pub secret: SecretString,
    /// Where this token's API lives, when the answer says so. It may differ from one token to the next.
    pub instance_url: Option<Url>,
    /// When it was asked for, by the local clock. Before it was really issued, so that expiry is never late.
    pub issued_at: DateTime<Utc>,
    /// When it ends, if known. `None`: only a refused call tells.
    pub expires_at: Option<DateTime<Utc>>,
}

impl AccessToken {
    /// Whether both carry the same secret. What else is known about them does not matter.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }

    /// Whether the token's known end has come. A token without one never says so.
    #[must_use]
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// Whether to renew before the next call: less than `ahead` is left, or less than a quarter of the
    /// lifetime where that is shorter, so that a token of one minute is not renewed on every call.
    ///
    /// A token that was issued well in the future says that a clock jumped: its end can't be relied on, so it is
    /// renewed, once, because the next one is issued now.
    #[must_use]
    pub fn is_near_expiry(&self, now: DateTime<Utc>, ahead: TimeDelta) -> bool {
        self.expires_at.is_some_and(|end| {
            let margin = ahead.min((end - self.issued_at) / 4).max(TimeDelta::zero());
            now >= end - margin || now < self.issued_at - CLOCK_TOLERANCE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(lifetime: Option<i64>) -> AccessToken {
        let issued_at = DateTime::UNIX_EPOCH;
        AccessToken {
            secret: "sesame".into(),
            instance_url: None,
            issued_at,
            expires_at: lifetime.map(|seconds| issued_at + TimeDelta::seconds(seconds)),
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn long_token_is_renewed_the_margin_ahead() {
        let margin = TimeDelta::minutes(5);
        assert!(!token(Some(1800)).is_near_expiry(at(1499), margin));
        assert!(token(Some(1800)).is_near_expiry(at(1500), margin));
    }

    #[test]
    fn short_token_is_used_for_three_quarters_of_its_life() {
        let margin = TimeDelta::minutes(5);
        assert!(!token(Some(60)).is_near_expiry(at(44), margin));
        assert!(token(Some(60)).is_near_expiry(at(45), margin));
    }

    #[test]
    fn token_from_the_future_is_renewed() {
        let margin = TimeDelta::minutes(5);
        let backwards = |seconds| at(0) - TimeDelta::seconds(seconds);
        assert!(!token(Some(1800)).is_near_expiry(backwards(300), margin));
        assert!(token(Some(1800)).is_near_expiry(backwards(301), margin));
        assert!(!token(Some(1800)).is_expired(backwards(301)), "it may be used where no other is to be had");
    }

    #[test]
    fn token_without_end_is_never_near_it() {
        assert!(!token(None).is_near_expiry(at(i64::from(u32::MAX)), TimeDelta::days(1)));
        assert!(!token(None).is_expired(at(i64::from(u32::MAX))));
    }

    #[test]
    fn token_ends_at_its_end_not_after() {
        assert!(!token(Some(60)).is_expired(at(59)));
        assert!(token(Some(60)).is_expired(at(60)));
    }

    #[test]
    fn debug_hides_the_secret() {
        let shown = format!("{:?}", token(Some(60)));
        assert!(!shown.contains("sesame") && shown.contains("REDACTED"), "{shown}");
    }
}
