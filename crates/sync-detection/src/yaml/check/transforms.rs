//! Transforms: each takes what the last one gave, the last gives what the field holds, and arguments make sense.

use std::collections::HashSet;

use chrono::format::{Item, StrftimeItems};
use sync_core::FieldKind;
use sync_core::value::parse_decimal;

use super::super::node::{Node, Value};
use super::super::problem::{Findings, Position};
use super::super::rust::literal;
use super::{Target, kind_name};
use crate::transform::{Transform, date, instant};
use crate::{FieldMapping, Literal};

pub(super) fn check(mapping: &FieldMapping, node: &Node, target: &Target<'_>, found: &mut Findings) {
    let Some(kind) = target.kind else { return };
    let places = places(node);
    let at = |n: usize| places.get(n).copied().unwrap_or(node.at);
    let transforms = &*mapping.transforms;
    // Without a transform that says what it takes, the source is read as what the field holds.
    let mut given = transforms.iter().find_map(Transform::input).unwrap_or(kind);
    for (n, one) in transforms.iter().enumerate() {
        if let Some(input) = one.input()
            && input != given
        {
            let before = transforms.get(n.wrapping_sub(1)).map_or("the source", Transform::name);
            let message = format!(
                "`{}` takes {}, and `{before}` gives {}",
                one.name(),
                kind_name(input),
                kind_name(given)
            );
            found.add(at(n), message, takers(given));
            return;
        }
        argument(one, given, at(n), found);
        given = one.output().unwrap_or(given);
    }
    let fits = given == kind || (given == FieldKind::Text && kind == FieldKind::Link);
    if !fits && let Some(last) = transforms.last() {
        let message = format!(
            "`{}` gives {}, and `{}` is {}",
            last.name(),
            kind_name(given),
            target.name,
            kind_name(kind)
        );
        found.add(at(transforms.len() - 1), message, givers(kind));
    }
}

/// Where each transform of a mapping stands.
fn places(node: &Node) -> Vec<Position> {
    let one = |node: &Node| match node.entries() {
        [(key, _)] => key.at,
        _ => node.at,
    };
    match node.get("transform") {
        Some(list @ Node { value: Value::List(_), .. }) => list.items().iter().map(one).collect(),
        Some(node) => vec![one(node)],
        None => Vec::new(),
    }
}

fn givers(kind: FieldKind) -> Option<String> {
    let names = match kind {
        FieldKind::Bool => "`boolean`",
        FieldKind::Int => "`integer` (from text) or `toInteger` (from decimal)",
        FieldKind::Decimal => "`number`",
        FieldKind::Date => "`date` (from text) or `dateOfInstant` (from instant)",
        FieldKind::Instant => "`instant` (from text), `epochMillis` or `epochSeconds` (from int)",
        FieldKind::Json => "`split`",
        FieldKind::Text | FieldKind::Link => return Some("only transforms of text fit here".to_owned()),
    };
    Some(format!(
        "what gives {} is {names}; without any transform the field is read as it is",
        kind_name(kind)
    ))
}

fn takers(kind: FieldKind) -> Option<String> {
    let names = match kind {
        FieldKind::Bool => "`not`",
        FieldKind::Int => "`epochMillis` and `epochSeconds`",
        FieldKind::Decimal => "`scale`, `round` and `toInteger`",
        FieldKind::Instant => "`dateOfInstant`",
        FieldKind::Text => "`trim`, `lowercase`, `map`, `number`, `date` and others",
        FieldKind::Date | FieldKind::Json | FieldKind::Link => return None,
    };
    Some(format!("what takes {} is {names}", kind_name(kind)))
}

fn argument(one: &Transform, given: FieldKind, at: Position, found: &mut Findings) {
    match one {
        Transform::Date(form) => {
            let reads = |sample: &str| date(Some(sample.to_owned()), form).is_ok_and(|day| day.is_some());
            form_of_time(form, reads, "a day, a month and a year, e.g. `%d.%m.%Y`", at, found);
        }
        Transform::Instant(form) => {
            let reads =
                |sample: &str| instant(Some(sample.to_owned()), form).is_ok_and(|moment| moment.is_some());
            form_of_time(form, reads, "a day and a time, e.g. `%Y-%m-%d %H:%M`", at, found);
        }
        Transform::Scale(factor) => match parse_decimal(factor.as_str()) {
            Some(factor) if !factor.is_zero() => {}
            _ => {
                let message = format!("`{}` is no factor", factor.as_str());
                found.add(at, message, "a number other than 0 of at most 28 digits: `scale: \"100\"`");
            }
        },
        Transform::Split(separator) if separator.is_empty() => {
            found.add(
                at,
                "a list can't be cut at nothing",
                "name what stands between the parts: `split: \";\"`",
            );
        }
        Transform::Boolean(words) => {
            let truths: HashSet<_> = words.truths.iter().map(|word| word.trim().to_lowercase()).collect();
            let both = words.falsehoods.iter().find(|word| truths.contains(&word.trim().to_lowercase()));
            if let Some(word) = both {
                found.add(
                    at,
                    format!("`{word}` is listed both for true and for false"),
                    "case does not count",
                );
            }
        }
        Transform::Map(map) if map.values.0.is_empty() => {
            found.add(at, "the map has no values", "name at least one: `values: { theirs: ours }`");
        }
        Transform::Default(value) => default(value, given, at, found),
        _ => {}
    }
}

fn default(value: &Literal, given: FieldKind, at: Position, found: &mut Findings) {
    if literal(value.as_str(), given).is_some() {
        return;
    }
    let help = match given {
        FieldKind::Json => "leave it out, or fill it in `extras.rs`",
        FieldKind::Bool => "`true` or `false`",
        FieldKind::Int => "a whole number of 64 bits",
        FieldKind::Decimal => "a number of at most 28 digits",
        FieldKind::Date => "a day such as `2026-03-01`",
        FieldKind::Instant => "a point in time such as `2026-03-01T09:30:00Z`",
        FieldKind::Text | FieldKind::Link => "a text",
    };
    let message = match given {
        FieldKind::Json => "`default` is not possible for json".to_owned(),
        _ => format!("`{}` can't stand in for {}", value.as_str(), kind_name(given)),
    };
    found.add(at, message, help);
}

/// A form has to be understood, and to read what it writes.
fn form_of_time(form: &str, reads: impl Fn(&str) -> bool, needs: &str, at: Position, found: &mut Findings) {
    if StrftimeItems::new(form).any(|item| matches!(item, Item::Error)) {
        let help =
            format!("e.g. %Y year, %m month, %d day, %H hour, %M minute, %S second, %z offset; {needs}");
        found.add(at, format!("`{form}` holds a `%` that means nothing"), help);
        return;
    }
    let sample = chrono::DateTime::from_timestamp(1_772_357_445, 0).unwrap_or_default();
    if !reads(&sample.format(form).to_string()) {
        found.add(at, format!("`{form}` says too little"), format!("it has to hold {needs}"));
    }
}
