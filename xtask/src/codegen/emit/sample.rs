//! A record with every mapped field, as a provider would send it, and what it has to become.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use sync_core::FieldKind;
use sync_detection::Transform;
use sync_detection::transform::{self, Otherwise};
use sync_detection::yaml::{FieldRead, FieldView};

use crate::codegen::model::{Entity, Provider};
use crate::codegen::names::literal;

/// What is sent, and what has to come out of it.
pub(super) struct Sample {
    /// Field by field of the mapping: the remote name and its value.
    pub(super) sent: Vec<(String, Value)>,
    /// Field by field: ours and the expression of its value.
    pub(super) expected: Vec<(String, String)>,
}

/// A value on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Int(i64),
    Decimal(Decimal),
    Text(String),
    Date(NaiveDate),
    Instant(DateTime<Utc>),
    Json(Json),
    Link(String),
}

/// A record with a value of its own in every mapped field.
pub(super) fn sample(entity: &Entity, provider: &Provider) -> Sample {
    let mut sample = Sample { sent: Vec::new(), expected: Vec::new() };
    let view = entity.config.providers().find(|view| view.key == provider.key);
    let reads = view
        .iter()
        .flat_map(|view| entity.config.reads(view).filter_map(|(_, read)| read).collect::<Vec<_>>());
    for (number, read) in (1..).zip(reads) {
        let source = &read.mapping.source;
        let known = sample.sent.iter().find(|(name, _)| name == source).map(|(_, value)| value.clone());
        let value = known.unwrap_or_else(|| first(&read, number, provider));
        let result = read.mapping.transforms.iter().try_fold(value.clone(), apply);
        sample.sent.push((source.to_string(), value));
        sample.expected.push((read.field.name.to_owned(), expression(&read.field, result)));
    }
    sample
}

/// The record as JSON in Salesforce's form: values by name, parts of compounds and related records inside them.
pub(super) fn nested(sent: &[(String, Value)]) -> Json {
    let mut object = Map::new();
    for (path, value) in sent {
        let mut steps: Vec<_> = path.split('.').collect();
        let Some(last) = steps.pop() else { continue };
        let mut at = &mut object;
        for step in steps {
            let inner = at.entry(step).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            let Json::Object(inner) = inner else { unreachable!("made an object just before") };
            at = inner;
        }
        at.insert(last.to_owned(), value.json());
    }
    Json::Object(object)
}

impl Value {
    /// As a JSON value of its own type.
    pub(super) fn json(&self) -> Json {
        match self {
            Self::Bool(truth) => json!(truth),
            Self::Int(number) => json!(number),
            // Digits as they are, without a detour through binary.
            Self::Decimal(number) => serde_json::from_str(&number.to_string()).unwrap_or_default(),
            Self::Text(text) | Self::Link(text) => json!(text),
            Self::Date(day) => json!(day.to_string()),
            Self::Instant(moment) => json!(moment.to_rfc3339()),
            Self::Json(value) => value.clone(),
        }
    }

    /// As text, the way of providers that send nothing else.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Instant(moment) => moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            other => match other.json() {
                Json::String(text) => text,
                other => other.to_string(),
            },
        }
    }
}

fn day(number: i64) -> NaiveDate {
    NaiveDate::default() + Days::new(20_454 + number.unsigned_abs())
}

fn moment(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_767_322_800 + 86_400 * number)
}

/// A value that the first transform can change, another one for each field.
fn first(read: &FieldRead<'_>, number: i64, provider: &Provider) -> Value {
    let (field, transforms) = (&read.field, &*read.mapping.transforms);
    let text = |text: &str| Value::Text(text.to_owned());
    let decides = transforms.iter().find(|transform| transform.input().is_some());
    match (read.accessor, decides) {
        (FieldKind::Text, Some(first)) => match first_word(transforms, number) {
            Some(word) => Value::Text(word),
            None => text(&format!("{} {number}", first.name())),
        },
        (FieldKind::Text, None) => text(&format!("{} {number}", field.name)),
        (FieldKind::Bool, _) => Value::Bool(number % 2 == 0),
        (FieldKind::Int, Some(Transform::EpochMillis)) => Value::Int(moment(number).timestamp_millis()),
        (FieldKind::Int, Some(Transform::EpochSeconds)) => Value::Int(moment(number).timestamp()),
        (FieldKind::Int, _) => Value::Int(number),
        (FieldKind::Decimal, _) if transforms.contains(&Transform::ToInteger) => {
            Value::Decimal(number.into())
        }
        (FieldKind::Decimal, _) => Value::Decimal(Decimal::new(100 * number + 25, 2)),
        (FieldKind::Date, _) => Value::Date(day(number)),
        (FieldKind::Instant, _) => Value::Instant(moment(number)),
        (FieldKind::Json, _) => Value::Json(json!([field.name, number])),
        (FieldKind::Link, _) if provider.base == "salesforce" => Value::Link(salesforce_id(number)),
        (FieldKind::Link, _) => Value::Link((1000 + number).to_string()),
    }
}

fn salesforce_id(number: i64) -> String {
    let short = format!("0015e00000Qw{number:03}");
    transform::salesforce_id(Some(short)).ok().flatten().unwrap_or_default()
}

/// A text that passes through every transform of a chain: what the strictest of them asks for.
fn first_word(transforms: &[Transform], number: i64) -> Option<String> {
    transforms.iter().find_map(|transform| match transform {
        Transform::SalesforceId => Some(salesforce_id(number)),
        Transform::Map(map) => map.values.0.first().map(|(theirs, _)| theirs.to_string()),
        Transform::Boolean(words) => words.truths.first().map(ToString::to_string),
        Transform::Number => Some(format!("{number}.25")),
        Transform::Integer => Some(number.to_string()),
        Transform::Date(form) => Some(day(number).format(form).to_string()),
        Transform::Instant(form) => Some(moment(number).format(form).to_string()),
        Transform::Split(separator) => Some(format!("one{separator}{number}")),
        _ => None,
    })
}

/// What a transform makes of a value; `None` for no value, as in the mapping itself.
fn apply(value: Value, change: &Transform) -> Option<Value> {
    use transform as t;
    let text = |changed: Option<String>| changed.map(Value::Text);
    match (value, change) {
        (value, Transform::Default(_)) => Some(value),
        (Value::Text(value), change) => {
            let value = Some(value);
            match change {
                Transform::Trim => text(t::trim(value)),
                Transform::Lowercase => text(t::lowercase(value)),
                Transform::Uppercase => text(t::uppercase(value)),
                Transform::EmptyToNull => text(t::empty_to_null(value)),
                Transform::Digits => text(t::digits(value)),
                Transform::SalesforceId => text(t::salesforce_id(value).ok()?),
                Transform::Truncate(n) => text(t::truncate(value, usize::try_from(*n).ok()?)),
                Transform::Map(map) => {
                    let known =
                        map.values.0.iter().find(|(theirs, _)| Some(theirs.as_ref()) == value.as_deref());
                    match (known, &map.otherwise) {
                        (Some((_, ours)), _) => Some(Value::Text(ours.to_string())),
                        (None, Otherwise::Value(other)) => Some(Value::Text(other.to_string())),
                        (None, Otherwise::Keep) => text(value),
                        (None, _) => None,
                    }
                }
                // The sample's word is the first for true.
                Transform::Boolean(_) => Some(Value::Bool(true)),
                Transform::Number => t::number(value).ok()?.map(Value::Decimal),
                Transform::Integer => t::integer(value).ok()?.map(Value::Int),
                Transform::Date(form) => t::date(value, form).ok()?.map(Value::Date),
                Transform::Instant(form) => t::instant(value, form).ok()?.map(Value::Instant),
                Transform::Split(separator) => t::split(value, separator).map(Value::Json),
                _ => None,
            }
        }
        (Value::Int(number), Transform::EpochMillis) => {
            t::epoch_millis(Some(number)).ok()?.map(Value::Instant)
        }
        (Value::Int(number), Transform::EpochSeconds) => {
            t::epoch_seconds(Some(number)).ok()?.map(Value::Instant)
        }
        (Value::Instant(moment), Transform::DateOfInstant) => {
            t::date_of_instant(Some(moment)).map(Value::Date)
        }
        (Value::Decimal(number), Transform::Scale(factor)) => {
            t::scale(Some(number), factor.as_str().parse().ok()?).ok()?.map(Value::Decimal)
        }
        (Value::Decimal(number), Transform::Round(decimals)) => {
            t::round(Some(number), *decimals).map(Value::Decimal)
        }
        (Value::Decimal(number), Transform::ToInteger) => t::to_integer(Some(number)).ok()?.map(Value::Int),
        (Value::Bool(truth), Transform::Not) => Some(Value::Bool(!truth)),
        _ => None,
    }
}

/// The value of a field as code.
fn expression(field: &FieldView<'_>, value: Option<Value>) -> String {
    let Some(value) = value else { return "None".to_owned() };
    let parsed = |text: String| {
        if field.required {
            format!("{}.parse().unwrap()", literal(&text))
        } else {
            format!("{}.parse().ok()", literal(&text))
        }
    };
    let some = |text: String| if field.required { text } else { format!("Some({text})") };
    match value {
        Value::Bool(truth) => some(truth.to_string()),
        Value::Int(number) => some(number.to_string()),
        Value::Text(text) | Value::Link(text) => some(format!("{}.into()", literal(&text))),
        Value::Decimal(number) => parsed(number.to_string()),
        Value::Date(day) => parsed(day.to_string()),
        Value::Instant(moment) => parsed(moment.to_rfc3339()),
        Value::Json(value) => some(format!("serde_json::json!({value})")),
    }
}
