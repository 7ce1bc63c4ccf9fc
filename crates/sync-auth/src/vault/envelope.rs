//! The form of sealed bytes.
//!
//! `version (1) | length of the key id (1) | key id | nonce (12) | ciphertext and tag (at least 16)`

const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Sealed bytes, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Which key it is sealed under.
    pub key_id: &'a str,
    /// The nonce.
    pub nonce: &'a [u8; NONCE],
    /// Ciphertext and tag.
    pub content: &'a [u8],
}

/// Why bytes are no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Nothing, or less than an envelope has.
    #[error("the sealed secrets are cut off; restore the row, or connect the account again")]
    Short,
    /// A version of another release.
    #[error("the sealed secrets have version {0}, which this release does not know; upgrade the program")]
    Version(u8),
    /// The key's name is no text.
    #[error("the sealed secrets name no key; restore the row, or connect the account again")]
    KeyId,
}

impl<'a> Envelope<'a> {
    /// Takes sealed bytes apart. Whether they are authentic is the vault's to say.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let (version, rest) = bytes.split_first().ok_or(EnvelopeError::Short)?;
        if *version != VERSION {
            return Err(EnvelopeError::Version(*version));
        }
        let (length, rest) = rest.split_first().ok_or(EnvelopeError::Short)?;
        let (key_id, rest) = rest.split_at_checked(usize::from(*length)).ok_or(EnvelopeError::Short)?;
        let key_id = std::str::from_utf8(key_id).map_err(|_| EnvelopeError::KeyId)?;
        if key_id.is_empty() {
            return Err(EnvelopeError::KeyId);
        }
        let (nonce, content) = rest.split_first_chunk().ok_or(EnvelopeError::Short)?;
        if content.len() < TAG {
            return Err(EnvelopeError::Short);
        }
        Ok(Self { key_id, nonce, content })
    }

    /// Everything before the nonce. Key ids are at most 64 bytes long.
    pub(super) fn head(key_id: &str) -> Vec<u8> {
        let mut head = vec![VERSION, key_id.len() as u8];
        head.extend_from_slice(key_id.as_bytes());
        head
    }

    pub(super) fn write(mut head: Vec<u8>, nonce: &[u8], content: &[u8]) -> Vec<u8> {
        head.extend_from_slice(nonce);
        head.extend_from_slice(content);
        head
    }
}
