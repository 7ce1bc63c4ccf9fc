//! Secrets at rest: sealed under a key that is not in the store, and tied to the place they belong to.

mod envelope;
mod keys;
mod rotation;
mod tokens;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, Nonce};
use secrecy::zeroize::Zeroizing;
use sync_core::{ConnectionKey, Sealed};

pub use envelope::{Envelope, EnvelopeError};
pub use keys::{KeyError, KeyRing, new_key};
pub use rotation::{Rotation, rotate};
pub(crate) use tokens::seal;
pub use tokens::{VaultTokenStore, VaultTokenStoreBuilder};

/// What a secret is for. It is part of what is authenticated, so that one kind can't stand in for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The tokens of a connection.
    Tokens,
    /// The verifier of the proof key of an authorisation that was begun.
    Verifier,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Verifier => "verifier",
        }
    }
}

/// Seals and opens secrets with AES-256-GCM. Cheap to clone.
///
/// - **INV-VLT-1** What was sealed opens only for the same tenant, connection and purpose, unchanged to the bit.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<KeyRing>,
}

/// Why a secret can't be opened or sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The key is not in the ring.
    #[error(
        "the secrets are sealed under key `{0}`, which is not among the configured keys; add it, or connect the account again"
    )]
    UnknownKey(String),
    /// It was changed, or is somebody else's.
    #[error("the secrets don't belong to this connection or were changed; connect the account again")]
    NotAuthentic,
    /// It is no envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The content is not what this release writes.
    #[error("the secrets were written by another release; use that, or connect the account again")]
    Content,
    /// Sealing failed.
    #[error("sealing failed; the machine's source of randomness may be out of order")]
    Sealing,
}

impl Vault {
    /// A vault with these keys.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self { keys: Arc::new(keys) }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Seals a secret under the active key. Equal secrets never look alike.
    ///
    /// # Errors
    /// [`VaultError::Sealing`].
    pub fn seal(
        &self,
        key: &ConnectionKey,
        purpose: Purpose,
        mut secret: Zeroizing<Vec<u8>>,
    ) -> Result<Sealed, VaultError> {
        let (key_id, cipher) = self.keys.active();
        let head = Envelope::head(key_id);
        let aad = Aad::from(authenticated(&head, key, purpose));
        // Sealed in place: the memory that held the secret holds ciphertext afterwards.
        let nonce = cipher.seal_in_place_append_tag(aad, &mut *secret).map_err(|_| VaultError::Sealing)?;
        let bytes = Envelope::write(head, nonce.as_ref(), &secret);
        Ok(Sealed { key_id: key_id.to_owned(), bytes })
    }

    /// Opens what was sealed for the same connection and purpose.
    ///
    /// # Errors
    /// [`VaultError`]; none says anything of the content.
    pub fn open(
        &self,
        key: &ConnectionKey,
        purpose: Purpose,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let envelope = Envelope::parse(sealed)?;
        let cipher = self
            .keys
            .get(envelope.key_id)
            .ok_or_else(|| VaultError::UnknownKey(envelope.key_id.to_owned()))?;
        let aad = Aad::from(authenticated(&Envelope::head(envelope.key_id), key, purpose));
        let nonce = Nonce::assume_unique_for_key(*envelope.nonce);
        let mut content = Zeroizing::new(envelope.content.to_vec());
        let length =
            cipher.open_in_place(nonce, aad, &mut content).map_err(|_| VaultError::NotAuthentic)?.len();
        content.truncate(length);
        Ok(content)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keys", &self.keys).finish()
    }
}

/// What is authenticated beside the secret. Lengths go before texts, so that no two places look alike.
fn authenticated(head: &[u8], key: &ConnectionKey, purpose: Purpose) -> Vec<u8> {
    let texts = [purpose.as_str(), key.tenant_key(), key.connection.as_str()];
    let mut bytes = head.to_vec();
    for text in texts {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
