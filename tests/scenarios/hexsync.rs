//! The engine as a contender: what an application would build from the wiring, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crm_sandbox::salesforce::SalesforceControl;
use e2e::client::{self, CONNECTION, Login};
use e2e::connections;
use e2e::entity::Entity;
use e2e::store::Backend;
use e2e::world::{Setup, World};
use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use sync_core::{Brake, CUSTOM_PREFIX, Cursor, ReadMode, RunReport, RunStatus, StoreError, SyncError};
use sync_wiring::{EntityStore, salesforce};

use crate::contender::{Contender, Said};
use crate::salesforce::{OldBookmark, OnSalesforce, Stage, truth};
use crate::verdict::{Row, Rows, Truth, plain};

/// Hexsync on one of its stores.
pub(crate) struct Hexsync<S: Backend> {
    world: World<S>,
    accounts: bool,
}

impl<S: Backend> Hexsync<S> {
    pub(crate) fn world(&self) -> &World<S> {
        &self.world
    }

    async fn both(&self, work: Work) -> Said {
        let mut said = Said::Well;
        if self.accounts {
            said = self.one::<Account>(work).await;
        }
        let deals = self.one::<Opportunity>(work).await;
        if said == Said::Well { deals } else { said }
    }

    async fn one<T: Entity>(&self, work: Work) -> Said
    where
        S: EntityStore<T>,
    {
        match work {
            Work::Delta => self.round::<T>().await.unwrap_or_else(|why| why),
            // Calculated values change without the record, so everything is read; then ids are compared.
            Work::Nightly => {
                let full = self.execute::<T>(ReadMode::Full).await;
                let compared = said(Ok(self.world.reconcile::<T>(Brake::default()).await));
                if full == Said::Well { compared } else { full }
            }
        }
    }

    /// A run, before which it is asked what fields there are, and after which new ones are filled in old records.
    async fn round<T: Entity>(&self) -> Result<Said, Said>
    where
        S: EntityStore<T>,
    {
        let failed = |error: &dyn std::error::Error| Said::Failed(error.to_string());
        let tracker = salesforce::fields::<T, S>(&self.world.module(), &self.world.crm);
        let now = || self.world.clock().now();
        let tracked = tracker.track(self.world.subscription::<T>(), now()).await;
        // Without it the run tells what is wrong.
        if let Err(error) = tracked {
            eprintln!("custom fields: {error}");
        }
        let run = self.execute::<T>(ReadMode::Delta).await;
        if run != Said::Well {
            return Err(run);
        }
        let engine = self.world.engine::<T>().build().expect("nothing is missing");
        let filled = tracker.backfill(&engine, self.world.request(), now()).await;
        let filled = filled.map_err(|error| failed(&error))?;
        Ok(filled.map_or(Said::Well, |report| said(Ok(report.run))))
    }

    async fn execute<T: Entity>(&self, mode: ReadMode) -> Said
    where
        S: EntityStore<T>,
    {
        let engine = self.world.engine::<T>().build().expect("nothing is missing");
        said(engine.execute(self.world.request().mode(mode)).await)
    }

    async fn rows_of<T: Entity>(&self) -> Rows
    where
        S: EntityStore<T>,
    {
        let rows = self.world.rows::<T>().await;
        rows.into_iter().map(|(id, row)| (id, remote::<T>(&row.state))).collect()
    }

    fn connect(&mut self) {
        let login = Login::of(&self.world.org);
        let tokens = connections::tokens(&self.world.store, &login, self.world.clock());
        self.world.crm = client::connect_sharing(&login, self.world.clock(), tokens);
    }

    /// Another process, whose part of the work is one entity.
    async fn run_beside<T: Entity>(&self) -> Said
    where
        S: EntityStore<T>,
    {
        let login = Login::of(&self.world.org);
        let store = S::open(&self.world.home).await;
        let tokens = connections::tokens(&store, &login, self.world.clock());
        let crm = client::connect_sharing(&login, self.world.clock(), tokens);
        let engine = salesforce::engine::<T, S>(&self.world.module_on(&store), &crm).expect("all is there");
        said(engine.execute(self.world.request()).await)
    }

    async fn grant(&self, connection: &str, refresh_token: &str) {
        let (world, login) = (&self.world, Login::of(&self.world.org));
        let now = world.clock().now();
        connections::grant(&world.store, &connection.into(), (&login, refresh_token), now).await;
    }
}

#[derive(Clone, Copy)]
enum Work {
    Delta,
    Nightly,
}

/// What a run's report says.
pub(crate) fn said(outcome: Result<RunReport, SyncError>) -> Said {
    let said = match outcome {
        Ok(RunReport { status: RunStatus::Success | RunStatus::NoChanges, .. }) => return Said::Well,
        Ok(report) => {
            let why = report.failure.map_or_else(|| "no reason".to_owned(), |failure| failure.describe());
            if report.status == RunStatus::Cancelled { Said::Paused(why) } else { Said::Failed(why) }
        }
        Err(error) => Said::Failed(error.to_string()),
    };
    // For whoever reads why a scenario failed.
    eprintln!("{said:?}");
    said
}

/// A row by remote field, as a story knows it.
fn remote<T: Entity>(state: &sync_core::history::Folded) -> Row {
    let names: BTreeMap<&str, &str> = T::REMOTE.iter().copied().collect();
    let values = state.fields.iter().filter_map(|(name, value)| {
        let remote = match name.strip_prefix(CUSTOM_PREFIX) {
            Some(custom) => custom,
            None => names.get(name.as_str())?,
        };
        Some((remote.to_owned(), plain(&value.as_ref().to_json())?))
    });
    Row { deleted: state.deleted, values: values.collect() }
}

impl<S: Backend> Contender for Hexsync<S> {
    fn truth(&self) -> Truth {
        truth(self.world.crm(), self.accounts)
    }

    fn later(&self, seconds: u64) {
        self.world.later(Duration::from_secs(seconds));
    }

    async fn run(&mut self) -> Said {
        self.both(Work::Delta).await
    }

    async fn tend(&mut self) -> Said {
        self.world.settle();
        self.both(Work::Nightly).await
    }

    async fn restart(&mut self) {
        self.world.restart().await;
        self.connect();
    }

    async fn rows(&self) -> Rows {
        let mut rows = self.rows_of::<Opportunity>().await;
        if self.accounts {
            rows.extend(self.rows_of::<Account>().await);
        }
        rows
    }

    async fn set_aside(&self) -> BTreeSet<String> {
        let letters = self.world.letters::<Opportunity>().await;
        letters.into_iter().map(|letter| letter.external_id.to_string()).collect()
    }

    async fn state_bytes(&self) -> usize {
        let store = &self.world.store;
        let mut tx = store.begin().await.expect("the store is there");
        let cursor = store.cursor(&mut tx, &self.world.scope::<Opportunity>()).await;
        store.rollback(tx).await.expect("the store is there");
        cursor.expect("the subscription is there").map_or(0, |cursor| cursor.as_str().len())
    }
}

impl<S: Backend> OnSalesforce for Hexsync<S> {
    async fn enter(stage: Stage) -> Self {
        let setup = Setup { org: stage.org(), page: stage.page, batch: stage.page, ..Setup::default() };
        let world = World::<S>::start(setup).await.expect("these stores need no server");
        world.crm().edit_settings(|settings| settings.rotate_refresh_tokens = stage.rotating);
        let mut hexsync = Self { world, accounts: stage.accounts };
        let refresh_token = hexsync.world.org.credentials().refresh_token.clone();
        hexsync.grant(CONNECTION, &refresh_token).await;
        hexsync.connect();
        hexsync
    }

    fn crm(&self) -> &SalesforceControl {
        self.world.crm()
    }

    async fn run_thrice_at_once(&mut self) -> [Said; 3] {
        let (deals, accounts, contacts) = tokio::join!(
            self.execute::<Opportunity>(ReadMode::Delta),
            self.run_beside::<Account>(),
            self.run_beside::<Contact>(),
        );
        [deals, accounts, contacts]
    }

    async fn connect_elsewhere(&mut self, name: &str, refresh_token: &str) {
        self.grant(name, refresh_token).await;
    }

    async fn reconnect(&mut self, refresh_token: String) {
        self.grant(CONNECTION, &refresh_token).await;
        self.connect();
    }

    async fn inherit(&mut self, bookmark: OldBookmark<'_>) {
        let text = format!(r#"{{"v":1,"stamp":"{}","id":"{}"}}"#, bookmark.stamp, bookmark.id);
        self.put_cursor(&Cursor::new(text)).await.expect("the subscription is there");
        self.restart().await;
    }
}

impl<S: Backend> Hexsync<S> {
    async fn put_cursor(&self, cursor: &Cursor) -> Result<(), StoreError> {
        let store = &self.world.store;
        let mut tx = store.begin().await?;
        store.put_cursor(&mut tx, &self.world.scope::<Opportunity>(), cursor).await?;
        store.commit(tx).await
    }
}
