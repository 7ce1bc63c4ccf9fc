//! Calls of one org.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::header::{DATE, HeaderName, HeaderValue, IF_MODIFIED_SINCE};
use provider_http::{ApiRequest, ApiResponse, Budget, BuildError, HttpClient, HttpClientBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sync_auth::Authenticator;
use sync_core::SourceError;
use tokio::time::Instant;

use crate::config::SalesforceConfig;
use crate::describe::{ObjectDescription, ObjectSummary};
use crate::error::{CallError, SalesforceAnswers, into_source};
use crate::soql::{Select, encoded};
use crate::wire::{Page, unreadable};

/// How far behind the moment of a description the next one asks for changes: stamps have whole seconds, and
/// a field added within the same second must not be missed.
const DESCRIBE_MARGIN: TimeDelta = TimeDelta::seconds(2);
/// A description this fresh serves look-ups by id without asking again.
const FRESH: Duration = Duration::from_secs(300);

const QUERY_OPTIONS: HeaderName = HeaderName::from_static("sforce-query-options");

/// Calls one Salesforce org. Clones share connections, tokens, budget and descriptions.
#[derive(Clone)]
pub struct SalesforceClient {
    http: HttpClient,
    config: Arc<SalesforceConfig>,
    described: Arc<Mutex<HashMap<String, Described>>>,
}

#[derive(Clone)]
struct Described {
    object: Arc<ObjectDescription>,
    /// By Salesforce's clock; `None` when the answer did not say.
    as_of: Option<DateTime<Utc>>,
    checked_at: Instant,
}

/// Which records a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Live ones.
    Live,
    /// Deleted and merged ones as well, while they are in the recycle bin.
    All,
}

impl SalesforceClient {
    /// A client for the org whose tokens these are; the tokens say where it lives.
    #[must_use]
    pub fn builder(auth: Authenticator) -> SalesforceClientBuilder {
        SalesforceClientBuilder {
            http: HttpClient::builder(auth),
            config: SalesforceConfig::default(),
            shared_budget: false,
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &SalesforceConfig {
        &self.config
    }

    /// The org's API budget, to look at.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        self.http.budget()
    }

    /// What time it is in Salesforce; never ahead of it.
    #[must_use]
    pub fn server_now(&self) -> DateTime<Utc> {
        self.http.server_clock().server_now()
    }

    /// What an object is made of. Asks only for what changed since it was last described; then an answer
    /// without a body confirms what is known.
    ///
    /// # Errors
    /// [`SourceError`]; [`SourceError::Permanent`] when there is no such object or no right to see it.
    pub async fn describe(&self, object: &str) -> Result<Arc<ObjectDescription>, SourceError> {
        let known = self.known(object);
        self.describe_since(object, known).await.map_err(|error| self.source_error(error))
    }

    /// The org's objects.
    ///
    /// # Errors
    /// [`SourceError`] when Salesforce can't be asked.
    pub async fn describe_global(&self) -> Result<Vec<ObjectSummary>, SourceError> {
        #[derive(Deserialize)]
        struct Global {
            sobjects: Vec<ObjectSummary>,
        }

        let call = "list the org's objects";
        let answer = self.send(ApiRequest::get(call, self.path("sobjects/"))).await;
        answer
            .and_then(|answer| json::<Global>(call, &answer))
            .map(|global| global.sobjects)
            .map_err(|error| self.source_error(error))
    }

    /// As [`describe`](Self::describe), from memory if that is fresh: for look-ups that come one by one.
    pub(crate) async fn described(&self, object: &str) -> Result<Arc<ObjectDescription>, SourceError> {
        match self.known(object) {
            Some(known) if known.checked_at.elapsed() < FRESH => Ok(known.object),
            _ => self.describe(object).await,
        }
    }

    /// What is known of an object, without asking.
    pub(crate) fn known_object(&self, object: &str) -> Option<Arc<ObjectDescription>> {
        self.known(object).map(|known| known.object)
    }

    /// As [`describe`](Self::describe), whatever is known.
    pub(crate) async fn describe_anew(&self, object: &str) -> Result<Arc<ObjectDescription>, SourceError> {
        self.describe_since(object, None).await.map_err(|error| self.source_error(error))
    }

    async fn describe_since(
        &self,
        object: &str,
        known: Option<Described>,
    ) -> Result<Arc<ObjectDescription>, CallError> {
        let call = "describe an object";
        let mut request = ApiRequest::get(call, self.path("sobjects/")).segment(object).segment("describe");
        if let Some(as_of) = known.as_ref().and_then(|known| known.as_of) {
            let since = (as_of - DESCRIBE_MARGIN).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            if let Ok(since) = HeaderValue::try_from(since) {
                request = request.header(IF_MODIFIED_SINCE, since);
            }
        }
        let answer = self.send(request).await?;
        let described = match known {
            Some(known) if answer.status().as_u16() == 304 => {
                Described { checked_at: Instant::now(), ..known }
            }
            _ => Described {
                object: Arc::new(json(call, &answer)?),
                as_of: answer
                    .header(DATE.as_str())
                    .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
                    .map(|date| date.to_utc()),
                checked_at: Instant::now(),
            },
        };
        let found = Arc::clone(&described.object);
        self.descriptions().insert(object.to_owned(), described);
        Ok(found)
    }

    fn known(&self, object: &str) -> Option<Described> {
        self.descriptions().get(object).cloned()
    }

    fn descriptions(&self) -> std::sync::MutexGuard<'_, HashMap<String, Described>> {
        // Entries are replaced whole, so a poisoned lock is as good as any.
        self.described.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first page of a query.
    pub(crate) async fn query(&self, scope: Scope, select: &Select) -> Result<Page, CallError> {
        let resource = match scope {
            Scope::Live => "query",
            Scope::All => "queryAll",
        };
        let target = format!("{}?q={}", self.path(resource), encoded(&select.to_string()));
        let mut request = ApiRequest::get("query records", target);
        let options = format!("batchSize={}", self.config.page_size.clamp(200, 2_000));
        if let Ok(options) = HeaderValue::try_from(options) {
            request = request.header(QUERY_OPTIONS, options);
        }
        self.page(request).await
    }

    /// A further page, by the address the page before it named.
    pub(crate) async fn next_page(&self, locator: &str) -> Result<Page, CallError> {
        self.page(ApiRequest::get("read the next page of a query", locator)).await
    }

    async fn page(&self, request: ApiRequest) -> Result<Page, CallError> {
        let answer = self.send(request).await?;
        Page::parse(answer.bytes().clone()).map_err(|what| CallError::Garbled { call: "query records", what })
    }

    pub(crate) async fn send(&self, request: ApiRequest) -> Result<ApiResponse, CallError> {
        self.http.send(request).await.map_err(CallError::Http)
    }

    pub(crate) fn path(&self, resource: &str) -> String {
        format!("/services/data/{}/{resource}", self.config.api_version)
    }

    pub(crate) fn source_error(&self, error: CallError) -> SourceError {
        into_source(error, self.budget())
    }
}

pub(crate) fn json<T: DeserializeOwned>(call: &'static str, answer: &ApiResponse) -> Result<T, CallError> {
    serde_json::from_slice(answer.bytes()).map_err(|error| {
        let text = String::from_utf8_lossy(answer.bytes());
        CallError::Garbled { call, what: unreadable(&text, &error) }
    })
}

impl fmt::Debug for SalesforceClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SalesforceClient")
            .field("http", &self.http)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Settings of a [`SalesforceClient`].
pub struct SalesforceClientBuilder {
    http: HttpClientBuilder,
    config: SalesforceConfig,
    shared_budget: bool,
}

impl SalesforceClientBuilder {
    /// How records are read. Default: [`SalesforceConfig::default`].
    #[must_use]
    pub fn config(mut self, config: SalesforceConfig) -> Self {
        self.config = config;
        self
    }

    /// A budget shared with other clients of the org; its reserve counts, not the configuration's. Default: one
    /// of its own with [`api_reserve`](SalesforceConfig::api_reserve).
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.http = self.http.budget(budget);
        self.shared_budget = true;
        self
    }

    /// Settings of the HTTP client: time-outs, retries, clock, proxy. How answers are read stays ours.
    #[must_use]
    pub fn http(mut self, change: impl FnOnce(HttpClientBuilder) -> HttpClientBuilder) -> Self {
        self.http = change(self.http);
        self
    }

    /// The client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BuildError`] if the HTTP settings can't be used.
    pub fn build(self) -> Result<SalesforceClient, BuildError> {
        let mut http = self.http.classify(SalesforceAnswers);
        if !self.shared_budget {
            http = http.budget(Budget::keeping(self.config.api_reserve));
        }
        Ok(SalesforceClient { http: http.build()?, config: Arc::new(self.config), described: Arc::default() })
    }
}
