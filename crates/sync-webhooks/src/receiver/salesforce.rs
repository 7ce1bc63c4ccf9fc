//! Salesforce's outbound messages.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};

use super::{Denied, Organizations, Shared, body};
use crate::counters::add;
use crate::salesforce::{
    ACKNOWLEDGED, Message, NOT_ACKNOWLEDGED, PROVIDER, fault, notices, parse_message, short_id,
};

/// Salesforce's side of a receiver.
///
/// Outbound messages are not signed. What stands for a signature is a token in the address that nobody can guess,
/// `…/salesforce/{token}`, and the organisation that may use it. Keep the address secret: put it into the set-up of
/// the outbound message and nowhere else, and leave paths out of the log of a proxy in front of this.
#[derive(Clone, Default)]
pub struct SalesforceReceiver {
    doors: Vec<Door>,
}

/// A token, hashed, and who may use it.
#[derive(Clone)]
struct Door {
    token: Vec<u8>,
    organizations: Organizations,
}

/// A token that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the token for salesforce's messages is shorter than {MIN_TOKEN} characters; make one of 32 random bytes"
)]
pub struct WeakToken;

/// Characters of a token: 128 random bits, in letters and digits.
const MIN_TOKEN: usize = 22;

impl SalesforceReceiver {
    /// Without a token nothing is let in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets these organisations in by this token.
    ///
    /// # Errors
    /// [`WeakToken`] for one that could be guessed.
    pub fn door(
        self,
        token: &SecretString,
        organizations: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, WeakToken> {
        self.door_of(token, organizations.into_iter().collect())
    }

    /// Lets in by this token whoever is on the list when it calls.
    ///
    /// # Errors
    /// [`WeakToken`] for one that could be guessed.
    pub fn door_of(mut self, token: &SecretString, organizations: Organizations) -> Result<Self, WeakToken> {
        let token = token.expose_secret();
        if token.len() < MIN_TOKEN {
            return Err(WeakToken);
        }
        self.doors.push(Door { token: hashed(token), organizations });
        Ok(self)
    }

    /// The door that a token opens. Every door is tried, in constant time.
    fn opened(&self, token: &str) -> Option<&Door> {
        let token = hashed(token);
        let mut opened = None;
        for door in &self.doors {
            if verify_slices_are_equal(&door.token, &token).is_ok() {
                opened = Some(door);
            }
        }
        opened
    }
}

impl fmt::Debug for SalesforceReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SalesforceReceiver").field("n_doors", &self.doors.len()).finish()
    }
}

/// Tokens of different lengths are compared as if they had one.
fn hashed(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

pub(super) fn router(shared: Arc<Shared>, side: SalesforceReceiver) -> Router {
    let side = Arc::new(side);
    let call = move |Path(token): Path<String>, request: Request| {
        let (shared, side) = (Arc::clone(&shared), Arc::clone(&side));
        async move { answer(&shared, &side, &token, request).await }
    };
    Router::new().route("/salesforce/{token}", post(call)).layer(DefaultBodyLimit::disable())
}

async fn answer(shared: &Shared, side: &SalesforceReceiver, token: &str, request: Request) -> Response {
    let xml = [(header::CONTENT_TYPE, "text/xml; charset=utf-8")];
    match receive(shared, side, token, request).await {
        Ok(()) => {
            add(&shared.counters.calls_accepted, 1);
            (xml, ACKNOWLEDGED).into_response()
        }
        // Salesforce reads the answer's body rather than its status; both say no.
        Err(Denied::PutOff(status, why)) => {
            let put_off = shared.deny(Denied::PutOff(status, why));
            (put_off.status(), put_off.headers().clone(), xml, NOT_ACKNOWLEDGED).into_response()
        }
        Err(Denied::Refused(status, why)) => {
            let refused = shared.deny(Denied::Refused(status, why));
            (refused.status(), xml, fault(why)).into_response()
        }
    }
}

async fn receive(
    shared: &Shared,
    side: &SalesforceReceiver,
    token: &str,
    request: Request,
) -> Result<(), Denied> {
    let (parts, body) = request.into_parts();
    let _call = shared.admit(&parts.extensions, &parts.headers)?;
    // As if the address did not exist, and before the body is read.
    let door = side.opened(token).ok_or(Denied::Refused(StatusCode::NOT_FOUND, "there is nothing here"))?;
    let body = body::read(shared, &parts.headers, body).await?;
    let message = parse_message(&body.bytes).map_err(|error| {
        tracing::warn!(reason = %error, "a call as from salesforce can't be read");
        Denied::Refused(StatusCode::BAD_REQUEST, "the body is no outbound message")
    })?;
    if !door.organizations.contains(&message.organization_id) {
        let why = "this organisation may not call this address";
        return Err(Denied::Refused(StatusCode::FORBIDDEN, why));
    }
    if message.notifications.len() > shared.limits.events_per_call {
        let why = "the message holds more notifications than a call may bring";
        return Err(Denied::Refused(StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    stage(shared, &message).await
}

async fn stage(shared: &Shared, message: &Message) -> Result<(), Denied> {
    let account = &message.organization_id;
    shared.admit_account(&format!("{PROVIDER}:{}", short_id(account)))?;
    let recipients = shared.recipients_of(PROVIDER, account).await?;
    let n_events = message.notifications.len();
    if recipients.is_empty() {
        add(&shared.counters.events_of_unknown_accounts, n_events);
        tracing::warn!(provider = PROVIDER, account, "messages of an account that nobody here has connected");
    }
    let now = shared.stager.clock().now();
    let mut staged = Vec::with_capacity(n_events);
    for notification in &message.notifications {
        let notices = notices(notification, &recipients, now);
        if notices.is_empty() && !recipients.is_empty() {
            add(&shared.counters.events_without_recipients, 1);
        }
        staged.extend(notices);
    }
    shared.stage(staged).await?;
    add(&shared.counters.events, n_events);
    Ok(())
}
