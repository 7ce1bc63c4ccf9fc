//! Rows of opportunities, looked at and waited for.

use std::time::{Duration, Instant};

use sync_wiring::EntityStore;
use sync_wiring::core::history::image;
use sync_wiring::core::{Canonical, ExternalId, FieldValue, LocalListing, SyncSink};
use sync_wiring::opportunity::Opportunity;

use super::Player;
use super::cast::Cast;
use crate::app::AppStore;
use crate::error::CliError;
use crate::generated::Entity;

/// How long is waited for what must come, and how often looked.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The deals that play.
pub(super) const DEALS: Entity = Entity::Opportunity;

/// A row's values by name; empty ones are left out.
pub(super) type Fields = std::collections::BTreeMap<String, FieldValue>;

impl<S: AppStore> Cast<S> {
    /// The first deals of a player, by id.
    pub(super) async fn deals(&self, player: Player, n: u32) -> Result<Vec<ExternalId>, CliError> {
        let scope = self.scope(player, DEALS)?;
        let listed = self
            .app
            .transact(scope.tenant.as_ref(), async |store, tx| {
                EntityStore::<Opportunity>::sink(store).list_live(tx, &scope, None, n).await
            })
            .await?;
        Ok(listed.into_iter().map(|row| row.external_id).collect())
    }

    /// A deal's row; `None` where there is none, or it is deleted.
    pub(super) async fn deal(&self, player: Player, id: &ExternalId) -> Result<Option<Fields>, CliError> {
        self.row::<Opportunity>(player, DEALS, id).await
    }

    /// A row of any entity; `None` where there is none, or it is deleted.
    pub(super) async fn row<T: Canonical>(
        &self,
        player: Player,
        entity: Entity,
        id: &ExternalId,
    ) -> Result<Option<Fields>, CliError>
    where
        S: EntityStore<T>,
    {
        let scope = self.scope(player, entity)?;
        let found = self
            .app
            .transact(scope.tenant.as_ref(), async |store, tx| {
                EntityStore::<T>::sink(store).find_many(tx, &scope, std::slice::from_ref(id)).await
            })
            .await?;
        let live = found.into_iter().flatten().find(|row| !row.deleted);
        Ok(live.map(|row| image(&row.record, row.deleted).fields))
    }

    /// Waits until a deal's field holds a value; answers how long that took, milliseconds, or `None` after a while.
    pub(super) async fn until(
        &self,
        player: Player,
        id: &ExternalId,
        field: &str,
        value: &FieldValue,
        since: Instant,
    ) -> Result<Option<u64>, CliError> {
        while since.elapsed() < PATIENCE {
            let row = self.deal(player, id).await?.unwrap_or_default();
            if row.get(field).is_some_and(|held| held.as_ref().same(value.as_ref())) {
                return Ok(Some(super::screen::ms(since)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }
}
