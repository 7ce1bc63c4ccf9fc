//! The contracts of change sources and of custom fields, on a simulated org.

use std::sync::Arc;

use crm_sandbox::salesforce::model::{FieldType, RecordId};
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::{Fault, FaultRule};
use provider_salesforce::SalesforceFields;
use serde_json::json;
use sync_core::contract::{CustomFieldFixture, SourceFixture};
use sync_core::{ChangeSource, CustomFieldSource, ExternalId, Subscription};

use crate::entity::Opportunity;
use crate::world::{World, config, fields, subscription};

struct Salesforce(World);

fn record(id: &ExternalId) -> RecordId {
    RecordId::parse(id.as_str()).unwrap()
}

async fn disturb(world: &World) {
    // Only a token that was given out can be refused.
    world.client.describe("Opportunity").await.unwrap();
    world.control().expire_sessions();
    let slow = Fault::TooManyRequests { retry_after_s: None };
    world.control().add_fault(FaultRule::new(slow).on("query").times(1));
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
        disturb(&self.0).await;
        true
    }
}

sync_core::source_contract!(Salesforce);

struct Fields(World);

impl CustomFieldFixture for Fields {
    type Record = Opportunity;

    async fn fresh() -> Option<Self> {
        Some(Self(World::with(config(), 2).await))
    }

    fn source(&self) -> Arc<dyn CustomFieldSource<Opportunity>> {
        Arc::new(SalesforceFields::new(self.0.client.clone()))
    }

    fn subscription(&self) -> Subscription {
        subscription()
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        self.0.seed(n_records).iter().map(|id| id.as_str().into()).collect()
    }

    async fn add_field(&self, stem: &str) -> Arc<str> {
        let name = format!("{stem}__c");
        self.0.control().add_field("Opportunity", &FieldSpec::new(&name, FieldType::String)).unwrap();
        name.into()
    }

    async fn remove_field(&self, name: &str) {
        self.0.control().remove_field("Opportunity", name).unwrap();
    }

    async fn set(&self, id: &ExternalId, name: &str, value: &str) {
        self.0.control().update(record(id), &fields(&json!({ name: value }))).unwrap();
    }

    async fn break_description(&self) {
        self.0.control().add_fault(FaultRule::new(Fault::Garbage).on("describe"));
    }

    async fn disturb(&self) {
        disturb(&self.0).await;
    }
}

sync_core::custom_field_contract!(Fields);
