//! Custom fields that customers add, retype and remove while everything runs.

use std::sync::Arc;

use crm_sandbox::salesforce::SalesforceControl;
use crm_sandbox::salesforce::model::{FieldType, Value};
use crm_sandbox::salesforce::schema::FieldSpec;
use e2e::edit::{live, update};
use e2e::on_stores;
use e2e::store::Backend;
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use provider_salesforce::{FromSalesforce, SalesforceFields};
use serde_json::json;
use sync_core::history::Folded;
use sync_core::{
    Action, BackfillReport, BackfillState, Counts, CustomFieldPolicy, ExecuteSync, FieldContract,
    FieldReport, FieldStanding, FieldTracker, FieldValue, KnownField, RunObserver, RunReport, RunStatus,
    TableEntity,
};
use sync_wiring::{EntityStore, salesforce};

on_stores! { [memory, sqlite, postgres]
    /// Complaint 14: a field that appears is read by the next run, and its values for older records are brought by a
    /// run of its own; the audit tells it as such, and folds to the rows.
    #[tokio::test]
    async fn field_that_appears_is_backfilled() = appears;
    /// Complaint 14: a field that is removed is reported once, and its values stay.
    #[tokio::test]
    async fn field_that_is_removed_keeps_its_values() = removed;
    /// A field's type changes: under `evolve` the new values come, under `freeze` the last ones stay.
    #[tokio::test]
    async fn field_that_is_retyped_goes_by_its_contract() = retyped;
    /// What is discarded is never written, by no way that records take.
    #[tokio::test]
    async fn discarded_field_is_never_written() = discarded;
    /// Fields that show up as if they had been there all along are backfilled without a field of the record's own
    /// being touched.
    #[tokio::test]
    async fn backfill_touches_nothing_else() = nothing_else;
    /// Complaint 13: whatever becomes of fields while records are read, no record is lost, no value silently nulled,
    /// and in the end every record has every value.
    #[tokio::test]
    async fn schema_edits_at_any_time_lose_nothing() = any_time;
}

const OBJECT: &str = Opportunity::OBJECT;

/// A world whose opportunities are under contracts of the test's own.
struct Fields<S: Backend> {
    world: World<S>,
    policy: CustomFieldPolicy,
}

impl<S: Backend> Fields<S> {
    async fn start(setup: Setup, policy: CustomFieldPolicy) -> Option<Self> {
        Some(Self { world: World::<S>::start(setup).await?, policy })
    }

    fn org(&self) -> &SalesforceControl {
        self.world.crm()
    }

    fn tracker(&self) -> FieldTracker<Opportunity, S> {
        let store = Arc::clone(&self.world.store);
        let rows = Arc::new(EntityStore::<Opportunity>::sink(&*store));
        let source = Arc::new(SalesforceFields::<Opportunity>::new(self.world.crm.clone()));
        FieldTracker::new(store, rows, source, self.policy, salesforce::PROVIDER)
    }

    fn engine(&self) -> ExecuteSync<Opportunity, S> {
        self.world.engine::<Opportunity>().contracts(self.policy, salesforce::PROVIDER).build().unwrap()
    }

    async fn track(&self) -> FieldReport {
        self.world.settle();
        let at = self.world.clock().now();
        self.tracker().track(self.world.subscription::<Opportunity>(), at).await.unwrap()
    }

    async fn sync(&self) -> RunReport {
        self.world.settle();
        self.engine().execute(self.world.request()).await.unwrap()
    }

    async fn backfill(&self) -> Option<BackfillReport> {
        let at = self.world.clock().now();
        self.tracker().backfill(&self.engine(), self.world.request(), at).await.unwrap()
    }

    /// A round as the program makes it.
    async fn round(&self) -> (FieldReport, RunReport, Option<BackfillReport>) {
        (self.track().await, self.sync().await, self.backfill().await)
    }

    fn add(&self, name: &str, field_type: FieldType) {
        self.org().add_field(OBJECT, &FieldSpec::new(name, field_type)).unwrap();
    }

    fn retype(&self, name: &str, field_type: FieldType) {
        self.org().retype_field(OBJECT, &FieldSpec::new(name, field_type)).unwrap();
    }

    fn remove(&self, name: &str) {
        self.org().remove_field(OBJECT, name).unwrap();
    }

    /// Takes away the right to see a field, or gives it back: its values are there all the time.
    fn hide(&self, name: &str, hidden: bool) {
        self.org().edit(|org| {
            org.schema_changed_at = org.now_ms();
            let table = org.table_mut(OBJECT).unwrap();
            let index = table.def.fields().iter().position(|field| *field.name == *name).unwrap();
            table.def.edit_field(index, |field| field.hidden = hidden);
        });
    }

    async fn known(&self, name: &str) -> KnownField {
        let mut tx = self.world.store.begin().await.unwrap();
        let scope = self.world.scope::<Opportunity>();
        let known = self.world.store.known_fields(&mut tx, &scope).await.unwrap().unwrap();
        known.into_iter().find(|field| &*field.name == name).unwrap()
    }

    /// A custom field's values, by record; records without one left out.
    async fn values(&self, name: &str) -> Vec<(String, FieldValue)> {
        let name = format!("custom.{name}");
        let rows = self.world.rows::<Opportunity>().await;
        let value = |state: &Folded| state.fields.get(&name).filter(|value| !value.is_null()).cloned();
        rows.iter().filter_map(|(id, row)| Some((id.clone(), value(&row.state)?))).collect()
    }
}

const EVOLVE: CustomFieldPolicy = CustomFieldPolicy::EVOLVE;
const FREEZE: CustomFieldPolicy = CustomFieldPolicy { default: FieldContract::Freeze, fields: &[] };
const DISCARD: CustomFieldPolicy =
    CustomFieldPolicy { default: FieldContract::Evolve, fields: &[("Secret__c", FieldContract::Discard)] };

async fn appears<S: Backend>() {
    let Some(fields) = Fields::<S>::start(Setup::default(), EVOLVE).await else { return };
    let (first, load, backfill) = fields.round().await;
    assert!(first.first && first.pending.is_empty() && backfill.is_none(), "{first:?}");
    assert_eq!(load.counts.created, 60);
    let (quiet, delta, backfill) = fields.round().await;
    assert!(quiet.drift.is_empty() && delta.counts.applied() == 0 && backfill.is_none(), "{quiet:?}");

    let before = fields.world.rows::<Opportunity>().await.len();
    fields.hide("Region__c", true);
    fields.track().await;
    fields.hide("Region__c", false);
    fields.add("Tier__c", FieldType::Double);
    let changed = live::<Opportunity>(fields.org())[0];
    update(fields.org(), changed, json!({ "Tier__c": 7 }));
    let report = fields.track().await;
    assert_eq!(
        report.to_string(),
        "field Region__c is back: read from now on, and backfilled for records that are here\n\
         field Tier__c (double) is new: read from now on, and backfilled for records that are here"
    );
    let delta = fields.sync().await;
    assert_eq!(delta.counts.updated, 1, "the record that changed has its value by the next run");
    let cursor = delta.cursor_after;
    let quarter = |n: usize| n.is_multiple_of(3).then_some(Value::Double(n as f64 / 4.0));
    fields.org().fill_field(OBJECT, "Tier__c", quarter).unwrap();
    let backfill = fields.backfill().await.unwrap();
    assert_eq!(backfill.fields.iter().map(|name| &**name).collect::<Vec<_>>(), ["Region__c", "Tier__c"]);
    assert_eq!(backfill.run.status, RunStatus::Success, "{:?}", backfill.run.failure);
    assert_eq!(backfill.run.cursor_after, cursor, "the position stays");
    assert!(backfill.run.counts.updated >= 19, "{:?}", backfill.run.counts);

    let runs = fields.world.runs::<Opportunity>().await;
    assert_eq!(runs.iter().filter(|run| run.action == Action::Backfill).count(), 1);
    assert_eq!(fields.known("Tier__c").await.backfill.unwrap().state, BackfillState::Done);
    assert_eq!(fields.world.rows::<Opportunity>().await.len(), before);
    assert_eq!(fields.world.check_one::<Opportunity>().await, Vec::<String>::new());
    assert!(fields.round().await.2.is_none(), "once is enough");
}

async fn removed<S: Backend>() {
    let Some(fields) = Fields::<S>::start(Setup::default(), EVOLVE).await else { return };
    fields.add("Tier__c", FieldType::String);
    let ids = live::<Opportunity>(fields.org());
    for id in &ids[..10] {
        update(fields.org(), *id, json!({ "Tier__c": "gold" }));
    }
    fields.round().await;
    let before = fields.values("Tier__c").await;
    assert_eq!(before.len(), 10);
    fields.remove("Tier__c");
    for id in &ids[..5] {
        update(fields.org(), *id, json!({ "Name": "Changed" }));
    }
    let (report, delta, _) = fields.round().await;
    assert_eq!(report.to_string(), "field Tier__c is gone upstream: its values stay");
    assert_eq!((delta.counts.updated, delta.counts.parked), (5, 0));
    assert_eq!(fields.values("Tier__c").await, before);
    assert!(fields.known("Tier__c").await.gone_at.is_some());
    assert!(fields.track().await.drift.is_empty(), "it is told once");
    let rows = fields.world.rows::<Opportunity>().await;
    fields.world.check_audit::<Opportunity>(&fields.world.audit::<Opportunity>().await, &rows).await;
}

async fn retyped<S: Backend>() {
    for policy in [EVOLVE, FREEZE] {
        let Some(fields) = Fields::<S>::start(Setup::default(), policy).await else { return };
        fields.add("Tier__c", FieldType::Double);
        let ids = live::<Opportunity>(fields.org());
        for id in &ids[..10] {
            update(fields.org(), *id, json!({ "Tier__c": 1.5 }));
        }
        fields.round().await;
        let before = fields.values("Tier__c").await;
        assert_eq!(before.len(), 10);
        fields.retype("Tier__c", FieldType::String);
        update(fields.org(), ids[0], json!({ "Tier__c": "gold" }));
        update(fields.org(), ids[1], json!({ "Tier__c": null, "Name": "Changed" }));
        let (report, delta, _) = fields.round().await;
        assert!(report.to_string().starts_with("field Tier__c changed from double to string"), "{report}");
        assert_eq!(delta.counts.parked, 0);
        let after = fields.values("Tier__c").await;
        let standing = fields.known("Tier__c").await.standing;
        if policy == EVOLVE {
            assert_eq!(after.len(), 9);
            assert!(after.contains(&(ids[0].to_string(), FieldValue::Text("gold".to_owned()))), "{after:?}");
            assert_eq!(standing, FieldStanding::Taken);
            assert_eq!(fields.world.check_one::<Opportunity>().await, Vec::<String>::new());
        } else {
            assert_eq!(after, before, "the last values stay");
            assert_eq!(standing, FieldStanding::Kept);
        }
        let rows = fields.world.rows::<Opportunity>().await;
        fields.world.check_audit::<Opportunity>(&fields.world.audit::<Opportunity>().await, &rows).await;
    }
}

async fn discarded<S: Backend>() {
    let Some(fields) = Fields::<S>::start(Setup::default(), DISCARD).await else { return };
    fields.add("Secret__c", FieldType::String);
    let ids = live::<Opportunity>(fields.org());
    for id in &ids {
        update(fields.org(), *id, json!({ "Secret__c": "shh" }));
    }
    fields.round().await;
    for id in &ids[..3] {
        update(fields.org(), *id, json!({ "Secret__c": "hush", "Name": "Changed" }));
    }
    let (_, delta, backfill) = fields.round().await;
    assert_eq!(delta.counts.updated, 3);
    assert!(backfill.is_none());
    assert!(fields.values("Secret__c").await.is_empty());
    assert!(!fields.values("Region__c").await.is_empty(), "the others are read");
    let audit = fields.world.audit::<Opportunity>().await;
    let told = audit.records.values().flatten().flat_map(|recorded| recorded.item.changed_fields.iter());
    assert_eq!(told.filter(|change| change.field.contains("Secret__c")).count(), 0);
}

async fn nothing_else<S: Backend>() {
    let Some(fields) = Fields::<S>::start(Setup::default(), EVOLVE).await else { return };
    fields.hide("Region__c", true);
    fields.round().await;
    assert!(fields.values("Region__c").await.is_empty());
    fields.hide("Region__c", false);
    fields.track().await;
    // Records move on and go meanwhile, behind the back of this subscription's feed.
    let ids = live::<Opportunity>(fields.org());
    update(fields.org(), ids[0], json!({ "Name": "Not read yet" }));
    fields.org().delete(ids[1]).unwrap();
    fields.world.settle();
    let backfill = fields.backfill().await.unwrap();
    assert_eq!(backfill.run.status, RunStatus::Success);
    let audit = fields.world.audit::<Opportunity>().await;
    let of_run = audit.records.values().flatten().filter(|recorded| recorded.run == backfill.run.run);
    for change in of_run.flat_map(|recorded| recorded.item.changed_fields.iter()) {
        assert_eq!(&*change.field, "custom.Region__c");
    }
    // What the feed has still to bring is not taken for old.
    let delta = fields.sync().await;
    assert_eq!((delta.counts.updated, delta.counts.deleted, delta.counts.skipped), (1, 1, 0));
    assert_eq!(fields.world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// Edits the schema after each batch of a run.
struct Meddler<S: Backend> {
    org: SalesforceControl,
    rng: std::sync::Mutex<fastrand::Rng>,
    store: std::marker::PhantomData<fn() -> S>,
}

impl<S: Backend> RunObserver for Meddler<S> {
    fn batch_committed(&self, _: &Counts) {
        meddle(&self.org, &mut self.rng.lock().unwrap());
    }
}

/// Adds, removes, retypes, hides or shows one of five fields, and changes some records.
fn meddle(org: &SalesforceControl, rng: &mut fastrand::Rng) {
    let name = format!("Field_{}__c", rng.u8(..5));
    let types = [FieldType::String, FieldType::Double, FieldType::Boolean, FieldType::Date];
    let spec = FieldSpec::new(&name, types[rng.usize(..4)]);
    let ids = live::<Opportunity>(org);
    // Each may be refused, because the field is there already, or is not.
    let _ = match rng.u8(..4) {
        0 => org.remove_field(OBJECT, &name),
        1 => org.retype_field(OBJECT, &spec),
        _ => org.add_field(OBJECT, &spec),
    };
    for _ in 0..4 {
        let id = ids[rng.usize(..ids.len())];
        let values = [json!("7"), json!(7.5), json!(true), json!("2026-03-04"), json!(null)];
        let value = values[rng.usize(..5)].clone();
        let _ = org.update(id, json!({ &name: value }).as_object().unwrap());
        update(org, id, json!({ "NextStep": format!("step {}", rng.u32(..)) }));
    }
}

async fn any_time<S: Backend>() {
    for seed in crate::soak::seeds([41, 42, 43]) {
        let setup = Setup { batch: 10, page: 20, seed, ..Setup::default() };
        let Some(fields) = Fields::<S>::start(setup, EVOLVE).await else { return };
        let mut rng = fastrand::Rng::with_seed(seed);
        fields.round().await;
        let n_rows = fields.world.rows::<Opportunity>().await.len();
        for _ in 0..6 {
            meddle(fields.org(), &mut rng);
            fields.track().await;
            let mut meddler = || {
                let rng = std::sync::Mutex::new(rng.fork());
                let (org, store) = (fields.org().clone(), std::marker::PhantomData::<fn() -> S>);
                Arc::new(Meddler { org, rng, store })
            };
            fields.world.settle();
            // Any of them may end early; what counts is what is there in the end.
            let request = fields.world.request().observer(meddler());
            let _ = fields.engine().execute(request).await.unwrap();
            let request = fields.world.request().observer(meddler());
            let at = fields.world.clock().now();
            let _ = fields.tracker().backfill(&fields.engine(), request, at).await.unwrap();
            assert_eq!(fields.world.rows::<Opportunity>().await.len(), n_rows, "seed {seed}");
        }
        for _ in 0..4 {
            // What could not be read while its field changed its type is parked, and due by then.
            fields.world.later(std::time::Duration::from_secs(7_200));
            fields.round().await;
        }
        let (report, delta, backfill) = fields.round().await;
        assert!(report.drift.is_empty() && report.pending.is_empty() && backfill.is_none(), "{report:?}");
        assert_eq!(delta.counts.applied(), 0);
        assert_eq!(fields.world.letters::<Opportunity>().await, [], "seed {seed}");
        let rows = fields.world.rows::<Opportunity>().await;
        assert_eq!(rows.len(), n_rows);
        fields.world.check_audit::<Opportunity>(&fields.world.audit::<Opportunity>().await, &rows).await;
        every_value_is_here(&fields, seed).await;
    }
}

/// Every value that is upstream is here too. Values here that are not upstream belong to fields that are gone, or were
/// lost upstream with a change of type.
async fn every_value_is_here<S: Backend>(fields: &Fields<S>, seed: u64) {
    let rows = fields.world.rows::<Opportunity>().await;
    for (id, upstream) in e2e::org::records::<Opportunity>(fields.org()) {
        for (name, value) in upstream.fields.iter().filter(|(name, _)| !name.ends_with("Account_Rating__c")) {
            let here = rows[&id].state.fields.get(name);
            let same = here.is_some_and(|here| here.as_ref().same(value.as_ref()));
            assert!(same, "seed {seed}: {id} has {here:?} in {name}, upstream {value:?}");
        }
    }
}

/// The contracts of the real entity are the ones its table names.
#[test]
fn contracts_are_those_of_the_table() {
    assert_eq!(<Opportunity as TableEntity>::TABLE.custom_field_policy, EVOLVE);
}
