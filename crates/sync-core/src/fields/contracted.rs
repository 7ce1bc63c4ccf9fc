//! Keeping out what the contracts don't let in.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryFutureExt, TryStreamExt};

use super::scope_of;
use crate::{
    Canonical, Change, ChangeMiddleware, ChangeStream, CustomFieldPolicy, CustomFields, ExternalId, Fetched,
    FieldCatalog, FieldContract, FieldStanding, KnownField, Payload, Provider, RecordFetcher, SourceError,
    StoreError, Subscription, UnitOfWork,
};

/// Takes custom values out of changes that the contracts don't let in: those of fields that are discarded, that are
/// new while their contract freezes, or whose type changed while it does; and nulls of fields that are gone, which
/// nobody set to null.
///
/// What was taken out counts as not sent, so the values that rows have stay. Each stream reads the catalogue once,
/// when it begins: [`FieldTracker::track`](crate::FieldTracker::track) brings it up to date before a run. Before
/// the first time only what is discarded is kept out. A field whose type changes while a run reads goes by what was
/// known when the run began.
pub struct ContractedFields<S: UnitOfWork> {
    unit_of_work: Arc<S>,
    catalog: Arc<dyn FieldCatalog<S::Tx>>,
    policy: CustomFieldPolicy,
    provider: Provider,
}

impl<S: UnitOfWork> ContractedFields<S> {
    /// For an entity's contracts, by what the store's catalogue says of its fields.
    pub fn new(store: Arc<S>, policy: CustomFieldPolicy, provider: impl Into<Provider>) -> Self
    where
        S: FieldCatalog<S::Tx>,
    {
        let catalog = Arc::clone(&store) as Arc<dyn FieldCatalog<S::Tx>>;
        Self { unit_of_work: store, catalog, policy, provider: provider.into() }
    }

    /// The same for records fetched by id.
    pub fn fetcher<T: Canonical>(
        self: &Arc<Self>,
        inner: Arc<dyn RecordFetcher<T>>,
    ) -> Arc<dyn RecordFetcher<T>> {
        Arc::new(ContractedFetcher { fields: Arc::clone(self), inner })
    }

    async fn gate<T: Canonical>(self: Arc<Self>, subscription: Subscription) -> Result<Gate, StoreError> {
        let scope = scope_of::<T>(&subscription, &self.provider);
        let mut tx = self.unit_of_work.begin_for(scope.tenant.as_ref()).await?;
        let known = self.catalog.known_fields(&mut tx, &scope).await?;
        self.unit_of_work.rollback(tx).await?;
        Ok(Gate::new(known, self.policy))
    }
}

impl<S: UnitOfWork> Clone for ContractedFields<S> {
    fn clone(&self) -> Self {
        Self {
            unit_of_work: Arc::clone(&self.unit_of_work),
            catalog: Arc::clone(&self.catalog),
            policy: self.policy,
            provider: self.provider.clone(),
        }
    }
}

impl<T: Canonical, S: UnitOfWork> ChangeMiddleware<T> for ContractedFields<S> {
    fn wrap(&self, subscription: &Subscription, changes: ChangeStream<T>) -> ChangeStream<T> {
        let gate = Arc::new(self.clone()).gate::<T>(subscription.clone());
        let gated = async move {
            let gate = gate.await?;
            Ok::<_, SourceError>(changes.map_ok(move |mut change| {
                gate.pass(&mut change);
                change
            }))
        };
        gated.try_flatten_stream().boxed()
    }
}

struct ContractedFetcher<T, S: UnitOfWork> {
    fields: Arc<ContractedFields<S>>,
    inner: Arc<dyn RecordFetcher<T>>,
}

#[async_trait]
impl<T: Canonical, S: UnitOfWork> RecordFetcher<T> for ContractedFetcher<T, S> {
    async fn fetch_many(
        &self,
        subscription: &Subscription,
        ids: &[ExternalId],
    ) -> Result<Vec<Fetched<T>>, SourceError> {
        let gate = Arc::clone(&self.fields).gate::<T>(subscription.clone()).await?;
        let mut fetched = self.inner.fetch_many(subscription, ids).await?;
        for fetched in &mut fetched {
            if let Fetched::Found { record, .. } = fetched
                && let Some(custom) = record.custom_mut()
            {
                gate.take_out(custom);
            }
        }
        Ok(fetched)
    }
}

/// What may pass.
struct Gate {
    /// The fields that don't, wholly or as null.
    barred: HashMap<Arc<str>, Bar>,
    policy: CustomFieldPolicy,
    /// The names that are known; `None` while there is no catalogue.
    known: Option<HashSet<Arc<str>>>,
    /// Whether every field may pass.
    is_open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bar {
    Values,
    Nulls,
}

impl Gate {
    fn new(known: Option<Vec<KnownField>>, policy: CustomFieldPolicy) -> Self {
        let bar = |field: &KnownField| match (policy.contract(&field.name), field.standing) {
            (FieldContract::Discard, _) => Some(Bar::Values),
            (_, FieldStanding::Taken) => field.gone_at.map(|_| Bar::Nulls),
            _ => Some(Bar::Values),
        };
        let barred: HashMap<_, _> =
            known.iter().flatten().filter_map(|field| Some((Arc::clone(&field.name), bar(field)?))).collect();
        let mut contracts = policy.fields.iter().map(|(_, contract)| *contract).chain([policy.default]);
        let is_open = barred.is_empty() && contracts.all(|contract| contract == FieldContract::Evolve);
        let known = known.map(|fields| fields.into_iter().map(|field| field.name).collect());
        Self { barred, policy, known, is_open }
    }

    fn pass<T: Canonical>(&self, change: &mut Change<T>) {
        if let Payload::Upsert(record) = &mut change.payload
            && let Some(custom) = record.value.custom_mut()
        {
            self.take_out(custom);
        }
    }

    fn take_out(&self, custom: &mut CustomFields) {
        if self.is_open {
            return;
        }
        custom.retain(|name, value| match self.barred.get(name) {
            Some(Bar::Values) => false,
            Some(Bar::Nulls) => !value.is_null(),
            None => self.lets_in(name),
        });
    }

    /// Whether a field that is not barred is let in: one that appeared after the catalogue was brought up to date
    /// goes by its contract.
    fn lets_in(&self, name: &str) -> bool {
        match self.policy.contract(name) {
            FieldContract::Evolve => true,
            FieldContract::Freeze => self.known.as_ref().is_none_or(|known| known.contains(name)),
            FieldContract::Discard => false,
        }
    }
}
