//! The memory store: its place is the store itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use sync_core::history::image;
use sync_core::{ExternalId, LocalListing, Scope, SyncSink, UnitOfWork};
use sync_memory::MemoryStore;
use sync_wiring::EntityStore;

use super::{Backend, Event, Row};
use crate::entity::Entity;

#[async_trait]
impl Backend for MemoryStore {
    type Home = Self;

    async fn home(_multi_tenant: bool) -> Option<Self> {
        Some(Self::new())
    }

    async fn open(home: &Self) -> Arc<Self> {
        Arc::new(home.clone())
    }

    async fn rows<T: Entity>(&self, _: &Self, scope: &Scope, ids: &BTreeSet<String>) -> BTreeMap<String, Row>
    where
        Self: EntityStore<T>,
    {
        let sink = <Self as EntityStore<T>>::sink(self);
        let mut tx = self.begin().await.expect("memory is there");
        let live =
            LocalListing::list_live(&sink, &mut tx, scope, None, u32::MAX).await.expect("rows can be listed");
        let live = live.into_iter().map(|row| row.external_id.to_string());
        let ids: BTreeSet<String> = ids.iter().cloned().chain(live).collect();
        let ids: Vec<ExternalId> = ids.into_iter().map(ExternalId::from).collect();
        let rows = SyncSink::find_many(&sink, &mut tx, scope, &ids).await.expect("rows can be read");
        self.rollback(tx).await.expect("memory is there");
        let rows = ids.into_iter().zip(rows).filter_map(|(id, row)| Some((id, row?)));
        rows.map(|(id, row)| {
            (id.to_string(), Row { state: image(&row.record, row.deleted), bound: Vec::new() })
        })
        .collect()
    }

    async fn events(&self, _: &Self, scope: &Scope) -> Vec<Event> {
        let runs: BTreeSet<_> =
            self.recorder().runs_for_subscription(scope.subscription).iter().map(|run| run.id).collect();
        let events = self.outbox().into_iter().filter(|event| runs.contains(&event.run));
        events
            .map(|event| Event {
                external_id: event.external_id.to_string(),
                operation: event.operation.as_str().to_owned(),
                run: event.run.to_string(),
            })
            .collect()
    }
}
