use serde_json::json;
use sync_core::{Canonical, CustomFields, FieldValue};
use sync_detection::Filter;

use super::*;
use crate::config::HubspotConfig;
use crate::describe::ObjectDescription;
use crate::plan::Known;

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Deal {
    name: Option<String>,
    company: Option<ExternalId>,
    #[canonical(custom)]
    custom: CustomFields,
}

impl FromHubspot for Deal {
    const OBJECT: &'static str = "deals";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] =
            &[FieldMapping::new("dealname", "name"), FieldMapping::new("associations.companies", "company")];
        MAPPING
    }

    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: record.text("dealname")?,
            company: record.link("associations.companies")?,
            custom: CustomFields::default(),
        })
    }
}

fn plan(filters: &[Filter]) -> Plan {
    let property = |(name, property_type, own): (&str, &str, bool)| {
        serde_json::from_value(json!({"name": name, "type": property_type, "hubspotDefined": own})).unwrap()
    };
    let properties = [
        ("hs_lastmodifieddate", "datetime", true),
        ("hs_merged_object_ids", "enumeration", true),
        ("dealname", "string", true),
        ("score", "number", false),
    ];
    let description = ObjectDescription::new("deals", "deals", properties.map(property).to_vec());
    let known = Known::Object { description: &description, link_paths: vec!["companies".to_owned()] };
    Plan::new::<Deal>(known, &HubspotConfig::default(), filters).unwrap()
}

fn row(json: &str) -> Row {
    let mut row = Row::new(bytes::Bytes::copy_from_slice(json.as_bytes()));
    row.links.push(HubspotId::parse("801"));
    row
}

fn map(json: &str) -> Mapped<Deal> {
    plan(&[]).map(&row(json))
}

const GOOD: &str = r#"{"id":"5551","properties":{"hs_lastmodifieddate":"2026-01-02T10:04:05.123Z","dealname":"Acme",
    "hs_merged_object_ids":"513;514; x;5551","score":"1,200.5"},"updatedAt":"2026-01-02T10:04:06.000Z"}"#;

#[test]
fn record_is_mapped_with_links_custom_properties_and_merges() {
    let mapped = map(GOOD);
    assert_eq!(mapped.id, Some("5551".into()));
    assert_eq!(mapped.stamp, Some("2026-01-02T10:04:05.123Z".parse().unwrap()));
    let Some(Payload::Upsert(record)) = &mapped.payload else { panic!("{mapped:?}") };
    assert_eq!(record.value.company, Some("801".into()));
    assert_eq!(record.value.custom.get("score"), Some(&FieldValue::Decimal("1200.5".parse().unwrap())));
    let merged: Vec<_> = mapped.merged.iter().map(|id| id.get()).collect();
    assert_eq!(merged, [513, 514], "neither what is no id nor the record itself");
}

#[test]
fn empty_stamp_is_taken_from_beside_the_properties() {
    let mapped = map(&GOOD.replace("\"2026-01-02T10:04:05.123Z\"", "null"));
    assert_eq!(mapped.stamp, Some("2026-01-02T10:04:06Z".parse().unwrap()));
}

#[test]
fn what_can_not_be_read_is_set_aside_with_its_id_and_stamp() {
    for (bad, reason) in [
        (GOOD.replace("1,200.5", "n/a"), "`score` holds a text of another form"),
        (GOOD.replace(r#""dealname":"Acme","#, ""), "`dealname` was asked for and is missing"),
    ] {
        let mapped = map(&bad);
        assert!(mapped.id.is_some() && mapped.stamp.is_some());
        let Some(Payload::Unreadable(why)) = &mapped.payload else { panic!("{mapped:?}") };
        assert!(why.reason.contains(reason) && !why.reason.contains("n/a"), "{}", why.reason);
    }
    let nameless = map(&GOOD.replace("\"5551\",", "\"x\","));
    assert!(nameless.id.is_none() && nameless.stamp.is_some());
    assert!(matches!(nameless.payload, Some(Payload::Unreadable(_))));
    let stampless = map(&GOOD.replace("hs_lastmodifieddate", "other"));
    assert!(matches!(stampless.payload, Some(Payload::Unreadable(_))), "{stampless:?}");
}

#[test]
fn record_that_does_not_pass_has_no_payload_and_still_tells_of_merges() {
    let filter: Filter = serde_json::from_str(r#"{"field":"dealname","op":"neq","value":"Acme"}"#).unwrap();
    let mapped: Mapped<Deal> = plan(&[filter]).map(&row(GOOD));
    assert_eq!((mapped.payload, mapped.merged.len()), (None, 2));
}

#[test]
fn raw_text_that_is_kept_is_bounded() {
    let long = GOOD.replace("Acme", &"ä".repeat(20_000)).replace("1,200.5", "x");
    let Some(Payload::Unreadable(why)) = map(&long).payload else { panic!() };
    assert!(why.raw.len() <= LONGEST_RAW);
}

#[test]
fn backfill_covers_only_the_custom_properties() {
    let plan = plan(&[]);
    let Some(Payload::<Deal>::Upsert(record)) = only_custom(&plan, &row(GOOD)) else { panic!() };
    assert_eq!(record.coverage, Coverage::Partial(FieldSet::EMPTY));
    assert_eq!((record.value.name, record.value.custom.len()), (None, 1));
    assert_eq!(only_custom::<Deal>(&plan, &row(&GOOD.replace("1,200.5", ""))), None);
}

#[test]
fn same_bytes_without_an_id_get_the_same_name() {
    assert_eq!(unidentified("{}"), unidentified("{}"));
    assert_ne!(unidentified("{}"), unidentified("{ }"));
}
