//! A pair: a simulated CRM, of whichever product, and a store, of which the same companies are edited on both sides.

mod remote;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::FaultRule;
use entity_account::Account;
use sync_core::{
    ChangeMiddleware, Clock, EngineOptions, LocalEditor, RunReport, RunRequest, Scope, Subscription,
    WritebackOptions, WritebackStore,
};
use sync_wiring::writeback::{hubspot as both_hubspot, salesforce as both_salesforce};
use sync_wiring::{EntityStore, Fingerprints, OwnFingerprints, SyncModule, hubspot, salesforce};

use crate::check::Books;
use crate::client;
use crate::clock::{LeastJitter, OrgClock};
use crate::store::Backend;

use remote::{Client, Remote};
pub use remote::{Company, Product};

/// After so long whoever reads the CRM's changes sees the last of them; fingerprints live longer.
const SETTLED: Duration = Duration::from_secs(30);

/// A store whose rows are edited here as well.
pub trait TwoWay: Backend + WritebackStore + OwnFingerprints {}

impl<S: Backend + WritebackStore + OwnFingerprints> TwoWay for S {}

/// A CRM with companies, a store, and both ways between them.
pub struct Pair<S: Backend> {
    /// Where the store keeps its data.
    pub home: S::Home,
    /// The handle on it.
    pub store: Arc<S>,
    /// The CRM.
    pub remote: Remote,
    /// How outbound runs behave.
    pub writeback: WritebackOptions,
    client: Client,
    clock: OrgClock,
    subscription: Subscription,
    options: EngineOptions,
}

impl<S: TwoWay> Pair<S> {
    /// A CRM of a dozen companies, which the store does not have yet; `None` when this machine lacks the store's server.
    pub async fn start(product: Product) -> Option<Self> {
        Some(Self::start_in(S::home(false).await?, product).await)
    }

    /// The same on a store that is there.
    ///
    /// # Panics
    /// When the machine refuses a port, or the store is away.
    pub async fn start_in(home: S::Home, product: Product) -> Self {
        let remote = Remote::start(product).await;
        let clock = OrgClock(remote.clock().clone());
        let client = remote.connect(Arc::new(clock.clone()), None);
        let store = S::open(&home).await;
        let adapter = match product {
            Product::Salesforce => salesforce::POLL_ADAPTER,
            Product::Hubspot => hubspot::POLL_ADAPTER,
        };
        let subscription = Subscription {
            adapter: adapter.to_owned(),
            ..client::subscription("account", None, clock.now())
        };
        let mut tx = store.begin().await.expect("the store is there");
        let subscription = store.add_subscription(&mut tx, &subscription).await.expect("it can be added");
        store.commit(tx).await.expect("the store is there");
        let options = EngineOptions {
            batch_size: 5.try_into().expect("a batch holds something"),
            ..EngineOptions::default()
        };
        let writeback = WritebackOptions::default();
        Self { home, store, remote, writeback, client, clock, subscription, options }
    }

    /// From now on the CRM is waited for so long and no longer.
    pub fn patience(&mut self, patience: Duration) {
        self.client = self.remote.connect(self.clock(), Some(patience));
    }

    /// The clock of both.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    /// Lets time pass.
    pub fn later(&self, by: Duration) {
        self.remote.advance(by);
    }

    /// Lets the CRM misbehave from now on, by these rules only, where they are about writes.
    pub fn write_faults(&self, rules: impl IntoIterator<Item = FaultRule>) {
        let on_writes =
            |rule: FaultRule| self.remote.write_kinds().iter().fold(rule, |rule, kind| rule.on(*kind));
        self.remote.set_faults(rules.into_iter().map(on_writes).collect());
    }

    /// What both ways have in common; fingerprints are kept beside the rows.
    #[must_use]
    pub fn module(&self) -> SyncModule<S> {
        let kept = Fingerprints::in_store(Duration::from_secs(60), Duration::from_secs(300));
        self.module_of(kept.expect("a minute is less than five"), self.clock())
    }

    /// The same with other fingerprints and by another clock.
    #[must_use]
    pub fn module_of(&self, fingerprints: Fingerprints, clock: Arc<dyn Clock>) -> SyncModule<S> {
        let module = SyncModule::builder()
            .store(S::clone(&self.store))
            .options(self.options.clone())
            .emitter(Arc::clone(&self.store) as _)
            .clock(clock)
            .fingerprints(fingerprints)
            .jitter(Arc::new(LeastJitter));
        module.build().expect("nothing is missing")
    }

    /// A run's request.
    #[must_use]
    pub fn request(&self) -> RunRequest<Account> {
        RunRequest::new(self.subscription.clone(), self.remote.provider())
    }

    /// Applies what changed in the CRM, once it has settled there.
    ///
    /// # Panics
    /// When the run can't be recorded.
    pub async fn follow(&self, module: &SyncModule<S>) -> RunReport {
        self.follow_by(module, self.request()).await.expect("the run can be recorded")
    }

    /// The same, with something between the CRM and the engine.
    ///
    /// # Panics
    /// When the run can't be recorded.
    pub async fn follow_through(
        &self,
        module: &SyncModule<S>,
        between: Arc<dyn ChangeMiddleware<Account>>,
    ) -> RunReport {
        self.later(SETTLED);
        let engine = module.engine::<Account>();
        let engine =
            match &self.client {
                Client::Salesforce(crm) => salesforce::connect(engine, crm)
                    .writer(Arc::new(salesforce::SalesforceWriter::<Account>::new(crm.clone()))),
                Client::Hubspot(crm) => hubspot::connect(engine, crm)
                    .writer(Arc::new(hubspot::HubspotWriter::<Account>::new(crm.clone()))),
            };
        let engine =
            module.both_ways(engine.middleware(between), <Account as salesforce::ToSalesforce>::CONFLICTS);
        let engine = engine.build().expect("nothing is missing");
        engine.execute(self.request()).await.expect("the run can be recorded")
    }

    /// As [`follow`](Self::follow), by a request of the caller's.
    ///
    /// # Errors
    /// As an engine's.
    pub async fn follow_by(
        &self,
        module: &SyncModule<S>,
        request: RunRequest<Account>,
    ) -> Result<RunReport, sync_core::SyncError> {
        self.later(SETTLED);
        let engine = match &self.client {
            Client::Salesforce(crm) => both_salesforce::engine::<Account, S>(module, crm),
            Client::Hubspot(crm) => both_hubspot::engine::<Account, S>(module, crm),
        };
        engine.expect("nothing is missing").execute(request).await
    }

    /// Sends what was edited here.
    ///
    /// # Panics
    /// When the run can't be recorded.
    pub async fn send(&self, module: &SyncModule<S>) -> RunReport {
        self.send_by(module, self.request()).await.expect("the run can be recorded")
    }

    /// As [`send`](Self::send), by a request of the caller's.
    ///
    /// # Errors
    /// As an engine's.
    pub async fn send_by(
        &self,
        module: &SyncModule<S>,
        request: RunRequest<Account>,
    ) -> Result<RunReport, sync_core::SyncError> {
        let way = match &self.client {
            Client::Salesforce(crm) => both_salesforce::writeback::<Account, S>(module, crm),
            Client::Hubspot(crm) => both_hubspot::writeback::<Account, S>(module, crm),
        };
        way.expect("nothing is missing").options(self.writeback).execute(request).await
    }

    /// A company is made here.
    pub async fn make(&self, name: &str) {
        let account = Account { name: Some(name.to_owned()), ..Account::default() };
        let (editor, mut tx) = (self.editor(), self.store.begin().await.expect("the store is there"));
        editor.create(&mut tx, &self.scope(), account).await.expect("it can be made");
        self.store.commit(tx).await.expect("the store is there");
    }

    /// A company's telephone number is changed here.
    pub async fn edit(&self, id: &str, phone: &str) {
        let change = |account: &mut Account| account.phone = Some(phone.to_owned());
        let (editor, mut tx) = (self.editor(), self.store.begin().await.expect("the store is there"));
        editor.edit(&mut tx, &self.scope(), &id.into(), change).await.expect("it can be changed");
        self.store.commit(tx).await.expect("the store is there");
    }

    /// A company is deleted here.
    pub async fn delete(&self, id: &str) {
        let (editor, mut tx) = (self.editor(), self.store.begin().await.expect("the store is there"));
        editor.delete(&mut tx, &self.scope(), &id.into()).await.expect("it can be deleted");
        self.store.commit(tx).await.expect("the store is there");
    }

    /// Its edits are published when they are sent, so that each is told once.
    fn editor(&self) -> LocalEditor<Account, S> {
        let sink = Arc::new(EntityStore::<Account>::sink(&*self.store));
        LocalEditor::new(sink, Arc::clone(&self.store) as _).clock(self.clock())
    }

    /// The scope of all runs.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope {
            tenant: None,
            connection: self.subscription.connection.clone(),
            subscription: self.subscription.id,
            entity: "account",
            provider: self.remote.provider().into(),
            user: "system".into(),
        }
    }

    /// What the store tells.
    #[must_use]
    pub fn books(&self) -> Books<'_, S> {
        Books { store: &self.store, home: &self.home, scope: self.scope() }
    }

    /// Both sides hold the same companies with the same values, nothing waits and nothing is asked, and the audit tells
    /// how the rows came to be, each change once.
    ///
    /// # Panics
    /// With what is wrong.
    pub async fn check(&self) {
        let ids: BTreeSet<String> = self.remote.companies().into_keys().collect();
        let audit = self.books().audit().await;
        let known = ids.iter().chain(audit.records.keys()).cloned().collect();
        let rows = self.store.rows::<Account>(&self.home, &self.scope(), &known).await;
        let live = rows.iter().filter(|(_, row)| !row.state.deleted);
        let here: BTreeMap<String, Company> =
            live.map(|(id, row)| (id.clone(), Company::here(&row.state))).collect();
        assert_eq!(here, self.remote.companies(), "here, and in the CRM");
        self.books().check::<Account>(&audit, &rows).await;
        self.nothing_waits().await;
    }

    /// Nothing waits to be sent, nothing is in doubt, nothing is asked, nothing is parked.
    ///
    /// # Panics
    /// With what does.
    pub async fn nothing_waits(&self) {
        let (scope, never) =
            (self.scope(), chrono::DateTime::<chrono::Utc>::MAX_UTC - chrono::TimeDelta::days(1));
        let mut tx = self.store.begin().await.expect("the store is there");
        let waiting = self.store.waiting_records(&mut tx, &scope, 100).await.expect("they can be read");
        let due = self.store.due_edits(&mut tx, &scope, never, 100).await.expect("they can be read");
        let asked = self.store.list_conflicts(&mut tx, &scope, 100).await.expect("they can be read");
        self.store.rollback(tx).await.expect("the store is there");
        assert!(waiting.is_empty() && due.is_empty() && asked.is_empty(), "{waiting:?} {due:?} {asked:?}");
        assert_eq!(self.books().letters().await, Vec::new());
    }
}
