//! Settings of a client.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use provider_http::{Budget, BuildError, HttpClient, HttpClientBuilder, RateLimit, RateLimiter};
use sync_auth::Authenticator;

use super::HubspotClient;
use crate::config::HubspotConfig;
use crate::error::{HubspotAnswers, nine_tenths};

/// What the smallest plan allows, until an answer tells more.
const FIRST_CALLS: u32 = 100;
const WINDOW: Duration = Duration::from_secs(10);

/// Settings of a [`HubspotClient`].
pub struct HubspotClientBuilder {
    http: HttpClientBuilder,
    config: HubspotConfig,
    shared_budget: bool,
}

impl HubspotClient {
    /// A client for the account whose tokens these are.
    #[must_use]
    pub fn builder(auth: Authenticator) -> HubspotClientBuilder {
        HubspotClientBuilder {
            http: HttpClient::builder(auth),
            config: HubspotConfig::default(),
            shared_budget: false,
        }
    }
}

impl HubspotClientBuilder {
    /// How records are read. Default: [`HubspotConfig::default`].
    #[must_use]
    pub fn config(mut self, config: HubspotConfig) -> Self {
        self.config = config;
        self
    }

    /// A budget shared with other clients of the account; its reserve counts, not the configuration's. Default:
    /// one of its own with [`api_reserve`](HubspotConfig::api_reserve).
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.http = self.http.budget(budget);
        self.shared_budget = true;
        self
    }

    /// Settings of the HTTP client: time-outs, retries, clock, proxy. Where the API lives, how fast it is called
    /// and how answers are read stays ours.
    #[must_use]
    pub fn http(mut self, change: impl FnOnce(HttpClientBuilder) -> HttpClientBuilder) -> Self {
        self.http = change(self.http);
        self
    }

    /// The client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BuildError`] if the base URL or the HTTP settings can't be used.
    pub fn build(self) -> Result<HubspotClient, BuildError> {
        let config = self.config;
        let calls = match config.calls_per_ten_seconds {
            Some(calls) => {
                RateLimiter::new(RateLimit::new(at_least_one(calls), WINDOW, at_least_one(calls / 10)))
            }
            None => RateLimiter::new(nine_tenths(FIRST_CALLS, WINDOW)),
        };
        let adapted = config.calls_per_ten_seconds.is_none().then(|| calls.clone());
        let searches = at_least_one(config.searches_per_second);
        let searches = RateLimiter::new(RateLimit::per_second(searches, NonZeroU32::MIN));
        let mut http = self
            .http
            .base_address(&config.base_url)
            .rate_limiter(calls)
            .classify(HubspotAnswers::adapting(adapted));
        if !self.shared_budget {
            http = http.budget(Budget::keeping(config.api_reserve));
        }
        Ok(HubspotClient { http: http.build()?, config: Arc::new(config), searches, known: Arc::default() })
    }
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}
