//! What must hold after any story: rows equal the org, and the audit tells how they came to be.

use std::collections::{BTreeMap, BTreeSet};

use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use entity_user::User;
use sync_core::history::{Folded, fold};
use sync_core::{
    Counts, DeadLetter, DeadLetterFilter, FieldValue, ItemStatus, Operation, RecordedItem, Run, RunStatus,
    Scope, ValueRef,
};
use sync_wiring::EntityStore;

use crate::entity::Entity;
use crate::org;
use crate::store::{Backend, Binding, Event, Row};
use crate::world::World;

/// Everything the audit holds of one subscription.
#[derive(Debug, Default)]
pub struct Audit {
    /// Its runs, oldest first.
    pub runs: Vec<Run>,
    /// Its items by record, oldest first.
    pub records: BTreeMap<String, Vec<RecordedItem>>,
}

impl Audit {
    /// The applied changes of a record.
    pub fn applied(&self, id: &str) -> impl Iterator<Item = &RecordedItem> {
        self.records.get(id).into_iter().flatten().filter(|recorded| is_applied(recorded))
    }

    /// How many changes were applied in all.
    #[must_use]
    pub fn n_applied(&self) -> usize {
        self.records.values().flatten().filter(|recorded| is_applied(recorded)).count()
    }
}

fn is_applied(recorded: &RecordedItem) -> bool {
    recorded.item.status == ItemStatus::Success && recorded.item.operation != Operation::Noop
}

/// The checks. Each panics with what is wrong, for it is a test's last line.
impl<S: Backend> World<S> {
    /// All checks of all four entities. Answers the ids of parked records, which are the only ones that may differ.
    pub async fn check(&self) -> Vec<String> {
        let mut parked = self.check_one::<User>().await;
        parked.extend(self.check_one::<Account>().await);
        parked.extend(self.check_one::<Contact>().await);
        parked.extend(self.check_one::<Opportunity>().await);
        parked
    }

    /// As [`check`](Self::check), of one entity.
    pub async fn check_one<T: Entity>(&self) -> Vec<String>
    where
        S: EntityStore<T>,
    {
        let audit = self.audit::<T>().await;
        let org = org::records::<T>(self.crm());
        let ids = org.keys().chain(audit.records.keys()).cloned().collect();
        let rows = self.store.rows::<T>(&self.home, &self.scope::<T>(), &ids).await;
        let parked: Vec<String> =
            self.letters::<T>().await.into_iter().map(|letter| letter.external_id.to_string()).collect();
        rows_equal_org::<T>(&rows, &org, &parked);
        self.check_audit::<T>(&audit, &rows).await;
        parked
    }

    /// As [`Books::check`].
    pub async fn check_audit<T: Entity>(&self, audit: &Audit, rows: &BTreeMap<String, Row>)
    where
        S: EntityStore<T>,
    {
        self.books::<T>().check::<T>(audit, rows).await;
    }

    /// The whole audit of an entity's subscription.
    pub async fn audit<T: Entity>(&self) -> Audit
    where
        S: EntityStore<T>,
    {
        self.books::<T>().audit().await
    }

    /// The runs of an entity's subscription, oldest first.
    pub async fn runs<T: Entity>(&self) -> Vec<Run> {
        self.books::<T>().runs().await
    }

    /// The rows of an entity.
    pub async fn rows<T: Entity>(&self) -> BTreeMap<String, Row>
    where
        S: EntityStore<T>,
    {
        let ids: BTreeSet<String> = org::records::<T>(self.crm()).into_keys().collect();
        self.store.rows::<T>(&self.home, &self.scope::<T>(), &ids).await
    }

    /// The open letters of an entity's subscription.
    pub async fn letters<T: Entity>(&self) -> Vec<DeadLetter>
    where
        S: EntityStore<T>,
    {
        self.books::<T>().letters().await
    }

    /// What the store tells of an entity's subscription.
    pub fn books<T: Entity>(&self) -> Books<'_, S> {
        Books { store: &self.store, home: &self.home, scope: self.scope::<T>() }
    }
}

/// What a store tells of one subscription.
pub struct Books<'a, S: Backend> {
    /// The store.
    pub store: &'a S,
    /// Where it keeps its data.
    pub home: &'a S::Home,
    /// The subscription's.
    pub scope: Scope,
}

/// Of whatever CRM.
impl<S: Backend> Books<'_, S> {
    /// R2, R9, R16 and R19: every run ended and its books balance, every applied change has one item and one event,
    /// each item goes on from where the one before it ended, and all of them together give the rows.
    pub async fn check<T: Entity>(&self, audit: &Audit, rows: &BTreeMap<String, Row>)
    where
        S: EntityStore<T>,
    {
        let mut of_run: BTreeMap<_, Vec<&RecordedItem>> = BTreeMap::new();
        for recorded in audit.records.values().flatten() {
            of_run.entry(recorded.run).or_default().push(recorded);
        }
        for (id, items) in &audit.records {
            replay(id, items, rows.get(id).map(|row| &row.state));
        }
        for run in &audit.runs {
            assert_ne!(run.status, RunStatus::Running, "{} run {} was left running", T::ENTITY, run.id);
            books_balance(run, of_run.get(&run.id).map_or(&[], Vec::as_slice));
        }
        for id in rows.keys() {
            assert!(audit.applied(id).next().is_some(), "{} {id} has a row and no history", T::ENTITY);
        }
        let told = audit.records.values().flatten().filter(|item| is_applied(item)).map(event);
        let published = self.store.events(self.home, &self.scope).await;
        assert_eq!(
            unpaired(told, published),
            Vec::<(Event, i64)>::new(),
            "{}: one event per applied change",
            T::ENTITY
        );
        self.history_is_the_same::<T>(audit).await;
    }

    /// The look-up by record gives what reading run by run gives; a sample, for it asks once per record.
    async fn history_is_the_same<T: Entity>(&self, audit: &Audit)
    where
        S: EntityStore<T>,
    {
        let step = (audit.records.len() / 20).max(1);
        let mut tx = self.store.begin_across_tenants().await.expect("the store is there");
        for id in audit.records.keys().step_by(step) {
            let history = self.store.history(&mut tx, &self.scope, &id.as_str().into()).await;
            let history = history.expect("history can be read");
            assert!(audit.applied(id).eq(history.iter()), "{} {id} has two histories", T::ENTITY);
        }
        self.store.rollback(tx).await.expect("the store is there");
    }

    /// All of it.
    pub async fn audit(&self) -> Audit {
        let mut audit = Audit { runs: self.runs().await, ..Audit::default() };
        let mut tx = self.store.begin_across_tenants().await.expect("the store is there");
        for run in &audit.runs {
            let items = self.store.items(&mut tx, &self.scope, run.id, 0, 1_000_000).await;
            for recorded in items.expect("items can be read") {
                audit.records.entry(recorded.item.external_id.to_string()).or_default().push(recorded);
            }
        }
        self.store.rollback(tx).await.expect("the store is there");
        audit
    }

    /// Its runs, oldest first.
    pub async fn runs(&self) -> Vec<Run> {
        let mut tx = self.store.begin_across_tenants().await.expect("the store is there");
        let mut runs = self.store.runs(&mut tx, &self.scope, 100_000).await.expect("runs can be read");
        self.store.rollback(tx).await.expect("the store is there");
        runs.reverse();
        runs
    }

    /// Its open letters.
    pub async fn letters(&self) -> Vec<DeadLetter> {
        let mut tx = self.store.begin_across_tenants().await.expect("the store is there");
        let all = DeadLetterFilter::default();
        let letters =
            self.store.list(&mut tx, &self.scope, &all, 100_000).await.expect("letters can be read");
        self.store.rollback(tx).await.expect("the store is there");
        letters
    }
}

/// Every live record has its row with every value, deleted ones have none that lives, and nothing else lives.
fn rows_equal_org<T: Entity>(
    rows: &BTreeMap<String, Row>,
    org: &BTreeMap<String, Folded>,
    parked: &[String],
) {
    let entity = T::ENTITY;
    for (id, expected) in org.iter().filter(|(id, _)| !parked.contains(id)) {
        match rows.get(id) {
            Some(row) if expected.deleted => {
                assert!(row.state.deleted, "{entity} {id} is deleted upstream only");
            }
            Some(row) => {
                let mut different = row.state.differences(expected);
                different.retain(|field| !T::DRIFTING.iter().any(|drifting| field.ends_with(drifting)));
                let values = |state: &Folded| -> Vec<_> {
                    different.iter().map(|f| state.fields.get(f).cloned()).collect()
                };
                let (here, there) = (values(&row.state), values(expected));
                assert!(
                    different.is_empty(),
                    "{entity} {id} differs in {different:?}: {here:?}, upstream {there:?}"
                );
            }
            None => assert!(expected.deleted, "{entity} {id} is missing"),
        }
    }
    for (id, row) in rows {
        assert!(row.state.deleted || org.contains_key(id), "{entity} {id} is gone upstream and lives here");
        for (link, binding) in &row.bound {
            assert_ne!(*binding, Binding::Wrong, "{entity} {id}: link {link} is not bound to its parent");
        }
    }
}

/// The items of a run are numbered without a gap and add up to its counts.
fn books_balance(run: &Run, items: &[&RecordedItem]) {
    assert!(run.counts.conserved(), "run {} lost count: {:?}", run.id, run.counts);
    let mut numbers: Vec<i64> = items.iter().map(|recorded| recorded.item.seq).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as i64), "run {}: items {numbers:?}", run.id);
    let count = |operation, status| {
        items.iter().filter(|one| (one.item.operation, one.item.status) == (operation, status)).count() as u64
    };
    let applied = Counts {
        created: count(Operation::Created, ItemStatus::Success),
        updated: count(Operation::Updated, ItemStatus::Success),
        deleted: count(Operation::Deleted, ItemStatus::Success),
        restored: count(Operation::Restored, ItemStatus::Success),
        // What is read again and changes nothing is counted, and has no item.
        found: run.counts.found,
        noop: run.counts.noop,
        skipped: run.counts.skipped,
        parked: items.iter().filter(|one| one.item.status == ItemStatus::Failed).count() as u64,
    };
    assert_eq!(applied, run.counts, "run {}: counts are those of its items", run.id);
    assert!(count(Operation::Noop, ItemStatus::Success) <= run.counts.noop, "run {}", run.id);
}

/// Each applied item starts from the state that those before it left: none is missing and none is there twice.
fn replay(id: &str, items: &[RecordedItem], row: Option<&Folded>) {
    let applied: Vec<&RecordedItem> = items.iter().filter(|recorded| is_applied(recorded)).collect();
    let mut state: Option<Folded> = None;
    for (n, recorded) in applied.iter().enumerate() {
        let item = &recorded.item;
        let place = || format!("item {} of {id} ({})", n + 1, item.operation.as_str());
        match (&state, item.operation) {
            (None, Operation::Created) => {}
            (Some(before), Operation::Updated) => {
                assert!(!before.deleted && !item.changed_fields.is_empty(), "{}", place());
            }
            (Some(before), Operation::Deleted) => assert!(!before.deleted, "{}", place()),
            (Some(before), Operation::Restored) => assert!(before.deleted, "{}", place()),
            _ => panic!("{} follows {state:?}", place()),
        }
        for change in item.changed_fields.iter() {
            let before = state.as_ref().and_then(|state| state.fields.get(&*change.field));
            let before = before.map_or(ValueRef::Null, FieldValue::as_ref);
            assert!(before.same(change.from.as_ref()), "{}: {} was {before:?}", place(), change.field);
            assert!(!change.from.as_ref().same(change.to.as_ref()), "{}: {} stays", place(), change.field);
        }
        state = fold(applied[..=n].iter().copied(), None);
    }
    match (state, row) {
        (None, None) => {}
        (Some(state), Some(row)) => {
            let different = state.differences(row);
            assert!(different.is_empty(), "{id}: row and history differ in {different:?}");
        }
        (state, row) => panic!("{id}: history says {state:?}, the table {row:?}"),
    }
}

/// What is in one of both more often than in the other, and by how much.
fn unpaired<I: Ord>(some: impl IntoIterator<Item = I>, others: impl IntoIterator<Item = I>) -> Vec<(I, i64)> {
    let mut balance: BTreeMap<I, i64> = BTreeMap::new();
    some.into_iter().for_each(|one| *balance.entry(one).or_default() += 1);
    others.into_iter().for_each(|one| *balance.entry(one).or_default() -= 1);
    balance.into_iter().filter(|(_, surplus)| *surplus != 0).collect()
}

fn event(recorded: &RecordedItem) -> Event {
    Event {
        external_id: recorded.item.external_id.to_string(),
        operation: recorded.item.operation.as_str().to_owned(),
        run: recorded.run.to_string(),
    }
}
