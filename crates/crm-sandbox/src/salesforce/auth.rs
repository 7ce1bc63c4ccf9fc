//! Sessions, refresh tokens and the keys that JWT logins are checked with.

mod jwt;

use std::collections::HashMap;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::model::RecordId;

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
    /// Live refresh tokens with their users, oldest grant first.
    refresh: Vec<(String, RecordId)>,
}

impl Sessions {
    pub(crate) fn new(seed: u64, org: RecordId) -> Self {
        Self { seed, issued: 0, org, access: HashMap::new(), refresh: Vec::new() }
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
    pub(crate) fn grant_refresh(&mut self, user: RecordId) -> String {
        let token = self.new_refresh();
        self.refresh.push((token.clone(), user));
        token
    }

    /// As [`Sessions::grant_refresh`], for a user that may hold so many: the oldest ones die, and nobody is told.
    pub(crate) fn grant_refresh_within(&mut self, user: RecordId, limit: usize) -> String {
        let token = self.grant_refresh(user);
        let of_user: Vec<String> =
            self.refresh.iter().filter(|(_, of)| *of == user).map(|(token, _)| token.clone()).collect();
        for oldest in &of_user[..of_user.len().saturating_sub(limit.max(1))] {
            self.revoke(oldest);
        }
        token
    }

    fn new_refresh(&mut self) -> String {
        format!("5Aep861{}", self.opaque("refresh"))
    }

    /// The user of a live refresh token.
    pub(crate) fn refresh_user(&self, token: &str) -> Option<RecordId> {
        self.refresh.iter().find(|(live, _)| live == token).map(|(_, user)| *user)
    }

    /// Replaces a refresh token; the old one is dead at once, its access tokens go on with the new one.
    pub(crate) fn rotate(&mut self, old: &str) -> Option<String> {
        let new = self.new_refresh();
        let place = self.refresh.iter_mut().find(|(live, _)| live == old)?;
        place.0.clone_from(&new);
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
        if let Some(place) = self.refresh.iter().position(|(live, _)| live == token) {
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
        while let Some((token, _)) = self.refresh.last().cloned() {
            self.revoke(&token);
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
        let refresh = all.grant_refresh(RecordId::new("005", 1));
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
        let first = all.grant_refresh(RecordId::new("005", 1));
        let second = all.rotate(&first).unwrap();
        assert_eq!(all.refresh_user(&first), None);
        assert!(all.refresh_user(&second).is_some());
        assert_eq!(all.rotate(&first), None);
    }

    #[test]
    fn the_oldest_grant_dies_with_its_sessions_when_there_are_too_many() {
        let mut all = sessions();
        let user = RecordId::new("005", 1);
        let first = all.grant_refresh(user);
        let session = all.open(user, "api", Some(first.clone()), 0);
        let others: Vec<String> = (0..2).map(|_| all.grant_refresh_within(user, 3)).collect();
        assert!(all.refresh_user(&first).is_some(), "three may live");
        let stranger = all.grant_refresh_within(RecordId::new("005", 2), 3);
        let fourth = all.grant_refresh_within(user, 3);
        assert_eq!(all.refresh_user(&first), None);
        assert!(all.touch(&session, 1, 1000).is_none());
        for live in others.iter().chain([&stranger, &fourth]) {
            assert!(all.refresh_user(live).is_some());
        }
    }
}
