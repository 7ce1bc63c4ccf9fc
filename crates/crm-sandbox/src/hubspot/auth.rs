//! The app, its tokens, and who may still use them.

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::authorize::{Code, Codes};

/// Where authorisation codes go unless settings say otherwise.
pub(crate) const REDIRECT_URI: &str = "http://localhost/oauth-callback";

/// The app: what a client needs to log in.
#[derive(Clone)]
pub struct Credentials {
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// A refresh token that is valid when the account starts.
    pub refresh_token: String,
    /// A private app's token, valid until it is rotated.
    pub private_app_token: String,
    /// Where authorisation codes go.
    pub redirect_uri: String,
    /// The key by which the app's developer changes webhook subscriptions.
    pub developer_api_key: String,
    /// The app's id.
    pub app_id: u64,
    /// The account's id.
    pub portal_id: u64,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .field("portal_id", &self.portal_id)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    pub(crate) fn new(seed: u64, portal_id: u64) -> Self {
        Self {
            client_id: uuid(&format!("client/{seed}")),
            client_secret: uuid(&format!("secret/{seed}")),
            refresh_token: uuid(&format!("refresh/{seed}")),
            private_app_token: format!("pat-na1-{}", uuid(&format!("private/{seed}"))),
            redirect_uri: REDIRECT_URI.to_owned(),
            developer_api_key: uuid(&format!("developer/{seed}")),
            app_id: 42,
            portal_id,
        }
    }
}

/// A user of the account, as tokens name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) email: String,
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) user: User,
    /// What the user agreed to; every scope of the account when absent.
    pub(crate) scopes: Option<Vec<String>>,
}

impl Default for Grant {
    /// The installation that every account starts with.
    fn default() -> Self {
        Self { user: User { id: 77, email: "owner0@example.com".to_owned() }, scopes: None }
    }
}

/// One access token that was issued; expired ones are remembered, because refusals say since when.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) expires_at: i64,
    /// The refresh token it came from; none for client credentials.
    pub(crate) parent: Option<String>,
    /// Who stands behind it.
    pub(crate) grant: Grant,
}

/// What stands behind a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Private,
    OAuth,
}

/// Why a token is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadToken {
    Unknown,
    /// Since this instant.
    Expired(i64),
}

/// All tokens of the account.
pub(crate) struct Tokens {
    seed: u64,
    issued: u64,
    access: HashMap<String, Access>,
    /// Live refresh tokens.
    refresh: BTreeMap<String, Grant>,
    codes: Codes<User>,
    private: String,
}

impl Tokens {
    pub(crate) fn new(seed: u64, credentials: &Credentials) -> Self {
        Self {
            seed,
            issued: 0,
            access: HashMap::new(),
            refresh: BTreeMap::from([(credentials.refresh_token.clone(), Grant::default())]),
            codes: Codes::default(),
            private: credentials.private_app_token.clone(),
        }
    }

    /// Makes an access token that lives until `expires_at`.
    pub(crate) fn open(&mut self, parent: Option<String>, expires_at: i64) -> String {
        let token = format!("CJ{}", self.opaque("access"));
        let grant = parent.as_ref().and_then(|parent| self.refresh.get(parent)).cloned().unwrap_or_default();
        self.access.insert(token.clone(), Access { expires_at, parent, grant });
        token
    }

    /// Makes a refresh token.
    pub(crate) fn grant_refresh(&mut self, grant: Grant) -> String {
        self.issued += 1;
        let token = uuid(&format!("refresh/{}/{}", self.seed, self.issued));
        self.refresh.insert(token.clone(), grant);
        token
    }

    /// Replaces a refresh token; the old one is dead at once, its access tokens go on with the new one.
    pub(crate) fn rotate(&mut self, old: &str) -> Option<String> {
        let grant = self.refresh.remove(old)?;
        let new = self.grant_refresh(grant);
        for access in self.access.values_mut().filter(|access| access.parent.as_deref() == Some(old)) {
            access.parent = Some(new.clone());
        }
        Some(new)
    }

    /// What a live refresh token stands for.
    pub(crate) fn grant(&self, token: &str) -> Option<&Grant> {
        self.refresh.get(token)
    }

    /// Makes an authorisation code.
    pub(crate) fn issue_code(&mut self, code: Code<User>) -> String {
        let text = uuid(&format!("code/{}", self.opaque("code")));
        self.codes.put(text.clone(), code);
        text
    }

    /// Uses a code up.
    pub(crate) fn take_code(&mut self, text: &str, now: i64) -> Option<Code<User>> {
        self.codes.take(text, now)
    }

    /// Who presents this token.
    pub(crate) fn check(&self, token: &str, now: i64) -> Result<TokenKind, BadToken> {
        if token == self.private {
            return Ok(TokenKind::Private);
        }
        match self.access.get(token) {
            Some(access) if access.expires_at > now => Ok(TokenKind::OAuth),
            Some(access) => Err(BadToken::Expired(access.expires_at)),
            // Anything that is not a private app's token reads as one that expired in 1970.
            None if token.starts_with("pat-") => Err(BadToken::Unknown),
            None => Err(BadToken::Expired(0)),
        }
    }

    /// Whether the user behind this token agreed to the scope; private apps have all.
    pub(crate) fn may(&self, token: &str, scope: &str) -> bool {
        let scopes = self.access.get(token).and_then(|access| access.grant.scopes.as_ref());
        scopes.is_none_or(|scopes| scopes.iter().any(|one| one == scope))
    }

    /// An access token that was issued, live or not.
    pub(crate) fn access(&self, token: &str) -> Option<&Access> {
        self.access.get(token)
    }

    /// Kills a refresh token with all its access tokens, or an access token. False when it is neither.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if self.refresh.remove(token).is_some() {
            self.access.retain(|_, access| access.parent.as_deref() != Some(token));
            return true;
        }
        self.access.remove(token).is_some()
    }

    /// Lets every access token expire now; refresh tokens stay.
    pub(crate) fn expire_all(&mut self, now: i64) {
        for access in self.access.values_mut() {
            access.expires_at = access.expires_at.min(now);
        }
    }

    /// Revokes every refresh token: the app was uninstalled.
    pub(crate) fn revoke_all_refresh(&mut self) {
        for token in self.refresh.keys().cloned().collect::<Vec<_>>() {
            self.revoke(&token);
        }
    }

    /// Replaces the private app's token.
    pub(crate) fn rotate_private(&mut self) -> String {
        self.private = format!("pat-na1-{}", uuid(&self.opaque("private")));
        self.private.clone()
    }

    /// Unguessable enough for a simulation, and the same for the same seed.
    fn opaque(&mut self, purpose: &str) -> String {
        self.issued += 1;
        URL_SAFE_NO_PAD.encode(&sha256(&format!("{purpose}/{}/{}", self.seed, self.issued))[..24])
    }
}

/// Text in the form of a UUID that depends only on `label`.
pub(crate) fn uuid(label: &str) -> String {
    let hex: String = sha256(label)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn sha256(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> (Tokens, Credentials) {
        let credentials = Credentials::new(1, 9001);
        (Tokens::new(1, &credentials), credentials)
    }

    #[test]
    fn tokens_expire_at_their_time() {
        let (mut all, app) = tokens();
        let token = all.open(Some(app.refresh_token.clone()), 1_000);
        assert_eq!(all.check(&token, 999), Ok(TokenKind::OAuth));
        assert_eq!(all.check(&token, 1_000), Err(BadToken::Expired(1_000)));
        assert_eq!(all.check("garbage", 5), Err(BadToken::Expired(0)));
        assert_eq!(all.check("pat-na1-unknown", 5), Err(BadToken::Unknown));
        assert_eq!(all.check(&app.private_app_token, i64::MAX), Ok(TokenKind::Private));
    }

    #[test]
    fn revoking_a_refresh_token_kills_its_access_tokens() {
        let (mut all, app) = tokens();
        let token = all.open(Some(app.refresh_token.clone()), 1_000);
        assert!(all.revoke(&app.refresh_token));
        assert!(all.grant(&app.refresh_token).is_none());
        assert!(all.check(&token, 1).is_err());
        assert!(!all.revoke(&app.refresh_token));
    }

    #[test]
    fn a_rotated_refresh_token_leaves_its_access_tokens_to_the_new_one() {
        let (mut all, app) = tokens();
        let token = all.open(Some(app.refresh_token.clone()), 1_000);
        let new = all.rotate(&app.refresh_token).unwrap();
        assert!(all.grant(&app.refresh_token).is_none());
        assert_eq!(all.rotate(&app.refresh_token), None);
        assert!(all.check(&token, 1).is_ok());
        all.revoke(&new);
        assert!(all.check(&token, 1).is_err());
    }
}
