//! The flow as routes of an axum application.
//!
//! | route | what |
//! |---|---|
//! | `GET /{provider}/start/{connection}?return_to=…` | a page that says what will happen, with a button |
//! | `POST` there | sends the browser to the provider |
//! | `GET /{provider}/callback` | where the provider sends it back to |
//! | `GET /done` | a last page, for those who have none of their own |
//!
//! Pages are plain: no scripts, nothing from elsewhere, nothing cached, no frame around them. Who is at the browser is
//! for the application to say ([`Visitors`]); what ties the flow to the browser is a cookie of these routes.

mod cookie;
mod pages;

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Form, Router};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sync_core::{AuthorisationStore, ConnectionStore, Provider, TenantId, UnitOfWork, UserId};

use super::{ConnectError, ConnectFlow, StartRequest, Visitor};

/// Says who is at the browser.
#[async_trait]
pub trait Visitors: Send + Sync + 'static {
    /// The signed-in user; `None` when nobody is, or may not connect accounts.
    async fn visitor(&self, request: &Parts) -> Option<Principal>;
}

/// A user of the application.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The tenant the user works for; `None` where tenants are not told apart.
    pub tenant: Option<TenantId>,
    /// The user.
    pub user: UserId,
}

/// How the routes behave.
#[derive(Debug, Clone, Copy)]
pub struct RouterOptions {
    /// Whether the cookie travels by `https` only. Default yes; no is for this machine.
    pub secure_cookie: bool,
}

impl Default for RouterOptions {
    fn default() -> Self {
        Self { secure_cookie: true }
    }
}

struct Site<S> {
    flow: Arc<ConnectFlow<S>>,
    visitors: Arc<dyn Visitors>,
    options: RouterOptions,
}

impl<S> Clone for Site<S> {
    fn clone(&self) -> Self {
        Self { flow: Arc::clone(&self.flow), visitors: Arc::clone(&self.visitors), options: self.options }
    }
}

#[derive(Deserialize)]
struct Wanted {
    return_to: String,
}

/// The routes, to be nested where the apps' redirect addresses point to.
pub fn routes<S>(flow: Arc<ConnectFlow<S>>, visitors: Arc<dyn Visitors>, options: RouterOptions) -> Router
where
    S: UnitOfWork + ConnectionStore<S::Tx> + AuthorisationStore<S::Tx>,
{
    Router::new()
        .route("/{provider}/start/{connection}", get(ask::<S>).post(start::<S>))
        .route("/{provider}/callback", get(finish::<S>))
        .route("/done", get(|| async { pages::done(None) }))
        .with_state(Site { flow, visitors, options })
}

/// The page before the provider's.
async fn ask<S>(
    State(site): State<Site<S>>,
    Path((provider, connection)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Response
where
    S: UnitOfWork,
{
    let (parts, _) = request.into_parts();
    if site.visitors.visitor(&parts).await.is_none() {
        return nobody();
    }
    match site.flow.provider(&provider) {
        Some(known) => pages::ask(known, &connection, &wanted.return_to),
        None => refused(&ConnectError::UnknownProvider(provider)),
    }
}

/// The way to the provider.
async fn start<S>(
    State(site): State<Site<S>>,
    Path((provider, connection)): Path<(String, String)>,
    headers: HeaderMap,
    parts: Parts,
    Form(wanted): Form<Wanted>,
) -> Response
where
    S: UnitOfWork + ConnectionStore<S::Tx> + AuthorisationStore<S::Tx>,
{
    if !is_own_form(&headers) {
        return pages::error(
            StatusCode::FORBIDDEN,
            "this form was sent from another site; begin at the application",
        );
    }
    let Some(principal) = site.visitors.visitor(&parts).await else { return nobody() };
    let (browser, is_new) = match cookie::read(&headers, site.options.secure_cookie) {
        Some(browser) => (browser, false),
        None => match site.flow.new_browser() {
            Ok(browser) => (browser, true),
            Err(error) => return refused(&error),
        },
    };
    let request = StartRequest {
        connection: connection.into(),
        provider: Provider::from(provider),
        return_to: wanted.return_to,
    };
    match site.flow.start(&visitor(principal, browser.clone()), &request).await {
        Ok(started) => {
            let mut response = pages::away(started.url.as_str());
            if is_new {
                let cookie = cookie::write(browser.expose_secret(), site.options.secure_cookie);
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => refused(&error),
    }
}

/// The way back.
async fn finish<S>(State(site): State<Site<S>>, Path(provider): Path<String>, parts: Parts) -> Response
where
    S: UnitOfWork + ConnectionStore<S::Tx> + AuthorisationStore<S::Tx>,
{
    let Some(principal) = site.visitors.visitor(&parts).await else { return nobody() };
    // Without the cookie there is nothing to compare: an empty value fits no digest.
    let browser = cookie::read(&parts.headers, site.options.secure_cookie).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    match site.flow.finish(&visitor(principal, browser), &provider.into(), query).await {
        Ok(connected) if connected.crowding.is_none() => pages::away(&connected.return_to),
        Ok(connected) => pages::done(Some(&connected)),
        Err(error) => refused(&error),
    }
}

fn visitor(principal: Principal, browser: SecretString) -> Visitor {
    Visitor { tenant: principal.tenant, user: principal.user, browser }
}

/// Whether a form came from a page of ours: browsers say so, and can't be made to lie by another site.
fn is_own_form(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin",
        (None, Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
        }
        _ => false,
    }
}

fn nobody() -> Response {
    pages::error(StatusCode::UNAUTHORIZED, "nobody is signed in who may connect accounts; sign in first")
}

fn refused(error: &ConnectError) -> Response {
    let status = match error {
        ConnectError::UnknownProvider(_) => StatusCode::NOT_FOUND,
        ConnectError::WrongUser | ConnectError::WrongBrowser | ConnectError::Refused { .. } => {
            StatusCode::FORBIDDEN
        }
        ConnectError::UsedState | ConnectError::OtherAccount { .. } => StatusCode::CONFLICT,
        ConnectError::ExpiredState | ConnectError::UnknownState => StatusCode::GONE,
        ConnectError::Exchange(_) | ConnectError::NoRefreshToken => StatusCode::BAD_GATEWAY,
        ConnectError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        ConnectError::Vault(_) | ConnectError::Sealing => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    pages::error(status, &error.to_string()).into_response()
}

#[cfg(test)]
mod tests;
