//! A CRM and a store in memory, and what passes between them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sync_core::{
    Canonical, CarriedRecords, Change, ConnectionKey, CustomFieldPolicy, CustomFieldStore, ExecuteSync,
    ExternalId, Fetched, FieldSet, Notice, NoticeKind, Operation, RecordFetcher, RunRequest, Scope,
    SourceError, Subscription, SubscriptionStore, TableDef, UnitOfWork, WebhookInbox,
};
use sync_memory::{MemoryRemote, MemorySink, MemoryStore};
use sync_webhooks::{Drain, DrainFeed, Drained};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
pub(crate) struct Deal {
    name: Option<String>,
}

pub(crate) fn deal(name: &str) -> Deal {
    Deal { name: Some(name.to_owned()) }
}

static DEALS: TableDef = TableDef {
    name: "deals",
    links: &[],
    custom_fields: CustomFieldStore::None,
    custom_field_policy: CustomFieldPolicy::EVOLVE,
};

pub(crate) struct World {
    pub(crate) crm: MemoryRemote<Deal>,
    pub(crate) store: MemoryStore,
    pub(crate) subscription: Subscription,
    counted: Arc<Counted>,
}

/// The CRM by id, with what was asked; away when told so.
struct Counted {
    crm: MemoryRemote<Deal>,
    asked: Mutex<Vec<Vec<String>>>,
    away: AtomicBool,
    /// Left out by the filters of the feed.
    left_out: Mutex<Option<ExternalId>>,
}

#[async_trait]
impl RecordFetcher<Deal> for Counted {
    async fn fetch_many(
        &self,
        subscription: &Subscription,
        ids: &[ExternalId],
    ) -> Result<Vec<Fetched<Deal>>, SourceError> {
        self.asked.lock().unwrap().push(ids.iter().map(ToString::to_string).collect());
        if self.away.load(Ordering::SeqCst) {
            return Err(SourceError::Transient { call: "a test", source: "the crm is away".into() });
        }
        let left_out = self.left_out.lock().unwrap().clone();
        let fetched = self.crm.fetch_many(subscription, ids).await?;
        let answer = |(fetched, id)| if left_out.as_ref() == Some(id) { Fetched::Outside } else { fetched };
        Ok(fetched.into_iter().zip(ids).map(answer).collect())
    }
}

/// Bodies are versions; the name is `v` and the version.
struct Versions;

#[async_trait]
impl CarriedRecords<Deal> for Versions {
    async fn carried(
        &self,
        _: &Subscription,
        notices: &[Notice],
    ) -> Result<Vec<Option<Change<Deal>>>, SourceError> {
        let change = |notice: &Notice| {
            let version: i64 = notice.body.as_deref()?.parse().ok()?;
            let all = FieldSet::all::<Deal>();
            Some(
                Change::partial(notice.external_id.clone(), deal(&format!("v{version}")), all)
                    .version(version),
            )
        };
        Ok(notices.iter().map(change).collect())
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let (crm, store) = (MemoryRemote::new(), MemoryStore::new());
        let subscription = Subscription::new("connection", "memory-poll", "deal");
        let mut tx = store.begin().await.unwrap();
        store.add_subscription(&mut tx, &subscription).await.unwrap();
        store.commit(tx).await.unwrap();
        let counted = Counted {
            crm: crm.clone(),
            asked: Mutex::default(),
            away: AtomicBool::new(false),
            left_out: Mutex::default(),
        };
        Self { crm, store, subscription, counted: Arc::new(counted) }
    }

    fn engine(&self, with_inbox: bool) -> Arc<ExecuteSync<Deal, MemoryStore>> {
        let store = Arc::new(self.store.clone());
        let engine = ExecuteSync::builder()
            .store(Arc::clone(&store))
            .sink(Arc::new(MemorySink::<Deal>::new(&store, &DEALS)))
            .fetcher(Arc::clone(&self.counted) as _)
            .source_per_request();
        let engine = if with_inbox { engine.inbox(store) } else { engine };
        Arc::new(engine.build().unwrap())
    }

    fn drain(&self, with_inbox: bool) -> Drain<Deal, MemoryStore> {
        let (store, subscription) = (Arc::new(self.store.clone()), self.subscription.clone());
        Drain::new(store, self.engine(with_inbox), subscription, "memory", Arc::clone(&self.counted) as _)
    }

    pub(crate) fn feed(&self) -> Drain<Deal, MemoryStore> {
        self.drain(true)
    }

    pub(crate) fn feed_without_inbox(&self) -> Drain<Deal, MemoryStore> {
        self.drain(false)
    }

    pub(crate) fn carrying_feed(&self) -> Drain<Deal, MemoryStore> {
        self.drain(true).carried(Arc::new(Versions))
    }

    /// Drains, some notices at a time, until nothing is left.
    pub(crate) async fn drain_all(&self) {
        let feed = self.feed().batch(7);
        while !matches!(feed.drain(CancellationToken::new()).await.unwrap(), Drained::Nothing) {}
    }

    pub(crate) fn notice(&self, dedup_key: &str, record: &str) -> Notice {
        Notice {
            key: ConnectionKey::new(None, self.subscription.connection.clone()),
            subscription: self.subscription.id,
            dedup_key: dedup_key.into(),
            external_id: record.into(),
            kind: NoticeKind::Changed,
            merged_into: None,
            occurred_at: Default::default(),
            body: None,
        }
    }

    pub(crate) fn carrying(&self, dedup_key: &str, record: &str, version: i64) -> Notice {
        Notice { body: Some(version.to_string().into()), ..self.notice(dedup_key, record) }
    }

    pub(crate) async fn stage(&self, notices: &[Notice]) -> u64 {
        let mut tx = self.store.begin().await.unwrap();
        let n_new = self.store.stage(&mut tx, notices, chrono::Utc::now()).await.unwrap();
        self.store.commit(tx).await.unwrap();
        n_new
    }

    pub(crate) async fn waiting(&self) -> Vec<String> {
        let mut tx = self.store.begin().await.unwrap();
        let waiting = self.store.waiting(&mut tx, None, self.subscription.id, 1_000).await.unwrap();
        waiting.into_iter().map(|w| w.notice.dedup_key.into_string()).collect()
    }

    pub(crate) fn fetches(&self) -> Vec<Vec<String>> {
        self.counted.asked.lock().unwrap().clone()
    }

    pub(crate) fn forget_fetches(&self) {
        self.counted.asked.lock().unwrap().clear();
    }

    /// Has the filters of the feed leave out this record, and no other.
    pub(crate) fn filter_out(&self, id: &str) {
        *self.counted.left_out.lock().unwrap() = Some(id.into());
    }

    pub(crate) fn crm_is_away(&self, away: bool) {
        self.counted.away.store(away, Ordering::SeqCst);
    }

    /// The rows that live.
    pub(crate) async fn rows(&self) -> Vec<(String, Deal)> {
        Self::rows_of(&self.store, &self.subscription)
    }

    fn rows_of(store: &MemoryStore, subscription: &Subscription) -> Vec<(String, Deal)> {
        let scope = Scope {
            tenant: None,
            connection: subscription.connection.clone(),
            subscription: subscription.id,
            entity: "deal",
            provider: "memory".into(),
            user: "system".into(),
        };
        let rows = MemorySink::<Deal>::new(store, &DEALS).rows(&scope).into_iter();
        rows.filter(|(_, row)| !row.deleted).map(|(id, row)| (id.to_string(), row.record)).collect()
    }

    /// The rows that polling the CRM into an empty store makes.
    pub(crate) async fn polled_rows(&self) -> Vec<(String, Deal)> {
        let store = Arc::new(MemoryStore::new());
        let mut tx = store.begin().await.unwrap();
        store.add_subscription(&mut tx, &self.subscription).await.unwrap();
        store.commit(tx).await.unwrap();
        let engine = ExecuteSync::builder()
            .store(Arc::clone(&store))
            .sink(Arc::new(MemorySink::<Deal>::new(&store, &DEALS)))
            .source(Arc::new(self.crm.clone()))
            .build()
            .unwrap();
        engine.execute(RunRequest::new(self.subscription.clone(), "memory")).await.unwrap();
        Self::rows_of(&store, &self.subscription)
    }

    fn items(&self, record: &str) -> Vec<sync_core::RunItem> {
        let recorder = self.store.recorder();
        let runs = recorder.runs_for_subscription(self.subscription.id);
        let items =
            runs.into_iter().flat_map(|run| recorder.items_for_run(run.id)).map(|recorded| recorded.item);
        items
            .filter(|item| item.external_id.as_str() == record && item.operation != Operation::Noop)
            .collect()
    }

    /// What was done to a record, in order.
    pub(crate) fn operations(&self, record: &str) -> Vec<Operation> {
        self.items(record).into_iter().map(|item| item.operation).collect()
    }

    /// How a record's deletions are known.
    pub(crate) fn reasons(&self, record: &str) -> Vec<String> {
        self.items(record).into_iter().filter_map(|item| item.reason.map(String::from)).collect()
    }
}
