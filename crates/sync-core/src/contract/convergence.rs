//! Both sides are edited, answers are lost, the process dies: in the end both say the same, or say why not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use super::crm::{Chance, HandClock, SimCrm, SimLoopback};
use super::fixture::{SinkFixture, TxOf};
use super::sample::Sample;
use super::setup::{at, scope_of, subscription};
use crate::history::{fold, image};
use crate::{
    AuditLog, Choice, Conflict, ConflictKind, ConflictPolicy, ConflictRule, ConflictStore, EngineOptions,
    ExecuteSync, ExternalId, FieldValue, LocalChangeStore, LocalEditor, LocalRow, RunRequest, Scope,
    Subscription, SubscriptionStore, SyncError, SyncSink, UnitOfWork, WriteBack, WritebackPorts,
    WritebackStore, is_placeholder,
};

/// Rounds until writes have to have stopped.
const ROUNDS: usize = 6;

/// After edits stop, writes stop, and both sides are equal in every field, or an open question explains it. The CRM
/// finds its records by our key, so a create is tried again safely.
pub async fn edits_converge_with_keys<F: SinkFixture>(f: F)
where
    F::Store: WritebackStore,
{
    stories(&f, true).await;
}

/// The same with a CRM that can't find records by our key: a create whose answer was lost is never sent twice.
pub async fn edits_converge_without_keys<F: SinkFixture>(f: F)
where
    F::Store: WritebackStore,
{
    stories(&f, false).await;
}

async fn stories<F: SinkFixture>(f: &F, by_key: bool)
where
    F::Store: WritebackStore,
{
    let asked = std::env::var("HEXSYNC_STORIES").ok().and_then(|n| n.parse().ok());
    let n_stories = asked.unwrap_or(match (f.statements(), F::CONCURRENT) {
        (None, _) => 300,
        (_, true) => 8,
        (_, false) => 40,
    });
    let first = std::env::var("HEXSYNC_STORY").ok().and_then(|n| n.parse().ok()).unwrap_or(1_u64);
    for seed in first..first + n_stories {
        let mut story = Story::begin(f, seed, by_key).await;
        for _ in 0..30 {
            story.step().await;
        }
        story.end().await;
    }
}

struct Story<'f, F: SinkFixture> {
    f: &'f F,
    seed: u64,
    chance: Chance,
    clock: Arc<HandClock>,
    crm: Arc<SimCrm>,
    loopback: Arc<SimLoopback>,
    policy: ConflictPolicy,
    subscription: Subscription,
    scope: Scope,
    sink: Arc<dyn SyncSink<Sample, TxOf<F>>>,
    n_made: usize,
}

impl<'f, F: SinkFixture> Story<'f, F>
where
    F::Store: WritebackStore,
{
    async fn begin(f: &'f F, seed: u64, by_key: bool) -> Self {
        let store = f.store();
        let wanted = subscription(None, &format!("story {by_key} {seed}"));
        let mut tx = store.begin_across_tenants().await.unwrap();
        let subscription = store.add_subscription(&mut tx, &wanted).await.unwrap();
        store.commit(tx).await.unwrap();
        let clock = Arc::new(HandClock::new(at(0)));
        let rules =
            [ConflictRule::LocalWins, ConflictRule::RemoteWins, ConflictRule::Newest, ConflictRule::Ask];
        let fields: &'static [(&'static str, ConflictRule)] = &[("price", ConflictRule::LocalWins)];
        let default = rules[(seed % 4) as usize];
        Self {
            f,
            seed,
            chance: Chance::new(seed),
            crm: Arc::new(SimCrm::new(Arc::clone(&clock), seed, by_key)),
            loopback: Arc::default(),
            policy: ConflictPolicy { default, fields },
            scope: scope_of(&subscription),
            subscription,
            sink: f.sink::<Sample>(F::SAMPLES),
            clock,
            n_made: 0,
        }
    }

    async fn step(&mut self) {
        match self.chance.below(14) {
            0..3 => self.edit_here().await,
            3 => self.create_here().await,
            4 => self.delete_here().await,
            5..7 => self.edit_there(),
            7 => {
                let record = self.sample();
                self.crm.put(None, record);
            }
            8 => {
                if let Some(id) = self.pick_there() {
                    self.crm.delete(&id);
                }
            }
            9 => self.inbound().await,
            10..12 => self.outbound().await,
            12 => {
                self.crm.doom();
                self.outbound().await;
            }
            _ => self.decide().await,
        }
        let seconds = [0, 1, 90, 4_000][self.chance.below(4)];
        self.clock.advance(seconds);
    }

    /// A record that nobody else makes.
    fn sample(&mut self) -> Sample {
        self.n_made += 1;
        let mut sample = Sample { details: Some(json!({"tag": self.n_made})), ..Sample::default() };
        self.change(&mut sample);
        sample
    }

    fn change(&mut self, sample: &mut Sample) {
        let n = self.chance.below(4);
        match self.chance.below(5) {
            0 => sample.name = Some(["a", "b", "c!", "d"][n].to_owned()),
            1 => sample.amount = if n == 0 { None } else { i64::try_from(n).ok() },
            2 => sample.price = ["1.50", "1.5", "2", "3"][n].parse().ok(),
            3 => sample.active = n > 1,
            _ => sample
                .custom
                .set("Tier__c", if n == 0 { FieldValue::Null } else { FieldValue::Text(format!("t{n}")) }),
        }
    }

    fn editor(&self) -> LocalEditor<Sample, F::Store> {
        LocalEditor::new(Arc::clone(&self.sink), self.f.store()).clock(Arc::clone(&self.clock) as _)
    }

    async fn edit_here(&mut self) {
        let Some(id) = self.pick_here().await else { return };
        let store = self.f.store();
        let mut tx = store.begin_across_tenants().await.unwrap();
        let (editor, scope) = (self.editor(), self.scope.clone());
        editor.edit(&mut tx, &scope, &id, |sample| self.change(sample)).await.unwrap();
        store.commit(tx).await.unwrap();
    }

    async fn create_here(&mut self) {
        let sample = self.sample();
        let store = self.f.store();
        let mut tx = store.begin_across_tenants().await.unwrap();
        self.editor().create(&mut tx, &self.scope, sample).await.unwrap();
        store.commit(tx).await.unwrap();
    }

    async fn delete_here(&mut self) {
        let Some(id) = self.pick_here().await else { return };
        let store = self.f.store();
        let mut tx = store.begin_across_tenants().await.unwrap();
        self.editor().delete(&mut tx, &self.scope, &id).await.unwrap();
        store.commit(tx).await.unwrap();
    }

    fn edit_there(&mut self) {
        let Some(id) = self.pick_there() else { return };
        let mut sample = self.crm.live()[&id].clone();
        self.change(&mut sample);
        self.crm.put(Some(id), sample);
    }

    fn pick_there(&mut self) -> Option<ExternalId> {
        let live: Vec<ExternalId> = self.crm.live().into_keys().collect();
        (!live.is_empty()).then(|| live[self.chance.below(live.len())].clone())
    }

    async fn pick_here(&mut self) -> Option<ExternalId> {
        let live: Vec<ExternalId> = self.rows().await.into_keys().collect();
        (!live.is_empty()).then(|| live[self.chance.below(live.len())].clone())
    }

    async fn rows(&self) -> BTreeMap<ExternalId, LocalRow<Sample>> {
        let store = self.f.store();
        let mut tx = store.begin_across_tenants().await.unwrap();
        let listing = self.f.listing::<Sample>(F::SAMPLES);
        let listed = listing.list_live(&mut tx, &self.scope, None, 1_000).await.unwrap();
        let ids: Vec<ExternalId> = listed.into_iter().map(|row| row.external_id).collect();
        let rows = self.sink.find_many(&mut tx, &self.scope, &ids).await.unwrap();
        ids.into_iter().zip(rows).filter_map(|(id, row)| Some((id, row?))).collect()
    }

    fn engine(&self) -> ExecuteSync<Sample, F::Store> {
        ExecuteSync::builder()
            .store(self.f.store())
            .source(Arc::clone(&self.crm) as _)
            .fetcher(Arc::clone(&self.crm) as _)
            .sink(Arc::clone(&self.sink))
            .loopback(Arc::clone(&self.loopback) as _)
            .local_changes(WritebackPorts::of(self.f.store()), self.policy)
            .writer(Arc::clone(&self.crm) as _)
            .clock(Arc::clone(&self.clock) as _)
            .options(EngineOptions { batch_size: 3.try_into().unwrap(), ..EngineOptions::default() })
            .build()
            .unwrap()
    }

    async fn inbound(&self) {
        let request = RunRequest::new(self.subscription.clone(), "sim");
        match self.engine().execute(request).await {
            Ok(report) => assert!(report.failure.is_none(), "story {}: {report:?}", self.seed),
            Err(SyncError::AlreadyRunning { .. }) => {}
            Err(error) => panic!("story {}: {error:?}", self.seed),
        }
    }

    async fn outbound(&self) {
        let ports = WritebackPorts::of(self.f.store());
        let writeback = WriteBack::new(self.engine(), ports, Arc::clone(&self.crm) as _, self.policy)
            .unwrap()
            .recorder(Arc::clone(&self.loopback) as _);
        let request = RunRequest::new(self.subscription.clone(), "sim");
        tokio::select! {
            // Dropped where it stands, as a process that is killed.
            () = self.crm.dying.notified() => {}
            ended = writeback.execute(request) => match ended {
                Ok(report) => assert!(report.counts.conserved(), "story {}: {report:?}", self.seed),
                Err(SyncError::AlreadyRunning { .. }) => {}
                Err(error) => panic!("story {}: {error:?}", self.seed),
            },
        }
    }

    /// A person answers a question.
    async fn decide(&mut self) {
        let conflicts = self.conflicts().await;
        let Some(conflict) = conflicts.first() else { return };
        let choice = match conflict.kind {
            // Nobody says that it is to be sent again without having looked.
            ConflictKind::CreateInDoubt if self.is_there(&conflict.external_id).await => Choice::Remote,
            ConflictKind::CreateInDoubt => Choice::Local,
            _ if self.chance.one_in(2) => Choice::Local,
            _ => Choice::Remote,
        };
        let store = self.f.store();
        let mut tx = store.begin_across_tenants().await.unwrap();
        let now = at(0);
        store.decide_conflict(&mut tx, &self.scope, conflict.id, choice, &"ann".into(), now).await.unwrap();
        let due = std::slice::from_ref(&conflict.external_id);
        store.make_edits_due(&mut tx, &self.scope, due, now).await.unwrap();
        store.commit(tx).await.unwrap();
    }

    /// Whether the CRM has a record that was made here.
    async fn is_there(&self, id: &ExternalId) -> bool {
        let store = self.f.store();
        let mut tx = store.begin().await.unwrap();
        let found = self.sink.find_many(&mut tx, &self.scope, std::slice::from_ref(id)).await.unwrap();
        let tag = found.into_iter().flatten().next().and_then(|row| row.record.details);
        self.crm.live().values().any(|sample| sample.details == tag)
    }

    async fn conflicts(&self) -> Vec<Conflict> {
        let store = self.f.store();
        let mut tx = store.begin_across_tenants().await.unwrap();
        store.list_conflicts(&mut tx, &self.scope, 1_000).await.unwrap()
    }

    async fn end(mut self) {
        self.crm.calm();
        for round in 0..ROUNDS + 2 {
            // Past every wait.
            self.clock.advance(25 * 60 * 60);
            let before = self.crm.n_writes();
            self.outbound().await;
            self.inbound().await;
            if round >= ROUNDS {
                assert_eq!(self.crm.n_writes(), before, "story {}: writes go on in round {round}", self.seed);
            }
        }
        let (seed, conflicts) = (self.seed, self.conflicts().await);
        let (here, there) = (self.rows().await, self.crm.live());
        let asked = |id: &ExternalId, field: &str| {
            conflicts.iter().any(|conflict| {
                conflict.external_id == *id && conflict.field.as_deref().is_none_or(|asked| asked == field)
            })
        };
        let ids: BTreeSet<&ExternalId> = here.keys().chain(there.keys()).collect();
        for id in ids {
            let state = |record: Option<&Sample>| record.map(|record| image(record, false));
            let (ours, theirs) = (state(here.get(id).map(|row| &row.record)), state(there.get(id)));
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => {
                    for field in ours.differences(&theirs) {
                        assert!(
                            asked(id, &field),
                            "story {seed}: {field} of {id} differs: {ours:?} {theirs:?}"
                        );
                    }
                }
                _ if asked(id, "") => {}
                // The CRM has it, but we never heard: its answer was lost, and the question is open under our name.
                (None, Some(_)) => panic!("story {seed}: {id} is only there"),
                (ours, _) => panic!("story {seed}: {id} is only here: {ours:?} {conflicts:?}"),
            }
        }
        self.check_copies(&here, &there, &conflicts);
        self.check_audit(&here).await;
    }

    /// What was made once is there once.
    fn check_copies(
        &mut self,
        here: &BTreeMap<ExternalId, LocalRow<Sample>>,
        there: &BTreeMap<ExternalId, Sample>,
        conflicts: &[Conflict],
    ) {
        let mut tags = BTreeMap::new();
        for (id, sample) in there {
            if let Some(other) = tags.insert(sample.details.clone().unwrap_or_default().to_string(), id) {
                panic!("story {}: {id} and {other} are the same record twice", self.seed);
            }
        }
        for (id, _) in here.iter().filter(|(id, _)| is_placeholder(id)) {
            assert!(conflicts.iter().any(|c| c.external_id == *id), "story {}: {id} was not sent", self.seed);
        }
    }

    /// R16: the audit folds to the rows, but for what waits to be sent.
    async fn check_audit(&self, here: &BTreeMap<ExternalId, LocalRow<Sample>>) {
        let store = self.f.store();
        let mut tx = store.begin_across_tenants().await.unwrap();
        for (id, row) in here {
            let waiting = store.edits_of(&mut tx, &self.scope, std::slice::from_ref(id)).await.unwrap();
            if !waiting.is_empty() {
                continue;
            }
            let items = store.history(&mut tx, &self.scope, id).await.unwrap();
            let told = fold(&items, None).unwrap_or_default();
            let differences = told.differences(&image(&row.record, false));
            assert!(differences.is_empty(), "story {}: {id} {differences:?} {items:#?}", self.seed);
        }
    }
}
