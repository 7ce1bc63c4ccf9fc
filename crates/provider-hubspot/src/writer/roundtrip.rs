//! What is written is what was read.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use sync_core::{ConflictPolicy, FieldSet};
use sync_detection::FieldMapping;
use sync_detection::contract::{Deal, MAPPING, comes_back, deals, written};

use super::body::Body;
use crate::describe::ObjectDescription;
use crate::{FromHubspot, HubspotRecord, RecordError, ToHubspot};

impl FromHubspot for Deal {
    const OBJECT: &'static str = "deals";

    fn mapping() -> &'static [FieldMapping] {
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        sync_detection::read_deal!(record, RecordError)
    }
}

impl ToHubspot for Deal {
    const KEY: Option<&'static str> = None;
    const CONFLICTS: ConflictPolicy = ConflictPolicy::ASK;
}

fn described() -> ObjectDescription {
    let property = |(name, property_type): (&str, &str)| json!({"name": name, "type": property_type, "modificationMetadata": {"readOnlyValue": false}});
    let properties = [
        ("name", "string"),
        ("kind", "enumeration"),
        ("share", "number"),
        ("amount", "number"),
        ("closes", "datetime"),
        ("due", "date"),
        ("signed", "datetime"),
        ("shown", "bool"),
        ("seats", "number"),
        ("rounded", "number"),
    ];
    let properties = properties.map(property).map(|one| serde_json::from_value(one).unwrap());
    ObjectDescription::new("deals", "deals", properties.into())
}

/// The record as HubSpot sends what it was sent.
fn sent(deal: &Deal) -> String {
    let (body, links) = Body::of(&described(), deal, FieldSet::all::<Deal>(), false).unwrap();
    assert!(links.is_empty());
    let mut properties = serde_json::to_value(&body).unwrap();
    properties["rounded"] = Json::Null;
    json!({"id": "1", "properties": properties}).to_string()
}

#[test]
fn what_lost_something_is_never_written() {
    assert_eq!(super::body::writable::<Deal>(&described()), written());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// From the entity to the CRM's form and back: the same in every field that is written.
    #[test]
    fn record_comes_back(deal in deals()) {
        let sent = sent(&deal);
        let record = HubspotRecord::parse(&sent).unwrap();
        comes_back(&deal, &Deal::from_record(&record).unwrap(), &sent)?;
    }
}
