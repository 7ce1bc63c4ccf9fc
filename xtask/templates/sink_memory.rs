// What codegen writes for the store in memory. `__Entity__`, `__entity__`, `__many__` and `__package__` are an
// entity's names.
// --- sink
/// Writes __many__ in memory.
#[cfg(feature = "store-memory")]
#[must_use]
pub fn memory_sink(store: &sync_memory::MemoryStore) -> sync_memory::MemorySink<crate::__Entity__> {
    sync_memory::MemorySink::new(store, &crate::TABLE)
}
// --- wiring
#[cfg(feature = "store-memory")]
impl EntityStore<__Entity__> for sync_memory::MemoryStore {
    type Sink = sync_memory::MemorySink<__Entity__>;

    fn sink(&self) -> Self::Sink {
        __package__::memory_sink(self)
    }
}
// --- contract
/// A record with every field is written in memory and comes back the same.
#[tokio::test]
async fn full_record_comes_back_from_memory() {
    let store = sync_memory::MemoryStore::new();
    let sink = sync_memory::MemorySink::new(&store, &FREE_OF_PARENTS);
    sync_core::contract::entity::full_record_comes_back::<__Entity__, _>(&store, &sink).await;
}
