//! A small world for the engine: a memory store, a scripted source, a sink that can be made to fail, and a clock
//! that stands still until it is moved.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use sync_core::*;
use sync_memory::{MemorySink, MemoryStore, MemoryTx};

/// A deal, the entity of these tests.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "name")]
pub(crate) struct Deal {
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its stage.
    pub(crate) stage: Option<String>,
    /// Its value.
    pub(crate) amount: Option<i64>,
    /// Custom fields.
    #[canonical(custom)]
    pub(crate) custom: CustomFields,
}

/// The table of deals.
pub(crate) const DEALS: TableDef = TableDef {
    name: "deals",
    links: &[],
    custom_fields: CustomFieldStore::Json,
    custom_field_policy: CustomFieldPolicy::EVOLVE,
};

/// A deal with a name and a stage.
pub(crate) fn deal(name: &str, stage: &str) -> Deal {
    Deal { name: Some(name.into()), stage: Some(stage.into()), ..Deal::default() }
}

/// A full record with a cursor of its own.
pub(crate) fn seen(id: &str, record: Deal, cursor: u32) -> Change<Deal> {
    Change::upsert(id, record).at(Cursor::new(cursor.to_string()))
}

/// A deletion with a cursor of its own.
pub(crate) fn gone(id: &str, cursor: u32) -> Change<Deal> {
    Change::deletion(id, DeleteEvidence::Feed).at(Cursor::new(cursor.to_string()))
}

/// What a source says, and how it ends.
#[derive(Default)]
pub(crate) struct Script {
    changes: Mutex<Vec<Change<Deal>>>,
    breaks: Mutex<Option<fn() -> SourceError>>,
    /// The cursor of the last call, as text.
    pub(crate) asked: Mutex<Vec<Option<String>>>,
}

impl Script {
    /// What the next stream says.
    pub(crate) fn says(&self, changes: impl IntoIterator<Item = Change<Deal>>) {
        *self.changes.lock().unwrap() = changes.into_iter().collect();
    }
}

impl ChangeSource<Deal> for Script {
    fn label(&self) -> String {
        "script".to_owned()
    }

    fn list_changes(&self, _: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<Deal> {
        self.asked.lock().unwrap().push(cursor.map(ToString::to_string));
        let mut items: Vec<Result<Change<Deal>, SourceError>> =
            self.changes.lock().unwrap().drain(..).map(Ok).collect();
        items.extend(self.breaks.lock().unwrap().take().map(|error| Err(error())));
        stream::iter(items).boxed()
    }
}

/// A sink over memory that refuses what it is told to.
pub(crate) struct TestSink {
    inner: MemorySink<Deal>,
    /// Records that can't be written, and whether the sink names them.
    pub(crate) refused: Mutex<HashMap<String, bool>>,
    /// How many calls fail because the store is away.
    pub(crate) store_faults: AtomicU32,
    /// Whether noops are wanted.
    pub(crate) reprojects: bool,
    /// The sizes of the upserts so far.
    pub(crate) upserts: Mutex<Vec<usize>>,
    /// The sizes of the reprojections so far.
    pub(crate) reprojections: Mutex<Vec<usize>>,
    /// How many versions were noted so far of rows in which nothing else changed.
    pub(crate) touched: AtomicU32,
    /// The merges so far that went through.
    pub(crate) merges: Mutex<Vec<Merge>>,
}

fn away() -> StoreError {
    StoreError::Unavailable { during: "a test", source: "unplugged".into() }
}

#[async_trait]
impl SyncSink<Deal, MemoryTx> for TestSink {
    fn reprojects_on_noop(&self) -> bool {
        self.reprojects
    }

    async fn find_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<Vec<Option<LocalRow<Deal>>>, StoreError> {
        SyncSink::find_many(&self.inner, tx, scope, ids).await
    }

    async fn upsert_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        rows: &[Upsert<Deal>],
        at: DateTime<Utc>,
    ) -> Result<Vec<LocalId>, SinkError> {
        self.upserts.lock().unwrap().push(rows.len());
        let faults = &self.store_faults;
        if faults.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            return Err(away().into());
        }
        // Written before it is refused: only a rollback to the savepoint undoes it.
        let ids = self.inner.upsert_many(tx, scope, rows, at).await?;
        let refused = self.refused.lock().unwrap();
        match rows.iter().find_map(|row| refused.get(row.external_id.as_str()).map(|named| (row, *named))) {
            Some((row, named)) => Err(SinkError::Record {
                external_id: named.then(|| row.external_id.clone()),
                class: "constraint",
                reason: "refused by the test".to_owned(),
            }),
            None => Ok(ids),
        }
    }

    async fn soft_delete_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        ids: &[ExternalId],
        at: DateTime<Utc>,
    ) -> Result<Vec<Option<LocalId>>, SinkError> {
        self.inner.soft_delete_many(tx, scope, ids, at).await
    }

    async fn reproject_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        rows: &[Upsert<Deal>],
        at: DateTime<Utc>,
    ) -> Result<(), SinkError> {
        self.reprojections.lock().unwrap().push(rows.len());
        self.inner.reproject_many(tx, scope, rows, at).await
    }

    async fn touch_versions(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        versions: &[(ExternalId, Version)],
    ) -> Result<(), StoreError> {
        self.touched.fetch_add(u32::try_from(versions.len()).unwrap(), Ordering::SeqCst);
        self.inner.touch_versions(tx, scope, versions).await
    }

    async fn redirect_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        merges: &[Merge],
        at: DateTime<Utc>,
    ) -> Result<(), SinkError> {
        self.inner.redirect_many(tx, scope, merges, at).await?;
        self.merges.lock().unwrap().extend_from_slice(merges);
        Ok(())
    }
}

#[async_trait]
impl LocalListing<MemoryTx> for TestSink {
    async fn list_live<'a>(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        after: Option<&'a ExternalId>,
        limit: u32,
    ) -> Result<Vec<ListedRow>, StoreError> {
        self.inner.list_live(tx, scope, after, limit).await
    }
}

/// A clock that is moved by hand.
pub(crate) struct SteppedClock(AtomicU64);

impl SteppedClock {
    /// Moves it forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(i64::try_from(self.0.load(Ordering::SeqCst)).unwrap()).unwrap()
    }
}

/// Never any spread.
pub(crate) struct NoJitter;

impl Jitter for NoJitter {
    fn fraction(&self) -> f64 {
        1.0 - f64::EPSILON
    }
}

/// Records that can be fetched by id; those that are not here are gone.
#[derive(Default)]
pub(crate) struct Shelf {
    records: Mutex<HashMap<String, Deal>>,
    /// Those that the feed's filters leave out.
    left_out: Mutex<HashSet<String>>,
    /// Ids asked for so far.
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Shelf {
    /// Puts a record there.
    pub(crate) fn put(&self, id: &str, record: Deal) {
        self.records.lock().unwrap().insert(id.to_owned(), record);
    }

    /// Has it left out by the feed's filters.
    pub(crate) fn leave_out(&self, id: &str) {
        self.left_out.lock().unwrap().insert(id.to_owned());
    }

    /// Takes it away.
    pub(crate) fn remove(&self, id: &str) {
        self.records.lock().unwrap().remove(id);
    }
}

#[async_trait]
impl RecordFetcher<Deal> for Shelf {
    async fn fetch_many(
        &self,
        _: &Subscription,
        ids: &[ExternalId],
    ) -> Result<Vec<Fetched<Deal>>, SourceError> {
        self.asked.lock().unwrap().extend(ids.iter().map(ToString::to_string));
        let (records, left_out) = (self.records.lock().unwrap(), self.left_out.lock().unwrap());
        Ok(ids
            .iter()
            .map(|id| match records.get(id.as_str()) {
                _ if left_out.contains(id.as_str()) => Fetched::Outside,
                Some(record) => Fetched::Found { record: record.clone(), version: None },
                None => Fetched::Gone(DeleteEvidence::LookedUp),
            })
            .collect())
    }
}

/// Everything a test of the engine needs.
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) script: Arc<Script>,
    pub(crate) sink: Arc<TestSink>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) clock: Arc<SteppedClock>,
    pub(crate) subscription: Subscription,
    pub(crate) options: EngineOptions,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_sink(|_| {}).await
    }

    pub(crate) async fn with_sink(adjust: impl FnOnce(&mut TestSink)) -> Self {
        let store = Arc::new(MemoryStore::new());
        let mut sink = TestSink {
            inner: MemorySink::new(&store, &DEALS),
            refused: Mutex::default(),
            store_faults: AtomicU32::new(0),
            reprojects: false,
            upserts: Mutex::default(),
            reprojections: Mutex::default(),
            touched: AtomicU32::new(0),
            merges: Mutex::default(),
        };
        adjust(&mut sink);
        let clock = Arc::new(SteppedClock(AtomicU64::new(1_767_600_000_000)));
        let subscription = Subscription {
            id: SubscriptionId(uuid::Uuid::now_v7()),
            tenant: None,
            connection: "org".into(),
            adapter: "script".into(),
            domain: "deal".into(),
            external_ref: None,
            paused: false,
            cursor: None,
            created_at: clock.now(),
        };
        let mut tx = store.begin().await.unwrap();
        let subscription = store.add_subscription(&mut tx, &subscription).await.unwrap();
        store.commit(tx).await.unwrap();
        Self {
            store,
            script: Arc::default(),
            sink: Arc::new(sink),
            shelf: Arc::default(),
            clock,
            subscription,
            options: EngineOptions::default(),
        }
    }

    /// The scope of the subscription.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            tenant: None,
            connection: self.subscription.connection.clone(),
            subscription: self.subscription.id,
            entity: "deal",
            provider: "crm".into(),
            user: "system".into(),
        }
    }

    /// What the next run's source says.
    pub(crate) fn says(&self, changes: impl IntoIterator<Item = Change<Deal>>) {
        self.script.says(changes);
    }

    /// After that the source breaks off.
    pub(crate) fn then_breaks(&self, error: fn() -> SourceError) {
        *self.script.breaks.lock().unwrap() = Some(error);
    }

    /// The builder, with everything but a fetcher.
    pub(crate) fn builder(&self) -> ExecuteSyncBuilder<Deal, MemoryStore> {
        ExecuteSync::builder()
            .store(Arc::clone(&self.store))
            .source(Arc::clone(&self.script) as _)
            .sink(Arc::clone(&self.sink) as _)
            .clock(Arc::clone(&self.clock) as _)
            .jitter(Arc::new(NoJitter))
            .options(self.options.clone())
    }

    /// An engine with all parts.
    pub(crate) fn engine(&self) -> ExecuteSync<Deal, MemoryStore> {
        self.builder().fetcher(Arc::clone(&self.shelf) as _).build().unwrap()
    }

    pub(crate) fn request(&self) -> RunRequest<Deal> {
        RunRequest::new(self.subscription.clone(), "crm")
    }

    /// Runs once.
    pub(crate) async fn run(&self) -> RunReport {
        self.engine().execute(self.request()).await.unwrap()
    }

    /// Runs once on these changes.
    pub(crate) async fn sync(&self, changes: impl IntoIterator<Item = Change<Deal>>) -> RunReport {
        self.says(changes);
        self.run().await
    }

    /// A run's items as `id operation/status`.
    pub(crate) async fn story(&self, report: &RunReport) -> Vec<String> {
        self.items(report)
            .await
            .into_iter()
            .map(|item| format!("{} {}/{}", item.external_id, item.operation.as_str(), item.status.as_str()))
            .collect()
    }

    pub(crate) async fn items(&self, report: &RunReport) -> Vec<RunItem> {
        let mut tx = self.store.begin().await.unwrap();
        let items = self.store.items(&mut tx, &self.scope(), report.run, 0, 10_000).await.unwrap();
        items.into_iter().map(|recorded| recorded.item).collect()
    }

    pub(crate) async fn runs(&self) -> Vec<Run> {
        let mut tx = self.store.begin().await.unwrap();
        self.store.runs(&mut tx, &self.scope(), 100).await.unwrap()
    }

    /// A stored row.
    pub(crate) async fn row(&self, id: &str) -> Option<LocalRow<Deal>> {
        let mut tx = self.store.begin().await.unwrap();
        SyncSink::find_many(self.sink.as_ref(), &mut tx, &self.scope(), &[id.into()]).await.unwrap().remove(0)
    }

    pub(crate) async fn cursor(&self) -> Option<String> {
        let mut tx = self.store.begin().await.unwrap();
        self.store.cursor(&mut tx, &self.scope()).await.unwrap().map(|cursor| cursor.to_string())
    }

    pub(crate) async fn letters(&self) -> Vec<DeadLetter> {
        let mut tx = self.store.begin().await.unwrap();
        self.store.list(&mut tx, &self.scope(), &DeadLetterFilter::default(), 1_000).await.unwrap()
    }

    pub(crate) async fn history(&self, id: &str) -> Vec<RecordedItem> {
        let mut tx = self.store.begin().await.unwrap();
        self.store.history(&mut tx, &self.scope(), &id.into()).await.unwrap()
    }
}
