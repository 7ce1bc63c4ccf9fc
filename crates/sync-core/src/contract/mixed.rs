//! Random calls of every store port and of a table sink, for tests that mix tenants: whatever is called in whichever
//! order with whoever's ids, nobody may see or touch what is another's.

use std::time::Duration;

use uuid::Uuid;

use super::dead_letters::letter;
use super::emitter::event;
use super::field_catalog::field;
use super::fixture::{SinkFixture, TxOf};
use super::sample::{SAMPLES, Sample};
use super::setup::{at, item, new_run, subscription};
use crate::{
    Acquired, AuditLog, Counts, Cursor, CursorStore, DeadLetterFilter, DeadLetterId, DeadLetterStore,
    ExternalId, FieldCatalog, FieldValue, KnownField, Lease, LeaseStore, LocalId, Merge, Resolution, RunEnd,
    RunId, RunRecorder, RunStatus, Scope, SubscriptionId, SubscriptionStore, SyncSink, TenantId, Upsert,
    Version,
};

/// How many kinds of calls there are.
pub const KINDS: u64 = 29;

/// What the calls so far have made, of all tenants: ids that a thief may have got hold of.
pub struct Mixed {
    state: u64,
    /// Subscriptions.
    pub subscriptions: Vec<SubscriptionId>,
    runs: Vec<RunId>,
    letters: Vec<DeadLetterId>,
    leases: Vec<Lease>,
    rows: Vec<LocalId>,
    next: i64,
}

impl Mixed {
    /// The same seed makes the same calls.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed | 1,
            subscriptions: Vec::new(),
            runs: vec![RunId(Uuid::nil())],
            letters: vec![DeadLetterId(Uuid::nil())],
            leases: Vec::new(),
            rows: Vec::new(),
            next: 0,
        }
    }

    /// A number below `n` (xorshift).
    pub fn below(&mut self, n: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % n.max(1)
    }

    fn one<V: Clone>(&mut self, of: impl Fn(&Self) -> &Vec<V>) -> Option<V> {
        let n = of(self).len() as u64;
        let place = usize::try_from(self.below(n)).unwrap_or(0);
        of(self).get(place).cloned()
    }

    fn record(&mut self, scope: &Scope) -> ExternalId {
        format!("{}-r{}", scope.tenant_key(), self.below(5)).into()
    }

    fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }
}

/// One call of the given kind for a scope. What a caller writes carries the tenant's name, so that it shows up where
/// it is read. Answers what was read, or why the call was refused.
///
/// # Errors
/// What the store says.
pub async fn call<F: SinkFixture>(
    f: &F,
    tx: &mut TxOf<F>,
    mixed: &mut Mixed,
    scope: &Scope,
    kind: u64,
) -> Result<String, String> {
    let sink = f.sink::<Sample>(&SAMPLES);
    let (record, n) = (mixed.record(scope), mixed.number());
    match kind {
        0..=7 => on_rows(f, &*sink, tx, mixed, scope, kind, record, n).await,
        8..=17 => on_runs(f, tx, mixed, scope, kind, record, n).await,
        _ => on_the_rest(f, tx, mixed, scope, kind, record, n).await,
    }
}

fn told<V: std::fmt::Debug, E: std::fmt::Debug>(answer: Result<V, E>) -> Result<String, String> {
    answer.map(|seen| format!("{seen:?}")).map_err(|refused| format!("{refused:?}"))
}

#[expect(clippy::too_many_arguments, reason = "one call among many of the same shape")]
async fn on_rows<F: SinkFixture>(
    f: &F,
    sink: &dyn SyncSink<Sample, TxOf<F>>,
    tx: &mut TxOf<F>,
    mixed: &mut Mixed,
    scope: &Scope,
    kind: u64,
    record: ExternalId,
    n: i64,
) -> Result<String, String> {
    match kind {
        0..=2 => {
            // Sometimes a row that exists, with a local id that may be anybody's.
            let stolen = if kind == 2 { mixed.one(|m| &m.rows) } else { None };
            let mut sample =
                Sample { name: Some(format!("{} {n}", scope.tenant_key())), ..Sample::default() };
            sample.custom.set("Own__c", FieldValue::Text(scope.tenant_key().to_owned()));
            let row = Upsert {
                external_id: record,
                exists: stolen.is_some(),
                local_id: stolen.unwrap_or_else(|| LocalId::from(Uuid::now_v7())),
                record: sample,
                version: Some(Version(n)),
            };
            let written = sink.upsert_many(tx, scope, &[row], at(n)).await;
            mixed.rows.extend(written.iter().flatten().cloned());
            told(written.map(drop))
        }
        3 => told(sink.find_many(tx, scope, &[record]).await),
        4 => told(sink.soft_delete_many(tx, scope, &[record], at(n)).await.map(drop)),
        5 => told(sink.touch_versions(tx, scope, &[(record, Version(n))]).await),
        6 => {
            let winner = mixed.record(scope);
            told(sink.redirect_many(tx, scope, &[Merge { loser: record, winner }], at(n)).await)
        }
        _ => told(f.listing::<Sample>(&SAMPLES).list_live(tx, scope, None, 100).await),
    }
}

async fn on_runs<F: SinkFixture>(
    f: &F,
    tx: &mut TxOf<F>,
    mixed: &mut Mixed,
    scope: &Scope,
    kind: u64,
    record: ExternalId,
    n: i64,
) -> Result<String, String> {
    let store = f.store();
    let run = mixed.one(|m| &m.runs).unwrap_or(RunId(Uuid::nil()));
    match kind {
        8 | 9 => {
            let new = new_run();
            mixed.runs.push(new.id);
            told(store.open_run(tx, scope, &new).await)
        }
        10 => told(store.record_items(tx, scope, run, &[item(n, record.as_str())], at(n)).await),
        11 => {
            let cursor = Cursor::new(format!("{}-{n}", scope.tenant_key()));
            told(store.record_progress(tx, scope, run, n, &Counts::default(), Some(&cursor)).await)
        }
        12 => {
            let end = RunEnd {
                status: RunStatus::NoChanges,
                counts: Counts::default(),
                cursor_after: None,
                finished_at: at(n),
                error: Some(scope.tenant_key().to_owned()),
                degraded: None,
            };
            told(store.close_run(tx, scope, run, &end).await)
        }
        13 => told(store.close_stale_runs(tx, scope, at(n), scope.tenant_key()).await.map(drop)),
        14 => told(store.runs(tx, scope, 100).await),
        15 => told(store.items(tx, scope, run, 0, 100).await),
        16 => told(store.history(tx, scope, &record).await),
        _ => told(f.emitter().emit(tx, scope, &[event(run, &record, scope.tenant_key())]).await),
    }
}

async fn on_the_rest<F: SinkFixture>(
    f: &F,
    tx: &mut TxOf<F>,
    mixed: &mut Mixed,
    scope: &Scope,
    kind: u64,
    record: ExternalId,
    n: i64,
) -> Result<String, String> {
    let store = f.store();
    let tenant = scope.tenant.as_ref();
    let all = DeadLetterFilter::default();
    match kind {
        18 => {
            let wanted = subscription(tenant.map(TenantId::as_str), &format!("c{}", n % 3));
            let added = store.add_subscription(tx, &wanted).await;
            mixed.subscriptions.extend(added.iter().map(|subscription| subscription.id));
            told(added.map(drop))
        }
        19 => told(store.subscriptions(tx, tenant).await),
        20 => {
            let read = store.subscription(tx, tenant, scope.subscription).await;
            read.map_err(|refused| format!("{refused:?}"))?;
            told(store.set_paused(tx, tenant, scope.subscription, n % 2 == 0).await)
        }
        21 => told(store.put_cursor(tx, scope, &Cursor::new(format!("{}-{n}", scope.tenant_key()))).await),
        22 => told(store.cursor(tx, scope).await),
        23 => {
            let run = mixed.one(|m| &m.runs).unwrap_or(RunId(Uuid::nil()));
            let parked = letter(run, record.as_str());
            mixed.letters.push(parked.id);
            told(store.park(tx, scope, &[parked]).await)
        }
        24 => {
            let ids: Vec<_> = mixed.one(|m| &m.letters).into_iter().collect();
            told(store.resolve(tx, scope, &ids, Resolution::Applied, at(n)).await)
        }
        25 => {
            let due =
                store.due(tx, scope, at(100_000), 100).await.map_err(|refused| format!("{refused:?}"))?;
            let hastened = store.make_due(tx, scope, &all, at(n)).await.map(drop);
            told(hastened.map(|()| due))
        }
        26 => {
            let open =
                store.open_letters(tx, scope, &[record]).await.map_err(|refused| format!("{refused:?}"))?;
            told(store.list(tx, scope, &all, 100).await.map(|listed| (open, listed)))
        }
        27 => {
            if let Some(lease) = mixed.one(|m| &m.leases).filter(|_| n % 2 == 0) {
                store.release(tx, scope, &lease).await.map_err(|refused| format!("{refused:?}"))?;
                return told(store.renew(tx, scope, &lease, at(n)).await);
            }
            let holder = format!("{}-holder", scope.tenant_key()).as_str().into();
            let taken = store.acquire(tx, scope, &holder, at(n), Duration::from_secs(2)).await;
            if let Ok(Acquired::Held(lease)) = &taken {
                mixed.leases.push(lease.clone());
            }
            told(taken)
        }
        _ => {
            store.hold_fields(tx, scope).await.map_err(|refused| format!("{refused:?}"))?;
            let own = KnownField { label: Some(scope.tenant_key().into()), ..field("Own__c") };
            store.save_fields(tx, scope, &[own]).await.map_err(|refused| format!("{refused:?}"))?;
            told(store.known_fields(tx, scope).await)
        }
    }
}
