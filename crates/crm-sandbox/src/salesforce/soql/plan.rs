//! A query with its names resolved, and how its rows are found.

use super::super::model::{Org, RecordId, Row, Table};
use super::access::Access;
use super::ast::{Query, SelectItem};
use super::column::{Reader, Scope, table_index};
use super::compile::compile;
use super::error::SoqlError;
use super::order::{self, Arrival, SortKey};
use super::predicate::Node;

/// The rows a query means: where they are, which of them, and in which order.
pub(super) struct Plan {
    pub(super) table: usize,
    pub(super) access: Access,
    pub(super) filter: Option<Node>,
    keys: Vec<SortKey>,
    arrival: Arrival,
    skip: usize,
    take: usize,
}

impl Plan {
    /// Compiles everything but the `SELECT` list and grouping.
    pub(super) fn new(scope: Scope<'_>, reader: Reader<'_>, query: &Query) -> Result<Self, SoqlError> {
        let filter = query.filter.as_ref().map(|expr| compile(scope, reader, expr)).transpose()?;
        let grouped = query.select.iter().any(|item| matches!(item, SelectItem::Aggregate(..)));
        // Groups have an order of their own.
        let keys = if grouped || !query.group_by.is_empty() {
            Vec::new()
        } else {
            order::compile(scope, &query.order_by)?
        };
        let mut access = filter.as_ref().map_or(Access::ALL, Access::of);
        let arrival = order::arrival(&keys, &mut access);
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Self {
            table: scope.table,
            access,
            filter,
            keys,
            arrival,
            skip: query.offset.map_or(0, size),
            take: query.limit.map_or(usize::MAX, size),
        })
    }

    /// Matching rows, in no particular order.
    pub(super) fn matching<'a>(
        &'a self,
        reader: Reader<'a>,
    ) -> impl DoubleEndedIterator<Item = (&'a RecordId, &'a Row)> {
        let table = &reader.org.tables()[self.table];
        self.access.rows(table, reader.now).filter(move |(_, row)| {
            (reader.include_deleted || !row.is_deleted())
                && self.filter.as_ref().is_none_or(|filter| filter.accepts(reader, table, row))
        })
    }

    /// Ids of the rows in the order asked for, cut to `OFFSET` and `LIMIT`.
    pub(super) fn ids(&self, reader: Reader<'_>) -> Vec<RecordId> {
        let ids = |rows: &mut dyn Iterator<Item = (&RecordId, &Row)>| {
            rows.skip(self.skip).take(self.take).map(|(id, _)| *id).collect()
        };
        match self.arrival {
            Arrival::Ascending => ids(&mut self.matching(reader)),
            // An order that was not asked for must not look like one: nothing here is ascending.
            Arrival::Descending => ids(&mut self.matching(reader).rev()),
            Arrival::Unsorted if self.keys.is_empty() => ids(&mut self.matching(reader).rev()),
            Arrival::Unsorted => self.cut(self.sorted(reader)),
        }
    }

    /// Ids of all matching rows in order; the caller applies [`Plan::cut`] to parts of them.
    pub(super) fn uncut_ids(&self, reader: Reader<'_>) -> Vec<RecordId> {
        match self.arrival {
            Arrival::Ascending => self.matching(reader).map(|(id, _)| *id).collect(),
            Arrival::Unsorted if !self.keys.is_empty() => self.sorted(reader),
            Arrival::Descending | Arrival::Unsorted => {
                self.matching(reader).rev().map(|(id, _)| *id).collect()
            }
        }
    }

    /// Applies `OFFSET` and `LIMIT`.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        rows.drain(..self.skip.min(rows.len()));
        rows.truncate(self.take);
        rows
    }

    /// How many rows match, after `OFFSET` and `LIMIT`.
    pub(super) fn count(&self, reader: Reader<'_>) -> usize {
        self.matching(reader).skip(self.skip).take(self.take).count()
    }

    fn sorted(&self, reader: Reader<'_>) -> Vec<RecordId> {
        let table = &reader.org.tables()[self.table];
        order::sort(&self.keys, reader, table, self.matching(reader).rev())
    }
}

/// The scope of a top-level query.
pub(super) fn scope<'a>(org: &'a Org, query: &'a Query) -> Result<Scope<'a>, SoqlError> {
    let table = table_index(org, &query.object).ok_or_else(|| SoqlError::no_object(&query.object))?;
    Ok(Scope { org, table, alias: query.alias.as_deref() })
}

/// Runs the inner query of a semi-join: the ids its only field holds, sorted.
pub(super) fn semi_join(reader: Reader<'_>, query: &Query) -> Result<Vec<RecordId>, SoqlError> {
    let scope = scope(reader.org, query)?;
    let [SelectItem::Field(path, _)] = query.select.as_slice() else {
        return Err(SoqlError::malformed("a semi-join selects exactly one field"));
    };
    let field = scope.resolve(path)?;
    if !super::compile::is_id(field.field_type) {
        return Err(SoqlError::malformed(format!(
            "the inner field of a semi-join must be an id or a reference: {}",
            field.name
        )));
    }
    let plan = Plan::new(scope, reader, query)?;
    let table: &Table = scope.table();
    let mut ids: Vec<RecordId> =
        plan.matching(reader).filter_map(|(_, row)| field.column.read(reader, table, row).as_id()).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
