//! `ORDER BY`: the index order where it fits, and sort keys where it does not.

use std::cmp::Ordering;

use super::super::model::{FieldType, ID, RecordId, Row, SYSTEM_MODSTAMP, Table, Value};
use super::access::Access;
use super::ast::{OrderKey, OrderTarget};
use super::column::{Column, Reader, Scope};
use super::error::SoqlError;
use super::fold::folded;
use super::predicate::time;

/// A compiled sort key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SortKey {
    pub(super) column: Column,
    pub(super) direction: Direction,
    fold: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Direction {
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

impl Direction {
    pub(super) fn of(key: &OrderKey) -> Self {
        Self { descending: key.descending, nulls_last: key.nulls_last }
    }

    /// Orders two keys; the place of nulls does not depend on the direction.
    pub(super) fn compare(self, left: &Sortable, right: &Sortable) -> Ordering {
        let nulls = if self.nulls_last { Ordering::Greater } else { Ordering::Less };
        match (left, right) {
            (Sortable::Null, Sortable::Null) => Ordering::Equal,
            (Sortable::Null, _) => nulls,
            (_, Sortable::Null) => nulls.reverse(),
            _ if self.descending => right.compare(left),
            _ => left.compare(right),
        }
    }
}

/// A value prepared for sorting.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sortable {
    Null,
    Whole(i64),
    Number(f64),
    Text(String),
    Id(RecordId),
}

impl Sortable {
    pub(super) fn of(value: &Value, fold: bool) -> Self {
        match value {
            Value::Bool(value) => Self::Whole(i64::from(*value)),
            Value::Int(number) => Self::Whole(*number),
            Value::Double(_) | Value::Decimal(_) => value.as_f64().map_or(Self::Null, Self::Number),
            Value::Text(text) if !text.is_empty() => Self::Text(folded(text, fold)),
            Value::Id(id) => Self::Id(*id),
            other => time(other).map_or(Self::Null, Self::Whole),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(two)) => one.cmp(two),
            (Self::Number(one), Self::Number(two)) => one.total_cmp(two),
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Id(one), Self::Id(two)) => one.cmp(two),
            // One field holds one kind; data that is odd on purpose has to sort somewhere.
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Whole(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::Id(_) => 4,
        }
    }
}

pub(super) fn compile(scope: Scope<'_>, keys: &[OrderKey]) -> Result<Vec<SortKey>, SoqlError> {
    keys.iter()
        .map(|key| {
            let OrderTarget::Field(path) = &key.target else {
                return Err(SoqlError::malformed("ordering by an aggregate needs a grouped query"));
            };
            let field = scope.resolve(path)?;
            let compound = matches!(
                field.field_type,
                FieldType::Address
                    | FieldType::Location
                    | FieldType::Base64
                    | FieldType::AnyType
                    | FieldType::EncryptedString
                    | FieldType::MultiPicklist
            );
            if !field.sortable || compound {
                return Err(SoqlError::malformed(format!(
                    "field '{}' can not be sorted in a query call",
                    field.name
                )));
            }
            Ok(SortKey { column: field.column, direction: Direction::of(key), fold: field.fold })
        })
        .collect()
}

/// How the rows of an access come out in the wanted order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Arrival {
    /// The index is in that order.
    Ascending,
    /// The index is in the opposite order.
    Descending,
    /// They have to be sorted.
    Unsorted,
}

/// Finds out whether an index yields the order; may widen "everything" to the index that does.
pub(super) fn arrival(keys: &[SortKey], access: &mut Access) -> Arrival {
    let columns: Vec<&Column> = keys.iter().map(|key| &key.column).collect();
    let by_index = match (columns.as_slice(), &*access) {
        ([Column::Own(SYSTEM_MODSTAMP), Column::Own(ID)], Access::Stamps(..)) => true,
        ([Column::Own(SYSTEM_MODSTAMP), Column::Own(ID)], all) if *all == Access::ALL => {
            *access = Access::ALL_BY_STAMP;
            true
        }
        ([Column::Own(ID)], Access::Rows(..) | Access::Ids(_)) => true,
        _ => false,
    };
    if by_index && keys.iter().all(|key| !key.direction.descending) {
        Arrival::Ascending
    } else if by_index && keys.iter().all(|key| key.direction.descending) {
        Arrival::Descending
    } else {
        Arrival::Unsorted
    }
}

/// Sorts rows; rows that compare equal stay in the order they came in.
pub(super) fn sort<'a>(
    keys: &'a [SortKey],
    reader: Reader<'a>,
    table: &'a Table,
    rows: impl Iterator<Item = (&'a RecordId, &'a Row)>,
) -> Vec<RecordId> {
    let prepared = |row| {
        keys.iter()
            .map(|key| Sortable::of(&key.column.read(reader, table, row), key.fold))
            .collect::<Box<[_]>>()
    };
    let mut sortable: Vec<(Box<[Sortable]>, RecordId)> = rows.map(|(id, row)| (prepared(row), *id)).collect();
    sortable.sort_by(|(left, _), (right, _)| {
        keys.iter()
            .zip(left.iter().zip(right))
            .map(|(key, (left, right))| key.direction.compare(left, right))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    sortable.into_iter().map(|(_, id)| id).collect()
}
