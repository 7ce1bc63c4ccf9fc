//! The task that sends. Bounded in how much it does at once; it ends with the simulation.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::message::{acknowledges, envelope};
use super::queue::Batch;
use super::{OutboundDelivery, OutboundOutcome};
use crate::push::{Reply, post};
use crate::salesforce::state::State;

/// Messages under way at once.
const MAX_UNDER_WAY: usize = 8;
/// How often the clock is looked at while something waits for it: it may be advanced by anyone who holds it.
const TICK: Duration = Duration::from_millis(25);

/// Sends until `stop` turns true.
pub(crate) async fn run(state: Arc<State>, mut stop: watch::Receiver<bool>) {
    let mut calls = JoinSet::new();
    loop {
        let collecting = Arc::clone(&state);
        // The org may be locked for a while.
        let collected = tokio::task::spawn_blocking(move || collecting.collect_touched());
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            _ = collected => {}
        }
        while let Some(batch) = next(&state, calls.len()) {
            calls.spawn(deliver(Arc::clone(&state), batch));
        }
        let waits = state.outbound().due().is_some();
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = state.bell.notified() => {}
            Some(_) = calls.join_next(), if !calls.is_empty() => {}
            () = tokio::time::sleep(TICK), if waits => {}
        }
    }
}

/// The next message, if one is due and another one may be under way.
fn next(state: &State, under_way: usize) -> Option<Batch> {
    if under_way >= MAX_UNDER_WAY {
        return None;
    }
    let settings = state.settings().outbound;
    let mut outbound = state.outbound();
    let batch = outbound.next(state.clock.now_ms(), &settings)?;
    outbound.in_flight += 1;
    Some(batch)
}

async fn deliver(state: Arc<State>, batch: Batch) {
    let settings = state.settings().outbound;
    let at_ms = state.clock.now_ms();
    let rendering = (Arc::clone(&state), batch.clone());
    let body = tokio::task::spawn_blocking(move || {
        let (state, batch) = rendering;
        envelope(&state.org(), state.base_url(), &batch.action, &batch.notes)
    });
    let Ok(Some(body)) = body.await else {
        state.outbound().in_flight -= 1;
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    headers.insert(HeaderName::from_static("soapaction"), HeaderValue::from_static("\"\""));
    let patience = Duration::from_millis(settings.timeout_ms);
    let reply = post(&batch.action.target, headers, Bytes::from(body.clone()), patience).await;

    let mut outbound = state.outbound();
    let outcome = match reply {
        Reply::Answered { status: 200, body } if acknowledges(&body) => {
            if outbound.loses_answer(&settings) {
                OutboundOutcome::Lost
            } else {
                OutboundOutcome::Acknowledged
            }
        }
        Reply::Answered { status, .. } => OutboundOutcome::Declined(status),
        Reply::Silent(why) => OutboundOutcome::Unanswered(why),
    };
    outbound.log(OutboundDelivery {
        at_ms,
        url: batch.action.target.url.clone(),
        attempt: batch.attempt,
        notifications: batch.notes.iter().map(|note| note.id).collect(),
        rows: batch.notes.iter().map(|note| note.row).collect(),
        body,
        outcome,
    });
    if outcome != OutboundOutcome::Acknowledged {
        outbound.retry(batch, state.clock.now_ms(), &settings);
    }
    outbound.in_flight -= 1;
}
