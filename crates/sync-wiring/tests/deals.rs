//! An opportunity that is made here becomes a deal of a HubSpot account.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::hubspot::{HubspotSettings, Running};
use sync_wiring::SyncModule;
use sync_wiring::auth::{
    Authenticator, ClientCredential, MemoryTokenStore, RefreshToken, StoredToken, TokenEndpoint, TokenStore,
};
use sync_wiring::core::{
    Action, IdGenerator, ItemStatus, RunReport, RunRequest, Scope, Subscription, SubscriptionId,
    SubscriptionStore, TimeOrderedIds, UnitOfWork,
};
use sync_wiring::hubspot::{HubspotClient, HubspotConfig, POLL_ADAPTER};
use sync_wiring::memory::MemoryStore;
use sync_wiring::opportunity::Opportunity;

/// An account with a client, and a module with a subscription to it.
struct World {
    account: Running,
    client: HubspotClient,
    store: MemoryStore,
    module: SyncModule<MemoryStore>,
    feed: Subscription,
}

impl World {
    async fn new() -> Self {
        let account =
            HubspotSandbox::builder().settings(HubspotSettings::without_bursts()).start().await.unwrap();
        let key = PropertySpec {
            has_unique_value: Some(true),
            ..PropertySpec::new("hexsync_key", PropertyType::String)
        };
        account.control().add_property("deals", &key).unwrap();
        let config = HubspotConfig { base_url: account.base_url().to_owned(), ..HubspotConfig::default() };
        let client = HubspotClient::builder(connect(&account).await).config(config).build().unwrap();
        let store = MemoryStore::new();
        let module = SyncModule::builder().store(store.clone()).build().unwrap();
        let feed = subscribe(&store).await;
        Self { account, client, store, module, feed }
    }

    /// Makes a row here and sends it.
    async fn make(&self, deal: Opportunity) -> RunReport {
        let scope = Scope {
            tenant: None,
            connection: self.feed.connection.clone(),
            subscription: self.feed.id,
            entity: "opportunity",
            provider: "hubspot".into(),
            user: "ann".into(),
        };
        let mut tx = self.store.begin().await.unwrap();
        self.module.editor::<Opportunity>().create(&mut tx, &scope, deal).await.unwrap();
        self.store.commit(tx).await.unwrap();
        let way =
            sync_wiring::writeback::hubspot::writeback::<Opportunity, _>(&self.module, &self.client).unwrap();
        way.execute(RunRequest::new(self.feed.clone(), "ann").action(Action::Writeback)).await.unwrap()
    }

    /// The account's deals: name, stage, pipeline.
    fn deals(&self) -> Vec<[String; 3]> {
        let rows = self.account.control().rows("deals", false);
        let text = |row: &serde_json::Value, name: &str| {
            row["properties"][name].as_str().unwrap_or_default().to_owned()
        };
        rows.iter().map(|row| ["dealname", "dealstage", "pipeline"].map(|name| text(row, name))).collect()
    }
}

async fn connect(account: &Running) -> Authenticator {
    let credentials = account.credentials();
    let url = format!("{}/oauth/v3/token", account.base_url()).parse().unwrap();
    let secret = Some(credentials.client_secret.clone().into());
    let app = ClientCredential::new(credentials.client_id.clone(), secret);
    let tokens = MemoryTokenStore::default();
    let stored = StoredToken::from_refresh_token(credentials.refresh_token.clone().into());
    tokens.save(&"acme".into(), &stored).await.unwrap();
    Authenticator::new("acme".into(), RefreshToken::new(TokenEndpoint::new(url).unwrap(), app), tokens)
}

async fn subscribe(store: &MemoryStore) -> Subscription {
    let wanted = Subscription {
        id: SubscriptionId(TimeOrderedIds.next_id()),
        tenant: None,
        connection: "acme".into(),
        adapter: POLL_ADAPTER.into(),
        domain: "opportunity".into(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at: chrono::Utc::now(),
    };
    let mut tx = store.begin().await.unwrap();
    let added = store.add_subscription(&mut tx, &wanted).await.unwrap();
    store.commit(tx).await.unwrap();
    added
}

fn deal(pipeline: Option<&str>) -> Opportunity {
    Opportunity {
        name: Some("Made here".into()),
        stage: Some("appointmentscheduled".into()),
        pipeline: pipeline.map(str::to_owned),
        amount: "1200.50".parse().ok(),
        close_date: "2026-06-30".parse().ok(),
        ..Opportunity::default()
    }
}

#[tokio::test]
async fn opportunity_made_here_becomes_a_deal_of_its_pipeline() {
    let world = World::new().await;
    let report = world.make(deal(Some("default"))).await;
    assert_eq!((report.counts.created, report.counts.parked), (1, 0), "{report:?}");
    assert_eq!(world.deals(), [["Made here", "appointmentscheduled", "default"]]);
}

/// The account says what is missing; the row here waits for it.
#[tokio::test]
async fn opportunity_without_its_pipeline_is_refused_by_name() {
    let world = World::new().await;
    let report = world.make(deal(None)).await;
    assert_eq!((report.counts.created, world.deals().len()), (0, 0), "{report:?}");
    let items = world.store.recorder().items_for_run(report.run);
    let [item] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!(item.item.status, ItemStatus::Failed);
    let error = item.item.error.as_ref().unwrap();
    assert!(format!("{error:?}").contains("`pipeline`"), "{error:?}");
}
