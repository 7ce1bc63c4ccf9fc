//! HubSpot's calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use sync_core::Notice;

use super::{Denied, Shared, body};
use crate::counters::add;
use crate::hubspot::{BodyError, Event, PROVIDER, Refused, SignedRequest, notices, parse_body, verify};

/// HubSpot's side of a receiver.
#[derive(Clone)]
pub struct HubspotReceiver {
    public_url: String,
    secrets: Vec<SecretString>,
    accept_older: bool,
}

impl HubspotReceiver {
    /// Believes calls that are signed with this client secret, for this public address: scheme, host and, where a
    /// proxy takes one off, the first part of the path, as in `https://hooks.example.com`. The address of a request
    /// itself is never trusted: whoever calls can write anything there.
    #[must_use]
    pub fn new(public_url: impl Into<String>, secret: SecretString) -> Self {
        let public_url: String = public_url.into();
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self { public_url, secrets: vec![secret], accept_older: false }
    }

    /// Believes this secret too: of a second app, or of the same one while its secret is being exchanged.
    #[must_use]
    pub fn or_secret(mut self, secret: SecretString) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Whether calls without a signature of version 3 are believed by an older one. No by default: the older ones
    /// hold no time, so a call that somebody overheard can be repeated for ever.
    #[must_use]
    pub fn accept_older(mut self, accept: bool) -> Self {
        self.accept_older = accept;
        self
    }
}

impl fmt::Debug for HubspotReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubspotReceiver")
            .field("public_url", &self.public_url)
            .field("n_secrets", &self.secrets.len())
            .field("accept_older", &self.accept_older)
            .finish()
    }
}

pub(super) fn router(shared: Arc<Shared>, side: HubspotReceiver) -> Router {
    let side = Arc::new(side);
    let call = move |request: Request| {
        let (shared, side) = (Arc::clone(&shared), Arc::clone(&side));
        async move { answer(&shared, &side, request).await }
    };
    // Bodies are limited where they are read.
    Router::new().route("/hubspot", post(call)).layer(DefaultBodyLimit::disable())
}

async fn answer(shared: &Shared, side: &HubspotReceiver, request: Request) -> Response {
    match receive(shared, side, request).await {
        Ok(()) => {
            add(&shared.counters.calls_accepted, 1);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(denied) => shared.deny(denied),
    }
}

async fn receive(shared: &Shared, side: &HubspotReceiver, request: Request) -> Result<(), Denied> {
    let (parts, body) = request.into_parts();
    let _call = shared.admit(&parts.extensions, &parts.headers)?;
    let body = body::read(shared, &parts.headers, body).await?;
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let uri = format!("{}{path}", side.public_url);
    let signed = SignedRequest {
        method: parts.method.as_str(),
        uri: &uri,
        body: &body.bytes,
        signature_v3: header(&parts.headers, "x-hubspot-signature-v3")?,
        timestamp: header(&parts.headers, "x-hubspot-request-timestamp")?,
        signature: header(&parts.headers, "x-hubspot-signature")?,
        version: header(&parts.headers, "x-hubspot-signature-version")?,
    };
    let secrets: Vec<&str> = side.secrets.iter().map(|secret| secret.expose_secret()).collect();
    verify(&secrets, &signed, shared.stager.clock().now(), side.accept_older).map_err(refused)?;
    let parsed = parse_body(&body.bytes, shared.limits.events_per_call).map_err(malformed)?;
    if parsed.n_malformed > 0 {
        // Coming again would not make them better; they are seen in the counts.
        add(&shared.counters.events_malformed, parsed.n_malformed);
        tracing::warn!(n_events = parsed.n_malformed, "events of a call could not be read and are left out");
    }
    let mut by_account: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in &parsed.events {
        by_account.entry(event.portal_id.to_string()).or_default().push(event);
    }
    let mut staged = Vec::with_capacity(parsed.events.len());
    for (account, events) in &by_account {
        shared.admit_account(&format!("{PROVIDER}:{account}"))?;
        of_account(shared, account, events, &mut staged).await?;
    }
    shared.stage(staged).await?;
    add(&shared.counters.events, parsed.events.len());
    Ok(())
}

async fn of_account(
    shared: &Shared,
    account: &str,
    events: &[&Event],
    staged: &mut Vec<Notice>,
) -> Result<(), Denied> {
    let recipients = shared.recipients_of(PROVIDER, account).await?;
    if recipients.is_empty() {
        // HubSpot repeats what is refused, for a day.
        add(&shared.counters.events_of_unknown_accounts, events.len());
        tracing::warn!(provider = PROVIDER, account, "events of an account that nobody here has connected");
        return Ok(());
    }
    for event in events {
        let notices = notices(event, &recipients);
        if notices.is_empty() {
            add(&shared.counters.events_without_recipients, 1);
            tracing::debug!(kind = event.subscription_type, "an event that concerns no feed");
        }
        staged.extend(notices);
    }
    Ok(())
}

/// A header that comes at most once.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Denied> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.to_str().ok().filter(|_| values.next().is_none());
    let odd = Denied::Refused(StatusCode::BAD_REQUEST, "a signature header is odd or comes twice");
    value.map(Some).ok_or(odd)
}

fn refused(refused: Refused) -> Denied {
    tracing::warn!(reason = %refused, "a call as from hubspot is not believed");
    Denied::Refused(StatusCode::UNAUTHORIZED, "the call could not be verified")
}

fn malformed(error: BodyError) -> Denied {
    match error {
        BodyError::TooMany { .. } => {
            Denied::Refused(StatusCode::PAYLOAD_TOO_LARGE, "the body holds more events than a call may bring")
        }
        BodyError::TooDeep => Denied::Refused(StatusCode::BAD_REQUEST, "the body nests too deep"),
        BodyError::NotAList => Denied::Refused(StatusCode::BAD_REQUEST, "the body is no list of events"),
    }
}
