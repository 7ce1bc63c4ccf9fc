//! Subscriptions and their positions.

use async_trait::async_trait;
use sync_core::{
    Cursor, CursorStore, Scope, StoreError, Subscription, SubscriptionId, SubscriptionStore, TenantId,
};

use crate::tx::{MemoryTx, Writer};
use crate::{MemoryStore, error};

#[async_trait]
impl SubscriptionStore<MemoryTx> for MemoryStore {
    async fn add_subscription(
        &self,
        tx: &mut MemoryTx,
        subscription: &Subscription,
    ) -> Result<Subscription, StoreError> {
        tx.write(|w| {
            if let Some(present) =
                w.state.subscriptions.iter().find(|present| same_key(present, subscription))
            {
                return Ok(present.clone());
            }
            w.state.subscriptions.push(subscription.clone());
            w.on_undo(|state| drop(state.subscriptions.pop()));
            Ok(subscription.clone())
        })
    }

    async fn subscription<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        Ok(tx.read(|state| {
            state.subscription(tenant, id).map(|position| state.subscriptions[position].clone())
        }))
    }

    async fn subscriptions<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Subscription>, StoreError> {
        Ok(tx.read(|state| {
            let own =
                state.subscriptions.iter().filter(|subscription| subscription.tenant.as_ref() == tenant);
            let mut own: Vec<_> = own.cloned().collect();
            own.sort_by_key(|subscription| subscription.created_at);
            own
        }))
    }

    async fn set_paused<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
        id: SubscriptionId,
        paused: bool,
    ) -> Result<(), StoreError> {
        tx.write(|w| change(w, tenant, id, |subscription| subscription.paused = paused))
    }
}

#[async_trait]
impl CursorStore<MemoryTx> for MemoryStore {
    async fn cursor(&self, tx: &mut MemoryTx, scope: &Scope) -> Result<Option<Cursor>, StoreError> {
        tx.read(|state| {
            let position = state.subscription(scope.tenant.as_ref(), scope.subscription);
            let position = position.ok_or_else(|| error::no_subscription(scope.subscription))?;
            Ok(state.subscriptions[position].cursor.clone())
        })
    }

    async fn put_cursor(&self, tx: &mut MemoryTx, scope: &Scope, cursor: &Cursor) -> Result<(), StoreError> {
        tx.write(|w| {
            change(w, scope.tenant.as_ref(), scope.subscription, |subscription| {
                subscription.cursor = Some(cursor.clone());
            })
        })
    }
}

fn same_key(a: &Subscription, b: &Subscription) -> bool {
    a.tenant == b.tenant
        && a.connection == b.connection
        && a.adapter == b.adapter
        && a.domain == b.domain
        && a.external_ref == b.external_ref
}

fn change(
    w: &mut Writer<'_>,
    tenant: Option<&TenantId>,
    id: SubscriptionId,
    step: impl FnOnce(&mut Subscription),
) -> Result<(), StoreError> {
    let position = w.state.subscription(tenant, id).ok_or_else(|| error::no_subscription(id))?;
    let before = w.state.subscriptions[position].clone();
    step(&mut w.state.subscriptions[position]);
    w.on_undo(move |state| state.subscriptions[position] = before);
    Ok(())
}
