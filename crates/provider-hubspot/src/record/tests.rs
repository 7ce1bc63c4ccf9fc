use super::*;

const RECORD: &str = r#"{"id":"5551","properties":{"dealname":"A \"b\" \u00e4","amount":"12500.10","tiny":"1.5E-7","grouped":"1,234,567.5",
 "comma":"1,5","count":"5.0","kilo":"5E3","half":"0.5","big":"9223372036854775807","huge":"123456789012345678901234567890.5",
 "long":"1.23456789012345678901234567890E2","flag":"true","off":"false","unset":"","nothing":null,"closedate":"2026-03-31",
 "day_ms":"1774915200000","day_s":"1774915200","not_midnight":"1774915200001","feb":"2026-02-30","when":"2026-01-02T10:04:05.120Z",
 "short":"2026-01-02T10:04:05Z","epoch":"1767348245120","old":"1767348245","birth":"-86400000","lone":"\ud800","owner":"41",
 "bad_owner":"41a","lines":"a;b;c","config":"{\"a\":[1]}","plain":"x{"},"createdAt":"2026-01-01T00:00:00.000Z",
 "updatedAt":"2026-01-02T10:04:05.123Z","archived":false,"url":"https://app.example.test/5551"}"#;

fn record() -> HubspotRecord<'static> {
    HubspotRecord::parse(RECORD).unwrap()
}

#[test]
fn text_is_read_by_type() {
    let r = record();
    assert_eq!(r.text("dealname").unwrap().unwrap(), "A \"b\" ä");
    assert_eq!(r.text("lines").unwrap().unwrap(), "a;b;c");
    let decimal = |field| r.decimal(field).unwrap().unwrap().to_string();
    assert_eq!(decimal("amount"), "12500.10");
    assert_eq!(decimal("tiny"), "0.00000015");
    assert_eq!(decimal("grouped"), "1234567.5");
    assert_eq!(r.integer("count").unwrap(), Some(5));
    assert_eq!(r.integer("kilo").unwrap(), Some(5_000));
    assert_eq!(r.integer("big").unwrap(), Some(i64::MAX));
    assert_eq!((r.boolean("flag").unwrap(), r.boolean("off").unwrap()), (Some(true), Some(false)));
    assert_eq!(r.link("owner").unwrap().unwrap().as_str(), "41");
    assert_eq!(r.json("config").unwrap().unwrap()["a"][0], 1);
    assert_eq!(r.json("plain").unwrap().unwrap(), "x{");
}

#[test]
fn days_and_instants_are_read_in_every_form() {
    let r = record();
    let day = Some("2026-03-31".parse().unwrap());
    for field in ["closedate", "day_ms", "day_s"] {
        assert_eq!(r.date(field).unwrap(), day, "{field}");
    }
    assert_eq!(r.date("birth").unwrap(), Some("1969-12-31".parse().unwrap()));
    for (field, expected) in [
        ("when", "2026-01-02T10:04:05.120Z"),
        ("short", "2026-01-02T10:04:05Z"),
        ("epoch", "2026-01-02T10:04:05.120Z"),
        ("old", "2026-01-02T10:04:05Z"),
        ("updatedAt", "2026-01-02T10:04:05.123Z"),
    ] {
        assert_eq!(r.instant(field).unwrap(), Some(expected.parse().unwrap()), "{field}");
    }
}

#[test]
fn empty_text_and_null_are_empty_and_missing_is_an_error() {
    let r = record();
    for field in ["unset", "nothing"] {
        assert_eq!(r.text(field).unwrap(), None);
        assert_eq!(r.decimal(field).unwrap(), None);
        assert_eq!(r.boolean(field).unwrap(), None);
        assert_eq!(r.date(field).unwrap(), None);
        assert_eq!(r.link(field).unwrap(), None);
        assert_eq!(r.json(field).unwrap(), None);
    }
    assert_eq!(r.text("dealstage"), Err(RecordError::Missing { field: "dealstage".into() }));
    assert_eq!(
        r.link("associations.companies"),
        Err(RecordError::Missing { field: "associations.companies".into() })
    );
    assert_eq!(
        HubspotRecord::required("unset", None::<i64>),
        Err(RecordError::Empty { field: "unset".into() })
    );
}

#[test]
fn order_of_reading_does_not_matter() {
    let r = record();
    for field in ["url", "when", "dealname", "id", "dealname"] {
        assert!(r.text(field).unwrap().is_some());
    }
    assert_eq!(r.boolean("archived").unwrap(), Some(false));
    assert_eq!(r.id("id").unwrap().map(HubspotId::get), Some(5551));
}

#[test]
fn number_that_does_not_fit_is_refused_not_rounded() {
    for field in ["huge", "long"] {
        let error = record().decimal(field).unwrap_err();
        assert_eq!(error, RecordError::TooManyDigits { field: field.into() });
        assert!(!error.to_string().contains("1234"));
    }
    assert!(record().integer("half").is_err());
}

#[test]
fn wrong_kinds_are_named_without_the_value() {
    let r = record();
    for error in [
        r.decimal("dealname").unwrap_err(),
        r.decimal("comma").unwrap_err(),
        r.boolean("amount").unwrap_err(),
        r.date("when").unwrap_err(),
        r.date("feb").unwrap_err(),
        r.date("not_midnight").unwrap_err(),
        r.instant("closedate").unwrap_err(),
        r.text("lone").unwrap_err(),
        r.integer("dealname").unwrap_err(),
        r.id("bad_owner").unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(!text.contains("2026") && !text.contains("41a") && !text.contains("12500"), "{text}");
    }
    assert_eq!(r.id("bad_owner"), Err(RecordError::BadId { field: "bad_owner".into() }));
}

#[test]
fn numbers_are_told_from_other_text() {
    for text in [
        "", "-", ".", "1.2.3", "1e", "1e1.5", "0x10", "1,23", "1,2345", ",123", "1.000,5", "½", "NaN",
        "1 000",
    ] {
        assert_eq!(read::decimal(text), None, "{text}");
    }
    for (text, expected) in [("-1,000", "-1000"), ("+7", "7"), (".5", "0.5"), ("5.", "5"), ("1e2", "100")] {
        assert_eq!(read::decimal(text).unwrap().unwrap(), expected.parse().unwrap(), "{text}");
    }
}

#[test]
fn flat_record_is_read_like_any_other() {
    let owner = r#"{"id":"41","email":"ann@example.test","firstName":"Ann","userId":77,"archived":true,"teams":[{"id":"1"}]}"#;
    let r = HubspotRecord::parse(owner).unwrap();
    assert_eq!(r.text("userId").unwrap().as_deref(), Some("77"));
    assert_eq!(r.link("id").unwrap().unwrap().as_str(), "41");
    assert_eq!(r.boolean("archived").unwrap(), Some(true));
    assert_eq!(r.json("teams").unwrap().unwrap()[0]["id"], "1");
    assert!(matches!(r.text("teams"), Err(RecordError::Mismatch { .. })));
}

#[test]
fn associated_record_is_the_known_one_else_the_lowest() {
    let json = r#"{"id":"1","properties":{},"associations":{"companies":{"results":[{"id":"803","type":"a"},{"id":"802","type":"b"},
        {"id":"803","type":"c"}]},"contacts":{"results":[]}}}"#;
    let r = HubspotRecord::parse(json).unwrap();
    assert_eq!(r.link("associations.companies").unwrap().unwrap().as_str(), "802");
    assert_eq!(r.link("associations.contacts").unwrap(), None);
    let r = r.with_association("companies", HubspotId::parse("803"));
    assert_eq!(r.link("associations.companies").unwrap().unwrap().as_str(), "803");
}

#[test]
fn custom_properties_take_the_described_type() {
    use PropertyType as P;
    let r = record();
    assert_eq!(r.custom("amount", P::Number).unwrap(), FieldValue::Decimal("12500.10".parse().unwrap()));
    assert_eq!(r.custom("dealname", P::Enumeration).unwrap(), FieldValue::Text("A \"b\" ä".into()));
    assert_eq!(r.custom("closedate", P::Date).unwrap(), FieldValue::Date("2026-03-31".parse().unwrap()));
    assert_eq!(r.custom("flag", P::Bool).unwrap(), FieldValue::Bool(true));
    assert_eq!(r.custom("unset", P::Number).unwrap(), FieldValue::Null);
    assert_eq!(r.custom("config", P::Json).unwrap(), FieldValue::Json(serde_json::json!({"a": [1]})));
    assert!(r.custom("dealname", P::Number).is_err() && r.custom("gone", P::Number).is_err());
}

#[test]
fn anything_but_an_object_is_no_record() {
    for json in
        ["", "7", "null", "[{}]", "{", r#"{"properties":7}"#, r#"{"properties":{"a":}}"#, r#"{"id":"1"}x"#]
    {
        assert_eq!(HubspotRecord::parse(json).unwrap_err(), RecordError::NotAnObject, "{json}");
    }
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".*", cut in 0_usize..200) {
            let _ = HubspotRecord::parse(&text);
            let json = serde_json::json!({"id": text, "properties": {"p": text}}).to_string();
            let record = HubspotRecord::parse(&json).unwrap();
            let _ = (record.id("id"), record.integer("p"), record.decimal("p"), record.date("p"), record.instant("p"));
            let _ = (record.boolean("p"), record.json("p"));
            let cut = RECORD.floor_char_boundary(cut * RECORD.len() / 200);
            prop_assert!(HubspotRecord::parse(&RECORD[..cut]).is_err());
        }

        #[test]
        fn numbers_are_exact(number in any::<i64>(), scale in 0_u32..18) {
            let expected = Decimal::new(number, scale);
            prop_assert_eq!(read::decimal(&expected.to_string()), Some(Some(expected)));
        }
    }
}
