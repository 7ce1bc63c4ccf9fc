//! Sessions, refresh tokens and the keys that JWT logins are checked with.

mod jwt;

use std::collections::HashMap;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::model::RecordId;
use crate::authorize::{Code, Codes};

pub use jwt::KeyError;
pub(crate) use jwt::{JwtKey, read_assertion};

/// What a caller may do; asked for at login.
pub(crate) const DEFAULT_SCOPE: &str = "api refresh_token id";

/// The connected app: what a client needs to log in.
#[derive(Clone)]
pub struct Credentials {
    /// Consumer key.
    pub client_id: String,
    /// Consumer secret.
    pub client_secret: String,
    /// A refresh token that is valid when the org starts.
    pub refresh_token: String,
    /// The user that logins act as, for the `sub` of a JWT.
    pub username: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// One live access token.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) user: RecordId,
    pub(crate) scope: String,
    pub(crate) issued_at: i64,
    pub(crate) last_used: i64,
    /// The refresh token it came from; revoking that kills it.
    pub(crate) parent: Option<String>,
}

/// All tokens of the org.
pub(crate) struct Sessions {
    seed: u64,
    issued: u64,
    org: RecordId,
    access: HashMap<String, Session>,
    /// Live refresh tokens, oldest grant first.
    refresh: Vec<Grant>,
    codes: Codes<RecordId>,
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    token: String,
    pub(crate) user: RecordId,
    pub(crate) scope: String,
}

impl Sessions {
    pub(crate) fn new(seed: u64, org: RecordId) -> Self {
        Self { seed, issued: 0, org, access: HashMap::new(), refresh: Vec::new(), codes: Codes::default() }
    }

    /// Opens a session and returns its access token.
    pub(crate) fn open(&mut self, user: RecordId, scope: &str, parent: Option<String>, now: i64) -> String {
        let opaque = self.opaque("access");
        let token = format!("{}!AQ.{opaque}", &self.org.as_str()[..15]);
        let session = Session { user, scope: scope.to_owned(), issued_at: now, last_used: now, parent };
        self.access.insert(token.clone(), session);
        token
    }

    /// Makes a refresh token for `user`.
    pub(crate) fn grant_refresh(&mut self, user: RecordId, scope: &str) -> String {
        let token = self.new_refresh();
        self.refresh.push(Grant { token: token.clone(), user, scope: scope.to_owned() });
        token
    }

    /// As [`Sessions::grant_refresh`], for a user that may hold so many: the oldest ones die, and nobody is told.
    pub(crate) fn grant_refresh_within(&mut self, user: RecordId, scope: &str, limit: usize) -> String {
        let token = self.grant_refresh(user, scope);
        let of_user: Vec<String> =
            self.refresh.iter().filter(|grant| grant.user == user).map(|grant| grant.token.clone()).collect();
        for oldest in &of_user[..of_user.len().saturating_sub(limit.max(1))] {
            self.revoke(oldest);
        }
        token
    }

    fn new_refresh(&mut self) -> String {
        format!("5Aep861{}", self.opaque("refresh"))
    }

    /// What a live refresh token stands for.
    pub(crate) fn grant(&self, token: &str) -> Option<&Grant> {
        self.refresh.iter().find(|grant| grant.token == token)
    }

    /// Makes an authorisation code.
    pub(crate) fn issue_code(&mut self, code: Code<RecordId>) -> String {
        let text = format!("aPrx{}", self.opaque("code"));
        self.codes.put(text.clone(), code);
        text
    }

    /// Uses an authorisation code up.
    pub(crate) fn take_code(&mut self, text: &str, now: i64) -> Option<Code<RecordId>> {
        self.codes.take(text, now)
    }

    /// Replaces a refresh token; the old one is dead at once, its access tokens go on with the new one.
    pub(crate) fn rotate(&mut self, old: &str) -> Option<String> {
        let new = self.new_refresh();
        let grant = self.refresh.iter_mut().find(|grant| grant.token == old)?;
        grant.token.clone_from(&new);
        for session in self.access.values_mut().filter(|session| session.parent.as_deref() == Some(old)) {
            session.parent = Some(new.clone());
        }
        Some(new)
    }

    /// A live session, marked as used now. Idle ones are gone after `timeout_ms`.
    pub(crate) fn touch(&mut self, token: &str, now: i64, timeout_ms: i64) -> Option<&Session> {
        if now.saturating_sub(self.access.get(token)?.last_used) >= timeout_ms {
            self.access.remove(token);
            return None;
        }
        let session = self.access.get_mut(token)?;
        session.last_used = now;
        Some(session)
    }

    /// A session without marking it as used.
    pub(crate) fn peek(&self, token: &str, now: i64, timeout_ms: i64) -> Option<&Session> {
        self.access.get(token).filter(|session| now.saturating_sub(session.last_used) < timeout_ms)
    }

    /// Kills an access token, or a refresh token with all its access tokens. False when it is neither.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(place) = self.refresh.iter().position(|grant| grant.token == token) {
            self.refresh.remove(place);
            self.access.retain(|_, session| session.parent.as_deref() != Some(token));
            return true;
        }
        self.access.remove(token).is_some()
    }

    /// Ends all sessions; refresh tokens stay.
    pub(crate) fn expire_all(&mut self) {
        self.access.clear();
    }

    /// Revokes every refresh token.
    pub(crate) fn revoke_all_refresh(&mut self) {
        while let Some(grant) = self.refresh.last().cloned() {
            self.revoke(&grant.token);
        }
    }

    /// Unguessable enough for a simulation, and the same for the same seed.
    fn opaque(&mut self, purpose: &str) -> String {
        self.issued += 1;
        opaque(&format!("{purpose}/{}/{}", self.seed, self.issued))
    }
}

/// Text that looks random and depends only on `label`.
pub(crate) fn opaque(label: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, label.as_bytes()).as_ref()[..24])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> Sessions {
        Sessions::new(1, RecordId::new("00D", 1))
    }

    #[test]
    fn sessions_die_of_idleness() {
        let mut all = sessions();
        let token = all.open(RecordId::new("005", 1), "api", None, 0);
        assert!(all.touch(&token, 900, 1000).is_some());
        assert!(all.touch(&token, 1800, 1000).is_some(), "using it prolongs it");
        assert!(all.touch(&token, 2800, 1000).is_none());
        assert!(all.touch(&token, 2801, 1000).is_none());
    }

    #[test]
    fn revoking_a_refresh_token_kills_its_sessions() {
        let mut all = sessions();
        let refresh = all.grant_refresh(RecordId::new("005", 1), "api");
        let token = all.open(RecordId::new("005", 1), "api", Some(refresh.clone()), 0);
        let other = all.open(RecordId::new("005", 1), "api", None, 0);
        assert!(all.revoke(&refresh));
        assert!(all.touch(&token, 1, 1000).is_none());
        assert!(all.touch(&other, 1, 1000).is_some());
        assert!(!all.revoke(&refresh));
    }

    #[test]
    fn rotation_leaves_exactly_one_refresh_token() {
        let mut all = sessions();
        let first = all.grant_refresh(RecordId::new("005", 1), "api");
        let second = all.rotate(&first).unwrap();
        assert!(all.grant(&first).is_none());
        assert!(all.grant(&second).is_some());
        assert_eq!(all.rotate(&first), None);
    }

    #[test]
    fn the_oldest_grant_dies_with_its_sessions_when_there_are_too_many() {
        let mut all = sessions();
        let user = RecordId::new("005", 1);
        let first = all.grant_refresh(user, "api");
        let session = all.open(user, "api", Some(first.clone()), 0);
        let others: Vec<String> = (0..2).map(|_| all.grant_refresh_within(user, "api", 3)).collect();
        assert!(all.grant(&first).is_some(), "three may live");
        let stranger = all.grant_refresh_within(RecordId::new("005", 2), "api", 3);
        let fourth = all.grant_refresh_within(user, "api", 3);
        assert!(all.grant(&first).is_none());
        assert!(all.touch(&session, 1, 1000).is_none());
        for live in others.iter().chain([&stranger, &fourth]) {
            assert!(all.grant(live).is_some());
        }
    }
}
