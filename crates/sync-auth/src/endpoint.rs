//! The OAuth token endpoint: form in, token out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, DATE, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use crate::classify::Refusal;
use crate::error::{AuthError, NO_CONNECTION};
use crate::hosts::{HostRule, is_loopback};
use crate::strategy::Grant;
use crate::token::AccessToken;

/// A token answer is a few hundred bytes; what is longer is something else.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Form fields that are no secrets: a description may repeat them.
const PUBLIC_FIELDS: [&str; 4] = ["grant_type", "token_type_hint", "redirect_uri", "scope"];

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
    /// Where an answer's `instance_url` may lead; access tokens are sent there. `None`: to any `https` host.
    pub instance_hosts: Option<HostRule>,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            plain_http: false,
            instance_hosts: None,
        }
    }
}

/// A token endpoint. Follows no redirect and uses no proxy from the environment, since either would send
/// secrets to a place nobody configured.
#[derive(Clone)]
pub struct TokenEndpoint {
    url: Url,
    http: reqwest::Client,
    instance_hosts: Option<HostRule>,
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
        Ok(Self { url, http, instance_hosts: options.instance_hosts.clone() })
    }

    /// One form post for a token.
    pub(crate) async fn exchange(
        &self,
        form: &[(&str, &str)],
        client: Option<&ClientCredential>,
        now: DateTime<Utc>,
    ) -> Result<Grant, AuthError> {
        self.exchange_in_full(form, client, now).await.map(|(grant, _)| grant)
    }

    /// The same, with what else the answer says, secrets taken out.
    pub(crate) async fn exchange_in_full(
        &self,
        form: &[(&str, &str)],
        client: Option<&ClientCredential>,
        now: DateTime<Utc>,
    ) -> Result<(Grant, Map<String, Value>), AuthError> {
        let mut answer = self.post(form, client, now).await?;
        let grant = self.grant_of(&mut answer, now)?;
        for secret in ["id_token", "signature"] {
            answer.remove(secret);
        }
        Ok((grant, answer))
    }

    /// One form post that is answered by a JSON object, such as RFC 7662's introspection. The answer may hold secrets.
    ///
    /// # Errors
    /// As an exchange of a token.
    pub async fn ask(
        &self,
        form: &[(&str, &str)],
        client: Option<&ClientCredential>,
        now: DateTime<Utc>,
    ) -> Result<Map<String, Value>, AuthError> {
        self.post(form, client, now).await
    }

    /// One form post whose answer does not matter if it is a success, such as RFC 7009's revocation.
    pub(crate) async fn tell(
        &self,
        form: &[(&str, &str)],
        client: Option<&ClientCredential>,
        now: DateTime<Utc>,
    ) -> Result<(), AuthError> {
        self.send(form, client, now).await.map(drop)
    }

    async fn post(
        &self,
        form: &[(&str, &str)],
        client: Option<&ClientCredential>,
        now: DateTime<Utc>,
    ) -> Result<Map<String, Value>, AuthError> {
        let body = self.send(form, client, now).await?;
        // The parser's error is dropped on purpose: it may quote a token.
        match serde_json::from_slice(&body) {
            Ok(Value::Object(answer)) => Ok(answer),
            _ => Err(AuthError::transient("an answer that holds no token")),
        }
    }

    async fn send(
        &self,
        form: &[(&str, &str)],
        client: Option<&ClientCredential>,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>, AuthError> {
        let mut fields = form.to_vec();
        let mut request = self.http.post(self.url.clone()).header(ACCEPT, "application/json");
        let secret = client.and_then(|client| client.client_secret.as_ref()).map(ExposeSecret::expose_secret);
        if let Some(client) = client {
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
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let retry_after = header(RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let is_timed = form.iter().any(|(key, _)| *key == "assertion");
        let server_time = header(DATE).filter(|_| is_timed).and_then(http_date);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable_for_now(&error))? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(AuthError::transient("an answer too long for a token"));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(body);
        }
        let presented = form.iter().filter(|(key, _)| !PUBLIC_FIELDS.contains(key)).map(|(_, value)| *value);
        let secrets: Vec<&str> = presented.chain(secret).filter(|secret| !secret.is_empty()).collect();
        let holds_secret = |text: &str| secrets.iter().any(|secret| text.contains(secret));
        let refusal = Refusal { status: status.as_u16(), retry_after, body: &body, now, server_time };
        Err(refusal.classify(holds_secret))
    }

    /// Takes the token out of an answer. Numbers come as numbers or as text.
    fn grant_of(&self, answer: &mut Map<String, Value>, now: DateTime<Utc>) -> Result<Grant, AuthError> {
        let mut secret = |key: &str| match answer.remove(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(SecretString::from(text)),
            _ => None,
        };
        let (access, refresh_token) = (secret("access_token"), secret("refresh_token"));
        let access = access.ok_or_else(|| AuthError::transient("an answer that holds no token"))?;
        let instance_url = match answer.get("instance_url").and_then(Value::as_str) {
            Some(url) if !url.is_empty() => Some(self.instance_url(url)?),
            _ => None,
        };
        let seconds = answer.get("expires_in").and_then(|value| match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        });
        let expires_at = seconds
            .filter(|seconds| *seconds >= 0.0)
            .and_then(|seconds| TimeDelta::try_seconds(seconds as i64))
            .and_then(|lifetime| now.checked_add_signed(lifetime));
        Ok(Grant {
            access: AccessToken { secret: access, instance_url, issued_at: now, expires_at },
            refresh_token,
        })
    }

    /// The address where the token's API lives. The token goes there, so it must be one of the provider's.
    fn instance_url(&self, text: &str) -> Result<Url, AuthError> {
        let url = Url::parse(text).map_err(|_| AuthError::transient("an unreadable instance_url"))?;
        match &self.instance_hosts {
            Some(rule) if !rule.allows(&url) => Err(AuthError::configuration("instance_url")),
            _ => Ok(url),
        }
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query is left out: some endpoints are configured with a key in it.
        write!(f, "TokenEndpoint({}{})", self.url.origin().ascii_serialization(), self.url.path())
    }
}

/// The instant of a `Date` header in the one form that servers send (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    chrono::NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok().map(|at| at.and_utc())
}

fn unreachable_for_now(error: &reqwest::Error) -> AuthError {
    let what = match error {
        e if e.is_timeout() => "no answer in time",
        e if e.is_connect() => NO_CONNECTION,
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
