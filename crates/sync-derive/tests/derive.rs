//! What the generated implementation does, field by field.

// Generated code must be as clean in the crates that use it as hand-written code.
#![deny(warnings)]

use chrono::{DateTime, NaiveDate, TimeZone as _, Utc};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use sync_core::{
    Canonical, ChangedFields, CustomFields, ExternalId, FieldDef, FieldKind, FieldMismatch, FieldSet,
    FieldType, FieldValue, ValueRef,
};

/// An enum of the application that is kept as text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Open,
    Won,
}

impl FieldType for Stage {
    const KIND: FieldKind = FieldKind::Text;
    const NULLABLE: bool = false;

    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Text(match self {
            Self::Open => "open",
            Self::Won => "won",
        })
    }

    fn from_value(value: FieldValue) -> Option<Self> {
        match value {
            FieldValue::Text(text) if text == "open" => Some(Self::Open),
            FieldValue::Text(text) if text == "won" => Some(Self::Won),
            _ => None,
        }
    }
}

/// Every supported type, required and optional, with the custom field in the middle.
#[derive(Clone, Debug, PartialEq, Canonical)]
#[canonical(entity = "every_type", title = "text")]
struct Every {
    boolean: bool,
    integer: i64,
    decimal: Decimal,
    text: String,
    link: ExternalId,
    day: NaiveDate,
    #[canonical(custom)]
    custom: CustomFields,
    instant: DateTime<Utc>,
    json: Json,
    stage: Stage,
    maybe_boolean: Option<bool>,
    maybe_integer: Option<i64>,
    maybe_decimal: Option<Decimal>,
    maybe_text: Option<String>,
    maybe_link: Option<ExternalId>,
    maybe_day: Option<NaiveDate>,
    maybe_instant: Option<DateTime<Utc>>,
    maybe_json: Option<Json>,
    maybe_stage: Option<Stage>,
}

// By hand, because an external id has no default.
impl Default for Every {
    fn default() -> Self {
        Self {
            boolean: Default::default(),
            integer: Default::default(),
            decimal: Default::default(),
            text: Default::default(),
            link: "".into(),
            day: Default::default(),
            custom: Default::default(),
            instant: Default::default(),
            json: Default::default(),
            stage: Default::default(),
            maybe_boolean: Default::default(),
            maybe_integer: Default::default(),
            maybe_decimal: Default::default(),
            maybe_text: Default::default(),
            maybe_link: Default::default(),
            maybe_day: Default::default(),
            maybe_instant: Default::default(),
            maybe_json: Default::default(),
            maybe_stage: Default::default(),
        }
    }
}

/// What [`Every`] has twice, required and then optional.
const KINDS: [(FieldKind, &str); 9] = [
    (FieldKind::Bool, "boolean"),
    (FieldKind::Int, "integer"),
    (FieldKind::Decimal, "decimal"),
    (FieldKind::Text, "text"),
    (FieldKind::Link, "link"),
    (FieldKind::Date, "day"),
    (FieldKind::Instant, "instant"),
    (FieldKind::Json, "json"),
    (FieldKind::Text, "stage"),
];

/// A value for each of [`KINDS`] that is not the type's default.
fn values() -> [FieldValue; 9] {
    [
        FieldValue::Bool(true),
        FieldValue::Int(42),
        FieldValue::Decimal(Decimal::new(12_345, 2)),
        FieldValue::Text("Acme".into()),
        FieldValue::Text("006A".into()),
        FieldValue::Date(NaiveDate::from_ymd_opt(2026, 3, 1).expect("a day of the calendar")),
        FieldValue::Instant(Utc.with_ymd_and_hms(2026, 3, 1, 9, 30, 0).unwrap()),
        FieldValue::Json(json!({"city": "Ulm"})),
        FieldValue::Text("won".into()),
    ]
}

fn filled() -> Every {
    let mut record = Every::default();
    for (field, value) in values().into_iter().chain(values()).enumerate() {
        record.set(field, value).expect("the value is of the field's type");
    }
    record
}

fn diff<T: Canonical>(new: &T, old: &T, fields: FieldSet) -> ChangedFields {
    let mut changed = ChangedFields::default();
    new.diff_into(old, fields, &mut changed);
    changed
}

fn names(changed: &ChangedFields) -> Vec<&str> {
    changed.iter().map(|step| step.field.as_ref()).collect()
}

#[test]
fn fields_are_in_the_order_of_the_struct_without_the_custom_one() {
    let required = KINDS.map(|(kind, name)| FieldDef { name, kind, nullable: false });
    assert_eq!(Every::FIELDS[..9], required);
    for (field, (kind, name)) in Every::FIELDS[9..].iter().zip(KINDS) {
        assert_eq!((field.kind, field.nullable), (kind, true));
        assert_eq!(field.name, format!("maybe_{name}"));
    }
    assert_eq!(Every::FIELDS.len(), 18);
    assert_eq!(Every::ENTITY, "every_type");
}

#[test]
fn every_type_gives_back_what_was_set() {
    let record = filled();
    for (field, value) in values().iter().chain(&values()).enumerate() {
        assert_eq!(record.value(field), value.as_ref(), "{}", Every::FIELDS[field].name);
    }
    assert_eq!((record.stage, record.maybe_stage), (Stage::Won, Some(Stage::Won)));
    assert_eq!(record.maybe_link, Some("006A".to_owned().into()));
}

#[test]
fn null_empties_optional_fields_and_is_refused_by_required_ones() {
    let mut record = filled();
    for (field, def) in Every::FIELDS.iter().enumerate() {
        // A required JSON field holds JSON's own null.
        let fits = def.nullable || def.kind == FieldKind::Json;
        assert_eq!(record.set(field, FieldValue::Null).is_ok(), fits, "{}", def.name);
    }
    assert_eq!(record.maybe_stage, None);
    assert_eq!(record.text, "Acme");
}

#[test]
fn mismatch_names_the_field_and_both_kinds_but_never_the_value() {
    let mut record = Every::default();
    let found: Vec<_> = values()
        .into_iter()
        .take(8)
        .chain([FieldValue::Null])
        .map(|value| match value {
            FieldValue::Bool(_) => record.set(1, value),
            _ => record.set(0, value),
        })
        .map(|result| result.map_err(|mismatch| mismatch.found))
        .collect();
    assert_eq!(
        found,
        [
            Err("boolean"),
            Err("integer"),
            Err("decimal"),
            Err("text"),
            Err("text"),
            Err("date"),
            Err("instant"),
            Err("json"),
            Err("null"),
        ]
    );
    assert_eq!(
        record.set(9, FieldValue::Text("secret".into())),
        Err(FieldMismatch { field: "maybe_boolean", expected: FieldKind::Bool, found: "text" })
    );
    assert_eq!(record, Every::default());
}

#[test]
fn equal_records_have_no_changed_fields() {
    assert!(diff(&filled(), &filled(), FieldSet::all::<Every>()).is_empty());
}

#[test]
fn every_changed_field_is_listed_once_in_order_from_old_to_new() {
    let (old, new) = (Every::default(), filled());
    let changed = diff(&new, &old, FieldSet::all::<Every>());
    assert_eq!(names(&changed), Every::FIELDS.iter().map(|field| field.name).collect::<Vec<_>>());
    for (field, step) in changed.iter().enumerate() {
        assert_eq!(step.from.as_ref(), old.value(field));
        assert_eq!(step.to.as_ref(), new.value(field));
    }
}

#[test]
fn only_the_fields_asked_for_are_compared() {
    let asked = FieldSet::named::<Every>(["maybe_text", "integer"]);
    assert_eq!(names(&diff(&filled(), &Every::default(), asked)), ["integer", "maybe_text"]);
    assert!(diff(&filled(), &Every::default(), FieldSet::EMPTY).is_empty());
}

#[test]
fn comparison_is_by_meaning_and_the_audit_keeps_raw_values() {
    let old = Every { decimal: Decimal::new(150, 2), ..Every::default() };
    let same = Every { decimal: Decimal::new(15, 1), ..Every::default() };
    assert!(diff(&same, &old, FieldSet::all::<Every>()).is_empty());

    let new = Every { decimal: Decimal::new(1600, 2), ..Every::default() };
    let changed = diff(&new, &old, FieldSet::all::<Every>());
    assert_eq!(serde_json::to_string(&changed).unwrap(), r#"{"decimal":{"from":"1.50","to":"16.00"}}"#);
}

#[test]
fn merge_takes_the_named_fields_and_leaves_the_rest() {
    let mut record = Every::default();
    record.merge_from(&filled(), FieldSet::named::<Every>(["text", "maybe_json"]));
    let expected =
        Every { text: "Acme".into(), maybe_json: Some(json!({"city": "Ulm"})), ..Every::default() };
    assert_eq!(record, expected);

    // A field that was sent as null is taken too.
    record.merge_from(&Every::default(), FieldSet::named::<Every>(["maybe_json"]));
    assert_eq!(record, Every { text: "Acme".into(), ..Every::default() });
}

#[test]
fn custom_fields_are_apart_from_diff_and_merge() {
    let mut new = Every::default();
    new.custom_mut().unwrap().set("Region__c", FieldValue::Text("EU".into()));
    assert_eq!(new.custom().unwrap().get("Region__c"), Some(&FieldValue::Text("EU".into())));
    assert!(diff(&new, &Every::default(), FieldSet::all::<Every>()).is_empty());

    let mut merged = Every::default();
    merged.merge_from(&new, FieldSet::all::<Every>());
    assert_eq!(merged, Every::default());
}

#[test]
#[should_panic(expected = "`every_type` has 18 fields, numbered from 0: there is no field 18")]
fn number_beyond_the_last_field_panics_with_the_entity() {
    Every::default().value(18);
}

#[test]
#[should_panic(expected = "there is no field 18")]
fn setting_beyond_the_last_field_panics() {
    drop(Every::default().set(18, FieldValue::Null));
}

mod naming {
    //! Stable names, titles, and names that could meet those of generated code.

    use super::{Canonical, CustomFields, FieldSet, FieldValue, Stage, diff, names};

    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "deal", title = "stage_name")]
    struct Before {
        #[canonical(rename = "stage_name")]
        stage: Option<String>,
        r#type: String,
    }

    /// The same record after its Rust fields got other names.
    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(title = "stage_name")]
    #[canonical(entity = "deal")]
    struct After {
        stage_name: Option<String>,
        #[canonical(rename = "type")]
        kind: String,
    }

    #[test]
    fn renaming_a_rust_field_keeps_the_stable_name() {
        assert_eq!(Before::FIELDS, After::FIELDS);
        assert_eq!(Before::FIELDS.iter().map(|field| field.name).collect::<Vec<_>>(), ["stage_name", "type"]);
    }

    #[test]
    fn raw_identifier_is_named_without_its_prefix() {
        let new = Before { r#type: "renewal".into(), ..Before::default() };
        assert_eq!(names(&diff(&new, &Before::default(), FieldSet::all::<Before>())), ["type"]);
    }

    #[test]
    fn title_is_the_named_text_and_none_where_that_is_empty() {
        assert_eq!(Before::default().title(), None);
        let after = After { stage_name: Some("Open".into()), kind: "renewal".into() };
        assert_eq!(after.title(), Some("Open"));
    }

    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "untitled")]
    struct Untitled {
        name: String,
    }

    #[test]
    fn record_without_title_or_custom_fields_has_none() {
        let mut record = Untitled { name: "Acme".into() };
        assert_eq!(record.title(), None);
        assert_eq!(record.custom(), None);
        assert_eq!(record.custom_mut(), None);
    }

    /// Every name that the generated methods use for themselves.
    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "homonym", title = "name")]
    struct Homonym {
        value: i64,
        field: i64,
        fields: i64,
        from: i64,
        other: i64,
        changed: i64,
        found: i64,
        fits: i64,
        name: Stage,
        kind: i64,
        text: i64,
        set: i64,
    }

    #[test]
    fn field_names_do_not_meet_those_of_generated_code() {
        let mut record = Homonym::default();
        for field in 0..Homonym::FIELDS.len() {
            let value = if field == 8 { FieldValue::Text("won".into()) } else { FieldValue::Int(1) };
            record.set(field, value).unwrap();
        }
        assert_eq!(diff(&record, &Homonym::default(), FieldSet::all::<Homonym>()).len(), 12);
        assert_eq!(record.title(), Some("won"));
    }

    #[derive(Clone, Debug, Default, PartialEq, Canonical)]
    #[canonical(entity = "bag")]
    struct Bag {
        #[canonical(custom)]
        all: CustomFields,
    }

    #[test]
    fn record_may_consist_of_custom_fields_only() {
        assert!(Bag::FIELDS.is_empty());
        assert!(diff(&Bag::default(), &Bag::default(), FieldSet::all::<Bag>()).is_empty());
        let mut bag = Bag::default();
        bag.merge_from(&Bag::default(), FieldSet::all::<Bag>());
        assert_eq!(bag.custom(), Some(&CustomFields::default()));
    }
}

mod elsewhere {
    //! `sync_core` under another path, and a caller who took over the names of the prelude.

    mod reexport {
        pub(super) use sync_core as engine;
    }

    #[expect(dead_code, reason = "they only have to be in the way")]
    mod shadowed {
        struct Option;
        struct Result;
        struct Some;
        struct None;
        struct Ok;
        struct Err;
        trait Clone {}
        trait Default {}

        #[derive(Clone, Debug, Default, PartialEq, sync_core::Canonical)]
        #[canonical(entity = "ticket", title = "subject", crate = "super::reexport::engine")]
        pub(super) struct Ticket {
            pub(super) subject: std::option::Option<String>,
        }
    }

    #[test]
    fn path_to_the_core_can_be_given() {
        use sync_core::Canonical as _;
        let ticket = shadowed::Ticket { subject: Some("Printer".into()) };
        assert_eq!(ticket.title(), Some("Printer"));
    }
}
