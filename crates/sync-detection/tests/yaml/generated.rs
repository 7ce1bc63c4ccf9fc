//! What is written as Rust compiles, and means what the file says.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use sync_core::ExternalId;
use sync_core::value::{parse_decimal, parse_instant};
use sync_detection::yaml::ProviderView;
use sync_detection::{
    CdcConfig, CursorConfig, CursorKind, DetectionConfig, FieldMapping, Filter, PollConfig, Transform,
    TransformError, WebhookConfig, transform,
};

use crate::{OPPORTUNITY, parse};

include!("written.in");

/// The entity's fields as code generation would declare them, all optional.
#[derive(Debug, Default, PartialEq)]
struct Row {
    name: Option<String>,
    stage: Option<String>,
    amount: Option<Decimal>,
    share: Option<Decimal>,
    employees: Option<i64>,
    close_date: Option<NaiveDate>,
    signed_at: Option<DateTime<Utc>>,
    closed: Option<bool>,
    tags: Option<Json>,
    account: Option<ExternalId>,
    owner: Option<ExternalId>,
}

/// A provider's error, as their crates have it.
#[derive(Debug, PartialEq)]
struct RecordError(String);

impl RecordError {
    fn transform(field: &str, error: TransformError) -> Self {
        Self(format!("field `{field}` {}", error.reason()))
    }
}

/// A provider's record, with the accessors that their crates have.
struct Record(Json);

impl Record {
    fn get<V>(&self, field: &str, read: impl Fn(&Json) -> Option<V>) -> Result<Option<V>, RecordError> {
        match &self.0[field] {
            Json::Null => Ok(None),
            value => read(value).map(Some).ok_or_else(|| RecordError(format!("field `{field}`"))),
        }
    }

    fn text(&self, field: &str) -> Result<Option<String>, RecordError> {
        self.get(field, |value| value.as_str().map(str::to_owned))
    }

    fn decimal(&self, field: &str) -> Result<Option<Decimal>, RecordError> {
        self.get(field, |value| parse_decimal(&value.to_string()))
    }

    fn integer(&self, field: &str) -> Result<Option<i64>, RecordError> {
        self.get(field, Json::as_i64)
    }

    fn boolean(&self, field: &str) -> Result<Option<bool>, RecordError> {
        self.get(field, Json::as_bool)
    }

    fn date(&self, field: &str) -> Result<Option<NaiveDate>, RecordError> {
        self.get(field, |value| value.as_str()?.parse().ok())
    }

    fn instant(&self, field: &str) -> Result<Option<DateTime<Utc>>, RecordError> {
        self.get(field, |value| parse_instant(value.as_str()?))
    }

    fn link(&self, field: &str) -> Result<Option<ExternalId>, RecordError> {
        self.get(field, |value| value.as_str().map(ExternalId::from))
    }
}

/// What a generated file holds of a provider.
fn written() -> String {
    let config = parse(OPPORTUNITY).unwrap_or_else(|problems| panic!("{problems}"));
    config.providers().fold(String::new(), |mut file, provider| {
        let ProviderView { detection, .. } = provider;
        let name = provider.field_name();
        let mapping: String = detection.config.mapping.iter().fold(String::new(), |mut list, mapping| {
            let _ = writeln!(list, "    {},", mapping.to_rust());
            list
        });
        let fields: String = config.reads(&provider).fold(String::new(), |mut list, (field, read)| {
            if let Some(read) = read {
                let _ = writeln!(list, "        {}: {},", field.name, read.expression("record"));
            }
            list
        });
        let constant = format!("{}_MAPPING", name.to_uppercase());
        let _ = writeln!(file, "const {constant}: &[FieldMapping] = &[\n{mapping}];\n");
        let _ = writeln!(
            file,
            "fn {name}_detection() -> DetectionConfig {{\n    {}\n}}\n",
            detection.config.to_rust(&constant)
        );
        let _ = writeln!(
            file,
            "fn read_{name}(record: &Record) -> Result<Row, RecordError> {{\n    Ok(Row {{\n{fields}        \
             ..Row::default()\n    }})\n}}\n"
        );
        file
    })
}

/// With `INSTA_UPDATE=always` the file is rewritten, as snapshots are.
#[test]
fn written_file_is_fresh() {
    let (fresh, found) = (written(), include_str!("written.in"));
    if fresh != found && std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/yaml/written.in");
        std::fs::write(path, &fresh).expect("the file can be written");
        return;
    }
    assert_eq!(fresh, found, "run the test with INSTA_UPDATE=always");
}

#[test]
fn written_configurations_are_those_of_the_file() {
    let config = parse(OPPORTUNITY).unwrap();
    let written =
        [salesforce_detection(), hubspot_crm_detection(), homegrown_detection(), stream_detection()];
    for (provider, written) in config.providers().zip(written) {
        assert_eq!(provider.detection.config, written, "{}", provider.key);
    }
}

#[test]
fn written_reading_does_what_the_transforms_say() {
    let record = Record(json!({
        "Name": "  ", "StageName": "Open", "Amount": 12.5, "Probability": 33.333, "CloseDate": "2026-03-01",
        "IsClosed": false, "AccountId": "001Dn00000AbCdEIAV", "Owner_Key__c": "005Dn000001ABcd",
    }));
    let expected = Row {
        name: Some("Unnamed".to_owned()),
        stage: Some("Open".to_owned()),
        amount: parse_decimal("12.5"),
        share: parse_decimal("0.3333"),
        close_date: NaiveDate::from_ymd_opt(2026, 3, 1),
        closed: Some(true),
        account: Some("001Dn00000AbCdEIAV".into()),
        owner: Some("005Dn000001ABcdIAG".into()),
        ..Row::default()
    };
    assert_eq!(read_salesforce(&record), Ok(expected));

    let record = Record(json!({
        "dealstage": "closedwon", "closedate": "2026-03-01T23:00:00Z", "headcount": 2.5,
        "associations.companies": "7",
    }));
    let expected = Row {
        stage: Some("Won".to_owned()),
        employees: Some(3),
        close_date: NaiveDate::from_ymd_opt(2026, 3, 1),
        account: Some("7".into()),
        ..Row::default()
    };
    assert_eq!(read_hubspot_crm(&record), Ok(expected));

    let record = Record(json!({
        "state": "b", "value": "", "closes": "", "signed": 1_772_357_445_000_i64, "closed": "YES",
        "tags": "a; b",
    }));
    let expected = Row {
        amount: Some(Decimal::ZERO),
        account: Some("unknown".into()),
        close_date: NaiveDate::from_ymd_opt(2026, 12, 31),
        signed_at: parse_instant("2026-03-01T09:30:45Z"),
        closed: Some(true),
        tags: Some(json!(["a", "b"])),
        ..Row::default()
    };
    assert_eq!(read_homegrown(&record), Ok(expected));

    let record = Record(json!({"title": "deal", "count": "12.5", "signed": null}));
    let empty = Row { employees: Some(3_000_000_000), closed: Some(false), ..Row::default() };
    assert_eq!(read_stream(&Record(json!({}))), Ok(empty));
    let error = RecordError("field `count` is no whole number of 64 bits".to_owned());
    assert_eq!(read_stream(&record), Err(error));
}
