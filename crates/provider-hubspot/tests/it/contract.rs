//! The contracts of change sources and of custom fields, on a simulated account.

use std::sync::Arc;

use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::{Fault, FaultRule};
use provider_hubspot::HubspotFields;
use serde_json::json;
use sync_core::contract::{CustomFieldFixture, SourceFixture};
use sync_core::{ChangeSource, CustomFieldSource, ExternalId, Subscription};

use crate::entity::Opportunity;
use crate::world::{World, id, subscription};

struct Hubspot(World);

fn record(id: &ExternalId) -> u64 {
    id.as_str().parse().unwrap()
}

async fn disturb(world: &World) {
    // Only a token that was given out can be refused.
    world.client.properties("deals").await.unwrap();
    world.control().expire_tokens();
    let slow = Fault::TooManyRequests { retry_after_s: Some(0) };
    world.control().add_fault(FaultRule::new(slow).on("list").times(1));
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
        disturb(&self.0).await;
        true
    }
}

sync_core::source_contract!(Hubspot);

struct Fields(World);

impl CustomFieldFixture for Fields {
    type Record = Opportunity;

    async fn fresh() -> Option<Self> {
        Some(Self(World::paged(2).await))
    }

    fn source(&self) -> Arc<dyn CustomFieldSource<Opportunity>> {
        Arc::new(HubspotFields::new(self.0.client.clone()))
    }

    fn subscription(&self) -> Subscription {
        subscription()
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        self.0.seed(n_records).into_iter().map(id).collect()
    }

    async fn add_field(&self, stem: &str) -> Arc<str> {
        self.0.control().add_property("deals", &PropertySpec::new(stem, PropertyType::String)).unwrap();
        stem.into()
    }

    async fn remove_field(&self, name: &str) {
        self.0.control().archive_property("deals", name).unwrap();
    }

    async fn set(&self, id: &ExternalId, name: &str, value: &str) {
        self.0.update(record(id), &json!({ name: value }));
    }

    async fn break_description(&self) {
        self.0.control().add_fault(FaultRule::new(Fault::Garbage).on("properties"));
    }

    async fn disturb(&self) {
        disturb(&self.0).await;
    }
}

sync_core::custom_field_contract!(Fields);
