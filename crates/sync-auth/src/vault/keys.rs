//! The keys that secrets are sealed under.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as EITHER;
use secrecy::zeroize::Zeroizing;

const KEY: usize = 32;
const LONGEST_ID: usize = 64;

/// Several keys by their ids, one of which seals; all of them open. `Debug` shows the ids only.
pub struct KeyRing {
    active: String,
    keys: BTreeMap<String, RandomizedNonceKey>,
}

/// What is wrong with the text of keys. Never quotes a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing there.
    #[error("no key is given; write one per line as `id:key`, made by `hexsync keys new`")]
    Empty,
    /// A line is not `id:key`.
    #[error("key {0} is not written as `id:key`")]
    Form(usize),
    /// An id is empty, too long, or has other characters.
    #[error("the id of key {0} is not 1 to 64 letters, digits, dots, dashes or underscores")]
    Id(usize),
    /// A key is neither hexadecimal nor base64 of 32 bytes.
    #[error("key `{0}` is not 32 bytes, as 64 hexadecimal digits or as base64")]
    Length(String),
    /// Two keys of one id.
    #[error("key `{0}` is given twice; ids are never used again for another key")]
    Twice(String),
    /// The active key is not there.
    #[error("the active key `{0}` is not among the keys")]
    NoActive(String),
    /// Of all bits the same.
    #[error("key `{0}` is all zeros or all ones; make one by `hexsync keys new`")]
    Weak(String),
}

impl KeyRing {
    /// Reads keys: one `id:key` per line, or separated by commas; `#` begins a comment. A key is 32 bytes, as
    /// hexadecimal digits or base64. `active` names the one that seals; by default it is the first.
    ///
    /// # Errors
    /// [`KeyError`], which quotes no key.
    ///
    /// ```
    /// let ring = sync_auth::KeyRing::parse(&format!("2026-11:{}", "0123456789abcdef".repeat(4)), None).unwrap();
    /// assert_eq!(ring.active_id(), "2026-11");
    /// ```
    pub fn parse(text: &str, active: Option<&str>) -> Result<Self, KeyError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let entries = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty());
        let mut keys = BTreeMap::new();
        let mut first = None;
        for (n, entry) in entries.enumerate() {
            let (id, key) = entry.split_once(':').ok_or(KeyError::Form(n + 1))?;
            let (id, key) = (id.trim(), key.trim());
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(allowed) {
                return Err(KeyError::Id(n + 1));
            }
            let key = bytes(key).ok_or_else(|| KeyError::Length(id.to_owned()))?;
            if key.iter().all(|byte| *byte == 0) || key.iter().all(|byte| *byte == u8::MAX) {
                return Err(KeyError::Weak(id.to_owned()));
            }
            let cipher =
                RandomizedNonceKey::new(&AES_256_GCM, &*key).map_err(|_| KeyError::Length(id.to_owned()))?;
            if keys.insert(id.to_owned(), cipher).is_some() {
                return Err(KeyError::Twice(id.to_owned()));
            }
            first.get_or_insert(id);
        }
        let active = active.or(first).ok_or(KeyError::Empty)?;
        if !keys.contains_key(active) {
            return Err(if keys.is_empty() {
                KeyError::Empty
            } else {
                KeyError::NoActive(active.to_owned())
            });
        }
        Ok(Self { active: active.to_owned(), keys })
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn active_id(&self) -> &str {
        &self.active
    }

    /// The ids of all keys, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    pub(super) fn active(&self) -> (&str, &RandomizedNonceKey) {
        // It was checked when the ring was made, and nothing is ever taken out of it.
        (&self.active, &self.keys[&self.active])
    }

    pub(super) fn get(&self, id: &str) -> Option<&RandomizedNonceKey> {
        self.keys.get(id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.ids().collect();
        f.debug_struct("KeyRing").field("active", &self.active).field("ids", &ids).finish()
    }
}

/// A new key from the machine's source of randomness, as 64 hexadecimal digits.
///
/// # Errors
/// A message when the machine has no randomness to give.
pub fn new_key() -> Result<Zeroizing<String>, &'static str> {
    let mut key = Zeroizing::new([0; KEY]);
    rand::fill(&mut *key).map_err(|_| "the machine's source of randomness is out of order")?;
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY));
    for byte in *key {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    Ok(text)
}

/// 32 bytes of either form. 64 digits are never base64 of 32 bytes, which has 43 or 44 characters.
fn bytes(text: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let mut key = Zeroizing::new([0; KEY]);
    if text.len() == 2 * KEY {
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16);
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        return Some(key);
    }
    let unpadded = text.strip_suffix('=').unwrap_or(text);
    if unpadded.len() != 43 {
        return None;
    }
    let decoded = Zeroizing::new(EITHER.decode(unpadded.replace('-', "+").replace('_', "/")).ok()?);
    key.copy_from_slice(decoded.get(..KEY).filter(|_| decoded.len() == KEY)?);
    Some(key)
}
