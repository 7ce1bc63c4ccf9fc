use super::*;

const RECORD: &str = r#"{"attributes":{"type":"Opportunity","url":"/x"},"Id":"0065e00000QwErT","Name":"A \"b\" \u00e4",
 "Amount":12500.10,"Tiny":1.5E-7,"Huge":123456789012345678901234567890.5,"Long":1.23456789012345678901234567890E2,
 "Count":5.0,"Half":0.5,"Big":9223372036854775807,"Closed":false,"CloseDate":"2026-03-31","When":"2026-01-02T10:04:05.120+0000",
 "Zulu":"2026-01-02T10:04:05Z","Next":null,"OwnerId":"005Dn000001ABcdIAA","Account":{"attributes":{},"Name":"Acme","Owner":{"Name":"Ann"}},
 "Parent__r":null,"BillingAddress":{"city":"Bonn","street":null},"Lone":"\ud800","FebruaryEnd":"2026-02-30"}"#;

fn record() -> SalesforceRecord<'static> {
    SalesforceRecord::parse(RECORD).unwrap()
}

#[test]
fn fields_are_read_by_type() {
    let r = record();
    assert_eq!(r.id("Id").unwrap().unwrap().as_str(), "0065e00000QwErTAAV");
    assert_eq!(r.text("Name").unwrap().unwrap(), "A \"b\" ä");
    assert_eq!(r.decimal("Amount").unwrap().unwrap().to_string(), "12500.10");
    assert_eq!(r.decimal("Tiny").unwrap().unwrap().to_string(), "0.00000015");
    assert_eq!(r.integer("Count").unwrap(), Some(5));
    assert_eq!(r.integer("Big").unwrap(), Some(i64::MAX));
    assert_eq!(r.boolean("Closed").unwrap(), Some(false));
    assert_eq!(r.date("CloseDate").unwrap(), Some("2026-03-31".parse().unwrap()));
    assert_eq!(r.instant("When").unwrap(), Some("2026-01-02T10:04:05.120Z".parse().unwrap()));
    assert_eq!(r.instant("Zulu").unwrap(), Some("2026-01-02T10:04:05Z".parse().unwrap()));
    assert_eq!(r.json("BillingAddress").unwrap().unwrap()["city"], "Bonn");
}

#[test]
fn order_of_reading_does_not_matter() {
    let r = record();
    for field in ["Zulu", "Name", "Next", "CloseDate", "Name", "Name"] {
        r.text(field).unwrap();
    }
    assert_eq!(r.boolean("Closed").unwrap(), Some(false));
}

#[test]
fn null_is_empty_and_missing_is_an_error() {
    let r = record();
    assert_eq!(r.text("Next").unwrap(), None);
    assert_eq!(r.decimal("Next").unwrap(), None);
    assert_eq!(r.text("Nexte"), Err(RecordError::Missing { field: "Nexte".into() }));
    assert_eq!(
        SalesforceRecord::required("Next", None::<i64>),
        Err(RecordError::Empty { field: "Next".into() })
    );
}

#[test]
fn paths_lead_through_parents_and_compound_fields() {
    let r = record();
    assert_eq!(r.text("Account.Name").unwrap().as_deref(), Some("Acme"));
    assert_eq!(r.text("Account.Owner.Name").unwrap().as_deref(), Some("Ann"));
    assert_eq!(r.text("Parent__r.Owner.Name").unwrap(), None);
    assert_eq!(r.text("BillingAddress.street").unwrap(), None);
    assert_eq!(r.parent("Account").unwrap().unwrap().text("Name").unwrap().as_deref(), Some("Acme"));
    assert!(r.parent("Parent__r").unwrap().is_none());
    assert_eq!(r.text("Account.Phone"), Err(RecordError::Missing { field: "Account.Phone".into() }));
    assert!(matches!(r.text("Name.First"), Err(RecordError::Mismatch { .. })));
}

#[test]
fn number_that_does_not_fit_is_refused_not_rounded() {
    for field in ["Huge", "Long"] {
        let error = record().decimal(field).unwrap_err();
        assert_eq!(error, RecordError::TooManyDigits { field: field.into() });
        assert!(!error.to_string().contains("1234"));
    }
    assert!(record().integer("Half").is_err());
}

#[test]
fn wrong_kinds_are_named_without_the_value() {
    let r = record();
    for error in [
        r.decimal("Name").unwrap_err(),
        r.text("Amount").unwrap_err(),
        r.boolean("Name").unwrap_err(),
        r.date("When").unwrap_err(),
        r.date("FebruaryEnd").unwrap_err(),
        r.instant("CloseDate").unwrap_err(),
        r.text("Lone").unwrap_err(),
        r.integer("Account").unwrap_err(),
        r.id("OwnerId").unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(!text.contains("12500") && !text.contains("2026") && !text.contains("005Dn"), "{text}");
    }
    assert_eq!(r.id("OwnerId"), Err(RecordError::BadId { field: "OwnerId".into() }));
}

#[test]
fn anything_but_an_object_is_no_record() {
    for json in [
        "",
        "7",
        "null",
        "[{}]",
        "{",
        r#"{"a":1}x"#,
        r#"{"a":1"#,
        r#"{"a""#,
        r#"{"a":}"#,
        r#"{a:1}"#,
        r#"{"a":"1}"#,
        r#"{"a":[1}"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{"\u0061":1}"#,
    ] {
        assert_eq!(SalesforceRecord::parse(json).unwrap_err(), RecordError::NotAnObject, "{json}");
    }
}

#[test]
fn custom_fields_take_the_described_type() {
    let r = record();
    assert_eq!(
        r.custom("Amount", FieldType::Currency).unwrap(),
        FieldValue::Decimal("12500.10".parse().unwrap())
    );
    assert_eq!(r.custom("Count", FieldType::Int).unwrap(), FieldValue::Int(5));
    assert_eq!(r.custom("Name", FieldType::Picklist).unwrap(), FieldValue::Text("A \"b\" ä".into()));
    assert_eq!(
        r.custom("CloseDate", FieldType::Date).unwrap(),
        FieldValue::Date("2026-03-31".parse().unwrap())
    );
    assert_eq!(r.custom("Next", FieldType::Double).unwrap(), FieldValue::Null);
    assert!(r.custom("Name", FieldType::Double).is_err());
    assert!(r.custom("Gone__c", FieldType::Double).is_err());
}

/// An independent reader agrees on where each field begins and ends.
mod against_serde {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            ".*".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                proptest::collection::hash_map("[A-Za-z_]{1,8}", inner, 0..4)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn fields_are_the_same(object in proptest::collection::btree_map("[A-Za-z_]{1,8}", any_json(), 0..6), pretty: bool) {
            let json = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
            let expected: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(&json).unwrap();
            let found = read::object(&json).unwrap();
            let expected: Vec<_> = expected.iter().map(|(name, raw)| (name.as_str(), raw.get())).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn nothing_makes_it_panic(text in ".*", cut in 0_usize..200) {
            let _ = SalesforceRecord::parse(&text);
            let cut = RECORD.floor_char_boundary(cut * RECORD.len() / 200);
            prop_assert!(SalesforceRecord::parse(&RECORD[..cut]).is_err());
        }
    }
}
