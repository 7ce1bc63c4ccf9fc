//! The contract of change sources, on a simulated account.

use std::sync::Arc;

use crm_sandbox::{Fault, FaultRule};
use serde_json::json;
use sync_core::contract::SourceFixture;
use sync_core::{ChangeSource, ExternalId, Subscription};

use crate::entity::Opportunity;
use crate::world::{World, id, subscription};

struct Hubspot(World);

fn record(id: &ExternalId) -> u64 {
    id.as_str().parse().unwrap()
}

impl SourceFixture for Hubspot {
    type Record = Opportunity;

    const TELLS_DELETIONS: bool = true;

    async fn fresh() -> Option<Self> {
        Some(Self(World::paged(2).await))
    }

    fn source(&self) -> Arc<dyn ChangeSource<Opportunity>> {
        Arc::new(self.0.source())
    }

    fn subscription(&self) -> Subscription {
        subscription()
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        self.0.seed(n_records).into_iter().map(id).collect()
    }

    async fn edit(&self, id: &ExternalId) {
        self.0.update(record(id), &json!({"dealname": format!("At {}", self.0.control().clock().now_ms())}));
        self.0.settle();
    }

    async fn delete(&self, id: &ExternalId) {
        self.0.control().archive("deals", record(id)).unwrap();
        self.0.settle();
    }

    async fn spoil(&self, id: &ExternalId) -> bool {
        self.0.update(record(id), &json!({"amount": "1,5"}));
        self.0.settle();
        true
    }

    async fn disturb(&self) -> bool {
        // Only a token that was given out can be refused.
        self.0.client.properties("deals").await.unwrap();
        self.0.control().expire_tokens();
        let slow = Fault::TooManyRequests { retry_after_s: Some(0) };
        self.0.control().add_fault(FaultRule::new(slow).on("list").times(1));
        true
    }
}

sync_core::source_contract!(Hubspot);
