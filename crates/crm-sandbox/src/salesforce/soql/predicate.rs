//! Compiled conditions: positions instead of names, typed operands instead of literals.

use std::ops::Range;

use super::super::model::{RecordId, Row, Table, Value};
use super::ast::CompareOp;
use super::column::{Column, Reader};
use super::dates::days;
use super::fold::compare;
use super::like::Pattern;

/// A compiled condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Column, Test),
}

/// A test of one value. Two-valued: whatever does not hold is false, and its negation true.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Null, which empty text counts as too.
    Null,
    /// A boolean; null counts as false.
    Bool(bool),
    Number(CompareOp, f64),
    /// The operand is folded when the flag says that case is ignored.
    Text(CompareOp, String, bool),
    Id(CompareOp, RecordId),
    /// A date in days or a datetime in milliseconds, against a half-open range of the same unit.
    Time(CompareOp, Range<i64>),
    Like(Pattern, bool),
    /// Any of the listed values; the flag says that null is one of them.
    In(Set, bool),
    /// All parts of any of the listed sets are among the chosen values.
    Includes(Vec<Vec<String>>),
}

/// The values of an `IN` list; sorted, apart from ranges.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Set {
    Numbers(Vec<f64>),
    Texts(Vec<String>, bool),
    Ids(Vec<RecordId>),
    Times(Vec<Range<i64>>),
    Bools(Vec<bool>),
}

impl Node {
    pub(super) fn accepts(&self, reader: Reader<'_>, table: &Table, row: &Row) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.accepts(reader, table, row)),
            Self::Any(nodes) => nodes.iter().any(|node| node.accepts(reader, table, row)),
            Self::Not(node) => !node.accepts(reader, table, row),
            Self::Test(column, test) => test.accepts(&column.read(reader, table, row)),
        }
    }
}

impl Test {
    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Null => is_null(value),
            Self::Bool(wanted) => matches!(value, Value::Bool(true)) == *wanted,
            Self::Number(op, operand) => {
                ordered(*op, value.as_f64().and_then(|number| number.partial_cmp(operand)))
            }
            Self::Text(op, operand, fold) => {
                ordered(*op, text(value).map(|text| compare(text, operand, *fold)))
            }
            Self::Id(op, operand) => ordered(*op, value.as_id().map(|id| id.cmp(operand))),
            Self::Time(op, range) => in_time(*op, range, time(value)),
            Self::Like(pattern, fold) => text(value).is_some_and(|text| pattern.matches(text, *fold)),
            Self::In(set, nulls) => (*nulls && is_null(value)) || set.contains(value),
            Self::Includes(sets) => {
                let chosen = value.as_str().unwrap_or("");
                let has = |part: &String| chosen.split(';').any(|one| compare(one, part, true).is_eq());
                !chosen.is_empty() && sets.iter().any(|set| set.iter().all(has))
            }
        }
    }
}

impl Set {
    fn contains(&self, value: &Value) -> bool {
        match self {
            Self::Numbers(set) => value
                .as_f64()
                .is_some_and(|number| set.binary_search_by(|probe| probe.total_cmp(&(number + 0.0))).is_ok()),
            Self::Texts(set, fold) => text(value).is_some_and(|text| {
                set.binary_search_by(|probe| compare(text, probe, *fold).reverse()).is_ok()
            }),
            Self::Ids(set) => value.as_id().is_some_and(|id| set.binary_search(&id).is_ok()),
            Self::Times(set) => time(value).is_some_and(|time| set.iter().any(|range| range.contains(&time))),
            Self::Bools(set) => set.contains(&matches!(value, Value::Bool(true))),
        }
    }
}

/// A value that can't be ordered against the operand (null above all) is different from it, and nothing else.
fn ordered(op: CompareOp, order: Option<std::cmp::Ordering>) -> bool {
    order.map_or(op == CompareOp::Ne, |order| op.accepts(order))
}

fn in_time(op: CompareOp, range: &Range<i64>, time: Option<i64>) -> bool {
    let Some(time) = time else { return op == CompareOp::Ne };
    match op {
        CompareOp::Eq => range.contains(&time),
        CompareOp::Ne => !range.contains(&time),
        CompareOp::Lt => time < range.start,
        CompareOp::Le => time < range.end,
        CompareOp::Gt => time >= range.end,
        CompareOp::Ge => time >= range.start,
    }
}

fn is_null(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Days of a date, milliseconds of a datetime.
pub(super) fn time(value: &Value) -> Option<i64> {
    use chrono::Datelike;
    match value {
        Value::DateTime(ms) => Some(*ms),
        Value::Date(date) => Some(days(i64::from(date.year()), date.month(), date.day())),
        _ => None,
    }
}
