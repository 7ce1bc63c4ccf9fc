//! One entity of one connection, the other way: changes that were made here.

use async_trait::async_trait;
use sync_wiring::core::{
    Outgoing, RunFailure, RunReport, RunRequest, SyncError, TableEntity, WriteBack, WritebackStore,
};
use sync_wiring::{EntityStore, SyncModule, writeback};

use super::{AppStore, Client, Order};
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::{Entity, hubspot_both_ways, salesforce_both_ways};

/// Sends changes of one entity of one connection.
#[async_trait]
pub(crate) trait Outbound: Send + Sync {
    /// Carries out a run.
    async fn run(&self, order: Order) -> Result<RunReport, SyncError>;

    /// Finds out what a run would send first.
    async fn preview(&self, order: Order) -> Result<Vec<Outgoing>, RunFailure>;
}

/// The way out of an entity through a client; `None` where the entity's YAML lets nothing out.
///
/// # Errors
/// When the parts don't make a whole.
pub(crate) fn outbound<S: AppStore>(
    module: &SyncModule<S>,
    client: &Client,
    entity: Entity,
) -> Result<Option<Box<dyn Outbound>>, CliError> {
    let way: Option<Box<dyn Outbound>> = match client {
        Client::Salesforce(crm) => salesforce_both_ways!(entity, T => {
            let writeback = writeback::salesforce::writeback::<T, S>(module, crm)?;
            Some(Box::new(Way { crm: Crm::Salesforce, writeback }))
        }, else None),
        Client::Hubspot(crm) => hubspot_both_ways!(entity, T => {
            let writeback = writeback::hubspot::writeback::<T, S>(module, crm)?;
            Some(Box::new(Way { crm: Crm::Hubspot, writeback }))
        }, else None),
    };
    Ok(way)
}

struct Way<T: TableEntity, S: EntityStore<T>> {
    crm: Crm,
    writeback: WriteBack<T, S>,
}

impl<T: TableEntity, S: EntityStore<T>> Way<T, S> {
    fn request(&self, order: Order) -> RunRequest<T> {
        let mut request = RunRequest::new(order.subscription, self.crm.key()).cancel(order.cancel);
        request.observer = order.observer;
        request
    }
}

#[async_trait]
impl<T: TableEntity, S: EntityStore<T> + WritebackStore> Outbound for Way<T, S> {
    async fn run(&self, order: Order) -> Result<RunReport, SyncError> {
        self.writeback.execute(self.request(order)).await
    }

    async fn preview(&self, order: Order) -> Result<Vec<Outgoing>, RunFailure> {
        self.writeback.preview(self.request(order)).await
    }
}
