//! Record ids: 15 case-sensitive characters, and a three-character suffix that survives case folding.

use std::fmt;
use std::str::FromStr;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// An 18-character record id. Orders as the server does: by the bytes of its first 15 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId([u8; 18]);

impl RecordId {
    /// The smallest and the largest id there can be, for range scans.
    pub const MIN: RecordId = RecordId([0; 18]);
    /// See [`RecordId::MIN`].
    pub const MAX: RecordId = RecordId([0x7f; 18]);

    /// The id with number `n` under a three-character key prefix; unusual prefixes are padded or cut to three bytes.
    #[must_use]
    pub fn new(prefix: &str, mut n: u64) -> Self {
        let mut short = *b"000Dn0000000000";
        for (slot, byte) in short.iter_mut().zip(prefix.bytes().filter(u8::is_ascii_alphanumeric).take(3)) {
            *slot = byte;
        }
        for slot in short[6..].iter_mut().rev() {
            *slot = BASE62[usize::try_from(n % 62).unwrap_or(0)];
            n /= 62;
        }
        Self::from_short(short)
    }

    /// Reads 15 or 18 characters. `None` when the length, a character or the suffix is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !(bytes.len() == 15 || bytes.len() == 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut short = [0; 15];
        short.copy_from_slice(&bytes[..15]);
        let id = Self::from_short(short);
        (bytes.len() == 15 || id.0[15..].eq_ignore_ascii_case(&bytes[15..])).then_some(id)
    }

    /// The 18 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Built from ASCII only, so this never falls back.
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// The first three characters, which name the object.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.as_str().get(..3).unwrap_or("")
    }

    fn from_short(short: [u8; 15]) -> Self {
        let mut full = [0; 18];
        full[..15].copy_from_slice(&short);
        for (group, chars) in short.chunks(5).enumerate() {
            let bits = chars
                .iter()
                .enumerate()
                .fold(0, |bits, (i, c)| if c.is_ascii_uppercase() { bits | 1 << i } else { bits });
            full[15 + group] = SUFFIX[bits];
        }
        Self(full)
    }
}

/// The id with number `n` under `prefix`, as 18 characters.
#[must_use]
pub fn salesforce_id(prefix: &str, n: u64) -> RecordId {
    RecordId::new(prefix, n)
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for RecordId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// The text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record id: give 15 characters, or 18 with the right suffix")]
pub struct NotAnId;

impl FromStr for RecordId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Self::parse(text).ok_or(NotAnId)
    }
}

impl serde::Serialize for RecordId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for RecordId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffix_follows_the_published_examples() {
        for (short, long) in [
            ("001Dn00000AbCdE", "001Dn00000AbCdEIAV"),
            ("0065e00000QwErT", "0065e00000QwErTAAV"),
            ("005Dn000001ABcd", "005Dn000001ABcdIAG"),
            ("000000000000000", "000000000000000AAA"),
        ] {
            assert_eq!(RecordId::parse(short).unwrap().as_str(), long);
            assert_eq!(RecordId::parse(long).unwrap().as_str(), long);
        }
    }

    #[test]
    fn wrong_suffix_is_not_an_id() {
        assert_eq!(RecordId::parse("001Dn00000AbCdEIAA"), None);
        assert_eq!(RecordId::parse("001Dn00000AbCd"), None);
        assert_eq!(RecordId::parse("001Dn00000AbCd'"), None);
    }

    #[test]
    fn ids_grow_with_their_number() {
        let ids: Vec<_> = (0..5000).map(|n| salesforce_id("006", n)).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].prefix(), "006");
    }
}
