//! Following the fields that customers add, retype and remove in their CRM.

mod backfill;
mod compare;
mod contracted;
mod known;
mod report;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use backfill::BackfillReport;
pub use contracted::ContractedFields;
pub use known::{BackfillState, FieldBackfill, FieldStanding, KnownField, RemoteType, Retyped};
pub use report::{Drift, FieldDrift, FieldReport};

use self::compare::compare;
use crate::{
    Canonical, CustomFieldPolicy, CustomFieldSource, FieldCatalog, LocalListing, Provider, Scope,
    SourceError, StoreError, Subscription, UnitOfWork, UserId,
};

/// Keeps the catalogue of an entity's custom fields in step with the CRM, tells what changed, and backfills.
///
/// Track before each run; [`ContractedFields`] then lets in what the contracts say, and
/// [`backfill`](Self::backfill) brings the values of new fields to older records.
pub struct FieldTracker<T: Canonical, S: UnitOfWork> {
    unit_of_work: Arc<S>,
    catalog: Arc<dyn FieldCatalog<S::Tx>>,
    rows: Arc<dyn LocalListing<S::Tx>>,
    source: Arc<dyn CustomFieldSource<T>>,
    policy: CustomFieldPolicy,
    provider: Provider,
}

impl<T: Canonical, S: UnitOfWork> FieldTracker<T, S> {
    /// For an entity's contracts. `rows` are the entity's rows in the same store: without any, a new field needs no
    /// backfill.
    pub fn new(
        store: Arc<S>,
        rows: Arc<dyn LocalListing<S::Tx>>,
        source: Arc<dyn CustomFieldSource<T>>,
        policy: CustomFieldPolicy,
        provider: impl Into<Provider>,
    ) -> Self
    where
        S: FieldCatalog<S::Tx>,
    {
        let catalog = Arc::clone(&store) as Arc<dyn FieldCatalog<S::Tx>>;
        Self { unit_of_work: store, catalog, rows, source, policy, provider: provider.into() }
    }

    /// Asks which custom fields there are, and brings the catalogue up to date in one transaction.
    ///
    /// A field that is new, back, or of another type is taken, frozen or discarded as its contract says. One that is
    /// gone keeps its values. The first time, there is nothing to compare with: every field is simply known, and
    /// needs a backfill only where there are rows already.
    ///
    /// # Errors
    /// [`SourceError`] of the provider, or of the store; the catalogue is then as before.
    pub async fn track(
        &self,
        subscription: &Subscription,
        at: DateTime<Utc>,
    ) -> Result<FieldReport, SourceError> {
        let scope = self.scope(subscription);
        let remote = self.source.custom_fields(subscription).await?;
        let n_fields = remote.len();
        let mut tx = self.unit_of_work.begin_for(scope.tenant.as_ref()).await?;
        self.catalog.hold_fields(&mut tx, &scope).await?;
        let known = self.catalog.known_fields(&mut tx, &scope).await?;
        let first = known.is_none();
        let mut compared = compare(known, remote, &self.policy, at);
        if compared.calls_for_backfill(at) && !self.has_rows(&mut tx, &scope).await? {
            compared.spare_backfill(at);
        }
        self.catalog.save_fields(&mut tx, &scope, &compared.fields).await?;
        self.unit_of_work.commit(tx).await?;
        let pending = compared.fields.iter().filter(|field| field.awaits_backfill());
        let report = FieldReport {
            entity: T::ENTITY,
            connection: scope.connection,
            first,
            n_fields,
            pending: pending.map(|field| Arc::clone(&field.name)).collect(),
            drift: compared.drift,
        };
        for drift in &report.drift {
            tracing::info!(entity = T::ENTITY, connection = %report.connection, "{drift}");
        }
        Ok(report)
    }

    async fn has_rows(&self, tx: &mut S::Tx, scope: &Scope) -> Result<bool, StoreError> {
        Ok(!self.rows.list_live(tx, scope, None, 1).await?.is_empty())
    }

    fn scope(&self, subscription: &Subscription) -> Scope {
        scope_of::<T>(subscription, &self.provider)
    }
}

/// The scope of a subscription's custom fields.
fn scope_of<T: Canonical>(subscription: &Subscription, provider: &Provider) -> Scope {
    Scope {
        tenant: subscription.tenant.clone(),
        connection: subscription.connection.clone(),
        subscription: subscription.id,
        entity: T::ENTITY,
        provider: provider.clone(),
        user: UserId::from("system"),
    }
}
