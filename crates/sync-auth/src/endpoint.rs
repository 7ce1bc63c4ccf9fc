//! The OAuth token endpoint: form in, token out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use crate::classify::Refusal;
use crate::error::AuthError;
use crate::strategy::Grant;
use crate::token::AccessToken;

/// A token answer is a few hundred bytes; what is longer is something else.
const LONGEST_ANSWER: usize = 256 * 1024;

/// The OAuth client an endpoint knows. `Debug` never shows the secret.
#[derive(Debug, Clone)]
pub struct ClientCredential {
    /// The public half.
    pub client_id: String,
    /// The secret half. `None` for clients that need none to refresh.
    pub client_secret: Option<SecretString>,
    /// Where both travel.
    pub placement: CredentialPlacement,
}

impl ClientCredential {
    /// A client whose credentials travel in the form.
    pub fn new(client_id: impl Into<String>, client_secret: Option<SecretString>) -> Self {
        Self { client_id: client_id.into(), client_secret, placement: CredentialPlacement::Form }
    }
}

/// Where client credentials travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CredentialPlacement {
    /// As the form fields `client_id` and `client_secret`.
    #[default]
    Form,
    /// In an `Authorization: Basic` header.
    Basic,
}

/// How an endpoint is reached.
#[derive(Debug, Clone)]
pub struct EndpointOptions {
    /// Time allowed to connect. Default 10 s.
    pub connect_timeout: Duration,
    /// Time allowed for the whole exchange. Default 30 s.
    pub timeout: Duration,
    /// Whether `http://` to another machine is accepted; to this machine it always is. Default no: the form
    /// carries secrets.
    pub plain_http: bool,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(10), timeout: Duration::from_secs(30), plain_http: false }
    }
}

/// A token endpoint. Follows no redirect and uses no proxy from the environment, since either would send
/// secrets to a place nobody configured.
#[derive(Clone)]
pub struct TokenEndpoint {
    url: Url,
    http: reqwest::Client,
}

impl TokenEndpoint {
    /// An endpoint with default options.
    ///
    /// # Errors
    /// As [`with_options`](Self::with_options).
    pub fn new(url: Url) -> Result<Self, AuthError> {
        Self::with_options(url, &EndpointOptions::default())
    }

    /// An endpoint.
    ///
    /// # Errors
    /// [`AuthError::Configuration`] with code `endpoint_url` if the address is not `https`, holds credentials,
    /// or is plain `http` without leave; `tls` if the machine's trust store can't be used.
    pub fn with_options(url: Url, options: &EndpointOptions) -> Result<Self, AuthError> {
        let scheme_ok = match url.scheme() {
            "https" => true,
            "http" => options.plain_http || is_loopback(&url),
            _ => false,
        };
        if !scheme_ok || !url.username().is_empty() || url.password().is_some() {
            return Err(AuthError::configuration("endpoint_url"));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .user_agent(concat!("hexsync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| AuthError::configuration("tls"))?;
        Ok(Self { url, http })
    }

    /// One form post.
    pub(crate) async fn exchange(
        &self,
        form: &[(&str, &str)],
        client: Option<&ClientCredential>,
        now: DateTime<Utc>,
    ) -> Result<Grant, AuthError> {
        let mut fields = form.to_vec();
        let mut request = self.http.post(self.url.clone()).header(ACCEPT, "application/json");
        if let Some(client) = client {
            let secret = client.client_secret.as_ref().map(ExposeSecret::expose_secret);
            match client.placement {
                CredentialPlacement::Form => {
                    fields.push(("client_id", &client.client_id));
                    fields.extend(secret.map(|secret| ("client_secret", secret)));
                }
                CredentialPlacement::Basic => request = request.basic_auth(&client.client_id, secret),
            }
        }
        let mut response = request.form(&fields).send().await.map_err(|error| unreachable_for_now(&error))?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable_for_now(&error))? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(AuthError::transient("an answer too long for a token"));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return TokenAnswer::read(&body)?.into_grant(now);
        }
        let secrets: Vec<&str> = [
            form.iter().filter(|(key, _)| *key != "grant_type").map(|(_, value)| *value).collect(),
            client
                .and_then(|c| c.client_secret.as_ref())
                .map(|s| vec![s.expose_secret()])
                .unwrap_or_default(),
        ]
        .concat();
        let holds_secret =
            |text: &str| secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret));
        Err(Refusal { status: status.as_u16(), retry_after, body: &body, now }.classify(holds_secret))
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query is left out: some endpoints are configured with a key in it.
        write!(f, "TokenEndpoint({}{})", self.url.origin().ascii_serialization(), self.url.path())
    }
}

/// The part of a token answer that is used. Numbers come as numbers or as text.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    instance_url: Option<String>,
    expires_in: Option<Value>,
}

impl TokenAnswer {
    fn read(body: &[u8]) -> Result<Self, AuthError> {
        // The parser's error is dropped on purpose: it may quote a token.
        let answer: Self = serde_json::from_slice(body)
            .map_err(|_| AuthError::transient("an answer that holds no token"))?;
        if answer.access_token.expose_secret().is_empty() {
            return Err(AuthError::transient("an empty token"));
        }
        Ok(answer)
    }

    fn into_grant(self, now: DateTime<Utc>) -> Result<Grant, AuthError> {
        let instance_url = match self.instance_url.filter(|url| !url.is_empty()) {
            Some(url) => {
                Some(Url::parse(&url).map_err(|_| AuthError::transient("an unreadable instance_url"))?)
            }
            None => None,
        };
        let seconds = self.expires_in.and_then(|value| match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        });
        let expires_at = seconds
            .filter(|seconds| *seconds >= 0.0)
            .and_then(|seconds| TimeDelta::try_seconds(seconds as i64))
            .and_then(|lifetime| now.checked_add_signed(lifetime));
        let access = AccessToken { secret: self.access_token, instance_url, issued_at: now, expires_at };
        let refresh_token = self.refresh_token.filter(|token| !token.expose_secret().is_empty());
        Ok(Grant { access, refresh_token })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn unreachable_for_now(error: &reqwest::Error) -> AuthError {
    let what = match error {
        e if e.is_timeout() => "no answer in time",
        e if e.is_connect() => "no connection",
        _ => "the connection broke",
    };
    // Only the innermost cause is kept: the layers above it may quote the address.
    let mut innermost: &dyn std::error::Error = error;
    while let Some(deeper) = innermost.source() {
        innermost = deeper;
    }
    let cause = std::io::Error::other(if std::ptr::addr_eq(innermost, error) {
        what.to_owned()
    } else {
        innermost.to_string()
    });
    AuthError::Transient { what: what.to_owned(), source: Some(Arc::new(cause)) }
}
