//! Salesforce ids: 15 characters, or 18 with a checksum of their capitals.

use std::fmt;

use sync_core::ExternalId;

/// The digits of the checksum, by five bits.
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// A record's id in its long form.
///
/// The short form is told apart by case alone, so the last three characters hold which of the first fifteen
/// are capitals: five per character, the first one in the lowest bit (reference/salesforce.md, Ids).
///
/// ```
/// use provider_salesforce::SalesforceId;
///
/// assert_eq!(SalesforceId::parse("001Dn00000AbCdE").unwrap().as_str(), "001Dn00000AbCdEIAV");
/// assert!(SalesforceId::parse("001Dn00000AbCdEAAA").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SalesforceId([u8; 18]);

impl SalesforceId {
    /// Reads either form. `None` for another length, another character or a wrong checksum.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !matches!(bytes.len(), 15 | 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut id = [0; 18];
        id[..15].copy_from_slice(&bytes[..15]);
        for group in 0..3 {
            let chars = &bytes[group * 5..group * 5 + 5];
            let capitals = chars
                .iter()
                .enumerate()
                .fold(0, |bits, (i, c)| bits | usize::from(c.is_ascii_uppercase()) << i);
            id[15 + group] = SUFFIX[capitals];
        }
        (bytes.len() == 15 || id[15..] == bytes[15..]).then_some(Self(id))
    }

    /// The 18 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only letters and digits get in.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SalesforceId({self})")
    }
}

impl From<SalesforceId> for ExternalId {
    fn from(id: SalesforceId) -> Self {
        Self::new(id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_get_the_documented_suffix() {
        for (short, long) in [
            ("001Dn00000AbCdE", "001Dn00000AbCdEIAV"),
            ("0065e00000QwErT", "0065e00000QwErTAAV"),
            ("005Dn000001ABcd", "005Dn000001ABcdIAG"),
            ("000000000000000", "000000000000000AAA"),
        ] {
            assert_eq!(SalesforceId::parse(short).unwrap().as_str(), long);
            assert_eq!(SalesforceId::parse(long).unwrap().as_str(), long);
        }
    }

    #[test]
    fn wrong_ids_are_refused() {
        for text in [
            "",
            "001Dn00000AbCd",
            "001Dn00000AbCdEIAA",
            "001dn00000AbCdEIAV",
            "001Dn00000AbCd'",
            "001Dn00000AbCdEé",
        ] {
            assert!(SalesforceId::parse(text).is_none(), "{text}");
        }
    }
}
