//! Custom fields that come, go and change: what is read, what is backfilled, what stays.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use sync_core::history::fold;
use sync_core::*;
use sync_memory::MemoryStore;

use crate::world::{Deal, Script, World, deal, gone, seen};

/// Fields as a test wants them, and the values of a backfill.
#[derive(Default)]
struct Crm {
    fields: Mutex<Vec<RemoteField>>,
    values: Mutex<Vec<Change<Deal>>>,
    breaks: Mutex<Option<fn() -> SourceError>>,
    /// The fields that were asked for so far.
    asked: Mutex<Vec<Vec<Arc<str>>>>,
}

#[async_trait]
impl CustomFieldSource<Deal> for Crm {
    async fn custom_fields(&self, _: &Subscription) -> Result<Vec<RemoteField>, SourceError> {
        match self.breaks.lock().unwrap().take() {
            Some(error) => Err(error()),
            None => Ok(self.fields.lock().unwrap().clone()),
        }
    }

    fn backfill(&self, _: &Subscription, fields: &[Arc<str>]) -> ChangeStream<Deal> {
        self.asked.lock().unwrap().push(fields.to_vec());
        let mut items: Vec<_> = self.values.lock().unwrap().iter().cloned().map(Ok).collect();
        items.extend(self.breaks.lock().unwrap().take().map(|error| Err(error())));
        stream::iter(items).boxed()
    }
}

fn field(name: &str, remote_type: &str) -> RemoteField {
    let kind = if remote_type == "double" { FieldKind::Decimal } else { FieldKind::Text };
    RemoteField { name: name.into(), label: None, remote_type: remote_type.into(), kind, calculated: false }
}

fn text(value: &str) -> FieldValue {
    FieldValue::Text(value.to_owned())
}

fn with(mut record: Deal, custom: &[(&str, FieldValue)]) -> Deal {
    for (name, value) in custom {
        record.custom.set(*name, value.clone());
    }
    record
}

/// What a backfill says of a record.
fn values(id: &str, custom: &[(&str, FieldValue)]) -> Change<Deal> {
    Change::partial(id, with(Deal::default(), custom), FieldSet::EMPTY)
}

const FREEZE: CustomFieldPolicy = CustomFieldPolicy { default: FieldContract::Freeze, fields: &[] };
const DISCARD_OLD: CustomFieldPolicy =
    CustomFieldPolicy { default: FieldContract::Evolve, fields: &[("Old", FieldContract::Discard)] };

/// A world whose CRM has custom fields.
struct Fields {
    world: World,
    crm: Arc<Crm>,
    policy: CustomFieldPolicy,
}

impl Fields {
    async fn new(policy: CustomFieldPolicy) -> Self {
        Self { world: World::new().await, crm: Arc::default(), policy }
    }

    fn has(&self, fields: impl IntoIterator<Item = RemoteField>) {
        *self.crm.fields.lock().unwrap() = fields.into_iter().collect();
    }

    fn holds(&self, values: impl IntoIterator<Item = Change<Deal>>) {
        *self.crm.values.lock().unwrap() = values.into_iter().collect();
    }

    fn tracker(&self) -> FieldTracker<Deal, MemoryStore> {
        let (store, rows) = (Arc::clone(&self.world.store), Arc::clone(&self.world.sink));
        FieldTracker::new(store, rows, Arc::clone(&self.crm) as _, self.policy, "crm")
    }

    fn engine(&self) -> ExecuteSync<Deal, MemoryStore> {
        let fetcher = Arc::clone(&self.world.shelf) as _;
        self.world.builder().fetcher(fetcher).contracts(self.policy, "crm").build().unwrap()
    }

    async fn track(&self) -> FieldReport {
        self.world.clock.advance(std::time::Duration::from_secs(60));
        self.tracker().track(&self.world.subscription, self.world.clock.now()).await.unwrap()
    }

    async fn sync(&self, changes: impl IntoIterator<Item = Change<Deal>>) -> RunReport {
        self.world.says(changes);
        self.engine().execute(self.world.request()).await.unwrap()
    }

    async fn backfill(&self) -> Option<BackfillReport> {
        let (engine, request) = (self.engine(), self.world.request());
        self.tracker().backfill(&engine, request, self.world.clock.now()).await.unwrap()
    }

    async fn known(&self, name: &str) -> KnownField {
        let mut tx = self.world.store.begin().await.unwrap();
        let known = self.world.store.known_fields(&mut tx, &self.world.scope()).await.unwrap().unwrap();
        known.into_iter().find(|field| &*field.name == name).unwrap()
    }

    async fn row(&self, id: &str) -> LocalRow<Deal> {
        let mut tx = self.world.store.begin().await.unwrap();
        let ids = [ExternalId::from(id)];
        self.world.sink.find_many(&mut tx, &self.world.scope(), &ids).await.unwrap().pop().unwrap().unwrap()
    }

    async fn custom(&self, id: &str, name: &str) -> Option<FieldValue> {
        self.row(id).await.record.custom.get(name).cloned()
    }

    /// The custom field after the record's history.
    async fn folded(&self, id: &str, name: &str) -> Option<FieldValue> {
        let mut tx = self.world.store.begin().await.unwrap();
        let items =
            self.world.store.history(&mut tx, &self.world.scope(), &ExternalId::from(id)).await.unwrap();
        fold(items.iter(), None)?.fields.get(&format!("{CUSTOM_PREFIX}{name}")).cloned()
    }

    async fn cursor(&self) -> Option<Cursor> {
        let mut tx = self.world.store.begin().await.unwrap();
        self.world.store.cursor(&mut tx, &self.world.scope()).await.unwrap()
    }
}

/// Complaint 14: a new field is read from the next run on, and its values for older records are brought by a run of
/// its own, which the audit tells as such, and which moves no cursor.
#[tokio::test]
async fn new_field_is_backfilled_by_a_run_of_its_own() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.has([field("Region", "string")]);
    assert!(fields.track().await.pending.is_empty(), "the initial load brings everything");
    let a = with(deal("a", "new"), &[("Region", text("north"))]);
    fields.sync([seen("A", a, 1).version(1), seen("B", deal("b", "new"), 2).version(2)]).await;
    assert!(fields.backfill().await.is_none());

    fields.has([field("Region", "string"), field("Tier", "string")]);
    let report = fields.track().await;
    assert_eq!(
        report.to_string(),
        "field Tier (string) is new: read from now on, and backfilled for records that are here"
    );
    assert_eq!(report.pending, ["Tier".into()]);
    fields.holds([values("A", &[("Tier", text("gold"))]).version(1)]);
    let backfill = fields.backfill().await.unwrap();
    assert_eq!(backfill.fields, ["Tier".into()]);
    assert_eq!(fields.crm.asked.lock().unwrap().as_slice(), [["Tier".into()]]);
    assert_eq!(fields.world.story(&backfill.run).await, ["A updated/success"]);
    assert_eq!(fields.cursor().await, Some(Cursor::new("2")));
    let run = fields.world.store.recorder().latest_run(fields.world.subscription.id).unwrap();
    assert_eq!((run.action, run.status), (Action::Backfill, RunStatus::Success));

    let row = fields.row("A").await.record;
    assert_eq!(row.name.as_deref(), Some("a"), "R13: what was not sent stays");
    assert_eq!(row.custom.get("Region"), Some(&text("north")));
    assert_eq!(row.custom.get("Tier"), Some(&text("gold")));
    assert_eq!(fields.folded("A", "Tier").await, Some(text("gold")), "R16: the audit folds to it");
    let known = fields.known("Tier").await.backfill.unwrap();
    assert_eq!((known.state, known.run), (BackfillState::Done, Some(run.id)));
    assert_eq!((known.n_found, known.n_updated), (1, 1));
    assert!(fields.backfill().await.is_none(), "once is enough");
}

/// With rows there already, nobody knows whether they have the values of the fields that are met for the first time.
#[tokio::test]
async fn first_look_at_fields_beside_rows_backfills_them_all() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.sync([seen("A", deal("a", "new"), 1)]).await;
    fields.has([field("Region", "string"), field("Tier", "string")]);
    let report = fields.track().await;
    assert!(report.first && report.drift.is_empty(), "there is nothing to compare with: {report:?}");
    assert_eq!(report.pending, ["Region".into(), "Tier".into()]);
}

/// An object without custom fields is known to have none: what appears then is new.
#[tokio::test]
async fn field_of_an_object_that_had_none_is_new() {
    let fields = Fields::new(FREEZE).await;
    assert!(fields.track().await.first);
    fields.has([field("Tier", "string")]);
    let report = fields.track().await;
    assert!(!report.first);
    assert_eq!(fields.known("Tier").await.standing, FieldStanding::Frozen);
    fields.sync([seen("A", with(deal("a", "new"), &[("Tier", text("gold"))]), 1)]).await;
    assert_eq!(fields.custom("A", "Tier").await, None);
}

/// Complaint 14: a field that is gone is reported, and its values stay, also when the record comes again, without the
/// field or with a null that nobody set.
#[tokio::test]
async fn gone_field_keeps_its_values() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.has([field("Tier", "string")]);
    fields.track().await;
    fields.sync([seen("A", with(deal("a", "new"), &[("Tier", text("gold"))]), 1)]).await;
    fields.has([]);
    assert_eq!(fields.track().await.to_string(), "field Tier is gone upstream: its values stay");
    let report = fields.sync([seen("A", deal("a", "won"), 2)]).await;
    assert_eq!(fields.world.story(&report).await, ["A updated/success"]);
    assert_eq!(fields.custom("A", "Tier").await, Some(text("gold")));
    fields.sync([seen("A", with(deal("a", "lost"), &[("Tier", FieldValue::Null)]), 3)]).await;
    assert_eq!(fields.custom("A", "Tier").await, Some(text("gold")));
    assert_eq!(fields.folded("A", "Tier").await, Some(text("gold")));
    // There again, and set to null by somebody.
    fields.has([field("Tier", "string")]);
    assert!(fields.track().await.to_string().starts_with("field Tier is back"));
    fields.sync([seen("A", with(deal("a", "lost"), &[("Tier", FieldValue::Null)]), 4)]).await;
    assert_eq!(fields.custom("A", "Tier").await, Some(FieldValue::Null));
}

/// A retyped field is accepted under `evolve`: its values come as the new kind, of older records too.
#[tokio::test]
async fn retyped_field_evolves() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.has([field("Score", "string")]);
    fields.track().await;
    fields.sync([seen("A", with(deal("a", "new"), &[("Score", text("12"))]), 1)]).await;
    fields.has([field("Score", "double")]);
    let report = fields.track().await;
    assert!(report.to_string().starts_with("field Score changed from string to double: read"), "{report}");
    let twelve = FieldValue::Decimal(12.into());
    fields.holds([values("A", &[("Score", twelve.clone())])]);
    // What means the same in another form is no change (R8).
    let backfill = fields.backfill().await.unwrap();
    assert_eq!(fields.world.story(&backfill.run).await, ["A noop/success"]);
    assert!(fields.custom("A", "Score").await.unwrap().as_ref().same(twelve.as_ref()));
    let thirteen = FieldValue::Decimal(13.into());
    fields.sync([seen("A", with(deal("a", "new"), &[("Score", thirteen.clone())]), 2)]).await;
    assert_eq!(fields.custom("A", "Score").await, Some(thirteen.clone()));
    assert_eq!(fields.folded("A", "Score").await, Some(thirteen));
}

/// A retyped field keeps its last values under `freeze`, whatever comes, from the feed or by id.
#[tokio::test]
async fn retyped_field_is_frozen() {
    let fields = Fields::new(FREEZE).await;
    fields.has([field("Score", "string")]);
    fields.track().await;
    fields.sync([seen("A", with(deal("a", "new"), &[("Score", text("high"))]), 1)]).await;
    fields.has([field("Score", "double")]);
    let report = fields.track().await;
    assert!(report.to_string().ends_with("its last values stay, because it is frozen"), "{report}");
    assert!(report.pending.is_empty());
    for (n, value) in [(2, FieldValue::Decimal(1.into())), (3, FieldValue::Null)] {
        fields.sync([seen("A", with(deal("a", &n.to_string()), &[("Score", value)]), n)]).await;
        assert_eq!(fields.custom("A", "Score").await, Some(text("high")));
        assert_eq!(fields.row("A").await.record.stage, Some(n.to_string()), "the rest of the record comes");
    }
}

/// What is discarded is never written: not from the feed, not from a fetch by id.
#[tokio::test]
async fn discarded_field_is_never_written() {
    let fields = Fields::new(DISCARD_OLD).await;
    // Also before the catalogue was ever filled.
    let custom = [("Old", text("x")), ("New", text("y"))];
    fields.sync([seen("A", with(deal("a", "new"), &custom), 1)]).await;
    assert_eq!((fields.custom("A", "Old").await, fields.custom("A", "New").await), (None, Some(text("y"))));
    fields.has([field("Old", "string"), field("New", "string")]);
    fields.track().await;
    assert_eq!(fields.known("Old").await.standing, FieldStanding::Discarded);
    fields.world.shelf.put("B", with(deal("b", "new"), &custom));
    let mut named = FieldSet::EMPTY;
    named.insert(0);
    let partial = Change::partial("B", deal("b", "new"), named).at(Cursor::new("2"));
    fields.sync([partial]).await;
    assert_eq!((fields.custom("B", "Old").await, fields.custom("B", "New").await), (None, Some(text("y"))));
    assert_eq!(fields.known("New").await.backfill.map(|b| b.state), Some(BackfillState::Pending));
    fields.backfill().await.unwrap();
    assert_eq!(fields.crm.asked.lock().unwrap().as_slice(), [["New".into()]]);
}

/// The contracts hold for a source that a request brings (webhooks) as well.
#[tokio::test]
async fn contracts_hold_for_sources_of_requests() {
    let fields = Fields::new(DISCARD_OLD).await;
    fields.track().await;
    let told = Arc::new(Script::default());
    told.says([seen("A", with(deal("a", "new"), &[("Old", text("x")), ("New", text("y"))]), 1)]);
    let request = fields.world.request().action(Action::Webhook).source_override(told);
    fields.engine().execute(request).await.unwrap();
    assert_eq!((fields.custom("A", "Old").await, fields.custom("A", "New").await), (None, Some(text("y"))));
}

/// A field that appeared after the fields were looked at goes by its contract: read, or not yet known.
#[tokio::test]
async fn field_that_appears_meanwhile_goes_by_its_contract() {
    for (policy, expected) in [(CustomFieldPolicy::EVOLVE, Some(text("gold"))), (FREEZE, None)] {
        let fields = Fields::new(policy).await;
        fields.track().await;
        fields.sync([seen("A", with(deal("a", "new"), &[("Tier", text("gold"))]), 1)]).await;
        assert_eq!(fields.custom("A", "Tier").await, expected);
    }
}

/// A backfill that breaks off is repeated by the next call; what it did is then found to be done.
#[tokio::test]
async fn broken_backfill_is_repeated() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.track().await;
    fields.sync([seen("A", deal("a", "new"), 1), seen("B", deal("b", "new"), 2)]).await;
    fields.has([field("Tier", "string")]);
    fields.track().await;
    fields.holds([values("A", &[("Tier", text("gold"))])]);
    *fields.crm.breaks.lock().unwrap() =
        Some(|| SourceError::Transient { call: "a test", source: "cut".into() });
    let broken = fields.backfill().await.unwrap();
    assert_eq!(broken.run.status, RunStatus::Failed);
    assert_eq!(fields.custom("A", "Tier").await, Some(text("gold")), "what came before is applied");
    let waiting = fields.known("Tier").await.backfill.unwrap();
    assert_eq!((waiting.state, waiting.run), (BackfillState::Pending, Some(broken.run.run)));
    fields.holds([values("A", &[("Tier", text("gold"))]), values("B", &[("Tier", text("iron"))])]);
    let whole = fields.backfill().await.unwrap();
    assert_eq!(fields.world.story(&whole.run).await, ["A noop/success", "B updated/success"]);
    assert_eq!(fields.known("Tier").await.backfill.unwrap().state, BackfillState::Done);
}

/// A backfill whose process died is taken up again; one that is under way elsewhere is left to itself.
#[tokio::test]
async fn abandoned_backfill_is_taken_up() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.track().await;
    fields.sync([seen("A", deal("a", "new"), 1)]).await;
    fields.has([field("Tier", "string")]);
    fields.track().await;
    let (store, scope) = (&fields.world.store, fields.world.scope());
    let mut running = fields.known("Tier").await;
    running.backfill = running.backfill.map(|b| FieldBackfill { state: BackfillState::Running, ..b });
    let mut tx = store.begin().await.unwrap();
    store.save_fields(&mut tx, &scope, &[running.clone()]).await.unwrap();
    let (rival, ttl) = ("rival".into(), std::time::Duration::from_secs(60));
    let now = fields.world.clock.now();
    let Acquired::Held(lease) = store.acquire(&mut tx, &scope, &rival, now, ttl).await.unwrap() else {
        panic!("it is free")
    };
    store.commit(tx).await.unwrap();
    let refused = fields.tracker().backfill(&fields.engine(), fields.world.request(), now).await;
    assert!(matches!(refused, Err(SyncError::AlreadyRunning { .. })), "{refused:?}");
    assert_eq!(fields.known("Tier").await, running, "it stays as the rival left it");
    let mut tx = store.begin().await.unwrap();
    LeaseStore::release(&store, &mut tx, &scope, &lease).await.unwrap();
    store.commit(tx).await.unwrap();
    fields.holds([values("A", &[("Tier", text("gold"))])]);
    assert_eq!(fields.backfill().await.unwrap().run.counts.updated, 1);
}

/// R14: a row that went on while it was backfilled is left alone; one of the same version is filled; and neither
/// makes a change look old that is still on its way.
#[tokio::test]
async fn backfill_respects_versions_and_raises_none() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.track().await;
    let rows = ["A", "B", "C"].map(|id| seen(id, deal(id, "new"), 1).version(5));
    fields.sync(rows).await;
    fields.has([field("Tier", "string")]);
    fields.track().await;
    fields.holds([
        values("A", &[("Tier", text("outdated"))]).version(4),
        values("B", &[("Tier", text("gold"))]).version(5),
        values("C", &[("Tier", text("gold"))]).version(9),
    ]);
    let backfill = fields.backfill().await.unwrap();
    let story = fields.world.story(&backfill.run).await;
    assert_eq!(story, ["A noop/skipped", "B updated/success", "C updated/success"]);
    assert_eq!(fields.row("C").await.version, Some(Version(5)), "its own fields are as old as before");
    let mut stage = FieldSet::EMPTY;
    stage.insert(1);
    let late = Change { source: Provenance::Cdc, ..Change::partial("C", deal("C", "won"), stage) };
    fields.sync([late.version(7)]).await;
    let row = fields.row("C").await;
    assert_eq!((row.record.stage.as_deref(), row.version), (Some("won"), Some(Version(7))));
    assert_eq!(row.record.custom.get("Tier"), Some(&text("gold")));
}

/// Values of a record that is not here, or is deleted here, make no record of it, and nobody is asked for it: the feed
/// decides which records are here.
#[tokio::test]
async fn values_of_absent_and_deleted_records_are_left_out() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.track().await;
    fields.sync([seen("A", deal("a", "new"), 1), gone("A", 2), seen("B", deal("b", "new"), 3)]).await;
    fields.has([field("Tier", "string")]);
    fields.track().await;
    let gold = [("Tier", text("gold"))];
    fields.world.shelf.put("A", with(deal("a", "back"), &gold));
    fields.world.shelf.put("C", with(deal("c", "filtered"), &gold));
    fields.holds(["A", "B", "C"].map(|id| values(id, &gold)));
    let backfill = fields.backfill().await.unwrap();
    let story = fields.world.story(&backfill.run).await;
    assert_eq!(story, ["A noop/skipped", "B updated/success", "C noop/skipped"]);
    assert!(fields.world.shelf.asked.lock().unwrap().is_empty());
    assert!(fields.row("A").await.deleted);
}

/// R13: a partial record of the feed that is deleted here is fetched whole, not restored with what it was.
#[tokio::test]
async fn partial_record_that_is_deleted_here_is_fetched_whole() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "old"), 1), gone("A", 2)]).await;
    world.shelf.put("A", deal("a", "back"));
    let mut name = FieldSet::EMPTY;
    name.insert(0);
    let report = world.sync([Change::partial("A", deal("a", "-"), name)]).await;
    assert_eq!(world.story(&report).await, ["A restored/success"]);
    let mut tx = world.store.begin().await.unwrap();
    let row =
        world.sink.find_many(&mut tx, &world.scope(), &["A".into()]).await.unwrap().pop().unwrap().unwrap();
    assert_eq!(row.record.stage.as_deref(), Some("back"));
}

/// R11: values of a parked record are folded over what is parked, and wait with it.
#[tokio::test]
async fn backfill_folds_into_what_is_parked() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.track().await;
    fields.sync([seen("A", deal("a", "new"), 1).version(1)]).await;
    fields.world.sink.refused.lock().unwrap().insert("A".to_owned(), true);
    fields.sync([seen("A", deal("a", "won"), 2).version(2)]).await;
    fields.has([field("Tier", "string")]);
    fields.track().await;
    fields.holds([values("A", &[("Tier", text("gold"))]).version(2)]);
    let backfill = fields.backfill().await.unwrap();
    assert_eq!(fields.world.story(&backfill.run).await, ["A updated/failed", "A updated/failed"]);
    fields.world.sink.refused.lock().unwrap().clear();
    fields.world.clock.advance(std::time::Duration::from_secs(3_600));
    fields.sync([]).await;
    let row = fields.row("A").await.record;
    assert_eq!((row.stage.as_deref(), row.custom.get("Tier")), (Some("won"), Some(&text("gold"))));
}

/// A description that breaks off changes nothing: no field is taken for gone.
#[tokio::test]
async fn failed_look_changes_nothing() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.has([field("Tier", "string")]);
    fields.track().await;
    let before = fields.known("Tier").await;
    *fields.crm.breaks.lock().unwrap() =
        Some(|| SourceError::Transient { call: "a test", source: "cut".into() });
    fields.tracker().track(&fields.world.subscription, fields.world.clock.now()).await.unwrap_err();
    assert_eq!(fields.known("Tier").await, before);
}

/// A field that is retyped while it is backfilled waits for another one.
#[tokio::test]
async fn field_retyped_during_its_backfill_waits_on() {
    let fields = Fields::new(CustomFieldPolicy::EVOLVE).await;
    fields.track().await;
    fields.sync([seen("A", deal("a", "new"), 1)]).await;
    fields.has([field("Tier", "string"), field("Other", "string")]);
    fields.track().await;
    fields.holds([values("A", &[("Tier", text("1")), ("Other", text("x"))])]);
    /// Retypes while the run commits.
    struct Retype(Arc<Crm>, Arc<AtomicUsize>, FieldTracker<Deal, MemoryStore>, Subscription);
    impl RunObserver for Retype {
        fn batch_committed(&self, _: &Counts) {
            if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
                *self.0.fields.lock().unwrap() = vec![field("Tier", "double"), field("Other", "string")];
                let at = SystemClock.now();
                futures_util::future::FutureExt::now_or_never(self.2.track(&self.3, at)).unwrap().unwrap();
            }
        }
    }
    let crm = Arc::clone(&fields.crm);
    let retype = Retype(crm, Arc::default(), fields.tracker(), fields.world.subscription.clone());
    let request = fields.world.request().observer(Arc::new(retype));
    let now = fields.world.clock.now();
    fields.tracker().backfill(&fields.engine(), request, now).await.unwrap().unwrap();
    assert_eq!(fields.known("Tier").await.backfill.unwrap().state, BackfillState::Pending);
    assert_eq!(fields.known("Other").await.backfill.unwrap().state, BackfillState::Done);
}
