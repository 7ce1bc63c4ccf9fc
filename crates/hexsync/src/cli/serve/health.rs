//! `/healthz`

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::Serialize;
use sync_wiring::core::UnitOfWork;
use sync_wiring::webhooks::{Counters, Seen};

use super::part::{Pulse, State};
use crate::app::{AppStore, Feeds};

/// What is looked at.
pub(super) struct Watched<S: AppStore> {
    pub(super) store: Arc<S>,
    pub(super) feeds: Arc<Feeds<S>>,
    pub(super) counters: Arc<Counters>,
    pub(super) staging: Pulse,
    pub(super) draining: Pulse,
}

#[derive(Serialize)]
struct Health {
    store: &'static str,
    /// What stores calls before they are answered.
    staging: State,
    /// What applies them.
    draining: State,
    /// That hear of calls.
    subscriptions: usize,
    calls: Seen,
}

/// How it goes: 200 while the store answers and every part works, 503 otherwise.
pub(super) fn route<S: AppStore>(watched: Watched<S>) -> Router {
    let watched = Arc::new(watched);
    let look = move || {
        let watched = Arc::clone(&watched);
        async move { watched.look().await }
    };
    Router::new().route("/healthz", get(look))
}

impl<S: AppStore> Watched<S> {
    async fn look(&self) -> Response {
        let answers = async {
            let tx = UnitOfWork::begin(&*self.store).await?;
            UnitOfWork::rollback(&*self.store, tx).await
        };
        let is_there = answers.await.is_ok();
        let health = Health {
            store: if is_there { "ok" } else { "away" },
            staging: self.staging.state(),
            draining: self.draining.state(),
            subscriptions: self.feeds.count().await,
            calls: self.counters.seen(),
        };
        let is_well = is_there && [health.staging, health.draining] == [State::Ok; 2];
        let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(health)).into_response()
    }
}
