//! HubSpot ids: whole numbers, sent as text or as numbers.

use std::fmt;

use sync_core::ExternalId;

/// A record's id.
///
/// CRM answers hold it as decimal text, association answers and webhooks as a number (reference/hubspot.md,
/// Conventions); both are the same id.
///
/// ```
/// use provider_hubspot::HubspotId;
///
/// assert_eq!(HubspotId::parse("5551").unwrap().to_string(), "5551");
/// assert!(HubspotId::parse("5551a").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubspotId(u64);

impl HubspotId {
    /// Reads decimal digits without leading zeros. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        if plain { text.parse().ok().map(Self) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for HubspotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HubspotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HubspotId({self})")
    }
}

impl From<HubspotId> for ExternalId {
    fn from(id: HubspotId) -> Self {
        Self::new(id.to_string())
    }
}

/// Two associated records: the id of an association, which has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PairId {
    pub(crate) from: HubspotId,
    pub(crate) to: HubspotId,
}

impl PairId {
    /// Reads `5551-801`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        Some(Self { from: HubspotId::parse(from)?, to: HubspotId::parse(to)? })
    }
}

impl From<PairId> for ExternalId {
    fn from(pair: PairId) -> Self {
        Self::new(format!("{}-{}", pair.from, pair.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_numbers() {
        assert_eq!(HubspotId::parse("18446744073709551615").map(HubspotId::get), Some(u64::MAX));
        for text in ["", "0", "007", "-7", "+7", "7.0", "7 ", "18446744073709551616", "unidentified:ab"] {
            assert!(HubspotId::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn ids_order_as_numbers() {
        assert!(HubspotId::parse("99").unwrap() < HubspotId::parse("100").unwrap());
    }

    #[test]
    fn pairs_survive_being_written_and_read() {
        let pair = PairId::parse("5551-801").unwrap();
        assert_eq!(ExternalId::from(pair).as_str(), "5551-801");
        for text in ["5551", "5551-", "-801", "5551-801-7", "a-b"] {
            assert!(PairId::parse(text).is_none(), "{text}");
        }
    }
}
