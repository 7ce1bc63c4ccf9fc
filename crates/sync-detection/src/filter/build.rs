//! Filters from code: what does not fit can't be written.

use rust_decimal::Decimal;

use super::{Filter, FilterOp, FilterValue};

mod sealed {
    pub trait Sealed {}
}

/// A plain value that a field can equal: a truth, a number or a text.
pub trait Comparable: sealed::Sealed + Into<FilterValue> {}

/// A plain value with an order: a number or a text (dates and instants are text).
pub trait Ordered: Comparable {}

macro_rules! plain_values {
    ($($comparable:ty),*; $($ordered:ty),*) => {
        $(impl sealed::Sealed for $comparable {} impl Comparable for $comparable {})*
        $(impl Ordered for $ordered {})*
    };
}

plain_values!(bool, i64, Decimal, &str, String; i64, Decimal, &str, String);

/// ```
/// use sync_detection::Filter;
///
/// let open = [Filter::neq("IsClosed", true), Filter::gte("Amount", 1_000), Filter::is_set("OwnerId")];
/// let stages = Filter::one_of("StageName", ["Prospecting", "Negotiation"]);
/// assert_eq!(stages.op().to_string(), "in");
/// ```
///
/// An order of truths does not compile, nor does an empty list:
///
/// ```compile_fail
/// sync_detection::Filter::gt("IsClosed", true);
/// ```
///
/// ```compile_fail
/// sync_detection::Filter::one_of::<&str, 0>("StageName", []);
/// ```
impl Filter {
    /// The field equals this value.
    pub fn eq(field: impl Into<String>, value: impl Comparable) -> Self {
        Self::fitting(field, FilterOp::Eq, value)
    }

    /// The field differs from this value.
    pub fn neq(field: impl Into<String>, value: impl Comparable) -> Self {
        Self::fitting(field, FilterOp::Neq, value)
    }

    /// The field is empty.
    pub fn is_unset(field: impl Into<String>) -> Self {
        Self::fitting(field, FilterOp::Eq, FilterValue::Null)
    }

    /// The field is not empty.
    pub fn is_set(field: impl Into<String>) -> Self {
        Self::fitting(field, FilterOp::Neq, FilterValue::Null)
    }

    /// The field equals one of these values.
    pub fn one_of<V: Comparable, const N: usize>(field: impl Into<String>, values: [V; N]) -> Self {
        const { assert!(N > 0, "a filter needs at least one value") };
        Self::fitting(field, FilterOp::In, values)
    }

    /// The field equals none of these values.
    pub fn none_of<V: Comparable, const N: usize>(field: impl Into<String>, values: [V; N]) -> Self {
        const { assert!(N > 0, "a filter needs at least one value") };
        Self::fitting(field, FilterOp::Nin, values)
    }

    /// The field is greater than this value.
    pub fn gt(field: impl Into<String>, value: impl Ordered) -> Self {
        Self::fitting(field, FilterOp::Gt, value)
    }

    /// The field is greater than this value or equal to it.
    pub fn gte(field: impl Into<String>, value: impl Ordered) -> Self {
        Self::fitting(field, FilterOp::Gte, value)
    }

    /// The field is less than this value.
    pub fn lt(field: impl Into<String>, value: impl Ordered) -> Self {
        Self::fitting(field, FilterOp::Lt, value)
    }

    /// The field is less than this value or equal to it.
    pub fn lte(field: impl Into<String>, value: impl Ordered) -> Self {
        Self::fitting(field, FilterOp::Lte, value)
    }

    fn fitting(field: impl Into<String>, op: FilterOp, value: impl Into<FilterValue>) -> Self {
        Self { field: field.into(), op, value: value.into() }
    }
}
