//! The contract of token stores, on memory.

use std::sync::Arc;

use sync_auth::contract::TokenStoreFixture;
use sync_auth::{MemoryTokenStore, TokenStore};

struct Memory(MemoryTokenStore);

impl TokenStoreFixture for Memory {
    async fn fresh() -> Option<Self> {
        Some(Self(MemoryTokenStore::default()))
    }

    async fn handle(&self) -> Arc<dyn TokenStore> {
        Arc::new(self.0.clone())
    }
}

sync_auth::token_store_contract!(Memory);
