//! The task that sends. Bounded in how much it does at once; it ends with the simulation.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, USER_AGENT};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::log::{Delivery, DeliveryOutcome};
use super::queue::Batch;
use super::sign;
use crate::hubspot::state::State;
use crate::push::{Reply, Target, post};

/// How often the clock is looked at while something waits for it: it may be advanced by anyone who holds it.
const TICK: Duration = Duration::from_millis(25);

/// Sends until `stop` turns true.
pub(crate) async fn run(state: Arc<State>, mut stop: watch::Receiver<bool>) {
    let mut calls = JoinSet::new();
    loop {
        let collecting = Arc::clone(&state);
        // The account may be locked for a while.
        let collected = tokio::task::spawn_blocking(move || collecting.collect_events());
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            _ = collected => {}
        }
        while let Some((target, batch)) = next(&state, calls.len()) {
            calls.spawn(deliver(Arc::clone(&state), target, batch));
        }
        let waits = state.webhooks().due().is_some();
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = state.bell.notified() => {}
            Some(_) = calls.join_next(), if !calls.is_empty() => {}
            () = tokio::time::sleep(TICK), if waits => {}
        }
    }
}

/// The next request, if one is due and another one may be under way.
fn next(state: &State, under_way: usize) -> Option<(Target, Batch)> {
    let settings = state.setting(|settings| settings.webhooks.clone());
    let mut webhooks = state.webhooks();
    let target = webhooks.app.target.clone()?;
    if under_way >= usize::try_from(webhooks.app.max_concurrent).unwrap_or(1) {
        return None;
    }
    let batch = webhooks.next(state.clock.now_ms(), &settings)?;
    webhooks.in_flight += 1;
    Some((target, batch))
}

async fn deliver(state: Arc<State>, target: Target, mut batch: Batch) {
    let settings = state.setting(|settings| settings.webhooks.clone());
    for event in &mut batch.events {
        if let Json::Object(event) = event {
            event.insert("attemptNumber".to_owned(), json!(batch.attempt));
        }
    }
    let body = Json::from(batch.events.clone()).to_string();
    let at_ms = state.clock.now_ms();
    let timestamp = if settings.real_timestamps { real_ms() } else { at_ms };
    let mut headers =
        sign::headers(&settings, &state.credentials.client_secret, &target.url, &body, timestamp);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("crm-sandbox webhooks"));
    let shown =
        headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let shown: Vec<_> = shown.collect();
    let started = Instant::now();
    let patience = Duration::from_millis(settings.timeout_ms);
    let reply = post(&target, headers, Bytes::from(body.clone()), patience).await;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);

    let mut webhooks = state.webhooks();
    let outcome = match reply {
        Reply::Answered { status, .. } if (200..300).contains(&status) => {
            if webhooks.loses_answer(&settings) {
                DeliveryOutcome::Lost(status)
            } else {
                DeliveryOutcome::Acknowledged(status)
            }
        }
        Reply::Answered { status, .. } => DeliveryOutcome::Refused(status),
        Reply::Silent(why) => DeliveryOutcome::Unanswered(why),
    };
    webhooks.log.push(Delivery {
        at_ms,
        url: target.url,
        attempt: batch.attempt,
        headers: shown,
        body,
        outcome,
        took_ms,
    });
    if !matches!(outcome, DeliveryOutcome::Acknowledged(_)) {
        webhooks.retry(batch, state.clock.now_ms(), &settings);
    }
    webhooks.in_flight -= 1;
}

fn real_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
