//! One entity of one connection, whatever its type and its CRM.

use std::sync::Arc;

use async_trait::async_trait;
use sync_wiring::core::{
    Action, Brake, ChangeSource, ChangeStream, Cursor, ExecuteSync, FieldTracker, Preview, ReadMode,
    RunObserver, RunReport, RunRequest, Subscription, SyncError, TableEntity,
};
use sync_wiring::hubspot::{FromHubspot, HubspotClient};
use sync_wiring::salesforce::{FromSalesforce, SalesforceClient};
use sync_wiring::{EntityStore, SyncModule, hubspot, salesforce, writeback};
use tokio_util::sync::CancellationToken;

use super::fields::FieldFeed;
use super::{AppStore, Client};
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::{Entity, hubspot_both_ways, hubspot_entity, salesforce_both_ways, salesforce_entity};

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
///
/// # Errors
/// When the CRM has no such entity, or the parts don't make a whole.
pub(crate) fn feed<S: AppStore>(
    module: &SyncModule<S>,
    client: &Client,
    entity: Entity,
) -> Result<Box<dyn Feed>, CliError> {
    // What is edited here as well is read so that it is not overwritten while it waits to be sent.
    let made: Option<Box<dyn Feed>> = match client {
        Client::Salesforce(crm) => salesforce_both_ways!(entity, T => {
            let engine = writeback::salesforce::engine::<T, S>(module, crm)?;
            Some(of_salesforce(module, crm, engine))
        }, else salesforce_entity!(entity, T => {
            let engine = salesforce::engine::<T, S>(module, crm)?;
            Some(of_salesforce(module, crm, engine))
        }, else None)),
        Client::Hubspot(crm) => hubspot_both_ways!(entity, T => {
            let engine = writeback::hubspot::engine::<T, S>(module, crm)?;
            Some(of_hubspot(module, crm, engine))
        }, else hubspot_entity!(entity, T => {
            let engine = hubspot::engine::<T, S>(module, crm)?;
            Some(of_hubspot(module, crm, engine))
        }, else None)),
    };
    made.ok_or_else(|| client.crm().has_no(entity))
}

fn of_salesforce<T: TableEntity + FromSalesforce, S: EntityStore<T>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
    engine: ExecuteSync<T, S>,
) -> Box<dyn Feed> {
    let fields = salesforce::fields::<T, S>(module, crm);
    let (module, crm) = (module.clone(), crm.clone());
    let compare: Compare<T> = Box::new(move |subscription, brake| {
        Arc::new(salesforce::reconcile::<T, S>(&module, &crm, subscription, brake))
    });
    Box::new(EntityFeed { crm: Crm::Salesforce, engine, fields, compare })
}

fn of_hubspot<T: TableEntity + FromHubspot, S: EntityStore<T>>(
    module: &SyncModule<S>,
    crm: &HubspotClient,
    engine: ExecuteSync<T, S>,
) -> Box<dyn Feed> {
    let fields = hubspot::fields::<T, S>(module, crm);
    let (module, crm) = (module.clone(), crm.clone());
    let compare: Compare<T> = Box::new(move |subscription, brake| {
        Arc::new(hubspot::reconcile::<T, S>(&module, &crm, subscription, brake))
    });
    Box::new(EntityFeed { crm: Crm::Hubspot, engine, fields, compare })
}

/// Makes the source of a comparison by id.
type Compare<T> = Box<dyn Fn(&Subscription, Brake) -> Arc<dyn ChangeSource<T>> + Send + Sync>;

pub(super) struct EntityFeed<T: TableEntity, S: EntityStore<T>> {
    crm: Crm,
    pub(super) engine: ExecuteSync<T, S>,
    pub(super) fields: FieldTracker<T, S>,
    compare: Compare<T>,
}

impl<T: TableEntity, S: EntityStore<T>> EntityFeed<T, S> {
    pub(super) fn request(&self, order: Order) -> RunRequest<T> {
        let source: Option<Arc<dyn ChangeSource<T>>> = match order.reading {
            Reading::Delta | Reading::Full => None,
            Reading::Differences(brake) => Some((self.compare)(&order.subscription, brake)),
            Reading::Nothing => Some(Arc::new(Empty)),
        };
        let mode = match order.reading {
            Reading::Full => ReadMode::Full,
            _ => ReadMode::Delta,
        };
        let mut request = RunRequest::new(order.subscription, self.crm.key())
            .action(order.action)
            .mode(mode)
            .cancel(order.cancel);
        request.source_override = source;
        request.observer = order.observer;
        request
    }
}

#[async_trait]
impl<T: TableEntity, S: EntityStore<T>> Feed for EntityFeed<T, S> {
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
