//! Testing rows.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::glob::has_token;
use crate::hubspot::model::{Account, Pair, Row, time};

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field {
    Id,
    Created,
    Modified,
    Stored(usize, Kind),
    /// A calculated property, by its place.
    Computed(usize, Kind),
    /// Ids of associated rows.
    Association(Pair),
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Whole numbers: ids.
    Int,
    Number,
    /// Milliseconds.
    Time,
    /// Case ignored.
    Text,
    Exact,
    /// Several values, separated by `;`.
    Many,
}

impl Field {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Id | Self::Association(_) => Kind::Int,
            Self::Created | Self::Modified => Kind::Time,
            Self::Stored(_, kind) | Self::Computed(_, kind) => *kind,
        }
    }
}

/// What a row's value is compared with, and a row's value ready to be compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Int(i64),
    Number(f64),
    Text(String),
}

impl Operand {
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => Some(one.cmp(other)),
            (Self::Number(one), Self::Number(other)) => one.partial_cmp(other),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    pub(crate) field: Field,
    pub(crate) op: Op,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    Eq(Operand),
    Neq(Operand),
    Lt(Operand),
    Lte(Operand),
    Gt(Operand),
    Gte(Operand),
    Between(Operand, Operand),
    In(Vec<Operand>),
    NotIn(Vec<Operand>),
    Has,
    HasNot,
    /// Folded, with `*` for anything.
    Token(String),
    NoToken(String),
}

impl Filter {
    /// Whether a row fits.
    pub(crate) fn matches(&self, account: &Account, object: usize, (id, row): (u64, &Row)) -> bool {
        if let Field::Association(pair) = &self.field {
            return self.matches_association(account, *pair, id);
        }
        let value = read(account, object, (id, row), &self.field);
        match &self.op {
            Op::Has => return value.is_some(),
            Op::HasNot => return value.is_none(),
            Op::Token(token) => {
                return text(account, object, (id, row), &self.field)
                    .is_some_and(|text| has_token(&text, token));
            }
            Op::NoToken(token) => {
                return text(account, object, (id, row), &self.field)
                    .is_some_and(|text| !has_token(&text, token));
            }
            _ => {}
        }
        // Rows without the property fit no comparison, not even "is not".
        value.is_some_and(|value| self.op.holds(&value, self.field.kind()))
    }

    fn matches_association(&self, account: &Account, pair: Pair, id: u64) -> bool {
        let linked = |operand: &Operand| match operand {
            Operand::Int(to) => u64::try_from(*to).is_ok_and(|to| account.links.are_linked(pair, id, to)),
            _ => false,
        };
        match &self.op {
            Op::Eq(one) => linked(one),
            Op::Neq(one) => !linked(one),
            Op::In(list) => list.iter().any(linked),
            Op::NotIn(list) => !list.iter().any(linked),
            Op::Has => account.links.of(pair, id).next().is_some(),
            Op::HasNot => account.links.of(pair, id).next().is_none(),
            _ => false,
        }
    }
}

impl Op {
    fn holds(&self, value: &Operand, kind: Kind) -> bool {
        let is = |operand: &Operand| match (kind, value, operand) {
            (Kind::Many, Operand::Text(all), Operand::Text(one)) => {
                all == one || all.split(';').any(|part| part == one)
            }
            _ => value.compare(operand) == Some(Ordering::Equal),
        };
        let compare = |operand: &Operand| value.compare(operand);
        match self {
            Self::Eq(operand) => is(operand),
            Self::Neq(operand) => !is(operand),
            Self::Lt(operand) => compare(operand) == Some(Ordering::Less),
            Self::Lte(operand) => compare(operand).is_some_and(Ordering::is_le),
            Self::Gt(operand) => compare(operand) == Some(Ordering::Greater),
            Self::Gte(operand) => compare(operand).is_some_and(Ordering::is_ge),
            Self::Between(low, high) => {
                compare(low).is_some_and(Ordering::is_ge) && compare(high).is_some_and(Ordering::is_le)
            }
            Self::In(list) => list.iter().any(is),
            Self::NotIn(list) => !list.iter().any(is),
            Self::Has | Self::HasNot | Self::Token(_) | Self::NoToken(_) => false,
        }
    }
}

/// A row's value, ready to be compared; nothing when it is unset or no value of its type.
pub(crate) fn read(
    account: &Account,
    object: usize,
    (id, row): (u64, &Row),
    field: &Field,
) -> Option<Operand> {
    match field {
        Field::Id => i64::try_from(id).ok().map(Operand::Int),
        Field::Created => Some(Operand::Int(row.created_at)),
        Field::Modified => Some(Operand::Int(row.updated_at)),
        Field::Association(_) => None,
        Field::Stored(..) | Field::Computed(..) => {
            let text = text(account, object, (id, row), field)?;
            match field.kind() {
                Kind::Int => text.parse().ok().map(Operand::Int),
                Kind::Number => text.replace(',', "").parse().ok().map(Operand::Number),
                Kind::Time => time::parse_instant(&text).map(Operand::Int),
                Kind::Text => Some(Operand::Text(text.to_lowercase())),
                Kind::Exact | Kind::Many => Some(Operand::Text(text.into_owned())),
            }
        }
    }
}

fn text<'a>(
    account: &'a Account,
    object: usize,
    (id, row): (u64, &'a Row),
    field: &Field,
) -> Option<Cow<'a, str>> {
    let text = match field {
        Field::Stored(slot, _) => row.stored(*slot).map(Cow::Borrowed),
        Field::Computed(index, _) => {
            account.value_of(object, id, row, &account.tables[object].def.properties()[*index])
        }
        _ => None,
    };
    text.filter(|text| !text.is_empty())
}
