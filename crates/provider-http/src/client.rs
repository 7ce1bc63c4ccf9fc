//! The client of one connection, and its settings.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sync_auth::Authenticator;
use sync_core::{Clock, Jitter, RandomJitter, SystemClock};
use tokio::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;
use url::Url;

use crate::budget::Budget;
use crate::error::HttpError;
use crate::exchange::{Exchange, Progress};
use crate::limit::RateLimiter;
use crate::request::ApiRequest;
use crate::response::ApiResponse;
use crate::retry::{RetryPolicy, Tries};
use crate::server_clock::ServerClock;
use crate::verdict::{Classify, StatusClassifier};

/// Calls one connection's API. Clones share everything.
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    pub(crate) auth: Authenticator,
    pub(crate) classify: Box<dyn Classify>,
    pub(crate) base_url: Option<Url>,
    pub(crate) plain_http: bool,
    pub(crate) timeout: Duration,
    pub(crate) max_response_bytes: usize,
    pub(crate) policy: RetryPolicy,
    pub(crate) limiter: RateLimiter,
    pub(crate) budget: Budget,
    pub(crate) server_clock: ServerClock,
    jitter: Arc<dyn Jitter>,
}

impl HttpClient {
    /// Starts a client for the connection whose tokens these are.
    #[must_use]
    pub fn builder(auth: Authenticator) -> HttpClientBuilder {
        HttpClientBuilder::new(auth)
    }

    /// Makes a call: waits for its turn, authorises it, tries it again where that is of use, and returns the whole
    /// answer.
    ///
    /// # Errors
    /// See [`HttpError`]; each variant says what to do next.
    pub async fn send(&self, request: ApiRequest) -> Result<ApiResponse, HttpError> {
        let span = tracing::info_span!(
            "http.call",
            call = request.call,
            method = %request.method,
            connection = %self.shared.auth.connection(),
            path = Empty,
            query = Empty,
            status = Empty,
            tries = Empty,
            millis = Empty,
        );
        self.run(request).instrument(span).await
    }

    async fn run(&self, request: ApiRequest) -> Result<ApiResponse, HttpError> {
        let started = Instant::now();
        let shared = &*self.shared;
        let tries = Tries {
            call: request.call,
            repeatable: request.repeatable,
            policy: &shared.policy,
            jitter: &*shared.jitter,
        };
        let progress = Progress::default();
        let exchange = Exchange { shared, request: &request, progress: &progress };
        let outcome = tries.run(|| exchange.attempt()).await;
        let span = tracing::Span::current();
        span.record("status", progress.status.load(Ordering::Relaxed));
        span.record("tries", progress.sent.load(Ordering::Relaxed));
        span.record("millis", u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        match &outcome {
            Ok(_) => tracing::debug!("answered"),
            Err(error) => tracing::debug!(%error, "failed"),
        }
        outcome
    }

    /// The org's API budget, to look at or to share.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// The provider's clock.
    #[must_use]
    pub fn server_clock(&self) -> &ServerClock {
        &self.shared.server_clock
    }

    /// Where the connection's tokens come from.
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.shared.auth
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("auth", &self.shared.auth)
            .field("policy", &self.shared.policy)
            .field("budget", &self.shared.budget.snapshot())
            .finish_non_exhaustive()
    }
}

/// Settings of an [`HttpClient`].
pub struct HttpClientBuilder {
    auth: Authenticator,
    classify: Box<dyn Classify>,
    base_url: Option<Url>,
    bad_base_url: bool,
    plain_http: bool,
    user_agent: String,
    proxy: Option<Url>,
    connect_timeout: Duration,
    read_timeout: Duration,
    timeout: Duration,
    max_response_bytes: usize,
    policy: RetryPolicy,
    limiter: RateLimiter,
    budget: Budget,
    clock: Arc<dyn Clock>,
    jitter: Arc<dyn Jitter>,
}

impl HttpClientBuilder {
    fn new(auth: Authenticator) -> Self {
        Self {
            auth,
            classify: Box::new(StatusClassifier),
            base_url: None,
            bad_base_url: false,
            plain_http: false,
            user_agent: concat!("hexsync/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            timeout: Duration::from_secs(120),
            max_response_bytes: 64 * 1024 * 1024,
            policy: RetryPolicy::default(),
            limiter: RateLimiter::unlimited(),
            budget: Budget::default(),
            clock: Arc::new(SystemClock),
            jitter: Arc::new(RandomJitter),
        }
    }

    /// How answers are read. Default: [`StatusClassifier`].
    #[must_use]
    pub fn classify(mut self, classify: impl Classify + 'static) -> Self {
        self.classify = Box::new(classify);
        self
    }

    /// Where the API lives, for providers whose tokens don't say. It takes precedence over what a token says.
    #[must_use]
    pub fn base_url(mut self, url: Url) -> Self {
        self.base_url = Some(url);
        self
    }

    /// As [`base_url`](Self::base_url), from text; one that is no URL makes [`build`](Self::build) fail.
    #[must_use]
    pub fn base_address(mut self, text: &str) -> Self {
        let url = Url::parse(text).ok().filter(|url| !url.cannot_be_a_base());
        self.bad_base_url = url.is_none();
        self.base_url = url;
        self
    }

    /// Whether `http://` to another machine is accepted; to this machine it always is. Default no.
    #[must_use]
    pub fn plain_http(mut self, accepted: bool) -> Self {
        self.plain_http = accepted;
        self
    }

    /// Default `hexsync/<version>`.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// A proxy for all calls. Default none: proxies of the environment are ignored, because a variable set for
    /// another program would send customers' data and tokens somewhere nobody configured.
    #[must_use]
    pub fn proxy(mut self, url: Url) -> Self {
        self.proxy = Some(url);
        self
    }

    /// Time allowed to connect. Default 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Time allowed between two pieces of an answer. Default 60 s.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Time allowed for one try, body included. Default 120 s; a request may set its own.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Bytes allowed in an answer after decompression. Default 64 MiB; a request may set its own.
    #[must_use]
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// How often a call is tried. Default: [`RetryPolicy::default`].
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How fast calls go. Default: [`RateLimiter::unlimited`].
    #[must_use]
    pub fn rate_limiter(mut self, limiter: RateLimiter) -> Self {
        self.limiter = limiter;
        self
    }

    /// The budget of the connection's org; share one between all clients of it. Default: one of its own.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// What tells the local time. Default: the machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What spreads retries. Default: [`RandomJitter`].
    #[must_use]
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.jitter = jitter;
        self
    }

    /// The client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BuildError`] if the base URL, the proxy, the user agent or the machine's trust store can't be used.
    pub fn build(self) -> Result<HttpClient, BuildError> {
        if self.bad_base_url {
            return Err(BuildError("the base url is no url"));
        }
        let mut http = reqwest::Client::builder()
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            .redirect(reqwest::redirect::Policy::none())
            // Repetition is decided in one place, where it can be counted.
            .retry(reqwest::retry::never())
            // Shorter than what servers keep: a POST on a connection that just closed has an unknown outcome.
            .pool_idle_timeout(Duration::from_secs(30))
            .no_proxy()
            .referer(false)
            .user_agent(self.user_agent);
        if let Some(url) = self.proxy {
            // The underlying error is dropped: it may quote the proxy's password.
            http =
                http.proxy(reqwest::Proxy::all(url).map_err(|_| BuildError("the proxy url can't be used"))?);
        }
        let http = http
            .build()
            .map_err(|_| BuildError("the user agent or the machine's trust store can't be used"))?;
        Ok(HttpClient {
            shared: Arc::new(Shared {
                http,
                auth: self.auth,
                classify: self.classify,
                base_url: self.base_url,
                plain_http: self.plain_http,
                timeout: self.timeout,
                max_response_bytes: self.max_response_bytes,
                policy: self.policy,
                limiter: self.limiter,
                budget: self.budget,
                server_clock: ServerClock::new(self.clock),
                jitter: self.jitter,
            }),
        })
    }
}

/// A client can't be made of these settings; correct them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the http client can't be built: {0}")]
pub struct BuildError(&'static str);
