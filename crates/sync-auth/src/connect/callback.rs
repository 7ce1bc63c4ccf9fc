//! What the browser brings back from the provider.

use std::borrow::Cow;

use secrecy::SecretString;
use url::form_urlencoded;

use crate::classify::printable;

const LONGEST_QUERY: usize = 8 * 1024;
const LONGEST_STATE: usize = 256;
const LONGEST_CODE: usize = 64;
const LONGEST_DETAIL: usize = 200;

/// A callback, read.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The state we gave the browser.
    pub state: SecretString,
    /// What the provider says.
    pub outcome: CallbackOutcome,
}

/// What the provider says.
#[derive(Debug, Clone)]
pub enum CallbackOutcome {
    /// Access was granted; the code is exchanged for tokens once.
    Code(SecretString),
    /// It was not, e.g. `access_denied` because the user said no.
    Refused {
        /// The provider's code, printable and short.
        code: String,
        /// The provider's words, printable and short.
        detail: Option<String>,
    },
}

/// Why a query is no callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// Longer than any callback.
    #[error("the answer is too long")]
    TooLong,
    /// Nothing that ties it to a browser.
    #[error("the answer has no state")]
    NoState,
    /// Neither a code nor an error.
    #[error("the answer has neither a code nor an error")]
    Nothing,
    /// A parameter that must occur once occurs again (RFC 6749, section 3.1).
    #[error("the answer says the same thing twice")]
    Twice,
}

/// Reads the query of a callback, without `?`. Unknown parameters are left alone.
///
/// # Errors
/// [`CallbackError`]; none repeats what was in the query.
///
/// ```
/// use sync_auth::connect::{CallbackOutcome, parse_callback};
/// let callback = parse_callback("code=abc%20d&state=xyz&scope=api").unwrap();
/// assert!(matches!(callback.outcome, CallbackOutcome::Code(_)));
/// ```
pub fn parse_callback(query: &str) -> Result<Callback, CallbackError> {
    if query.len() > LONGEST_QUERY {
        return Err(CallbackError::TooLong);
    }
    let (mut state, mut code, mut error, mut detail) = (None, None, None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place: &mut Option<Cow<'_, str>> = match name.as_ref() {
            "state" => &mut state,
            "code" => &mut code,
            "error" => &mut error,
            "error_description" => &mut detail,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(CallbackError::Twice);
        }
    }
    let state = state.filter(|state| !state.is_empty() && state.len() <= LONGEST_STATE);
    let state = SecretString::from(state.ok_or(CallbackError::NoState)?.into_owned());
    let detail = detail.map(|text| printable(&text, LONGEST_DETAIL)).filter(|text| !text.is_empty());
    let outcome = match (error.filter(|error| !error.is_empty()), code.filter(|code| !code.is_empty())) {
        // An error counts, whatever else there is.
        (Some(error), _) => CallbackOutcome::Refused { code: printable(&error, LONGEST_CODE), detail },
        (None, Some(code)) => CallbackOutcome::Code(code.into_owned().into()),
        (None, None) => return Err(CallbackError::Nothing),
    };
    Ok(Callback { state, outcome })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn code_and_state_are_decoded_once() {
        let callback = parse_callback("state=a%2Bb&code=aPrx%3D%3D%252B&scope=api+id").unwrap();
        assert_eq!(callback.state.expose_secret(), "a+b");
        let CallbackOutcome::Code(code) = callback.outcome else { panic!("a code") };
        assert_eq!(code.expose_secret(), "aPrx==%2B");
    }

    #[test]
    fn error_counts_before_a_code() {
        let query = "error=access_denied&error_description=no%0Athanks&code=x&state=s";
        let CallbackOutcome::Refused { code, detail } = parse_callback(query).unwrap().outcome else {
            panic!("refused")
        };
        assert_eq!((code.as_str(), detail.as_deref()), ("access_denied", Some("no thanks")));
    }

    #[test]
    fn what_is_no_callback_is_refused() {
        let error = |query: &str| parse_callback(query).unwrap_err();
        assert_eq!(error(""), CallbackError::NoState);
        assert_eq!(error("code=x"), CallbackError::NoState);
        assert_eq!(error("code=x&state="), CallbackError::NoState);
        assert_eq!(error(&format!("code=x&state={}", "s".repeat(257))), CallbackError::NoState);
        assert_eq!(error("state=s"), CallbackError::Nothing);
        assert_eq!(error("state=s&code="), CallbackError::Nothing);
        assert_eq!(error("state=s&code=a&code=b"), CallbackError::Twice);
        assert_eq!(error("state=s&state=t&code=a"), CallbackError::Twice);
        assert_eq!(error(&"x".repeat(8 * 1024 + 1)), CallbackError::TooLong);
    }

    #[test]
    fn debug_shows_neither_code_nor_state() {
        let shown = format!("{:?}", parse_callback("state=s3cr3t&code=s3cr3t").unwrap());
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
