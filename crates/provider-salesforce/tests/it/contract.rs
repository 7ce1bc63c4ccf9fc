//! The contract of change sources, on a simulated org.

use std::sync::Arc;

use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::{Fault, FaultRule};
use serde_json::json;
use sync_core::contract::SourceFixture;
use sync_core::{ChangeSource, ExternalId, Subscription};

use crate::entity::Opportunity;
use crate::world::{World, config, fields, subscription};

struct Salesforce(World);

fn record(id: &ExternalId) -> RecordId {
    RecordId::parse(id.as_str()).unwrap()
}

impl SourceFixture for Salesforce {
    type Record = Opportunity;

    const TELLS_DELETIONS: bool = true;

    async fn fresh() -> Option<Self> {
        Some(Self(World::with(config(), 2).await))
    }

    fn source(&self) -> Arc<dyn ChangeSource<Opportunity>> {
        Arc::new(self.0.source())
    }

    fn subscription(&self) -> Subscription {
        subscription()
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        self.0.seed(n_records).iter().map(|id| id.as_str().into()).collect()
    }

    async fn edit(&self, id: &ExternalId) {
        self.0.rename(record(id), &format!("Edited at {}", self.0.control().clock().now_ms()));
        self.0.settle();
    }

    async fn delete(&self, id: &ExternalId) {
        self.0.control().delete(record(id)).unwrap();
        self.0.settle();
    }

    async fn spoil(&self, id: &ExternalId) -> bool {
        self.0.control().update(record(id), &fields(&json!({"Amount": 1e30}))).unwrap();
        self.0.settle();
        true
    }

    async fn disturb(&self) -> bool {
        // Only a token that was given out can be refused.
        self.0.client.describe("Opportunity").await.unwrap();
        self.0.control().expire_sessions();
        let slow = Fault::TooManyRequests { retry_after_s: None };
        self.0.control().add_fault(FaultRule::new(slow).on("query").times(1));
        true
    }
}

sync_core::source_contract!(Salesforce);
