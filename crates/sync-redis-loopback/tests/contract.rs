//! The contract of fingerprint stores, on Redis.

mod support;

use std::sync::Arc;
use std::time::Duration;

use sync_core::contract::{LoopbackFixture, Sample};
use sync_core::{ExternalId, LoopbackFingerprintStore, Scope};
use sync_redis_loopback::RedisLoopbackStore;

use support::Proxy;

struct Redis {
    store: RedisLoopbackStore,
    proxy: Proxy,
}

impl LoopbackFixture for Redis {
    async fn fresh(ttl: Duration) -> Option<Self> {
        let server = support::server()?;
        let proxy = Proxy::start(&server).await;
        let store = RedisLoopbackStore::builder(proxy.url(&server))
            .ttl(ttl)
            .prefix(format!("test:{}", uuid::Uuid::now_v7()))
            // A busy machine is no reason to fail.
            .response_timeout(Duration::from_secs(20))
            .connect_timeout(Duration::from_secs(20))
            .build()
            .expect("the settings are right");
        store.ping().await.expect("the test server answers");
        Some(Self { store, proxy })
    }

    fn store(&self) -> Arc<dyn LoopbackFingerprintStore<Sample>> {
        Arc::new(self.store.clone())
    }

    async fn record(&self, scope: &Scope, writes: &[(ExternalId, &Sample)]) {
        self.store.record(scope, writes).await.expect("the test server answers");
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn requests(&self) -> Option<u64> {
        Some(self.proxy.requests())
    }
}

sync_core::loopback_contract!(Redis);
