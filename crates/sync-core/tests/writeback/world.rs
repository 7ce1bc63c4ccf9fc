//! A memory store, a CRM in memory that can be written to, and a clock that is moved by hand.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::*;
use sync_memory::{MemoryLoopbackStore, MemoryRemote, MemorySink, MemoryStore};

/// A deal, the entity of these stories.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "name")]
pub(crate) struct Deal {
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its stage.
    pub(crate) stage: Option<String>,
    /// Its value.
    pub(crate) amount: Option<i64>,
    /// The deal it belongs to.
    pub(crate) parent: Option<ExternalId>,
    /// Custom fields.
    #[canonical(custom)]
    pub(crate) custom: CustomFields,
}

const DEALS: TableDef = TableDef {
    name: "deals",
    links: &[LinkDef { field: "parent", parent_entity: "deal", parent_table: "deals", required: false }],
    custom_fields: CustomFieldStore::Json,
    custom_field_policy: CustomFieldPolicy::EVOLVE,
};

/// A deal with a name and a stage.
pub(crate) fn deal(name: &str, stage: &str) -> Deal {
    Deal { name: Some(name.into()), stage: Some(stage.into()), ..Deal::default() }
}

pub(crate) struct SteppedClock(AtomicI64);

impl Clock for SteppedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// What the CRM answers to the next writes instead of carrying them out; `None` carries one out.
pub(crate) type Script = Vec<Option<Answer>>;

#[derive(Clone)]
pub(crate) enum Answer {
    /// Carried out, and the answer is lost.
    LostAfter,
    /// Not carried out, and the answer is lost.
    LostBefore,
    Refused,
    Later,
    Stale,
}

/// Writes to the CRM in memory.
pub(crate) struct Writer {
    pub(crate) crm: MemoryRemote<Deal>,
    pub(crate) by_key: Mutex<bool>,
    pub(crate) script: Mutex<Script>,
    /// What the CRM makes of every update by itself.
    pub(crate) automation: Mutex<Option<fn(&mut Deal)>>,
    /// What was carried out so far, as `create`, `update` and `archive` with the id.
    pub(crate) done: Mutex<Vec<String>>,
    keys: Mutex<HashMap<LocalId, ExternalId>>,
}

impl Writer {
    fn carry_out(&self, op: &RemoteOp<Deal>) -> Written {
        let mut done = self.done.lock().unwrap();
        match op {
            RemoteOp::Archive { id } => {
                self.crm.delete(id);
                done.push(format!("archive {id}"));
                Written::Done { id: id.clone(), version: None, created: false }
            }
            RemoteOp::Update { id, record, fields, .. } => {
                let Some(before) = self.crm.get(id) else {
                    return Written::Gone(DeleteEvidence::LookedUp);
                };
                let mut held = before.clone();
                held.merge_from(record, *fields);
                record.custom.iter().for_each(|(name, value)| held.custom.set(name, value.clone()));
                if let Some(automation) = *self.automation.lock().unwrap() {
                    automation(&mut held);
                }
                // What is as it was has no new stamp.
                if held != before {
                    self.crm.put([(id.clone(), held)]);
                }
                done.push(format!("update {id}"));
                Written::Done { id: id.clone(), version: None, created: false }
            }
            RemoteOp::Create { key, record, .. } => {
                let mut keys = self.keys.lock().unwrap();
                let known = keys.get(key).filter(|_| *self.by_key.lock().unwrap());
                let known = known.filter(|id| self.crm.get(id).is_some()).cloned();
                let created = known.is_none();
                let id = known.unwrap_or_else(|| format!("R{}", keys.len() + done.len() + 1).into());
                keys.insert(key.clone(), id.clone());
                self.crm.put([(id.clone(), record.clone())]);
                if created {
                    done.push(format!("create {id}"));
                }
                Written::Done { id, version: None, created }
            }
        }
    }
}

#[async_trait]
impl RemoteWriter<Deal> for Writer {
    fn label(&self) -> String {
        "memory-write".to_owned()
    }

    fn writable(&self) -> FieldSet {
        FieldSet::all::<Deal>().without(FieldSet::named::<Deal>(["amount"]))
    }

    fn creates_by_key(&self) -> bool {
        *self.by_key.lock().unwrap()
    }

    async fn find_made(
        &self,
        _: &Subscription,
        keys: &[LocalId],
    ) -> Result<Vec<Option<ExternalId>>, SourceError> {
        assert!(self.creates_by_key(), "a writer without a key is asked what it made");
        let made = self.keys.lock().unwrap();
        Ok(keys.iter().map(|key| made.get(key).filter(|id| self.crm.get(id).is_some()).cloned()).collect())
    }

    async fn write_many(
        &self,
        _: &Subscription,
        writes: &[RemoteWrite<Deal>],
    ) -> Result<Vec<Written>, SourceError> {
        let answer = |write: &RemoteWrite<Deal>| {
            let mut script = self.script.lock().unwrap();
            let next = if script.is_empty() { None } else { script.remove(0) };
            match next {
                None => self.carry_out(&write.op),
                Some(Answer::LostAfter) => {
                    self.carry_out(&write.op);
                    Written::Unknown { reason: "cut off".into() }
                }
                Some(Answer::LostBefore) => Written::Unknown { reason: "cut off".into() },
                Some(Answer::Refused) => Written::Refused { code: "RULE".into(), reason: "no".into() },
                Some(Answer::Later) => Written::Later { reason: "locked".into(), after: None },
                Some(Answer::Stale) => Written::Stale,
            }
        };
        Ok(writes.iter().map(answer).collect())
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) sink: Arc<MemorySink<Deal>>,
    pub(crate) crm: MemoryRemote<Deal>,
    pub(crate) writer: Arc<Writer>,
    pub(crate) loopback: Option<MemoryLoopbackStore>,
    pub(crate) clock: Arc<SteppedClock>,
    pub(crate) policy: ConflictPolicy,
    pub(crate) subscription: Subscription,
}

impl World {
    pub(crate) async fn new(default: ConflictRule) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(SteppedClock(AtomicI64::new(1_790_000_000_000)));
        let subscription = Subscription::new("org", "memory", "deal");
        let mut tx = store.begin().await.unwrap();
        let subscription = store.add_subscription(&mut tx, &subscription).await.unwrap();
        store.commit(tx).await.unwrap();
        let crm = MemoryRemote::new();
        let writer = Writer {
            crm: crm.clone(),
            by_key: Mutex::new(true),
            script: Mutex::default(),
            automation: Mutex::default(),
            done: Mutex::default(),
            keys: Mutex::default(),
        };
        Self {
            sink: Arc::new(MemorySink::new(&store, &DEALS)),
            store,
            crm,
            writer: Arc::new(writer),
            loopback: None,
            clock,
            policy: ConflictPolicy { default, fields: &[] },
            subscription,
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope {
            tenant: None,
            connection: self.subscription.connection.clone(),
            subscription: self.subscription.id,
            entity: "deal",
            provider: "crm".into(),
            user: "ann".into(),
        }
    }

    pub(crate) fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub(crate) fn engine(&self) -> ExecuteSync<Deal, MemoryStore> {
        let mut engine = ExecuteSync::builder()
            .store(Arc::clone(&self.store))
            .emitter(Arc::clone(&self.store) as _)
            .source(Arc::new(self.crm.clone()))
            .fetcher(Arc::new(self.crm.clone()))
            .sink(Arc::clone(&self.sink) as _)
            .local_changes(WritebackPorts::of(Arc::clone(&self.store)), self.policy)
            .writer(Arc::clone(&self.writer) as _)
            .clock(Arc::clone(&self.clock) as _);
        if let Some(loopback) = &self.loopback {
            engine = engine.loopback(Arc::new(loopback.clone()));
        }
        engine.build().unwrap()
    }

    pub(crate) fn writeback(&self) -> WriteBack<Deal, MemoryStore> {
        let ports = WritebackPorts::of(Arc::clone(&self.store));
        let writer = Arc::clone(&self.writer) as _;
        let writeback = WriteBack::new(self.engine(), ports, writer, self.policy).unwrap();
        match &self.loopback {
            Some(loopback) => writeback.recorder(Arc::new(loopback.clone())),
            None => writeback,
        }
    }

    pub(crate) fn request(&self) -> RunRequest<Deal> {
        RunRequest::new(self.subscription.clone(), "crm")
    }

    pub(crate) async fn inbound(&self) -> RunReport {
        self.engine().execute(self.request()).await.unwrap()
    }

    pub(crate) async fn outbound(&self) -> RunReport {
        self.writeback().execute(self.request()).await.unwrap()
    }

    /// A record that both sides have.
    pub(crate) async fn shared(&self, id: &str, record: Deal) {
        self.crm.put([(id.into(), record)]);
        self.inbound().await;
    }

    pub(crate) fn editor(&self) -> LocalEditor<Deal, MemoryStore> {
        LocalEditor::new(Arc::clone(&self.sink) as _, Arc::clone(&self.store) as _)
            .clock(Arc::clone(&self.clock) as _)
            .emitter(Arc::clone(&self.store) as _)
    }

    pub(crate) async fn edit(&self, id: &str, change: impl FnOnce(&mut Deal)) {
        let mut tx = self.store.begin().await.unwrap();
        self.editor().edit(&mut tx, &self.scope(), &id.into(), change).await.unwrap();
        self.store.commit(tx).await.unwrap();
    }

    pub(crate) async fn create(&self, record: Deal) -> ExternalId {
        let mut tx = self.store.begin().await.unwrap();
        let id = self.editor().create(&mut tx, &self.scope(), record).await.unwrap();
        self.store.commit(tx).await.unwrap();
        id
    }

    pub(crate) async fn delete(&self, id: &str) {
        let mut tx = self.store.begin().await.unwrap();
        self.editor().delete(&mut tx, &self.scope(), &id.into()).await.unwrap();
        self.store.commit(tx).await.unwrap();
    }

    pub(crate) fn row(&self, id: &str) -> Option<LocalRow<Deal>> {
        self.sink.row(&self.scope(), &id.into())
    }

    /// What a row holds, as long as it is live.
    pub(crate) fn here(&self, id: &str) -> Option<Deal> {
        self.row(id).filter(|row| !row.deleted).map(|row| row.record)
    }

    pub(crate) fn there(&self, id: &str) -> Option<Deal> {
        self.crm.get(&id.into())
    }

    pub(crate) fn done(&self) -> Vec<String> {
        self.writer.done.lock().unwrap().clone()
    }

    pub(crate) fn answers(&self, script: impl IntoIterator<Item = Option<Answer>>) {
        *self.writer.script.lock().unwrap() = script.into_iter().collect();
    }

    pub(crate) fn items(&self, report: &RunReport) -> Vec<RunItem> {
        self.store.recorder().items_for_run(report.run).into_iter().map(|recorded| recorded.item).collect()
    }

    pub(crate) async fn waiting(&self) -> Vec<Standing> {
        let mut tx = self.store.begin().await.unwrap();
        self.store.waiting_records(&mut tx, &self.scope(), 100).await.unwrap()
    }

    pub(crate) async fn conflicts(&self) -> Vec<Conflict> {
        let mut tx = self.store.begin().await.unwrap();
        self.store.list_conflicts(&mut tx, &self.scope(), 100).await.unwrap()
    }

    pub(crate) async fn resolve(&self, choice: Choice) {
        let conflict = self.conflicts().await.remove(0);
        let (now, scope) = (self.clock.now(), self.scope());
        let mut tx = self.store.begin().await.unwrap();
        self.store.decide_conflict(&mut tx, &scope, conflict.id, choice, &"ann".into(), now).await.unwrap();
        self.store.make_edits_due(&mut tx, &scope, &[conflict.external_id], now).await.unwrap();
        self.store.commit(tx).await.unwrap();
    }

    /// R16: the audit folds to the row.
    pub(crate) async fn check_audit(&self, id: &str) {
        let mut tx = self.store.begin().await.unwrap();
        let items = self.store.history(&mut tx, &self.scope(), &id.into()).await.unwrap();
        let row = self.row(id).unwrap();
        let told = history::fold(&items, None).unwrap();
        assert_eq!(told.differences(&history::image(&row.record, row.deleted)), Vec::<String>::new());
    }
}
