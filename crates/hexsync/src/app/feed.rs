//! One entity of one connection, whatever its type.

use std::sync::Arc;

use async_trait::async_trait;
use sync_wiring::core::{
    Action, Brake, Canonical, ChangeSource, ChangeStream, Cursor, ExecuteSync, Preview, ReadMode,
    RunObserver, RunReport, RunRequest, Subscription, SyncError, TableEntity,
};
use sync_wiring::salesforce::{self, FromSalesforce, PROVIDER, SalesforceClient};
use sync_wiring::{EntityStore, SyncModule};
use tokio_util::sync::CancellationToken;

use super::AppStore;
use super::fields::FieldFeed;
use crate::error::CliError;
use crate::generated::{Entity, salesforce_entity};

/// Carries out runs of one entity of one connection.
#[async_trait]
pub(crate) trait Feed: FieldFeed {
    /// Carries out a run.
    async fn run(&self, order: Order) -> Result<RunReport, SyncError>;

    /// Finds out what a run would do.
    async fn preview(&self, order: Order, n_items: usize) -> Result<Preview, SyncError>;
}

/// What a run is asked for.
pub(crate) struct Order {
    /// Which feed.
    pub(crate) subscription: Subscription,
    /// What set it off.
    pub(crate) action: Action,
    /// What is read.
    pub(crate) reading: Reading,
    /// Ends it early.
    pub(crate) cancel: CancellationToken,
    /// Hears how it goes.
    pub(crate) observer: Option<Arc<dyn RunObserver>>,
}

/// What a run reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    /// What changed since the last run.
    Delta,
    /// Everything.
    Full,
    /// What differs by id, with at most so many deletions.
    Differences(Brake),
    /// Nothing: only parked changes are tried again.
    Nothing,
}

/// The feed of an entity through a client.
pub(super) fn feed<S: AppStore>(
    module: SyncModule<S>,
    crm: SalesforceClient,
    entity: Entity,
) -> Result<Box<dyn Feed>, CliError> {
    salesforce_entity!(
        entity,
        T => Ok(Box::new(SalesforceFeed::<T, S>::new(module, crm)?)),
        else Err(CliError::usage(format!("{} is not read from Salesforce", entity.name())))
    )
}

/// A feed from Salesforce.
pub(super) struct SalesforceFeed<T: Canonical, S: EntityStore<T>> {
    pub(super) module: SyncModule<S>,
    pub(super) crm: SalesforceClient,
    pub(super) engine: ExecuteSync<T, S>,
}

impl<T: TableEntity + FromSalesforce, S: EntityStore<T>> SalesforceFeed<T, S> {
    fn new(module: SyncModule<S>, crm: SalesforceClient) -> Result<Self, CliError> {
        let engine = salesforce::engine(&module, &crm)?;
        Ok(Self { module, crm, engine })
    }

    pub(super) fn request(&self, order: Order) -> RunRequest<T> {
        let source: Option<Arc<dyn ChangeSource<T>>> = match order.reading {
            Reading::Delta | Reading::Full => None,
            Reading::Differences(brake) => {
                Some(Arc::new(salesforce::reconcile(&self.module, &self.crm, &order.subscription, brake)))
            }
            Reading::Nothing => Some(Arc::new(Empty)),
        };
        let mode = match order.reading {
            Reading::Full => ReadMode::Full,
            _ => ReadMode::Delta,
        };
        let mut request = RunRequest::new(order.subscription, PROVIDER)
            .action(order.action)
            .mode(mode)
            .cancel(order.cancel);
        request.source_override = source;
        request.observer = order.observer;
        request
    }
}

#[async_trait]
impl<T: TableEntity + FromSalesforce, S: EntityStore<T>> Feed for SalesforceFeed<T, S> {
    async fn run(&self, order: Order) -> Result<RunReport, SyncError> {
        self.engine.execute(self.request(order)).await
    }

    async fn preview(&self, order: Order, n_items: usize) -> Result<Preview, SyncError> {
        self.engine.preview(self.request(order), n_items).await
    }
}

/// A source of nothing.
struct Empty;

impl<T: Send + Sync + 'static> ChangeSource<T> for Empty {
    fn label(&self) -> String {
        "nothing".to_owned()
    }

    fn list_changes(&self, _: &Subscription, _: Option<&Cursor>) -> ChangeStream<T> {
        Box::pin(futures_util::stream::empty())
    }
}

/// What an entity is in Salesforce.
pub(crate) struct Mapped {
    /// The object's API name.
    pub(crate) object: &'static str,
    /// The fields that fill ours, parts of compounds and related records by path.
    pub(crate) fields: Vec<&'static str>,
}

/// How an entity is read from Salesforce, if it is.
pub(crate) fn mapped(entity: Entity) -> Option<Mapped> {
    fn of<T: FromSalesforce>() -> Mapped {
        Mapped { object: T::OBJECT, fields: T::mapping().iter().map(|field| &*field.source).collect() }
    }
    salesforce_entity!(entity, T => Some(of::<T>()), else None)
}
