//! A CRM as the suites need one: edited by people, written by us, with lost answers, locks, and a workflow of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;

use super::sample::Sample;
use crate::{
    Canonical, Change, ChangeSource, ChangeStream, Clock, Cursor, DeleteEvidence, ExternalId, Fetched,
    FieldSet, Fingerprint, LocalId, LoopbackError, LoopbackFingerprintStore, RecordFetcher, RemoteOp,
    RemoteWrite, RemoteWriter, Scope, SourceError, Subscription, Version, WriteRecorder, Written,
    tell_echoes,
};

/// Chances from a seed: the same seed is the same story.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n.max(1)
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A clock that is moved by hand.
pub(super) struct HandClock(Mutex<DateTime<Utc>>);

impl HandClock {
    pub(super) fn new(at: DateTime<Utc>) -> Self {
        Self(Mutex::new(at))
    }

    pub(super) fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += chrono::TimeDelta::seconds(seconds);
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the suites' CRM holds, and how it behaves.
pub(super) struct SimCrm {
    state: Mutex<State>,
    clock: Arc<HandClock>,
    creates_by_key: bool,
    /// Told when the process is to die: the call then never returns.
    pub(super) dying: Notify,
}

struct State {
    records: BTreeMap<ExternalId, (i64, Option<Sample>)>,
    by_key: HashMap<LocalId, ExternalId>,
    last: i64,
    n_ids: usize,
    n_writes: u64,
    chance: Chance,
    /// Whether calls may go wrong, people edit in between, and the process may die.
    restless: bool,
    doomed: bool,
}

impl SimCrm {
    pub(super) fn new(clock: Arc<HandClock>, seed: u64, creates_by_key: bool) -> Self {
        let state = State {
            records: BTreeMap::new(),
            by_key: HashMap::new(),
            last: 0,
            n_ids: 0,
            n_writes: 0,
            chance: Chance::new(seed ^ 0xC0FFEE),
            restless: true,
            doomed: false,
        };
        Self { state: Mutex::new(state), clock, creates_by_key, dying: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call that writes kills the process.
    pub(super) fn doom(&self) {
        self.lock().doomed = true;
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        let mut state = self.lock();
        (state.restless, state.doomed) = (false, false);
    }

    /// How many writes of ours changed something so far.
    pub(super) fn n_writes(&self) -> u64 {
        self.lock().n_writes
    }

    pub(super) fn live(&self) -> BTreeMap<ExternalId, Sample> {
        let state = self.lock();
        let live = state.records.iter().filter_map(|(id, (_, record))| Some((id.clone(), record.clone()?)));
        live.collect()
    }

    /// A person adds a record, or replaces one.
    pub(super) fn put(&self, id: Option<ExternalId>, record: Sample) -> ExternalId {
        let now = self.clock.now();
        self.lock().put(id, Some(record), now)
    }

    /// A person deletes a record.
    pub(super) fn delete(&self, id: &ExternalId) {
        let now = self.clock.now();
        self.lock().put(Some(id.clone()), None, now);
    }
}

impl State {
    fn put(&mut self, id: Option<ExternalId>, record: Option<Sample>, now: DateTime<Utc>) -> ExternalId {
        self.last = now.timestamp_millis().max(self.last + 1);
        let id = id.unwrap_or_else(|| {
            self.n_ids += 1;
            format!("R{:04}", self.n_ids).into()
        });
        self.records.insert(id.clone(), (self.last, record));
        id
    }

    /// Somebody edits a record while we are at it.
    fn meddle(&mut self, now: DateTime<Utc>) {
        let live: Vec<ExternalId> =
            self.records.iter().filter(|(_, r)| r.1.is_some()).map(|(id, _)| id.clone()).collect();
        if live.is_empty() || !self.restless || !self.chance.one_in(3) {
            return;
        }
        let id = live[self.chance.below(live.len())].clone();
        let Some(mut record) = self.records.get(&id).and_then(|(_, record)| record.clone()) else { return };
        record.amount = Some(i64::try_from(self.chance.below(5)).unwrap_or(0));
        self.put(Some(id), Some(record), now);
    }

    fn write(&mut self, write: &RemoteWrite<Sample>, by_key: bool, now: DateTime<Utc>) -> Written {
        match &write.op {
            RemoteOp::Archive { id } => {
                if matches!(self.records.get(id), Some((_, Some(_)))) {
                    self.put(Some(id.clone()), None, now);
                    self.n_writes += 1;
                }
                Written::Done { id: id.clone(), version: None, created: false }
            }
            RemoteOp::Update { id, record, fields, expected } => {
                let Some((version, Some(held))) = self.records.get(id).cloned() else {
                    return Written::Gone(DeleteEvidence::LookedUp);
                };
                if expected.is_some_and(|expected| expected != Version(version)) {
                    return Written::Stale;
                }
                self.set(id.clone(), &held, record, *fields, now, false)
            }
            RemoteOp::Create { key, record, fields } => {
                let known = self.by_key.get(key).filter(|_| by_key).cloned();
                let held = known.and_then(|id| Some((id.clone(), self.records.get(&id)?.1.clone()?)));
                match held {
                    Some((id, held)) => self.set(id, &held, record, *fields, now, false),
                    None => {
                        let id = self.put(None, Some(Sample::default()), now);
                        self.by_key.insert(key.clone(), id.clone());
                        self.set(id, &Sample::default(), record, *fields, now, true)
                    }
                }
            }
        }
    }

    fn set(
        &mut self,
        id: ExternalId,
        held: &Sample,
        record: &Sample,
        fields: FieldSet,
        now: DateTime<Utc>,
        created: bool,
    ) -> Written {
        let mut after = held.clone();
        after.merge_from(record, fields);
        for (name, value) in record.custom.iter() {
            after.custom.set(name, value.clone());
        }
        // A workflow of the customer's: no exclamation marks in names.
        after.name = after.name.map(|name| name.replace('!', "."));
        if created || after != *held {
            self.put(Some(id.clone()), Some(after), now);
            self.n_writes += 1;
        }
        let version = if self.chance.one_in(2) { Some(Version(self.records[&id].0)) } else { None };
        Written::Done { id, version, created }
    }
}

#[async_trait]
impl RemoteWriter<Sample> for SimCrm {
    fn label(&self) -> String {
        "sim-write".to_owned()
    }

    fn writable(&self) -> FieldSet {
        FieldSet::all::<Sample>()
    }

    fn creates_by_key(&self) -> bool {
        self.creates_by_key
    }

    async fn find_made(
        &self,
        _subscription: &Subscription,
        keys: &[LocalId],
    ) -> Result<Vec<Option<ExternalId>>, SourceError> {
        let state = self.lock();
        let is_live = |id: &&ExternalId| matches!(state.records.get(*id), Some((_, Some(_))));
        let find = |key: &LocalId| state.by_key.get(key).filter(|_| self.creates_by_key).filter(is_live);
        Ok(keys.iter().map(|key| find(key).cloned()).collect())
    }

    async fn write_many(
        &self,
        _subscription: &Subscription,
        writes: &[RemoteWrite<Sample>],
    ) -> Result<Vec<Written>, SourceError> {
        let now = self.clock.now();
        let (answers, dies, broken) = {
            let mut state = self.lock();
            state.meddle(now);
            let (restless, dies) = (state.restless, state.doomed);
            let reach = if dies { state.chance.below(writes.len() + 1) } else { writes.len() };
            let broken = restless && !dies && state.chance.one_in(10);
            let answer = |write: &RemoteWrite<Sample>| match restless.then(|| state.chance.below(12)) {
                Some(0) => {
                    state.write(write, self.creates_by_key, now);
                    Written::Unknown { reason: "cut off".to_owned() }
                }
                Some(1) => Written::Unknown { reason: "cut off".to_owned() },
                Some(2) => Written::Later { reason: "locked".to_owned(), after: None },
                Some(3) => Written::Refused { code: "SIM_RULE".to_owned(), reason: "not today".to_owned() },
                _ => state.write(write, self.creates_by_key, now),
            };
            let answers: Vec<Written> = writes.iter().take(reach).map(answer).collect();
            (answers, dies, broken)
        };
        if dies {
            self.dying.notify_one();
            std::future::pending::<()>().await;
        }
        if broken {
            return Err(SourceError::Transient { call: "writing", source: "cut off".into() });
        }
        Ok(answers)
    }
}

#[async_trait]
impl RecordFetcher<Sample> for SimCrm {
    async fn fetch_many(
        &self,
        _subscription: &Subscription,
        ids: &[ExternalId],
    ) -> Result<Vec<Fetched<Sample>>, SourceError> {
        let mut state = self.lock();
        let fetch = |id: &ExternalId| match state.records.get(id) {
            Some((version, Some(record))) => {
                Fetched::Found { record: record.clone(), version: Some(Version(*version)) }
            }
            _ => Fetched::Gone(DeleteEvidence::LookedUp),
        };
        let fetched = ids.iter().map(fetch).collect();
        let now = self.clock.now();
        state.meddle(now);
        Ok(fetched)
    }
}

impl ChangeSource<Sample> for SimCrm {
    fn label(&self) -> String {
        "sim-poll".to_owned()
    }

    fn list_changes(&self, _subscription: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<Sample> {
        let after = cursor.and_then(|cursor| cursor.as_str().parse().ok()).unwrap_or(i64::MIN);
        let mut changes: Vec<(i64, Change<Sample>)> = self
            .lock()
            .records
            .iter()
            .filter(|(_, (version, _))| *version > after)
            .map(|(id, (version, record))| {
                let change = match record {
                    Some(record) => Change::upsert(id.clone(), record.clone()),
                    None => Change::deletion(id.clone(), DeleteEvidence::Feed),
                };
                (*version, change.at(Cursor::new(version.to_string())).version(*version))
            })
            .collect();
        changes.sort_by_key(|(version, _)| *version);
        stream::iter(changes.into_iter().map(|(_, change)| Ok(change))).boxed()
    }
}

/// Fingerprints without an end, for stories without a poll interval.
#[derive(Default)]
pub(super) struct SimLoopback(Mutex<HashMap<ExternalId, Fingerprint>>);

#[async_trait]
impl LoopbackFingerprintStore<Sample> for SimLoopback {
    async fn are_echoes(&self, _: &Scope, changes: &[Change<Sample>]) -> Result<Vec<bool>, LoopbackError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (echoes, forgotten) =
            tell_echoes(changes, known.clone(), |record, ours| Fingerprint::of(record) == *ours);
        known.retain(|id, _| !forgotten.contains(id));
        Ok(echoes)
    }
}

#[async_trait]
impl<Tx: Send + Sync + 'static> WriteRecorder<Sample, Tx> for SimLoopback {
    async fn record_writes(
        &self,
        _: &mut Tx,
        _: &Scope,
        writes: &[(ExternalId, Sample)],
    ) -> Result<(), LoopbackError> {
        let hashed = writes.iter().map(|(id, record)| (id.clone(), Fingerprint::of(record)));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(hashed);
        Ok(())
    }
}
