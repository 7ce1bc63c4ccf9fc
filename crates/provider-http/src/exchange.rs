//! One try of a call: turn, budget, token, request, answer, verdict.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use sync_auth::{AccessToken, with_auth_retry};
use url::Url;

use crate::client::Shared;
use crate::error::{BoxError, HiddenBytes, HttpError};
use crate::limit::RateLimiter;
use crate::origin::resolve;
use crate::redact;
use crate::request::ApiRequest;
use crate::response::ApiResponse;
use crate::retry::Failure;
use crate::retry_after::retry_after;
use crate::verdict::{Answer, Verdict};

pub(crate) struct Exchange<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) request: &'a ApiRequest,
    pub(crate) progress: &'a Progress,
}

/// What is known of a call over all its tries.
#[derive(Default)]
pub(crate) struct Progress {
    /// Requests that left.
    pub(crate) sent: AtomicU32,
    /// Status of the newest answer, 0 before the first.
    pub(crate) status: AtomicU16,
    /// Whether the one refresh of this call is spent.
    reauthorised: AtomicBool,
}

impl Exchange<'_> {
    /// One try. A refused token is refreshed once per call, not once per try.
    pub(crate) async fn attempt(&self) -> Result<ApiResponse, Failure> {
        let auth = &self.shared.auth;
        if self.progress.reauthorised.load(Ordering::Relaxed) {
            let token = auth.current().await?;
            return self.once(token).await;
        }
        with_auth_retry(auth, async |token| {
            let outcome = self.once(token).await;
            if matches!(outcome, Err(Failure::Unauthorised)) {
                self.progress.reauthorised.store(true, Ordering::Relaxed);
            }
            outcome
        })
        .await
    }

    async fn once(&self, token: AccessToken) -> Result<ApiResponse, Failure> {
        let (shared, call) = (self.shared, self.request.call);
        let url = self.url(&token)?;
        let longest_hold = shared.policy.longest_wait;
        self.limiter().acquire(longest_hold).await.map_err(|wait| Failure::Throttled { wait: Some(wait) })?;
        let spent = |spent| Failure::Final(HttpError::BudgetSpent { call, spent });
        let permit = shared.budget.begin().map_err(spent)?;

        self.progress.sent.fetch_add(1, Ordering::Relaxed);
        let response =
            self.http_request(url, &token)?.send().await.map_err(|error| not_sent_or_broken(&error))?;
        let status = response.status();
        self.progress.status.store(status.as_u16(), Ordering::Relaxed);
        shared.server_clock.observe(response.headers());
        permit.answered(shared.classify.usage(response.headers()));
        let headers = response.headers().clone();
        let limit = self.request.max_response_bytes.unwrap_or(shared.max_response_bytes);
        let body = match read(response, limit).await {
            Ok(body) => body,
            // What an error says is worth less than that it is one.
            Err((part, _)) if !status.is_success() => part,
            Err((_, Unread::TooLong)) => return Err(Failure::Final(HttpError::TooLarge { call, limit })),
            Err((_, Unread::Broken(source))) => return Err(Failure::Broken { wait: None, source }),
        };
        self.judge(status, headers, body)
    }

    /// The bucket of this call.
    fn limiter(&self) -> &RateLimiter {
        self.request.limiter.as_ref().unwrap_or(&self.shared.limiter)
    }

    fn url(&self, token: &AccessToken) -> Result<Url, Failure> {
        let request = self.request;
        let missing = HttpError::InvalidRequest {
            call: request.call,
            reason: "neither token nor client name a base url",
        };
        let base =
            self.shared.base_url.as_ref().or(token.instance_url.as_ref()).ok_or(Failure::Final(missing))?;
        let url = resolve(base, request, self.shared.plain_http).map_err(Failure::Final)?;
        if self.progress.sent.load(Ordering::Relaxed) == 0 {
            let span = tracing::Span::current();
            span.record("path", request.logged_path.unwrap_or(url.path()));
            span.record("query", redact::query_keys(&url));
        }
        Ok(url)
    }

    fn http_request(&self, url: Url, token: &AccessToken) -> Result<reqwest::RequestBuilder, Failure> {
        let (shared, request) = (self.shared, self.request);
        let reason = "the access token is not fit for a header";
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.secret.expose_secret()))
            .map_err(|_| Failure::Final(HttpError::InvalidRequest { call: request.call, reason }))?;
        bearer.set_sensitive(true);
        let mut headers = request.headers.clone();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, bearer);
        let timeout = request.timeout.unwrap_or(shared.timeout);
        let builder = shared.http.request(request.method.clone(), url).headers(headers).timeout(timeout);
        Ok(match &request.body {
            Some(body) => builder.body(body.clone()),
            None => builder,
        })
    }

    fn judge(&self, status: StatusCode, headers: HeaderMap, body: Bytes) -> Result<ApiResponse, Failure> {
        let (shared, call) = (self.shared, self.request.call);
        let verdict = shared.classify.verdict(&Answer { status, headers: &headers, body: &body });
        let or_header =
            |wait: Option<Duration>| wait.or_else(|| retry_after(&headers, shared.server_clock.server_now()));
        match verdict {
            Verdict::Ok => Ok(ApiResponse { call, status, headers, body }),
            Verdict::Unauthorised => Err(Failure::Unauthorised),
            Verdict::Throttled { wait } => {
                let wait = or_header(wait);
                if let Some(wait) = wait {
                    self.limiter().hold(wait);
                }
                Err(Failure::Throttled { wait })
            }
            Verdict::Retry { after } => {
                let source = format!("the answer had status {}", status.as_u16()).into();
                Err(Failure::Broken { wait: or_header(after), source })
            }
            Verdict::Permanent { code } => {
                let (status, body) = (status.as_u16(), HiddenBytes(body));
                Err(Failure::Final(HttpError::Refused { call, status, code, body }))
            }
        }
    }
}

enum Unread {
    TooLong,
    Broken(BoxError),
}

/// The whole body, or the part that arrived and why no more did. Counts decompressed bytes, so that a small
/// answer can't unpack to fill the memory.
async fn read(mut response: reqwest::Response, limit: usize) -> Result<Bytes, (Bytes, Unread)> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                return Err((body.freeze(), Unread::TooLong));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) => return Err((body.freeze(), Unread::Broken(without_address(&error)))),
        }
    }
}

fn not_sent_or_broken(error: &reqwest::Error) -> Failure {
    let source = without_address(error);
    if error.is_connect() { Failure::Unsent { source } } else { Failure::Broken { wait: None, source } }
}

/// What happened, in our words, with the innermost cause: the layers in between may quote addresses.
fn without_address(error: &reqwest::Error) -> BoxError {
    let what = match error {
        e if e.is_timeout() => "no answer in time",
        e if e.is_connect() => "no connection",
        e if e.is_decode() || e.is_body() => "the answer broke off",
        _ => "the connection broke",
    };
    let mut innermost: &dyn Error = error;
    while let Some(deeper) = innermost.source() {
        innermost = deeper;
    }
    if std::ptr::addr_eq(innermost, error) { what.into() } else { format!("{what} ({innermost})").into() }
}
