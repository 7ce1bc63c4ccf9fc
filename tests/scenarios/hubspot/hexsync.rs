//! The engine as a contender on HubSpot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::hubspot::{HubspotControl, Running};
use e2e::client;
use e2e::clock::{LeastJitter, OrgClock};
use e2e::store::Event;
use provider_http::RetryPolicy;
use provider_hubspot::{FromHubspot, HubspotClient, HubspotConfig};
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_core::history::image;
use sync_core::{
    Action, Brake, Clock, DeadLetterFilter, EngineOptions, ExternalId, LocalListing, ReadMode,
    ReconcileSource, RunRequest, Scope, Subscription, SyncSink, TableEntity,
};
use sync_wiring::webhooks::{DrainFeed, Drained};
use sync_wiring::{EntityStore, SyncModule, hubspot};
use tokio_util::sync::CancellationToken;

use super::entities::{Deal, Employment, Keeps, Person};
use super::{Object, OnHubspot, Stage, pass, truth};
use crate::contender::{Contender, Said};
use crate::hexsync::said;
use crate::verdict::{Row, Rows, Truth, plain};

/// Hexsync on one of its stores.
pub(crate) struct Hexsync<S: Keeps> {
    account: Running,
    objects: &'static [Object],
    home: S::Home,
    store: Arc<S>,
    crm: HubspotClient,
    subscriptions: BTreeMap<Object, Subscription>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Delta,
    Nightly,
}

impl<S: Keeps> Hexsync<S> {
    pub(crate) fn account(&self) -> &Running {
        &self.account
    }

    pub(crate) fn store(&self) -> &Arc<S> {
        &self.store
    }

    pub(crate) fn subscription(&self, object: Object) -> &Subscription {
        &self.subscriptions[&object]
    }

    /// What was told to the application of an object's records, in order.
    pub(crate) async fn events(&self, object: Object) -> Vec<Event> {
        self.store.events(&self.home, &self.scope(object)).await
    }

    /// Applies what calls said of contacts.
    pub(crate) async fn drain_contacts(&self) -> Said {
        let contacts = self.subscription(Object::Contacts).clone();
        let feed = hubspot::drain::<Person, S>(&self.module(), &self.crm, contacts);
        let feed = feed.expect("nothing is missing");
        loop {
            match feed.drain(CancellationToken::new()).await {
                Ok(Drained::Applied { .. }) => {}
                Ok(Drained::Nothing) => return Said::Well,
                Ok(held @ (Drained::Busy | Drained::Paused)) => return Said::Paused(format!("{held:?}")),
                Err(error) => return Said::Failed(error.to_string()),
            }
        }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(OrgClock(self.account.control().clock().clone()))
    }

    fn module(&self) -> SyncModule<S> {
        let options = EngineOptions {
            batch_size: 100.try_into().expect("a batch holds something"),
            ..EngineOptions::default()
        };
        let module = SyncModule::builder()
            .store(S::clone(&self.store))
            .options(options)
            .emitter(Arc::clone(&self.store) as _)
            .clock(self.clock())
            .jitter(Arc::new(LeastJitter));
        module.build().expect("nothing is missing")
    }

    pub(crate) fn scope(&self, object: Object) -> Scope {
        let subscription = &self.subscriptions[&object];
        Scope {
            tenant: None,
            connection: subscription.connection.clone(),
            subscription: subscription.id,
            entity: object.entity(),
            provider: hubspot::PROVIDER.into(),
            user: "system".into(),
        }
    }

    async fn all(&self, work: Work) -> Said {
        let mut all = Said::Well;
        for object in self.objects {
            let one = match object {
                Object::Contacts => self.one::<Person>(*object, work).await,
                Object::Deals => self.one::<Deal>(*object, work).await,
                Object::Employments => self.one::<Employment>(*object, work).await,
            };
            if all == Said::Well {
                all = one;
            }
        }
        all
    }

    async fn one<T: TableEntity + FromHubspot>(&self, object: Object, work: Work) -> Said
    where
        S: EntityStore<T>,
    {
        let request = || RunRequest::new(self.subscriptions[&object].clone(), hubspot::PROVIDER);
        if work == Work::Delta {
            return self.execute::<T>(request()).await;
        }
        // Calculated values change without the record, so everything is read; then ids are compared.
        let full = self.execute::<T>(request().mode(ReadMode::Full)).await;
        let subscription = &self.subscriptions[&object];
        let comparison: ReconcileSource<T, S> =
            hubspot::reconcile(&self.module(), &self.crm, subscription, Brake::default());
        let request = request().action(Action::Reconcile).source_override(Arc::new(comparison));
        let compared = self.execute::<T>(request).await;
        if full == Said::Well { compared } else { full }
    }

    async fn execute<T: TableEntity + FromHubspot>(&self, request: RunRequest<T>) -> Said
    where
        S: EntityStore<T>,
    {
        let engine = hubspot::connect(self.module().engine::<T>(), &self.crm);
        said(engine.build().expect("nothing is missing").execute(request).await)
    }

    async fn rows_of<T: FromHubspot>(&self, object: Object) -> Rows
    where
        S: EntityStore<T>,
    {
        let (sink, scope) = (EntityStore::<T>::sink(&*self.store), self.scope(object));
        let mut tx = self.store.begin().await.expect("the store is there");
        let live = LocalListing::list_live(&sink, &mut tx, &scope, None, u32::MAX).await;
        let live = live.expect("rows can be listed").into_iter().map(|row| row.external_id.to_string());
        let known = truth(self.crm(), &[object]).rows.into_keys();
        let ids: BTreeSet<String> = known.chain(live).collect();
        let ids: Vec<ExternalId> = ids.into_iter().map(ExternalId::from).collect();
        let rows = SyncSink::find_many(&sink, &mut tx, &scope, &ids).await.expect("rows can be read");
        self.store.rollback(tx).await.expect("the store is there");
        let found = ids.into_iter().zip(rows).filter_map(|(id, row)| Some((id, row?)));
        let row = |(id, row): (ExternalId, sync_core::LocalRow<T>)| {
            let state = image(&row.record, row.deleted);
            let value = |(name, value): (&String, &sync_core::FieldValue)| {
                Some((name.clone(), plain(&value.as_ref().to_json())?))
            };
            let values = state.fields.iter().filter_map(value).collect();
            (id.to_string(), Row { deleted: state.deleted, values })
        };
        found.map(row).collect()
    }
}

/// A client that neither paces itself nor waits for anything: the simulated account's time is not the machine's.
fn connect(account: &Running, clock: Arc<dyn Clock>) -> HubspotClient {
    let token = StaticToken::new(account.credentials().private_app_token.clone().into(), None);
    let auth = Authenticator::builder(client::CONNECTION.into(), token, MemoryTokenStore::default());
    let auth = auth.clock(Arc::clone(&clock)).build();
    let config = HubspotConfig {
        base_url: account.base_url().to_owned(),
        restart_pause: Duration::from_millis(1),
        calls_per_ten_seconds: Some(1_000_000),
        searches_per_second: 100_000,
        ..HubspotConfig::default()
    };
    let retry = RetryPolicy {
        max_tries: 3,
        first_backoff: Duration::from_millis(2),
        longest_wait: Duration::from_millis(50),
    };
    HubspotClient::builder(auth)
        .config(config)
        .http(|http| http.retry(retry).clock(clock).jitter(Arc::new(LeastJitter)))
        .build()
        .expect("the settings are fine")
}

impl<S: Keeps> Contender for Hexsync<S> {
    fn truth(&self) -> Truth {
        truth(self.crm(), self.objects)
    }

    fn later(&self, seconds: u64) {
        pass(self.crm(), seconds);
    }

    async fn run(&mut self) -> Said {
        self.all(Work::Delta).await
    }

    async fn tend(&mut self) -> Said {
        self.later(20);
        self.all(Work::Nightly).await
    }

    async fn restart(&mut self) {
        self.store = S::open(&self.home).await;
        self.crm = connect(&self.account, self.clock());
        self.later(61);
    }

    async fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        for object in self.objects {
            rows.extend(match object {
                Object::Contacts => self.rows_of::<Person>(*object).await,
                Object::Deals => self.rows_of::<Deal>(*object).await,
                Object::Employments => self.rows_of::<Employment>(*object).await,
            });
        }
        rows
    }

    async fn set_aside(&self) -> BTreeSet<String> {
        let mut set_aside = BTreeSet::new();
        let mut tx = self.store.begin().await.expect("the store is there");
        for object in self.objects {
            let all = DeadLetterFilter::default();
            let letters = self.store.list(&mut tx, &self.scope(*object), &all, 100_000).await;
            let letters = letters.expect("letters can be read");
            set_aside.extend(letters.into_iter().map(|letter| letter.external_id.to_string()));
        }
        self.store.rollback(tx).await.expect("the store is there");
        set_aside
    }

    async fn state_bytes(&self) -> usize {
        let mut bytes = 0;
        let mut tx = self.store.begin().await.expect("the store is there");
        for object in self.objects {
            let cursor = self.store.cursor(&mut tx, &self.scope(*object)).await;
            bytes += cursor.expect("the subscription is there").map_or(0, |cursor| cursor.as_str().len());
        }
        self.store.rollback(tx).await.expect("the store is there");
        bytes
    }
}

impl<S: Keeps> OnHubspot for Hexsync<S> {
    async fn enter(stage: Stage) -> Self {
        let account = stage.start().await;
        let home = S::home(false).await.expect("these stores need no server");
        let store = S::open(&home).await;
        S::make_tables(&home).await;
        let clock = OrgClock(account.control().clock().clone());
        let crm = connect(&account, Arc::new(clock.clone()));
        let mut subscriptions = BTreeMap::new();
        for object in stage.objects {
            let subscription = Subscription {
                adapter: hubspot::POLL_ADAPTER.to_owned(),
                ..client::subscription(object.entity(), None, clock.now())
            };
            let mut tx = store.begin().await.expect("the store is there");
            let subscription = store.add_subscription(&mut tx, &subscription).await.expect("it can be added");
            store.commit(tx).await.expect("the store is there");
            subscriptions.insert(*object, subscription);
        }
        Self { account, objects: stage.objects, home, store, crm, subscriptions }
    }

    fn crm(&self) -> &HubspotControl {
        self.account.control()
    }
}
