//! What is written is what was read.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use sync_core::{ConflictPolicy, FieldSet};
use sync_detection::FieldMapping;
use sync_detection::contract::{Deal, MAPPING, comes_back, deals, written};

use super::body::Body;
use crate::describe::ObjectDescription;
use crate::{FromSalesforce, RecordError, SalesforceRecord, ToSalesforce};

impl FromSalesforce for Deal {
    const OBJECT: &'static str = "deals";

    fn mapping() -> &'static [FieldMapping] {
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        sync_detection::read_deal!(record, RecordError)
    }
}

impl ToSalesforce for Deal {
    const KEY: Option<&'static str> = None;
    const CONFLICTS: ConflictPolicy = ConflictPolicy::ASK;
}

fn described() -> ObjectDescription {
    let field = |(name, field_type): (&str, &str)| json!({"name": name, "type": field_type, "createable": true, "updateable": true});
    let fields = [
        ("name", "string"),
        ("kind", "picklist"),
        ("share", "percent"),
        ("amount", "currency"),
        ("closes", "datetime"),
        ("due", "date"),
        ("signed", "datetime"),
        ("shown", "boolean"),
        ("seats", "double"),
        ("rounded", "double"),
    ];
    serde_json::from_value(json!({"name": "deals", "fields": fields.map(field)})).unwrap()
}

/// The record as Salesforce sends what it was sent.
fn sent(deal: &Deal) -> String {
    let body = Body::of(&described(), deal, FieldSet::all::<Deal>(), false).unwrap();
    // Laid over nulls, because a record holds every field; digits are kept as they are.
    let mut text = String::from("{");
    for (name, value) in body.iter() {
        text += &format!("{}:{},", Json::from(name.as_str()), value.get());
    }
    text + "\"rounded\":null}"
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
        let record = SalesforceRecord::parse(&sent).unwrap();
        comes_back(&deal, &Deal::from_record(&record).unwrap(), &sent)?;
    }
}
