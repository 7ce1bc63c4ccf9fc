//! The contract of every store port and of the table sink, on __Product__.

use std::sync::Arc;

use sync___snake__::{__Store__Sink, __Store__Store, __Store__Tx};
use sync_core::contract::{Sample, SampleParent, SinkFixture, StoreFixture, Tenancy};
use sync_core::{
    Canonical, ChangeEmitter, ChangeEvent, ExternalId, LocalId, LocalListing, Scope, SyncSink, TableDef,
};

sync_core::store_contract!(Fixture);
sync_core::sink_contract!(Fixture);

struct Fixture(Arc<__Store__Store>);

impl StoreFixture for Fixture {
    type Store = __Store__Store;
    const REFUSES_MISSING_TENANT: bool = false;
    const CONCURRENT: bool = false;

    async fn fresh(_tenancy: Tenancy) -> Option<Self> {
        Some(Self(Arc::new(__Store__Store::new())))
    }

    fn store(&self) -> Arc<__Store__Store> {
        Arc::clone(&self.0)
    }

    fn emitter(&self) -> Arc<dyn ChangeEmitter<__Store__Tx>> {
        self.store()
    }

    async fn published(&self) -> Vec<ChangeEvent> {
        self.0.outbox()
    }
}

impl SinkFixture for Fixture {
    fn sink<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn SyncSink<T, __Store__Tx>> {
        Arc::new(__Store__Sink::<T>::new(&self.0, table))
    }

    fn listing<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn LocalListing<__Store__Tx>> {
        Arc::new(__Store__Sink::<T>::new(&self.0, table))
    }

    async fn bound_parent(
        &self,
        table: &'static TableDef,
        scope: &Scope,
        child: &ExternalId,
    ) -> Option<LocalId> {
        match table.name {
            "samples" | "eav_samples" => {
                __Store__Sink::<Sample>::new(&self.0, table).bound_parent(scope, child, "parent")
            }
            _ => __Store__Sink::<SampleParent>::new(&self.0, table).bound_parent(scope, child, "parent"),
        }
    }

    fn statements(&self) -> Option<u64> {
        None
    }
}
