//! The shape of a parsed query. Names are as written: whether they exist is the plan's question.

use super::dates::{DateLiteral, Instant};
use super::like::Pattern;

/// One query, or the text between the parentheses of a subquery.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is asked for, in order; never empty.
    pub select: Vec<SelectItem>,
    /// The object named after `FROM`, or a child relationship inside a subquery.
    pub object: String,
    /// The short name that may stand before fields.
    pub alias: Option<String>,
    /// The `WHERE` clause.
    pub filter: Option<Expr>,
    /// The `GROUP BY` fields.
    pub group_by: Vec<Path>,
    /// The `ORDER BY` keys, most significant first.
    pub order_by: Vec<OrderKey>,
    /// At most this many rows.
    pub limit: Option<u64>,
    /// Rows left out at the start; 2,000 at most.
    pub offset: Option<u64>,
}

/// A dotted name: zero or more relationships, then a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(pub Vec<String>);

impl Path {
    /// The name as the client wrote it.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.join(".")
    }
}

/// One element of the `SELECT` list.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// A field, with the alias that grouped queries allow.
    Field(Path, Option<String>),
    /// `FIELDS(...)`.
    Fields(FieldsKind),
    /// An aggregate, with its alias; `COUNT()` has no argument.
    Aggregate(Aggregate, Option<Path>, Option<String>),
    /// A parent-to-child subquery.
    Children(Box<Query>),
}

/// The argument of `FIELDS(...)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldsKind {
    /// Every field.
    All,
    /// Fields whose name does not end in `__c`.
    Standard,
    /// Fields whose name ends in `__c`.
    Custom,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Rows, or rows where the argument is not null.
    Count,
    /// Different values of the argument.
    CountDistinct,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Sum of the values.
    Sum,
    /// Mean of the values.
    Avg,
}

/// One key of `ORDER BY`.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderKey {
    /// What is sorted by.
    pub target: OrderTarget,
    /// `DESC`; ascending when not said.
    pub descending: bool,
    /// `NULLS LAST`; nulls come first when not said, in either direction.
    pub nulls_last: bool,
}

/// What a sort key refers to.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderTarget {
    /// A field.
    Field(Path),
    /// An aggregate of a grouped query.
    Aggregate(Aggregate, Option<Path>),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All of them; at least two.
    And(Vec<Expr>),
    /// Any of them; at least two.
    Or(Vec<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// `field op value`.
    Compare(Path, CompareOp, Literal),
    /// `field LIKE 'pattern'`.
    Like(Path, Pattern),
    /// `field IN (...)`; negated for `NOT IN`.
    In {
        /// The field.
        path: Path,
        /// `NOT IN`.
        negated: bool,
        /// The listed values.
        set: Vec<Literal>,
    },
    /// `field IN (SELECT ...)`; negated for `NOT IN`.
    SemiJoin {
        /// The field.
        path: Path,
        /// `NOT IN`.
        negated: bool,
        /// The inner query, which selects one field.
        query: Box<Query>,
    },
    /// `field INCLUDES (...)`; negated for `EXCLUDES`. Each value is a set joined with `;`.
    Includes {
        /// The field.
        path: Path,
        /// `EXCLUDES`.
        negated: bool,
        /// The listed values.
        values: Vec<String>,
    },
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `!=` or `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl CompareOp {
    /// Whether the operator asks for equality rather than for an order.
    #[must_use]
    pub fn is_equality(self) -> bool {
        matches!(self, Self::Eq | Self::Ne)
    }
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, and whether it was written without fraction and exponent.
    Number(f64, bool),
    /// A quoted string, escapes resolved.
    Str(String),
    /// A day, counted from 1970-01-01.
    Date(i64),
    /// An instant.
    DateTime(Instant),
    /// A named range such as `LAST_N_DAYS:3`.
    Named(DateLiteral),
}
