//! A world: a simulated org, a store, and engines in between, all on one clock.

use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::{OrgSource, Running, SalesforceControl, SalesforceSandbox, SalesforceSettings};
use crm_sandbox::{FaultRule, SimClock};
use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use entity_user::User;
use provider_salesforce::SalesforceClient;
use sync_core::{
    Brake, Clock, EngineOptions, ExecuteSyncBuilder, ReconcileSource, RunReport, RunRequest, Scope,
    Subscription, TenantId,
};
use sync_wiring::{EntityStore, Fingerprints, SyncModule, salesforce};

use crate::client::{self, Login};
use crate::clock::{LeastJitter, OrgClock};
use crate::entity::Entity;
use crate::store::Backend;

/// What a world is made of.
pub struct Setup {
    /// What the org holds. Default: 6 users, 12 accounts, 20 contacts, 60 opportunities.
    pub org: OrgSource,
    /// What made-up data and chances depend on. Default 1.
    pub seed: u64,
    /// Records per transaction. Default 20.
    pub batch: usize,
    /// The largest page of the org's answers. Default 2,000.
    pub page: usize,
    /// Whose data it is. Default nobody's.
    pub tenant: Option<TenantId>,
    /// Further engine options.
    pub options: EngineOptions,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            org: OrgSpec { users: 6, accounts: 12, contacts: 20, opportunities: 60, ..OrgSpec::EMPTY }.into(),
            seed: 1,
            batch: 20,
            page: 2_000,
            tenant: None,
            options: EngineOptions::default(),
        }
    }
}

impl Setup {
    /// The default with this many opportunities.
    #[must_use]
    pub fn opportunities(opportunities: usize) -> Self {
        let org = OrgSpec { users: 6, accounts: 12, contacts: 20, opportunities, ..OrgSpec::EMPTY };
        Self { org: org.into(), ..Self::default() }
    }
}

/// An org, a store and what it takes to sync one into the other.
pub struct World<S: Backend> {
    /// The org; closed with the world.
    pub org: Running,
    /// Where the store keeps its data.
    pub home: S::Home,
    /// The present handle on it.
    pub store: Arc<S>,
    /// The org's client.
    pub crm: SalesforceClient,
    /// How engines behave.
    pub options: EngineOptions,
    clock: OrgClock,
    subscriptions: Vec<Subscription>,
}

impl<S: Backend> World<S> {
    /// A world with a store of its own; `None` when this machine lacks the server for it.
    pub async fn start(setup: Setup) -> Option<Self> {
        let home = S::home(setup.tenant.is_some()).await?;
        Some(Self::start_in(home, setup).await)
    }

    /// A world whose store is there already.
    ///
    /// # Panics
    /// When the machine refuses a port, or the store is away.
    pub async fn start_in(home: S::Home, setup: Setup) -> Self {
        let org = SalesforceSandbox::builder()
            .org(setup.org)
            .seed(setup.seed)
            .clock(SimClock::default())
            .settings(SalesforceSettings {
                api_max: 1_000_000,
                max_page: setup.page,
                ..SalesforceSettings::default()
            })
            .start()
            .await
            .expect("a port is free");
        let clock = OrgClock(org.control().clock().clone());
        let crm = client::connect(&Login::of(&org), Arc::new(clock.clone()));
        let store = S::open(&home).await;
        let options = EngineOptions {
            batch_size: setup.batch.try_into().expect("a batch holds something"),
            multi_tenant: setup.tenant.is_some(),
            ..setup.options
        };
        let mut world = Self { org, home, store, crm, options, clock, subscriptions: Vec::new() };
        for entity in ["user", "account", "contact", "opportunity"] {
            let subscription = world.subscribe(entity, setup.tenant.clone()).await;
            world.subscriptions.push(subscription);
        }
        world
    }

    async fn subscribe(&self, entity: &str, tenant: Option<TenantId>) -> Subscription {
        let subscription = client::subscription(entity, tenant, self.clock.now());
        let mut tx = self.store.begin_for(subscription.tenant.as_ref()).await.expect("the store is there");
        let subscription =
            self.store.add_subscription(&mut tx, &subscription).await.expect("it can be added");
        self.store.commit(tx).await.expect("the store is there");
        subscription
    }

    /// Changes the org and its clock.
    #[must_use]
    pub fn crm(&self) -> &SalesforceControl {
        self.org.control()
    }

    /// The clock of org and engines.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    /// Lets time pass.
    pub fn later(&self, by: Duration) {
        self.crm().advance(by);
    }

    /// Lets the org misbehave from now on, by these rules only.
    pub fn faults(&self, rules: impl IntoIterator<Item = FaultRule>) {
        self.crm().set_faults(rules.into_iter().collect());
    }

    /// As after a crash: new handles on store and org, and the leases of the dead have run out.
    pub async fn restart(&mut self) {
        self.store = S::open(&self.home).await;
        self.crm = client::connect(&Login::of(&self.org), self.clock());
        self.later(self.options.lease_ttl + Duration::from_secs(1));
    }

    /// The subscription of an entity, as it was added.
    ///
    /// # Panics
    /// When the entity is none of the four.
    #[must_use]
    pub fn subscription<T: Entity>(&self) -> &Subscription {
        self.subscriptions
            .iter()
            .find(|subscription| subscription.domain == T::ENTITY)
            .expect("one of the four")
    }

    /// The scope of its runs.
    #[must_use]
    pub fn scope<T: Entity>(&self) -> Scope {
        let subscription = self.subscription::<T>();
        Scope {
            tenant: subscription.tenant.clone(),
            connection: subscription.connection.clone(),
            subscription: subscription.id,
            entity: T::ENTITY,
            provider: salesforce::PROVIDER.into(),
            user: "system".into(),
        }
    }

    /// What the engines have in common.
    #[must_use]
    pub fn module(&self) -> SyncModule<S> {
        self.module_with(own_writes())
    }

    /// The same with fingerprints kept elsewhere.
    #[must_use]
    pub fn module_with(&self, fingerprints: Fingerprints) -> SyncModule<S> {
        self.module_of(fingerprints, self.clock())
    }

    /// The same by another clock.
    #[must_use]
    pub fn module_by(&self, clock: Arc<dyn Clock>) -> SyncModule<S> {
        self.module_of(own_writes(), clock)
    }

    /// The same on another handle, as another process has one.
    #[must_use]
    pub fn module_on(&self, store: &Arc<S>) -> SyncModule<S> {
        self.module_with_all(store, own_writes(), self.clock())
    }

    fn module_of(&self, fingerprints: Fingerprints, clock: Arc<dyn Clock>) -> SyncModule<S> {
        self.module_with_all(&self.store, fingerprints, clock)
    }

    fn module_with_all(
        &self,
        store: &Arc<S>,
        fingerprints: Fingerprints,
        clock: Arc<dyn Clock>,
    ) -> SyncModule<S> {
        let module = SyncModule::builder()
            .store(S::clone(store))
            .options(self.options.clone())
            .emitter(Arc::clone(store) as _)
            .clock(clock)
            .fingerprints(fingerprints)
            .jitter(Arc::new(LeastJitter));
        module.build().expect("nothing is missing")
    }

    /// An engine of an entity, to add to.
    #[must_use]
    pub fn engine<T: Entity>(&self) -> ExecuteSyncBuilder<T, S>
    where
        S: EntityStore<T>,
    {
        salesforce::connect(self.module().engine::<T>(), &self.crm)
    }

    /// A polling run's request.
    #[must_use]
    pub fn request<T: Entity>(&self) -> RunRequest<T> {
        RunRequest::new(self.subscription::<T>().clone(), salesforce::PROVIDER)
    }

    /// Runs once, ten seconds later, so that everything done so far has settled.
    ///
    /// # Panics
    /// When no run could be opened or closed.
    pub async fn run<T: Entity>(&self) -> RunReport
    where
        S: EntityStore<T>,
    {
        self.settle();
        let engine = self.engine::<T>().build().expect("nothing is missing");
        engine.execute(self.request()).await.expect("the run can be recorded")
    }

    /// Runs until one ends well, letting the leases of broken ones run out.
    ///
    /// # Panics
    /// When twenty runs in a row don't.
    pub async fn run_until_done<T: Entity>(&self)
    where
        S: EntityStore<T>,
    {
        let mut last = None;
        for _ in 0..20 {
            self.later(self.options.lease_ttl + Duration::from_secs(1));
            let engine = self.engine::<T>().build().expect("nothing is missing");
            match engine.execute(self.request()).await {
                Ok(report) if report.failure.is_none() => return,
                ended => last = Some(ended.map(|report| report.failure)),
            }
        }
        panic!("twenty runs of {}, and none ended well; the last one: {last:?}", T::ENTITY);
    }

    /// Compares with the org and repairs, within a brake.
    ///
    /// # Panics
    /// When no run could be opened or closed.
    pub async fn reconcile<T: Entity>(&self, brake: Brake) -> RunReport
    where
        S: EntityStore<T>,
    {
        self.settle();
        let engine = self.engine::<T>().build().expect("nothing is missing");
        let source: ReconcileSource<T, S> =
            salesforce::reconcile(&self.module(), &self.crm, self.subscription::<T>(), brake);
        let request = self.request().action(sync_core::Action::Reconcile).source_override(Arc::new(source));
        engine.execute(request).await.expect("the run can be recorded")
    }

    /// Runs all four, parents first.
    pub async fn run_all(&self) -> [RunReport; 4] {
        [
            self.run::<User>().await,
            self.run::<Account>().await,
            self.run::<Contact>().await,
            self.run::<Opportunity>().await,
        ]
    }

    /// Lets pass what the settle lag asks for.
    pub fn settle(&self) {
        self.later(Duration::from_secs(10));
    }
}

/// Fingerprints of own writes are kept beside the rows, for less time than passes between two polls.
fn own_writes() -> Fingerprints {
    let kept = Fingerprints::in_store(Duration::from_secs(60), Duration::from_secs(300));
    kept.expect("a minute is less than five")
}
