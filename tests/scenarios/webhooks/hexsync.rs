//! The engine as a contender that is called: its receiver in front of its inbox, and polling behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use crm_sandbox::hubspot::HubspotControl;
use sync_core::{Action, ConnectionKey, RunStatus};
use sync_wiring::webhooks::{
    Counters, HubspotReceiver, Limits, Receiver, Recipient, Stager, StagerOptions, StagerTask,
    StaticRecipients, Wake, serve,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Listens;
use crate::contender::{Contender, Said};
use crate::hubspot::{self, Keeps, Object, OnHubspot, Stage};
use crate::verdict::{Rows, Truth};

/// Hexsync on one of its stores, as it polls and as it is called.
pub(crate) struct Listening<S: Keeps> {
    polling: hubspot::Hexsync<S>,
    door: Option<Door>,
}

/// A receiver of HubSpot's calls.
struct Door {
    address: String,
    stop: CancellationToken,
    server: JoinHandle<()>,
    staging: StagerTask,
}

impl Door {
    async fn open<S: Keeps>(polling: &hubspot::Hexsync<S>) -> Self {
        let counters = Arc::new(Counters::default());
        let (stager, staging) = Stager::start_with(
            Arc::clone(polling.store()),
            StagerOptions::default(),
            Arc::clone(&counters),
            Arc::new(Wake::default()),
            polling.clock(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let public = format!("http://{}", listener.local_addr().expect("it is bound"));
        let feed = polling.subscription(Object::Contacts);
        let key = ConnectionKey::new(None, feed.connection.clone());
        let portal = polling.crm().read(|account| account.portal_id()).to_string();
        let recipients =
            StaticRecipients::new().with("hubspot", &portal, Recipient::new(key, feed.id, "contacts"));
        let secret = polling.account().credentials().client_secret.clone();
        let limits = Limits { answer_time: Duration::from_secs(60), ..Limits::default() };
        let receiver = Receiver::builder(stager, Arc::new(recipients), counters)
            .limits(limits.clone())
            .hubspot(HubspotReceiver::new(&*public, secret.into()))
            .build();
        let stop = CancellationToken::new();
        let (router, token) = (receiver.router(), stop.clone());
        let server = tokio::spawn(async move { serve(listener, router, &limits, token).await });
        Self { address: format!("{public}/hubspot"), stop, server, staging }
    }

    /// The process is gone: whoever calls finds nobody.
    async fn slam(self) {
        self.server.abort();
        let _ = self.server.await;
        drop(self.staging);
    }
}

impl<S: Keeps> Drop for Listening<S> {
    fn drop(&mut self) {
        if let Some(door) = &self.door {
            door.stop.cancel();
        }
    }
}

impl<S: Keeps> Contender for Listening<S> {
    fn truth(&self) -> Truth {
        self.polling.truth()
    }

    fn later(&self, seconds: u64) {
        self.polling.later(seconds);
    }

    async fn run(&mut self) -> Said {
        self.polling.run().await
    }

    async fn tend(&mut self) -> Said {
        self.polling.tend().await
    }

    async fn restart(&mut self) {
        if let Some(door) = self.door.take() {
            door.slam().await;
        }
        self.polling.restart().await;
        self.door = Some(Door::open(&self.polling).await);
    }

    async fn rows(&self) -> Rows {
        self.polling.rows().await
    }

    async fn set_aside(&self) -> BTreeSet<String> {
        self.polling.set_aside().await
    }

    async fn state_bytes(&self) -> usize {
        self.polling.state_bytes().await
    }
}

impl<S: Keeps> Listens for Listening<S> {
    async fn enter(stage: Stage) -> Self {
        let mut polling = hubspot::Hexsync::enter(stage).await;
        assert_eq!(polling.tend().await, Said::Well);
        let door = Some(Door::open(&polling).await);
        Self { polling, door }
    }

    fn crm(&self) -> &HubspotControl {
        self.polling.crm()
    }

    fn address(&self) -> String {
        self.door.as_ref().map(|door| door.address.clone()).unwrap_or_default()
    }

    async fn apply(&mut self) -> Said {
        self.polling.drain_contacts().await
    }

    async fn announced(&self) -> BTreeMap<String, usize> {
        let mut announced = BTreeMap::new();
        for event in self.polling.events(Object::Contacts).await {
            if event.operation == "created" {
                *announced.entry(event.external_id).or_default() += 1;
            }
        }
        announced
    }

    /// The last time that it asked for everything that changed and got an answer, as `hexsync runs` lists it.
    async fn right_as_of(&self) -> Option<DateTime<Utc>> {
        let store = self.polling.store();
        let mut tx = store.begin().await.expect("the store is there");
        let runs = store.runs(&mut tx, &self.polling.scope(Object::Contacts), 100).await;
        store.rollback(tx).await.expect("the store is there");
        let ended_well = [RunStatus::Success, RunStatus::NoChanges];
        let runs = runs.expect("runs can be read").into_iter();
        runs.filter(|run| run.action == Action::Poll && ended_well.contains(&run.status))
            .map(|run| run.started_at)
            .max()
    }
}
