//! HubSpot's part: signed calls, and again after a 503.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{PUBLIC_URL, SECRET};

/// Calls a receiver about deals.
#[derive(Clone)]
pub(super) struct Caller {
    url: String,
    client: reqwest::Client,
    key: hmac::Key,
    deals: Arc<Vec<u64>>,
    /// Events sent so far; each is another event.
    n_events: usize,
}

/// How many events were taken in, and how long it took.
pub(super) struct Taken {
    pub(super) n_events: usize,
    took: Duration,
    n_repeats: usize,
}

impl Taken {
    fn rate(&self) -> f64 {
        self.n_events as f64 / self.took.as_secs_f64()
    }

    pub(super) fn figures(&self) -> Json {
        json!({"events": self.n_events, "events_per_second": self.rate().round(), "repeated_calls": self.n_repeats})
    }

    pub(super) fn line(&self, per_call: usize) -> String {
        format!("{:.0} events/s in calls of {per_call} ({} events)", self.rate(), self.n_events)
    }
}

impl Caller {
    pub(super) fn new(url: &str, deals: Vec<u64>) -> Result<Self> {
        ensure!(!deals.is_empty(), "the CRM has no deals");
        Ok(Self {
            url: format!("{url}/hubspot"),
            client: reqwest::Client::builder().no_proxy().build()?,
            key: hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()),
            deals: Arc::new(deals),
            n_events: 0,
        })
    }

    /// Tells of one more deal, and which.
    pub(super) async fn one(&mut self) -> Result<u64> {
        let deal = self.deals[self.n_events % self.deals.len()];
        let body = self.body(1);
        self.until_taken(body).await?;
        Ok(deal)
    }

    /// Tells of so many events, `per_call` at a time, so many calls at once.
    pub(super) async fn flood(&mut self, n_events: usize, per_call: usize, at_once: usize) -> Result<Taken> {
        let bodies: VecDeque<String> = (0..n_events / per_call).map(|_| self.body(per_call)).collect();
        let n_events = bodies.len() * per_call;
        let bodies = Arc::new(Mutex::new(bodies));
        let n_repeats = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..at_once {
            let (caller, bodies, n_repeats) = (self.clone(), Arc::clone(&bodies), Arc::clone(&n_repeats));
            callers.spawn(async move {
                loop {
                    let Some(body) = bodies.lock().await.pop_front() else { return anyhow::Ok(()) };
                    n_repeats.fetch_add(caller.until_taken(body).await?, Ordering::Relaxed);
                }
            });
        }
        while let Some(done) = callers.join_next().await {
            done??;
        }
        Ok(Taken { n_events, took: began.elapsed(), n_repeats: n_repeats.load(Ordering::Relaxed) })
    }

    fn body(&mut self, n: usize) -> String {
        let events: Vec<Json> = (0..n)
            .map(|_| {
                let deal = self.deals[self.n_events % self.deals.len()];
                self.n_events += 1;
                json!({
                    "eventId": self.n_events, "subscriptionId": 25, "portalId": 9001, "appId": 42,
                    "occurredAt": 1_767_348_245_000_u64 + self.n_events as u64,
                    "subscriptionType": "deal.propertyChange", "attemptNumber": 0, "objectId": deal,
                    "propertyName": "amount", "propertyValue": "1200", "changeSource": "CRM_UI", "sourceId": "userId:77",
                })
            })
            .collect();
        Json::from(events).to_string()
    }

    /// Calls until it is acknowledged; answers how often it had to come again.
    async fn until_taken(&self, body: String) -> Result<usize> {
        for n_repeats in 0..1_000 {
            let millis = chrono::Utc::now().timestamp_millis().to_string();
            let text = ["POST", PUBLIC_URL, "/hubspot", &body, &millis].concat();
            let signature = STANDARD.encode(hmac::sign(&self.key, text.as_bytes()));
            let call = self
                .client
                .post(&self.url)
                .header("x-hubspot-signature-v3", signature)
                .header("x-hubspot-request-timestamp", millis)
                .body(body.clone());
            let status = call.send().await.context("calling the receiver")?.status();
            if status.is_success() {
                return Ok(n_repeats);
            }
            ensure!(matches!(status.as_u16(), 429 | 503), "the receiver answered {status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("a call was put off a thousand times")
    }
}
