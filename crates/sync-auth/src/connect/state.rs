//! Random values of an authorisation, and their digests.

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::vault::VaultError;

/// 256 random bits as text that needs no escapes: a state, a proof key's verifier, a browser's binding.
pub(super) fn random() -> Result<SecretString, VaultError> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(&mut *bytes).map_err(|_| VaultError::Sealing)?;
    Ok(URL_SAFE_NO_PAD.encode(*bytes).into())
}

/// The digest that is stored in place of a value.
pub(super) fn hashed(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

/// The challenge of a proof key (RFC 7636, section 4.2).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// Whether a value has this digest, in a time that tells nothing of it.
pub(super) fn fits(text: &str, hash: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(&hashed(text), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    /// The example of RFC 7636, appendix B.
    #[test]
    fn challenge_is_that_of_the_standard() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn random_values_are_long_and_never_twice_the_same() {
        let values: std::collections::HashSet<_> =
            (0..100).map(|_| random().unwrap().expose_secret().to_owned()).collect();
        assert_eq!(values.len(), 100);
        assert!(values.iter().all(|value| value.len() == 43));
    }

    #[test]
    fn digest_fits_its_value_only() {
        assert!(fits("a", &hashed("a")));
        assert!(!fits("b", &hashed("a")) && !fits("a", b"") && !fits("", &hashed("a")));
    }
}
