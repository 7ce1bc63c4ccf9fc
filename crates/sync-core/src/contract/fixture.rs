//! What an adapter lends to its suite.

use std::sync::Arc;
use std::time::Duration;

use super::sample::{
    EAV_SAMPLES, EAV_SAMPLES_WITH_REQUIRED_PARENT, SAMPLES, SAMPLES_WITH_REQUIRED_PARENT, Sample,
};
use crate::{
    AuthorisationStore, Canonical, ChangeEmitter, ChangeEvent, ChangeSource, ConnectionStore,
    CustomFieldSource, ExternalId, FieldSet, LocalId, LocalListing, LoopbackFingerprintStore, RefreshStore,
    RemoteWriter, Scope, Store, Subscription, SyncSink, TableDef, UnitOfWork, Version,
};

/// A fixture's transaction.
pub type TxOf<F> = <<F as StoreFixture>::Store as UnitOfWork>::Tx;

/// Whether tenants are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenancy {
    /// No: scopes have no tenant.
    Single,
    /// Yes: scopes have one.
    Multi,
}

/// A store to be tested, alone in a database or schema of its own.
pub trait StoreFixture: Sized + Send + Sync + 'static {
    /// The store.
    type Store: Store;

    /// Whether the store itself refuses a scope without a tenant when tenants are told apart (R1). `false` only
    /// for a store that keeps nothing beyond its process; the engine checks in any case.
    const REFUSES_MISSING_TENANT: bool;

    /// Whether two transactions may be open at once. `false` for a store that makes the second `begin` wait.
    const CONCURRENT: bool;

    /// A store that is empty and migrated, with the tables [`SAMPLES`](super::SAMPLES),
    /// [`EAV_SAMPLES`](super::EAV_SAMPLES) and [`SAMPLE_PARENTS`](super::SAMPLE_PARENTS) when sinks are tested;
    /// `None` when the backend can't be reached.
    fn fresh(tenancy: Tenancy) -> impl Future<Output = Option<Self>> + Send;

    /// The store's ports.
    fn store(&self) -> Arc<Self::Store>;

    /// The store's outbox.
    fn emitter(&self) -> Arc<dyn ChangeEmitter<TxOf<Self>>>;

    /// Every committed event of the outbox in the order of its publishing, of all tenants.
    fn published(&self) -> impl Future<Output = Vec<ChangeEvent>> + Send;
}

/// A store that keeps connected accounts. Every fixture is one whose store has the ports.
pub trait ConnectionFixture: StoreFixture {
    /// The accounts.
    fn connections(&self) -> Arc<dyn ConnectionStore<TxOf<Self>>>;

    /// Their refreshes.
    fn refreshes(&self) -> Arc<dyn RefreshStore<TxOf<Self>>>;

    /// Authorisations that were begun.
    fn authorisations(&self) -> Arc<dyn AuthorisationStore<TxOf<Self>>>;
}

impl<F> ConnectionFixture for F
where
    F: StoreFixture,
    F::Store: ConnectionStore<TxOf<F>> + RefreshStore<TxOf<F>> + AuthorisationStore<TxOf<F>>,
{
    fn connections(&self) -> Arc<dyn ConnectionStore<TxOf<F>>> {
        self.store()
    }

    fn refreshes(&self) -> Arc<dyn RefreshStore<TxOf<F>>> {
        self.store()
    }

    fn authorisations(&self) -> Arc<dyn AuthorisationStore<TxOf<F>>> {
        self.store()
    }
}

/// A store whose table sinks are tested as well.
pub trait SinkFixture: StoreFixture {
    /// The table of [`Sample`](super::Sample) on which the cases run.
    const SAMPLES: &'static TableDef = &SAMPLES;

    /// The same table for a sink that fails rows whose parent has not arrived.
    const SAMPLES_WITH_REQUIRED_PARENT: &'static TableDef = &SAMPLES_WITH_REQUIRED_PARENT;

    /// A sink for one table. Called with [`Sample`](super::Sample) and [`SampleParent`](super::SampleParent) and
    /// the table definitions of this module.
    fn sink<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn SyncSink<T, TxOf<Self>>>;

    /// The listing of one table.
    fn listing<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn LocalListing<TxOf<Self>>>;

    /// The local id of the parent to which a committed row's link `parent` is bound; `None` while it waits.
    fn bound_parent(
        &self,
        table: &'static TableDef,
        scope: &Scope,
        child: &ExternalId,
    ) -> impl Future<Output = Option<LocalId>> + Send;

    /// How many statements were sent to the database so far; `None` for a store that sends none.
    fn statements(&self) -> Option<u64>;
}

/// The same store, with the custom fields of samples as definitions and values: the suite of sinks runs once with
/// the fixture itself and once with this.
pub struct Eav<F>(F);

impl<F: StoreFixture> StoreFixture for Eav<F> {
    type Store = F::Store;
    const REFUSES_MISSING_TENANT: bool = F::REFUSES_MISSING_TENANT;
    const CONCURRENT: bool = F::CONCURRENT;

    async fn fresh(tenancy: Tenancy) -> Option<Self> {
        F::fresh(tenancy).await.map(Self)
    }

    fn store(&self) -> Arc<Self::Store> {
        self.0.store()
    }

    fn emitter(&self) -> Arc<dyn ChangeEmitter<TxOf<Self>>> {
        self.0.emitter()
    }

    async fn published(&self) -> Vec<ChangeEvent> {
        self.0.published().await
    }
}

impl<F: SinkFixture> SinkFixture for Eav<F> {
    const SAMPLES: &'static TableDef = &EAV_SAMPLES;
    const SAMPLES_WITH_REQUIRED_PARENT: &'static TableDef = &EAV_SAMPLES_WITH_REQUIRED_PARENT;

    fn sink<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn SyncSink<T, TxOf<Self>>> {
        self.0.sink::<T>(table)
    }

    fn listing<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn LocalListing<TxOf<Self>>> {
        self.0.listing::<T>(table)
    }

    async fn bound_parent(
        &self,
        table: &'static TableDef,
        scope: &Scope,
        child: &ExternalId,
    ) -> Option<LocalId> {
        self.0.bound_parent(table, scope, child).await
    }

    fn statements(&self) -> Option<u64> {
        self.0.statements()
    }
}

/// A provider whose source is tested: a simulated or recorded CRM that the suite may change.
///
/// What the suite changes has to be visible to the next stream: where a source waits for the provider to settle,
/// the fixture moves its clock.
pub trait SourceFixture: Sized + Send + Sync + 'static {
    /// What the source reads.
    type Record: Canonical;

    /// Whether the source itself tells of deletions.
    const TELLS_DELETIONS: bool;

    /// An empty CRM; `None` when it can't be started.
    fn fresh() -> impl Future<Output = Option<Self>> + Send;

    /// The source, reading at most a few records per page, so that five records don't fit one page.
    fn source(&self) -> Arc<dyn ChangeSource<Self::Record>>;

    /// The subscription to read for.
    fn subscription(&self) -> Subscription;

    /// Adds records that all carry the same modification stamp, later than any before.
    fn seed(&self, n_records: usize) -> impl Future<Output = Vec<ExternalId>> + Send;

    /// Changes a record.
    fn edit(&self, id: &ExternalId) -> impl Future<Output = ()> + Send;

    /// Deletes a record.
    fn delete(&self, id: &ExternalId) -> impl Future<Output = ()> + Send;

    /// Changes a record into one that can't be mapped. `false` when the provider has no such values.
    fn spoil(&self, id: &ExternalId) -> impl Future<Output = bool> + Send;

    /// Makes the provider refuse the present access token and ask the next call to slow down for a moment.
    /// `false` when the source talks to no provider.
    fn disturb(&self) -> impl Future<Output = bool> + Send;
}

/// A provider whose writer is tested: a simulated CRM that the suite may change and look into.
pub trait WriterFixture: Sized + Send + Sync + 'static {
    /// What the writer writes. It names a key field that the CRM has, keeps custom fields, and has a field that can't be
    /// written.
    type Record: Canonical;

    /// Two fields of text that can be written and cleared; the first one is the title.
    const TEXTS: [&'static str; 2];

    /// Records that one call of the provider takes at most.
    const ROWS_PER_CALL: usize;

    /// The value with which [`spoil`](Self::spoil) spoils.
    const SPOILT: &'static str;

    /// An empty CRM; `None` when it can't be started.
    fn fresh() -> impl Future<Output = Option<Self>> + Send;

    /// The writer, with pauses of milliseconds.
    fn writer(&self) -> Arc<dyn RemoteWriter<Self::Record>>;

    /// The subscription to write for.
    fn subscription(&self) -> Subscription;

    /// A record that the CRM takes, with both texts; the title tells `n`.
    fn sample(&self, n: usize) -> Self::Record;

    /// Gives a record a value that the CRM refuses for good, and tells the fields that hold it.
    fn spoil(&self, record: &mut Self::Record) -> FieldSet;

    /// Adds records such as [`sample`](Self::sample)'s, by other means than the writer.
    fn seed(&self, n_records: usize) -> impl Future<Output = Vec<ExternalId>> + Send;

    /// A live record as the CRM has it, with its version.
    fn read(&self, id: &ExternalId) -> impl Future<Output = Option<(Self::Record, Option<Version>)>> + Send;

    /// The ids of all live records.
    fn live(&self) -> impl Future<Output = Vec<ExternalId>> + Send;

    /// Somebody else changes a text of a record; its version moves.
    fn edit(&self, id: &ExternalId, field: &str, text: &str) -> impl Future<Output = ()> + Send;

    /// Somebody else deletes a record.
    fn delete(&self, id: &ExternalId) -> impl Future<Output = ()> + Send;

    /// Adds a custom field of text, and answers its name as the provider spells it.
    fn add_custom(&self, stem: &str) -> impl Future<Output = Arc<str>> + Send;

    /// Lets the next call that writes be carried out and its answer be lost.
    fn lose_an_answer(&self) -> impl Future<Output = ()> + Send;
}

/// A provider whose custom fields are tested: a simulated CRM that the suite may change. What the suite changes has to
/// be visible to the next call.
pub trait CustomFieldFixture: Sized + Send + Sync + 'static {
    /// What the source fills.
    type Record: Canonical;

    /// An empty CRM; `None` when it can't be started.
    fn fresh() -> impl Future<Output = Option<Self>> + Send;

    /// The source, reading at most a few records per page, so that five records don't fit one page.
    fn source(&self) -> Arc<dyn CustomFieldSource<Self::Record>>;

    /// The subscription to read for.
    fn subscription(&self) -> Subscription;

    /// Adds records without a value in any field that the suite adds.
    fn seed(&self, n_records: usize) -> impl Future<Output = Vec<ExternalId>> + Send;

    /// Adds a text field to the object, and answers its name: `suite_a`, as the provider spells such names.
    fn add_field(&self, stem: &str) -> impl Future<Output = Arc<str>> + Send;

    /// Removes a field that was added.
    fn remove_field(&self, name: &str) -> impl Future<Output = ()> + Send;

    /// Sets a record's value in such a field.
    fn set(&self, id: &ExternalId, name: &str, value: &str) -> impl Future<Output = ()> + Send;

    /// Lets the provider's descriptions break off from now on.
    fn break_description(&self) -> impl Future<Output = ()> + Send;

    /// Makes the provider refuse the present access token and ask the next call to slow down for a moment.
    fn disturb(&self) -> impl Future<Output = ()> + Send;
}

/// A fingerprint store to be tested.
pub trait LoopbackFixture: Sized + Send + Sync + 'static {
    /// A store that nothing was recorded in, which keeps fingerprints for `ttl`; `None` when the backend can't be
    /// reached.
    fn fresh(ttl: Duration) -> impl Future<Output = Option<Self>> + Send;

    /// The store.
    fn store(&self) -> Arc<dyn LoopbackFingerprintStore<Sample>>;

    /// The store's write path: notes what we write to the CRM.
    fn record(&self, scope: &Scope, writes: &[(ExternalId, &Sample)]) -> impl Future<Output = ()> + Send;

    /// Lets this time pass for the store: moves its clock, or waits.
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// How many requests were sent to the backend so far; `None` for a store that sends none.
    fn requests(&self) -> Option<u64>;
}

/// Runs one case on a fresh store; what the macros call.
pub async fn run<F: StoreFixture, C: AsyncFnOnce(F)>(tenancy: Tenancy, case: C) {
    if let Some(fixture) = present(F::fresh(tenancy).await) {
        case(fixture).await;
    }
}

/// Runs one case on a fresh source; what the macros call.
pub async fn run_source<F: SourceFixture, C: AsyncFnOnce(F)>(case: C) {
    if let Some(fixture) = present(F::fresh().await) {
        case(fixture).await;
    }
}

/// Runs one case on a fresh CRM; what the macro calls.
pub async fn run_writer<F: WriterFixture, C: AsyncFnOnce(F)>(case: C) {
    if let Some(fixture) = present(F::fresh().await) {
        case(fixture).await;
    }
}

/// Runs one case on fresh custom fields; what the macro calls.
pub async fn run_custom_fields<F: CustomFieldFixture, C: AsyncFnOnce(F)>(case: C) {
    if let Some(fixture) = present(F::fresh().await) {
        case(fixture).await;
    }
}

/// Runs one case on a fresh fingerprint store, which keeps what it is told for longer than a case takes; what the
/// macro calls.
pub async fn run_loopback<F: LoopbackFixture, C: AsyncFnOnce(F)>(case: C) {
    if let Some(fixture) = present(F::fresh(Duration::from_secs(3_600)).await) {
        case(fixture).await;
    }
}

fn present<F>(fixture: Option<F>) -> Option<F> {
    reached(fixture, &format!("the backend of {}", std::any::type_name::<F>()))
}

/// Says what is missing; where services are required, that fails the test.
pub(super) fn reached<F>(found: Option<F>, what: &str) -> Option<F> {
    if found.is_none() {
        let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|set| set == "1");
        assert!(!required, "{what} is missing");
        println!("skipped: {what} is missing");
    }
    found
}
