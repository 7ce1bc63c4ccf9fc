//! A HubSpot account that tells by itself what happens in it, badly: twice, in any order, with answers lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::SimClock;
use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::hubspot::{HubspotControl, HubspotSandbox, HubspotSettings, LinkSpec, Running};
use e2e::client::CONNECTION;
use e2e::clock::{LeastJitter, OrgClock};
use e2e::edit::fields;
use e2e::on_stores;
use e2e::store::{Backend, Row};
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use provider_http::RetryPolicy;
use provider_hubspot::{FromHubspot, HubspotClient, HubspotConfig};
use serde_json::{Value as Json, json};
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_core::{Clock, ConnectionKey, RunRequest, Scope, Subscription};
use sync_wiring::webhooks::{
    Counters, DrainFeed, Drained, HubspotReceiver, Limits, Receiver, Recipient, Stager, StagerOptions,
    StaticRecipients, Wake, serve,
};
use sync_wiring::{EntityStore, SyncModule, hubspot};
use tokio_util::sync::CancellationToken;

on_stores! { [memory, sqlite, postgres]
    /// INV-INB-1, INV-INB-2, R14, R19: whatever comes late, twice and out of order, the rows end up as polling makes
    /// them in an empty store.
    #[tokio::test]
    async fn pushed_rows_are_those_of_polling() = pushed;
}

/// A store that follows an account.
struct Side<S: Backend> {
    home: S::Home,
    module: SyncModule<S>,
    deals: Subscription,
    contacts: Subscription,
}

impl<S: Backend> Side<S> {
    async fn start(clock: Arc<dyn Clock>) -> Option<Self> {
        let home = S::home(false).await?;
        let store = S::open(&home).await;
        let module = SyncModule::builder().store(S::clone(&store)).clock(clock).jitter(Arc::new(LeastJitter));
        let module = module.build().unwrap();
        let feed = |entity: &str| Subscription::new(CONNECTION, hubspot::POLL_ADAPTER, entity);
        let deals = module.subscribe(&feed("opportunity")).await.unwrap();
        let contacts = module.subscribe(&feed("contact")).await.unwrap();
        Some(Self { home, module, deals, contacts })
    }

    async fn poll(&self, crm: &HubspotClient) {
        let deals = hubspot::engine::<Opportunity, S>(&self.module, crm).unwrap();
        let report = deals.execute(RunRequest::new(self.deals.clone(), hubspot::PROVIDER)).await.unwrap();
        assert!(report.failure.is_none(), "{:?}", report.failure);
        let contacts = hubspot::engine::<Contact, S>(&self.module, crm).unwrap();
        let report =
            contacts.execute(RunRequest::new(self.contacts.clone(), hubspot::PROVIDER)).await.unwrap();
        assert!(report.failure.is_none(), "{:?}", report.failure);
    }

    async fn drain(&self, crm: &HubspotClient) {
        let deals = hubspot::drain::<Opportunity, S>(&self.module, crm, self.deals.clone()).unwrap();
        let contacts = hubspot::drain::<Contact, S>(&self.module, crm, self.contacts.clone()).unwrap();
        for feed in [&deals as &dyn DrainFeed, &contacts] {
            while let Drained::Applied { report, .. } = feed.drain(CancellationToken::new()).await.unwrap() {
                assert!(report.counts.conserved() && report.counts.parked == 0, "{:?}", report.counts);
            }
        }
    }

    /// The rows that live, of both entities.
    async fn rows(&self, crm: &HubspotControl) -> BTreeMap<String, Row> {
        let mut all = BTreeMap::new();
        self.rows_of::<Opportunity>(crm, &self.deals, &mut all).await;
        self.rows_of::<Contact>(crm, &self.contacts, &mut all).await;
        all
    }

    async fn rows_of<T: e2e::entity::Entity + FromHubspot>(
        &self,
        crm: &HubspotControl,
        feed: &Subscription,
        all: &mut BTreeMap<String, Row>,
    ) where
        S: EntityStore<T>,
    {
        let scope = Scope {
            tenant: None,
            connection: feed.connection.clone(),
            subscription: feed.id,
            entity: T::ENTITY,
            provider: hubspot::PROVIDER.into(),
            user: "system".into(),
        };
        let object = <T as FromHubspot>::OBJECT;
        let ids = [false, true].into_iter().flat_map(|archived| ids(crm, object, archived));
        let ids = ids.map(|id| id.to_string()).collect();
        let rows = self.module.store().rows::<T>(&self.home, &scope, &ids).await;
        let live = rows.into_iter().filter(|(_, row)| !row.state.deleted);
        all.extend(live.map(|(id, row)| (format!("{object} {id}"), row)));
    }
}

fn ids(crm: &HubspotControl, object: &str, archived: bool) -> Vec<u64> {
    crm.rows(object, archived).iter().filter_map(|row| row["id"].as_str()?.parse().ok()).collect()
}

fn client(account: &Running, clock: Arc<dyn Clock>) -> HubspotClient {
    let token = StaticToken::new(account.credentials().private_app_token.clone().into(), None);
    let auth = Authenticator::builder(CONNECTION.into(), token, MemoryTokenStore::default());
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
    let client = HubspotClient::builder(auth.clock(Arc::clone(&clock)).build()).config(config);
    client.http(|http| http.retry(retry).clock(clock).jitter(Arc::new(LeastJitter))).build().unwrap()
}

/// Everything that an app can subscribe to of deals and contacts.
fn subscribe(crm: &HubspotControl) {
    for object in ["deal", "contact"] {
        for kind in ["creation", "deletion", "restore", "merge", "associationChange"] {
            crm.subscribe(&format!("{object}.{kind}"), None, None).unwrap();
        }
    }
    for property in ["dealname", "amount", "dealstage"] {
        crm.subscribe("deal.propertyChange", None, Some(property)).unwrap();
    }
    for property in ["email", "firstname", "lastname"] {
        crm.subscribe("contact.propertyChange", None, Some(property)).unwrap();
    }
    crm.subscribe("contact.privacyDeletion", None, None).unwrap();
}

/// A day in the life of an account.
fn edit(crm: &HubspotControl, round: usize) {
    let properties = |json: Json| fields(json);
    let (deals, contacts) = (ids(crm, "deals", false), ids(crm, "contacts", false));
    for id in deals.iter().skip(round).step_by(3) {
        for step in 0..3 {
            let amount = (100 * round + step).to_string();
            crm.update("deals", *id, &properties(json!({"amount": amount}))).unwrap();
        }
    }
    let new = json!({"dealname": format!("new {round}"), "dealstage": "appointmentscheduled", "pipeline": "default"});
    crm.insert("deals", &properties(new)).unwrap();
    crm.archive("deals", deals[round]).unwrap();
    crm.archive("deals", deals[round + 10]).unwrap();
    crm.restore("deals", deals[round + 10]).unwrap();
    let companies = ids(crm, "companies", false);
    let link = LinkSpec::new(("deals", deals[round + 20]), ("companies", companies[round])).label("Primary");
    crm.associate(link).unwrap();
    crm.merge("contacts", contacts[round], contacts[round + 10]).unwrap();
    crm.update("contacts", contacts[round + 20], &properties(json!({"firstname": format!("Ann {round}")})))
        .unwrap();
    crm.purge("contacts", contacts[round + 5]).unwrap();
}

async fn pushed<S: Backend>() {
    let spec = AccountSpec { owners: 3, companies: 20, contacts: 40, deals: 50, ..AccountSpec::default() };
    let settings = HubspotSettings::without_bursts();
    let account = HubspotSandbox::builder().account(spec).settings(settings).clock(SimClock::default());
    let account = account.start().await.unwrap();
    let crm = account.control();
    let clock: Arc<dyn Clock> = Arc::new(OrgClock(crm.clock().clone()));
    let Some(side) = Side::<S>::start(Arc::clone(&clock)).await else { return };
    let remote = client(&account, Arc::clone(&clock));
    crm.advance(Duration::from_secs(60));
    side.poll(&remote).await;

    let counters = Arc::new(Counters::default());
    let (stager, staging) = Stager::start_with(
        Arc::clone(side.module.store()),
        StagerOptions::default(),
        Arc::clone(&counters),
        Arc::new(Wake::default()),
        Arc::clone(&clock),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public = format!("http://{}", listener.local_addr().unwrap());
    let portal = crm.read(|account| account.portal_id()).to_string();
    let key = ConnectionKey::new(None, CONNECTION);
    let recipients = StaticRecipients::new()
        .with("hubspot", &portal, Recipient::new(key.clone(), side.deals.id, "deals"))
        .with("hubspot", &portal, Recipient::new(key, side.contacts.id, "contacts"));
    let secret = account.credentials().client_secret.clone();
    let limits = Limits { answer_time: Duration::from_secs(60), ..Limits::default() };
    let receiver = Receiver::builder(stager, Arc::new(recipients), Arc::clone(&counters))
        .limits(limits.clone())
        .hubspot(HubspotReceiver::new(&*public, secret.into()))
        .build();
    let stop = CancellationToken::new();
    let (router, token) = (receiver.router(), stop.clone());
    let server = tokio::spawn(async move { serve(listener, router, &limits, token).await });
    crm.set_webhook_target(&format!("{public}/hubspot")).unwrap();
    subscribe(crm);
    crm.edit_webhook_settings(|settings| {
        settings.timeout_ms = 60_000;
        settings.duplicate_percent = 30;
        settings.lost_answer_percent = 20;
        settings.shuffled = true;
    });

    for round in 0..5 {
        edit(crm, round);
        if round % 2 == 0 {
            // Some of it has come; retries of lost answers are still to come.
            crm.webhooks_settled(Duration::from_secs(60)).await;
            side.drain(&remote).await;
        }
        crm.advance(Duration::from_secs(600));
    }
    for _ in 0..60 {
        assert!(crm.webhooks_settled(Duration::from_secs(60)).await);
        crm.advance(Duration::from_secs(3_600));
    }
    assert_eq!(crm.webhooks_given_up(), 0);
    stop.cancel();
    server.await.unwrap();
    staging.finished().await;
    side.drain(&remote).await;

    let seen = counters.seen();
    assert!(seen.notices_repeated > 0 && seen.notices_staged > 50, "{seen:?}");
    assert_eq!((seen.events_malformed, seen.events_of_unknown_accounts), (0, 0), "{seen:?}");
    let afresh = Side::<S>::start(clock).await.unwrap();
    afresh.poll(&remote).await;
    let (by_call, by_polling) = (side.rows(crm).await, afresh.rows(crm).await);
    assert!(by_polling.len() > 70, "{}", by_polling.len());
    for (id, row) in &by_polling {
        assert_eq!(by_call.get(id), Some(row), "{id}");
    }
    assert_eq!(by_call.keys().collect::<Vec<_>>(), by_polling.keys().collect::<Vec<_>>());
}
