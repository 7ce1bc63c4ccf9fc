//! Editing an org as its users would.

use crm_sandbox::salesforce::SalesforceControl;
use crm_sandbox::salesforce::model::RecordId;
use serde_json::{Map, Value as Json};

use crate::entity::Entity;

/// Field values from a JSON object.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn fields(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}

/// Changes fields of a record.
///
/// # Panics
/// When the record is not there.
pub fn update(org: &SalesforceControl, id: RecordId, json: Json) {
    org.update(id, &fields(json)).expect("the record is there");
}

/// The live records of an entity, in the order of their ids.
#[must_use]
pub fn live<T: Entity>(org: &SalesforceControl) -> Vec<RecordId> {
    org.read(|org| {
        let rows = org.table(T::OBJECT).into_iter().flat_map(|table| table.all());
        rows.filter(|(_, row)| !row.is_deleted()).map(|(id, _)| *id).collect()
    })
}

/// The deleted records of an entity that are still in the bin.
#[must_use]
pub fn binned<T: Entity>(org: &SalesforceControl) -> Vec<RecordId> {
    org.read(|org| {
        let rows = org.table(T::OBJECT).into_iter().flat_map(|table| table.all());
        rows.filter(|(_, row)| row.is_deleted()).map(|(id, _)| *id).collect()
    })
}
