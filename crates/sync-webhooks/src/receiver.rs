//! The HTTP side: from a request to an answer, in which nothing is promised that is not kept.

mod body;
mod hubspot;
mod organizations;
mod salesforce;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::counters::{Counters, add};
use crate::rate::RateLimiter;
use crate::{Limits, Recipient, Recipients, StageError, Stager};

pub use hubspot::HubspotReceiver;
pub use organizations::Organizations;
pub use salesforce::{SalesforceReceiver, WeakToken};

/// Receives the calls of providers: verifies, stages, acknowledges. It never runs a sync.
///
/// Its [`router`](Self::router) has `POST /hubspot` and `POST /salesforce/{token}`, each where it is configured.
/// Mount it where you like; only say to HubSpot's side under which public address.
pub struct Receiver {
    shared: Arc<Shared>,
    hubspot: Option<HubspotReceiver>,
    salesforce: Option<SalesforceReceiver>,
}

/// Collects the parts of a [`Receiver`].
pub struct ReceiverBuilder {
    stager: Stager,
    recipients: Arc<dyn Recipients>,
    counters: Arc<Counters>,
    limits: Limits,
    hubspot: Option<HubspotReceiver>,
    salesforce: Option<SalesforceReceiver>,
}

/// What the providers' sides have in common.
struct Shared {
    stager: Stager,
    recipients: Arc<dyn Recipients>,
    counters: Arc<Counters>,
    limits: Limits,
    calls: Semaphore,
    /// In units of [`UNIT`].
    bytes: Semaphore,
    per_remote: RateLimiter<IpAddr>,
    per_account: RateLimiter<String>,
}

impl Receiver {
    /// Stages by `stager`, for the feeds that `recipients` finds. `counters` are those that were given to the stager.
    #[must_use]
    pub fn builder(
        stager: Stager,
        recipients: Arc<dyn Recipients>,
        counters: Arc<Counters>,
    ) -> ReceiverBuilder {
        let limits = Limits::default();
        ReceiverBuilder { stager, recipients, counters, limits, hubspot: None, salesforce: None }
    }

    /// The routes.
    pub fn router(self) -> Router {
        let mut router = Router::new();
        if let Some(side) = self.hubspot {
            router = router.merge(hubspot::router(Arc::clone(&self.shared), side));
        }
        if let Some(side) = self.salesforce {
            router = router.merge(salesforce::router(Arc::clone(&self.shared), side));
        }
        router
    }
}

impl ReceiverBuilder {
    /// How much a caller may ask.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Receives HubSpot's calls.
    #[must_use]
    pub fn hubspot(mut self, side: HubspotReceiver) -> Self {
        self.hubspot = Some(side);
        self
    }

    /// Receives Salesforce's outbound messages.
    #[must_use]
    pub fn salesforce(mut self, side: SalesforceReceiver) -> Self {
        self.salesforce = Some(side);
        self
    }

    /// The receiver.
    #[must_use]
    pub fn build(self) -> Receiver {
        let limits = self.limits;
        let shared = Shared {
            stager: self.stager,
            recipients: self.recipients,
            counters: self.counters,
            calls: Semaphore::new(limits.calls_at_once.clamp(1, Semaphore::MAX_PERMITS)),
            bytes: Semaphore::new(units(limits.bytes_at_once).max(units(limits.body_bytes)) as usize),
            per_remote: RateLimiter::new(limits.calls_per_remote),
            per_account: RateLimiter::new(limits.calls_per_account),
            limits,
        };
        Receiver { shared: Arc::new(shared), hubspot: self.hubspot, salesforce: self.salesforce }
    }
}

/// Why a call is not acknowledged.
#[derive(Clone, Copy, Debug)]
enum Denied {
    /// It is not what it has to be: 4xx. The words are for the sender's log and hold nothing of the call.
    Refused(StatusCode, &'static str),
    /// It may be, but not now: the provider is to come again.
    PutOff(StatusCode, &'static str),
}

impl Shared {
    /// Lets a call in, or turns it away before anything of its body is read.
    fn admit(&self, extensions: &Extensions, headers: &HeaderMap) -> Result<SemaphorePermit<'_>, Denied> {
        let coded = headers.get_all(header::CONTENT_ENCODING).iter();
        if coded.into_iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            let why = "send the body as it is, without a content encoding";
            return Err(Denied::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        if let Some(ConnectInfo(remote)) = extensions.get::<ConnectInfo<SocketAddr>>()
            && !self.per_remote.admit(remote.ip())
        {
            return Err(Denied::PutOff(StatusCode::TOO_MANY_REQUESTS, "too many calls from this address"));
        }
        let too_much = |_| Denied::PutOff(StatusCode::SERVICE_UNAVAILABLE, "too many calls at once");
        self.calls.try_acquire().map_err(too_much)
    }

    /// One more call of an account. Only for calls that were verified: others have no account.
    fn admit_account(&self, account: &str) -> Result<(), Denied> {
        if self.per_account.admit(account.to_owned()) {
            return Ok(());
        }
        Err(Denied::PutOff(StatusCode::TOO_MANY_REQUESTS, "too many calls of this account"))
    }

    /// Whose feeds an account's events concern.
    async fn recipients_of(&self, provider: &str, account: &str) -> Result<Vec<Recipient>, Denied> {
        self.recipients.of_account(provider, account).await.map_err(|error| {
            tracing::error!(error = %sync_core::error_chain(&error), "a call was put off: its recipients can't be told");
            Denied::PutOff(StatusCode::SERVICE_UNAVAILABLE, "the store is unavailable")
        })
    }

    /// Stages, and answers once it is durable; in time for the provider to hear it.
    async fn stage(&self, notices: Vec<sync_core::Notice>) -> Result<(), Denied> {
        let put_off = |why| Denied::PutOff(StatusCode::SERVICE_UNAVAILABLE, why);
        match timeout(self.limits.answer_time, self.stager.stage(notices)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(StageError::Full)) => {
                tracing::warn!("a call was put off: the queue of calls is full");
                Err(put_off("too much is waiting to be stored"))
            }
            Ok(Err(StageError::Closed)) => Err(put_off("the receiver is shutting down")),
            Ok(Err(error @ StageError::Store(_))) => {
                tracing::error!(error = %sync_core::error_chain(&error), "a call was put off: its notices could not be stored");
                Err(put_off("the store is unavailable"))
            }
            Err(_too_late) => {
                tracing::error!("a call was put off: the store took too long");
                Err(put_off("the store took too long"))
            }
        }
    }

    /// The answer to a call that was denied, counted.
    fn deny(&self, denied: Denied) -> Response {
        match denied {
            Denied::Refused(status, why) => {
                add(&self.counters.calls_refused, 1);
                tracing::warn!(status = status.as_u16(), why, "a call was refused");
                (status, why).into_response()
            }
            Denied::PutOff(status, why) => {
                add(&self.counters.calls_put_off, 1);
                let seconds = self.limits.retry_after.as_secs().max(1).to_string();
                (status, [(header::RETRY_AFTER, seconds)], why).into_response()
            }
        }
    }
}

/// Bytes that one permit of the bodies in hand stands for.
const UNIT: usize = 1_024;

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32)
}
