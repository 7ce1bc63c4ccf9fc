use rust_decimal::Decimal;
use serde_json::json;
use sync_core::{
    Canonical, ConnectionKey, Coverage, CustomFields, ExternalId, FieldValue, NoticeKind, Payload,
    SubscriptionId, Version,
};
use sync_detection::FieldMapping;

use super::*;
use crate::config::SalesforceConfig;
use crate::record::RecordError;

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Deal {
    name: Option<String>,
    amount: Option<Decimal>,
    closed: Option<bool>,
    account: Option<ExternalId>,
    #[canonical(custom)]
    custom: CustomFields,
}

impl FromSalesforce for Deal {
    const OBJECT: &'static str = "Opportunity";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[
            FieldMapping::new("Name", "name"),
            FieldMapping::new("Amount", "amount"),
            FieldMapping::new("IsClosed", "closed"),
            FieldMapping::new("AccountId", "account"),
        ];
        MAPPING
    }

    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("Name")?,
            amount: record.decimal("Amount")?,
            closed: record.boolean("IsClosed")?,
            account: record.link("AccountId")?,
            custom: CustomFields::default(),
        })
    }
}

fn read(body: &Json) -> Option<Change<Deal>> {
    let object: ObjectDescription = serde_json::from_value(json!({
        "name": "Opportunity",
        "queryable": true,
        "fields": [
            {"name": "Id", "type": "id"},
            {"name": "SystemModstamp", "type": "datetime"},
            {"name": "IsDeleted", "type": "boolean"},
            {"name": "Name", "type": "string"},
            {"name": "Amount", "type": "currency"},
            {"name": "IsClosed", "type": "boolean"},
            {"name": "AccountId", "type": "reference"},
            {"name": "Tier__c", "type": "picklist", "custom": true},
            {"name": "Score__c", "type": "double", "custom": true},
        ],
    }))
    .unwrap();
    let plan = Plan::new::<Deal>(&object, &SalesforceConfig::default(), &[]).unwrap();
    let notice = Notice {
        key: ConnectionKey::new(None, "c"),
        subscription: SubscriptionId(Default::default()),
        dedup_key: "04l".into(),
        external_id: "0065e00000QwErTAAV".into(),
        kind: NoticeKind::Changed,
        merged_into: None,
        occurred_at: Default::default(),
        body: Some(body.to_string().into()),
    };
    change(&notice, &object, &plan)
}

/// R13: only what was sent counts, typed by the description; an empty value was sent as nothing.
#[test]
fn message_is_a_partial_record_with_its_version() {
    let found = read(&json!({
        "Id": "0065e00000QwErTAAV", "SystemModstamp": "2026-01-02T10:04:05.000Z",
        "Amount": "1200.50", "IsClosed": "false", "AccountId": "001Dn00000AbCdE", "Name": null, "Score__c": "7.5",
    }))
    .unwrap();
    assert_eq!(found.version, Some(Version(1_767_348_245_000)));
    let Payload::Upsert(record) = found.payload else { panic!("no record") };
    let value = &record.value;
    assert_eq!(value.amount, "1200.50".parse().ok());
    assert_eq!((value.closed, &value.name), (Some(false), &None));
    assert_eq!(value.account.as_ref().unwrap().as_str(), "001Dn00000AbCdEIAV", "in its long form");
    assert_eq!(
        record.coverage,
        Coverage::Partial(FieldSet::named::<Deal>(["name", "amount", "closed", "account"]))
    );
    let custom: Vec<_> = value.custom.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    assert_eq!(custom, [("Score__c".to_owned(), FieldValue::Decimal("7.5".parse().unwrap()))]);

    let only_name = read(&json!({"SystemModstamp": "2026-01-02T10:04:05.000Z", "Name": "A"})).unwrap();
    let Payload::Upsert(record) = only_name.payload else { panic!("no record") };
    assert_eq!(record.coverage, Coverage::Partial(FieldSet::named::<Deal>(["name"])));
    assert!(record.value.custom.iter().next().is_none());
}

#[test]
fn what_can_not_be_told_is_read_instead() {
    let stamp = "2026-01-02T10:04:05.000Z";
    let hints = [
        json!({"Name": "A"}),
        json!({"Name": "A", "SystemModstamp": null}),
        json!({"Name": "A", "SystemModstamp": "yesterday"}),
        json!({"Name": "A", "SystemModstamp": stamp, "IsDeleted": "true"}),
        json!({"Amount": "a lot", "SystemModstamp": stamp}),
        json!({"Amount": "0.1234567890123456789", "SystemModstamp": stamp}),
        json!({"IsClosed": "maybe", "SystemModstamp": stamp}),
        json!({"AccountId": "x", "SystemModstamp": stamp}),
        json!({"Score__c": "x", "SystemModstamp": stamp}),
    ];
    for hint in hints {
        assert_eq!(read(&hint), None, "{hint}");
    }
    assert!(read(&json!({"Name": "A", "SystemModstamp": stamp, "IsDeleted": "false"})).is_some());
}
