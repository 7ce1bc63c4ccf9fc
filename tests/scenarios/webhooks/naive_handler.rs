//! The naive webhook handler: what is written in an afternoon and does well on a good day.
//!
//! It believes every call, answers before it has written anything down, takes the values that calls carry in the order
//! in which they come, and asks the CRM for nothing: what no call tells it never learns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use chrono::{DateTime, Utc};
use crm_sandbox::hubspot::{HubspotControl, Running};
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Listens;
use crate::contender::{Contender, Said};
use crate::hubspot::{Object, Stage, truth};
use crate::verdict::{Row, Rows, Truth, plain};

/// Calls that were answered and not looked at yet. They are lost with the process.
type Queue = Arc<Mutex<Vec<Bytes>>>;

/// See the module.
pub(crate) struct NaiveHandler {
    account: Running,
    queue: Queue,
    address: String,
    server: JoinHandle<()>,
    rows: Rows,
    announced: BTreeMap<String, usize>,
}

async fn call(State(queue): State<Queue>, body: Bytes) {
    queue.lock().unwrap().push(body);
}

/// A handler that listens from now on: what it puts off, where, and the task.
async fn listen() -> (Queue, String, JoinHandle<()>) {
    let queue = Queue::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = format!("http://{}/hubspot", listener.local_addr().expect("it is bound"));
    let router = Router::new().route("/hubspot", post(call)).with_state(Arc::clone(&queue));
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            eprintln!("the naive handler: {error}");
        }
    });
    (queue, address, server)
}

impl NaiveHandler {
    fn take(&mut self, event: &Json) {
        let Some(id) = event["objectId"].as_u64().map(|id| id.to_string()) else { return };
        match event["subscriptionType"].as_str().unwrap_or_default() {
            "contact.creation" => {
                *self.announced.entry(id.clone()).or_default() += 1;
                self.rows.entry(id).or_default();
            }
            "contact.propertyChange" => {
                let Some(name) = event["propertyName"].as_str() else { return };
                let values = &mut self.rows.entry(id).or_default().values;
                match plain(&event["propertyValue"]).filter(|value| !value.is_empty()) {
                    Some(value) => values.insert(name.to_owned(), value),
                    None => values.remove(name),
                };
            }
            "contact.deletion" => self.deleted(&id, true),
            "contact.restore" => self.deleted(&id, false),
            _ => {}
        }
    }

    fn deleted(&mut self, id: &str, deleted: bool) {
        if let Some(row) = self.rows.get_mut(id) {
            row.deleted = deleted;
        }
    }
}

impl Drop for NaiveHandler {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Contender for NaiveHandler {
    fn truth(&self) -> Truth {
        truth(self.crm(), &[Object::Contacts])
    }

    fn later(&self, seconds: u64) {
        self.crm().advance(std::time::Duration::from_secs(seconds));
    }

    /// Calls come by themselves.
    async fn run(&mut self) -> Said {
        Said::Well
    }

    async fn tend(&mut self) -> Said {
        Said::Well
    }

    async fn restart(&mut self) {
        self.server.abort();
        (self.queue, self.address, self.server) = listen().await;
    }

    async fn rows(&self) -> Rows {
        self.rows.clone()
    }

    async fn set_aside(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    async fn state_bytes(&self) -> usize {
        0
    }
}

impl Listens for NaiveHandler {
    /// The contacts there are were imported once, and well.
    async fn enter(stage: Stage) -> Self {
        let account = stage.start().await;
        let imported = truth(account.control(), &[Object::Contacts]).rows;
        let rows = imported.into_iter().filter(|(_, row): &(String, Row)| !row.deleted).collect();
        let (queue, address, server) = listen().await;
        Self { account, queue, address, server, rows, announced: BTreeMap::new() }
    }

    fn crm(&self) -> &HubspotControl {
        self.account.control()
    }

    fn address(&self) -> String {
        self.address.clone()
    }

    async fn apply(&mut self) -> Said {
        let bodies: Vec<Bytes> = self.queue.lock().unwrap().drain(..).collect();
        for body in bodies {
            let events: Vec<Json> = serde_json::from_slice(&body).unwrap_or_default();
            for event in &events {
                self.take(event);
            }
        }
        Said::Well
    }

    async fn announced(&self) -> BTreeMap<String, usize> {
        self.announced.clone()
    }

    /// No call came, so nothing changed.
    async fn right_as_of(&self) -> Option<DateTime<Utc>> {
        Some(self.crm().clock().now())
    }
}
