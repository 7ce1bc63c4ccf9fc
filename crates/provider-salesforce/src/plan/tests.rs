use serde_json::{Value as Json, json};
use sync_core::{Canonical, CustomFields};
use sync_detection::FieldMapping;

use super::*;
use crate::map::FromSalesforce;
use crate::record::{RecordError, SalesforceRecord};

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Deal {
    name: Option<String>,
    #[canonical(custom)]
    custom: CustomFields,
}

impl FromSalesforce for Deal {
    const OBJECT: &'static str = "Opportunity";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("Name", "name"),
            FieldMapping::new("Account.Owner.Name", "owner_name"),
            FieldMapping::new("BillingAddress.city", "city"),
            FieldMapping::new("BillingAddress.street", "street"),
        ];
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self { name: record.text("Name")?, ..Self::default() })
    }
}

/// An entity without a place for custom fields.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "plain")]
struct Plain {
    name: Option<String>,
}

impl FromSalesforce for Plain {
    const OBJECT: &'static str = "Opportunity";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[FieldMapping::new("Name", "name")];
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self { name: record.text("Name")? })
    }
}

fn object(more: &[Json]) -> ObjectDescription {
    let mut fields = vec![
        json!({"name": "Id", "type": "id"}),
        json!({"name": "SystemModstamp", "type": "datetime", "filterable": true}),
        json!({"name": "IsDeleted", "type": "boolean"}),
        json!({"name": "Name", "type": "string", "filterable": true}),
        json!({"name": "AccountId", "type": "reference", "relationshipName": "Account"}),
        json!({"name": "BillingAddress", "type": "address"}),
    ];
    fields.extend_from_slice(more);
    serde_json::from_value(json!({"name": "Opportunity", "fields": fields})).unwrap()
}

fn custom(name: &str, field_type: &str) -> Json {
    json!({"name": name, "type": field_type, "custom": true})
}

fn plan<T: FromSalesforce>(
    object: &ObjectDescription,
    custom_fields: CustomFieldSelection,
) -> Result<Plan, SourceError> {
    Plan::new::<T>(object, &SalesforceConfig { custom_fields, ..SalesforceConfig::default() }, &[])
}

#[test]
fn mapping_and_custom_fields_are_selected_once() {
    let object = object(&[custom("Region__c", "picklist"), custom("Score__c", "double")]);
    let plan = plan::<Deal>(&object, CustomFieldSelection::All).unwrap();
    assert_eq!(
        plan.query().to_string(),
        "SELECT Id,SystemModstamp,IsDeleted,Name,Account.Owner.Name,BillingAddress,Region__c,Score__c FROM Opportunity"
    );
    assert!(plan.tells_deleted && !plan.tells_merged);
}

#[test]
fn fields_that_can_not_be_read_as_values_are_left_out() {
    let hidden = json!({"name": "Old__c", "type": "string", "custom": true, "deprecatedAndHidden": true});
    let object = object(&[
        custom("Geo__c", "location"),
        custom("Geo__Latitude__s", "double"),
        custom("Blob__c", "base64"),
        hidden,
        json!({"name": "MasterRecordId", "type": "reference"}),
    ]);
    let plan = plan::<Deal>(&object, CustomFieldSelection::All).unwrap();
    let names: Vec<_> = plan.custom.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["Geo__Latitude__s"]);
    assert!(plan.tells_merged);
}

#[test]
fn custom_fields_can_be_chosen() {
    let object = object(&[custom("A__c", "string"), custom("B__c", "string")]);
    let named = |names: &[&str]| CustomFieldSelection::Only(names.iter().map(ToString::to_string).collect());
    let chosen = |selection| plan::<Deal>(&object, selection).map(|plan| plan.custom.len());
    assert_eq!(chosen(named(&["B__c"])).unwrap(), 1);
    assert_eq!(chosen(CustomFieldSelection::None).unwrap(), 0);
    let error = chosen(named(&["B__c", "C__c"])).unwrap_err().to_string();
    assert!(error.contains("`C__c` of Opportunity"), "{error}");
    assert!(plan::<Plain>(&object, CustomFieldSelection::All).unwrap().custom.is_empty());
}

#[test]
fn mapped_field_that_is_gone_is_named() {
    let mut object = object(&[]);
    object.fields.retain(|field| field.name != "Name");
    let error = plan::<Deal>(&object, CustomFieldSelection::All).unwrap_err();
    assert!(matches!(&error, SourceError::Permanent { code, .. } if code == "UNKNOWN_FIELD"), "{error:?}");
    assert!(error.to_string().contains("`Name` of Opportunity is mapped"), "{error}");
}

#[test]
fn relationship_that_is_gone_is_named() {
    let mut object = object(&[]);
    object.fields.retain(|field| field.name != "AccountId");
    let error = plan::<Deal>(&object, CustomFieldSelection::All).unwrap_err();
    assert!(error.to_string().contains("`Account.Owner.Name`"), "{error}");
}

#[test]
fn object_without_a_stamp_can_not_be_read() {
    let mut object = object(&[]);
    object.fields.retain(|field| field.name != "SystemModstamp");
    let error = plan::<Deal>(&object, CustomFieldSelection::All).unwrap_err();
    assert!(error.to_string().contains("`SystemModstamp`"), "{error}");
}

/// Following the advice makes the query fit.
#[test]
fn too_many_custom_fields_are_counted() {
    let fields: Vec<_> = (0..800).map(|i| custom(&format!("Field_number_{i:03}__c"), "string")).collect();
    let object = object(&fields);
    let error = plan::<Deal>(&object, CustomFieldSelection::All).unwrap_err().to_string();
    let leave_out =
        error.split("leave out at least ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let keep = 800 - leave_out.parse::<usize>().unwrap();
    let some = |n: usize| {
        let names = object.fields.iter().filter(|field| field.custom).take(n);
        plan::<Deal>(&object, CustomFieldSelection::Only(names.map(|field| field.name.clone()).collect()))
    };
    let longest = some(keep).unwrap().query().to_string();
    assert!(encoded_len(&longest) < LONGEST_URL);
    assert!(some(keep + 1).is_err());
}
