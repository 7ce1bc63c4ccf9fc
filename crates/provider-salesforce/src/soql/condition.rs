//! The `WHERE` part of a query.

use std::fmt;

use super::{FieldPath, Literal, list};

/// Something that holds for a record or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Compare(FieldPath, Operator, Literal),
    In { field: FieldPath, negated: bool, values: Vec<Literal> },
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

/// How a field is compared with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Eq,
    /// `!=`
    Neq,
    /// `>`
    Gt,
    /// `>=`
    Gte,
    /// `<`
    Lt,
    /// `<=`
    Lte,
}

impl Condition {
    /// A field compared with a value.
    #[must_use]
    pub const fn compare(field: FieldPath, operator: Operator, value: Literal) -> Self {
        Self(Kind::Compare(field, operator, value))
    }

    /// A field equal to one of the values; with `negated`, to none of them. `None` without any value,
    /// because SOQL has no empty list.
    #[must_use]
    pub fn any_of(field: FieldPath, values: Vec<Literal>, negated: bool) -> Option<Self> {
        (!values.is_empty()).then_some(Self(Kind::In { field, negated, values }))
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(Kind::And(Box::new(self), Box::new(other)))
    }

    /// One of them holds, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(Kind::Or(Box::new(self), Box::new(other)))
    }

    /// One side of an `AND`: an `OR` needs parentheses there, everything else does without.
    fn within_and(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.0, Kind::Or(..)) { write!(f, "({self})") } else { write!(f, "{self}") }
    }

    fn within_or(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.0, Kind::And(..)) { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Compare(field, operator, value) => write!(f, "{field} {operator} {value}"),
            Kind::In { field, negated, values } => {
                write!(f, "{field} {}IN (", if *negated { "NOT " } else { "" })?;
                list(f, values)?;
                f.write_str(")")
            }
            Kind::And(left, right) => {
                left.within_and(f)?;
                f.write_str(" AND ")?;
                right.within_and(f)
            }
            Kind::Or(left, right) => {
                left.within_or(f)?;
                f.write_str(" OR ")?;
                right.within_or(f)
            }
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "=",
            Self::Neq => "!=",
            Self::Gt => ">",
            Self::Gte => ">=",
            Self::Lt => "<",
            Self::Lte => "<=",
        })
    }
}
