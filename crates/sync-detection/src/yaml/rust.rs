//! Configured values as Rust expressions, for code generation.
//!
//! The expressions name `transform`, `Transform`, `FieldMapping`, `Filter`, `CursorConfig`, … as `sync_detection`
//! exports them, and `RecordError` of the provider's crate; the generated file imports what it uses.

use std::borrow::Cow;

use rust_decimal::Decimal;
use sync_core::FieldKind;
use sync_core::value::{parse_decimal, parse_instant};

use super::{ConflictConfig, ConflictWord, FieldRead};
use crate::transform::{Otherwise, ValueMap};
use crate::{
    CursorConfig, CursorKind, DetectionConfig, DetectionMode, FieldMapping, Filter, FilterOp, FilterValue,
    PollProvenance, Transform,
};

impl FieldRead<'_> {
    /// The expression that reads the field from `record`, always an `Option`:
    /// `transform::lowercase(transform::trim(record.text("Email")?))`.
    ///
    /// A transform that can fail ends in `.map_err(|error| RecordError::transform("Email", error))?`.
    #[must_use]
    pub fn expression(&self, record: &str) -> String {
        let source = text(&self.mapping.source);
        let mut expression = format!("{record}.{}({source})?", accessor(self.accessor));
        let mut kind = self.accessor;
        for one in &*self.mapping.transforms {
            let arguments = arguments(one, kind);
            let comma = if arguments.is_empty() { "" } else { ", " };
            expression = format!("transform::{}({expression}{comma}{arguments})", function(one));
            if one.is_fallible() {
                expression += &format!(".map_err(|error| RecordError::transform({source}, error))?");
            }
            kind = one.output().unwrap_or(kind);
        }
        if self.field.kind == FieldKind::Link && kind == FieldKind::Text {
            expression = format!("transform::link({expression})");
        }
        expression
    }
}

impl FieldMapping {
    /// The constant expression: `FieldMapping::new("Name", "name")`, of a field that is never written
    /// `FieldMapping::new("IsWon", "won").read_only()`.
    #[must_use]
    pub fn to_rust(&self) -> String {
        let (source, target) = (text(&self.source), text(&self.target));
        let read_only = if self.write { "" } else { ".read_only()" };
        if self.transforms.is_empty() {
            return format!("FieldMapping::new({source}, {target}){read_only}");
        }
        let transforms: Vec<String> = self.transforms.iter().map(Transform::to_rust).collect();
        let transforms = transforms.join(", ");
        format!("FieldMapping::through({source}, {target}, const {{ &[{transforms}] }}){read_only}")
    }
}

impl ConflictConfig {
    /// The constant expression: `ConflictPolicy::ASK`, or the policy with `ConflictRule`s.
    #[must_use]
    pub fn to_rust(&self) -> String {
        if *self == Self::default() {
            return "ConflictPolicy::ASK".to_owned();
        }
        let rule = |word: ConflictWord| match word {
            ConflictWord::Newest => "ConflictRule::Newest",
            ConflictWord::Local => "ConflictRule::LocalWins",
            ConflictWord::Remote => "ConflictRule::RemoteWins",
            ConflictWord::Ask => "ConflictRule::Ask",
        };
        let fields: Vec<_> =
            self.fields.iter().map(|(name, word)| format!("({}, {})", text(name), rule(*word))).collect();
        format!("ConflictPolicy {{ default: {}, fields: &[{}] }}", rule(self.default), fields.join(", "))
    }
}

impl Transform {
    /// The constant expression: `Transform::Trim`, `Transform::truncate(255)`.
    #[must_use]
    pub fn to_rust(&self) -> String {
        let arguments = match self {
            Self::Truncate(n) | Self::Round(n) => n.to_string(),
            Self::Map(map) => {
                format!("const {{ &[{}] }}, {}", pairs(&map.values.0, "transform::pair"), otherwise(map))
            }
            Self::Boolean(words) => {
                let words = [&words.truths, &words.falsehoods].map(|words| list(words, "transform::word"));
                format!("const {{ &[{}] }}, const {{ &[{}] }}", words[0], words[1])
            }
            Self::Date(form) | Self::Instant(form) | Self::Split(form) => text(form),
            Self::Scale(value) | Self::Default(value) => text(value.as_str()),
            _ => return format!("Transform::{}", super::pascal_case(&super::snake_case(self.name()))),
        };
        format!("Transform::{}({arguments})", function(self))
    }
}

impl Filter {
    /// The expression: `Filter::neq("StageName", "Draft")`.
    #[must_use]
    pub fn to_rust(&self) -> String {
        let field = text(self.field());
        let function = match (self.op(), self.value()) {
            (FilterOp::Eq, FilterValue::Null) => return format!("Filter::is_unset({field})"),
            (FilterOp::Neq, FilterValue::Null) => return format!("Filter::is_set({field})"),
            (FilterOp::Eq, _) => "eq",
            (FilterOp::Neq, _) => "neq",
            (FilterOp::In, _) => "one_of",
            (FilterOp::Nin, _) => "none_of",
            (FilterOp::Gt, _) => "gt",
            (FilterOp::Gte, _) => "gte",
            (FilterOp::Lt, _) => "lt",
            (FilterOp::Lte, _) => "lte",
        };
        format!("Filter::{function}({field}, {})", filter_value(self.value()))
    }
}

impl DetectionConfig {
    /// The expression of mode and filters, with the mapping under the name `mapping`:
    /// `DetectionConfig::poll(PollConfig::new(CursorConfig::new(CursorKind::Timestamp, "…")), MAPPING)`.
    #[must_use]
    pub fn to_rust(&self, mapping: &str) -> String {
        let mode = match &self.mode {
            DetectionMode::Poll(poll) => {
                let provenance = match poll.provenance {
                    PollProvenance::Poll => "",
                    PollProvenance::Cdc => ".provenance(PollProvenance::Cdc)",
                };
                format!("poll(PollConfig::new({}){provenance}", cursor(&poll.cursor))
            }
            DetectionMode::Webhook(webhook) => match &webhook.cursor {
                Some(at) => {
                    format!("webhook(WebhookConfig::at({}, {})", text(&webhook.event_id_field), cursor(at))
                }
                None => format!("webhook(WebhookConfig::new({})", text(&webhook.event_id_field)),
            },
            DetectionMode::Cdc(cdc) => format!("cdc(CdcConfig::new({})", cursor(&cdc.cursor)),
        };
        let filters: Vec<String> = self.filters.iter().map(Filter::to_rust).collect();
        let filters =
            if filters.is_empty() { String::new() } else { format!(".filters([{}])", filters.join(", ")) };
        format!("DetectionConfig::{mode}, {mapping}){filters}")
    }
}

fn cursor(cursor: &CursorConfig) -> String {
    let kind = match cursor.kind {
        CursorKind::SystemModstamp => "SystemModstamp",
        CursorKind::Timestamp => "Timestamp",
        CursorKind::ReplayId => "ReplayId",
        CursorKind::EventId => "EventId",
    };
    format!("CursorConfig::new(CursorKind::{kind}, {})", text(&cursor.field))
}

/// The record's accessor for a kind of value.
fn accessor(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Bool => "boolean",
        FieldKind::Int => "integer",
        FieldKind::Decimal => "decimal",
        FieldKind::Text => "text",
        FieldKind::Date => "date",
        FieldKind::Instant => "instant",
        FieldKind::Json => "json",
        FieldKind::Link => "link",
    }
}

/// The function of a transform: its name in Rust's spelling.
fn function(one: &Transform) -> String {
    super::snake_case(one.name())
}

/// What the function takes beside the value, which is of this kind.
fn arguments(one: &Transform, kind: FieldKind) -> String {
    match one {
        Transform::Truncate(n) | Transform::Round(n) => n.to_string(),
        Transform::Map(map) => format!("&[{}], &{}", pairs(&map.values.0, ""), otherwise(map)),
        Transform::Boolean(words) => {
            format!("&[{}], &[{}]", list(&words.truths, ""), list(&words.falsehoods, ""))
        }
        Transform::Date(form) | Transform::Instant(form) | Transform::Split(form) => text(form),
        Transform::Scale(factor) => literal(factor.as_str(), FieldKind::Decimal).unwrap_or_default(),
        Transform::Default(value) => literal(value.as_str(), kind).unwrap_or_default(),
        _ => String::new(),
    }
}

/// A plain value of this kind as an expression; `None` when it is not of the kind.
pub(super) fn literal(value: &str, kind: FieldKind) -> Option<String> {
    Some(match kind {
        FieldKind::Bool => value.parse::<bool>().ok()?.to_string(),
        FieldKind::Int => format!("{}_i64", value.parse::<i64>().ok()?),
        FieldKind::Decimal => decimal(parse_decimal(value)?),
        FieldKind::Text | FieldKind::Link => text(value),
        FieldKind::Date => {
            let day: chrono::NaiveDate = value.parse().ok()?;
            let day = day.format("%-Y, %-m, %-d");
            format!("const {{ transform::date_literal({day}) }}")
        }
        FieldKind::Instant => {
            let micros = parse_instant(value)?.timestamp_micros();
            format!("const {{ transform::instant_literal({micros}) }}")
        }
        FieldKind::Json => return None,
    })
}

fn decimal(number: Decimal) -> String {
    format!("const {{ transform::decimal_literal({}, {}) }}", number.mantissa(), number.scale())
}

fn filter_value(value: &FilterValue) -> String {
    match value {
        FilterValue::Null => "FilterValue::Null".to_owned(),
        FilterValue::Bool(truth) => truth.to_string(),
        FilterValue::Number(number) => match i64::try_from(*number) {
            Ok(whole) if number.is_integer() => whole.to_string(),
            _ => decimal(*number),
        },
        FilterValue::Text(value) => text(value),
        FilterValue::List(values) => filter_list(values),
    }
}

/// A list of values of one type, which Rust wants. Differing ones are told apart as filter values.
fn filter_list(values: &[FilterValue]) -> String {
    let is_whole = |value: &FilterValue| matches!(value, FilterValue::Number(n) if n.is_integer());
    let all_numbers = values.iter().all(|value| matches!(value, FilterValue::Number(_)));
    let one = |value: &FilterValue| match value {
        FilterValue::Number(number) if all_numbers && !values.iter().all(is_whole) => decimal(*number),
        value => filter_value(value),
    };
    format!("[{}]", values.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn text(text: &str) -> String {
    format!("{text:?}")
}

fn otherwise(map: &ValueMap) -> String {
    let otherwise = match &map.otherwise {
        Otherwise::Keep => "Keep".to_owned(),
        Otherwise::Null => "Null".to_owned(),
        Otherwise::Fail => "Fail".to_owned(),
        Otherwise::Value(value) => format!("value({})", text(value)),
    };
    format!("transform::Otherwise::{otherwise}")
}

/// Words, each in a call of this function, or alone without one.
fn list(words: &[Cow<'static, str>], function: &str) -> String {
    let one = |word: &Cow<'static, str>| {
        if function.is_empty() { text(word) } else { format!("{function}({word:?})") }
    };
    words.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn pairs(words: &[(Cow<'static, str>, Cow<'static, str>)], function: &str) -> String {
    let pair =
        |(theirs, ours): &(Cow<'static, str>, Cow<'static, str>)| format!("{function}({theirs:?}, {ours:?})");
    words.iter().map(pair).collect::<Vec<_>>().join(", ")
}
