//! The authorisation-code flow, as far as both providers share it: what a browser brings along, the page that asks the
//! user, codes on their way to become tokens, and the way back to the app. Words and statuses are each provider's own.

mod page;

use std::collections::HashMap;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use http::header::{CACHE_CONTROL, LOCATION};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::wire::{Answer, Call};

pub(crate) use page::{Page, refusal};

/// Characters of a SHA-256 in base64url, as a code challenge has them.
const CHALLENGE_LEN: usize = 43;

/// Who answers the consent page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// A person, who is shown a page with a form.
    #[default]
    Ask,
    /// Nobody: the first user has agreed already, and the browser goes straight back to the app.
    Allow,
    /// Nobody: every request is turned down.
    Deny,
}

/// What a browser asks for; a decision comes with the same parameters.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    fields: HashMap<String, String>,
    /// Whether the page's form was sent.
    answered: bool,
}

/// Why an authorisation can't go on, in the words of a redirect: `error`, `error_description`.
pub(crate) type Refused = (&'static str, &'static str);

impl Asked {
    /// From the query of a GET, or from the form of the page.
    pub(crate) fn read(call: &Call) -> Self {
        let answered = call.method == Method::POST;
        let fields = if answered { call.form() } else { call.query.clone() };
        // Of a parameter that is given twice the first counts, as in `Call::param`.
        Self { fields: fields.into_iter().rev().collect(), answered }
    }

    /// A parameter; empty ones count as not given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Scopes of a parameter, separated by blanks.
    pub(crate) fn scopes(&self, name: &str) -> Vec<String> {
        self.get(name).unwrap_or("").split_whitespace().map(str::to_owned).collect()
    }

    /// The code challenge (S256 only), none when the app uses no PKCE. `usual` is the method when none is named; by
    /// the standard that would be `plain`.
    pub(crate) fn challenge(&self, required: bool, usual: &str) -> Result<Option<String>, Refused> {
        let method = self.get("code_challenge_method");
        match self.get("code_challenge") {
            None if required => Err(("invalid_request", "missing required code challenge")),
            None if method.is_none() => Ok(None),
            Some(challenge) if method.unwrap_or(usual) == "S256" && is_challenge(challenge) => {
                Ok(Some(challenge.to_owned()))
            }
            _ => Err(("invalid_request", "invalid code challenge")),
        }
    }

    /// What the user decided, if it is decided: `Some(None)` is a no, else the user by the page's choice.
    pub(crate) fn decision(&self, consent: Consent) -> Option<Option<&str>> {
        match consent {
            Consent::Allow => Some(Some(self.get("user").unwrap_or(""))),
            Consent::Deny => Some(None),
            Consent::Ask if !self.answered => None,
            Consent::Ask => {
                Some((self.get("decision") == Some("allow")).then(|| self.get("user").unwrap_or("")))
            }
        }
    }

    /// Back to the app with these parameters; the state goes along as it came.
    pub(crate) fn back(&self, redirect_uri: &str, parameters: &[(&str, &str)]) -> Answer {
        let Ok(mut url) = Url::parse(redirect_uri) else {
            return refusal("The app's redirect URI is not a URL.");
        };
        url.query_pairs_mut().extend_pairs(parameters);
        if let Some(state) = self.fields.get("state") {
            url.query_pairs_mut().append_pair("state", state);
        }
        Answer::empty(302).with(LOCATION, url.as_str()).with(CACHE_CONTROL, "no-store")
    }

    /// Back to the app with an error.
    pub(crate) fn back_with(&self, redirect_uri: &str, (error, description): Refused) -> Answer {
        self.back(redirect_uri, &[("error", error), ("error_description", description)])
    }
}

fn is_challenge(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == CHALLENGE_LEN && text.bytes().all(known)
}

/// An authorisation code's meaning.
#[derive(Debug, Clone)]
pub(crate) struct Code<U> {
    /// Where it was sent; the exchange must name the same.
    pub(crate) redirect_uri: String,
    /// SHA-256 of the verifier, as PKCE writes it; none without PKCE.
    pub(crate) challenge: Option<String>,
    /// The user who consented.
    pub(crate) user: U,
    /// What was granted.
    pub(crate) scopes: Vec<String>,
    /// Simulated milliseconds.
    pub(crate) expires_at: i64,
}

impl<U> Code<U> {
    /// Whether the verifier is the one the code was asked for with. Without PKCE none is needed.
    pub(crate) fn verified_by(&self, verifier: Option<&str>) -> bool {
        self.challenge.is_none() || self.challenge == verifier.map(challenge_of)
    }
}

/// Codes nobody has used yet.
#[derive(Debug)]
pub(crate) struct Codes<U> {
    open: HashMap<String, Code<U>>,
}

impl<U> Default for Codes<U> {
    fn default() -> Self {
        Self { open: HashMap::new() }
    }
}

impl<U> Codes<U> {
    pub(crate) fn put(&mut self, text: String, code: Code<U>) {
        self.open.insert(text, code);
    }

    /// Uses a code up; nothing when it is unknown, used or too old.
    pub(crate) fn take(&mut self, text: &str, now: i64) -> Option<Code<U>> {
        self.open.remove(text).filter(|code| now < code.expires_at)
    }
}

/// The challenge that belongs to a PKCE verifier.
pub(crate) fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_follow_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge_of(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(&challenge_of(verifier)));
        assert!(!is_challenge("short"));
    }

    #[test]
    fn codes_are_good_once_and_for_a_while() {
        let code = |expires_at| Code {
            redirect_uri: String::new(),
            challenge: None,
            user: 1,
            scopes: Vec::new(),
            expires_at,
        };
        let mut codes = Codes::default();
        codes.put("a".to_owned(), code(10));
        codes.put("b".to_owned(), code(10));
        assert!(codes.take("a", 9).is_some());
        assert!(codes.take("a", 9).is_none(), "used");
        assert!(codes.take("b", 10).is_none(), "too old");
    }
}
