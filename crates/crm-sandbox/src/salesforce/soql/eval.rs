//! Execution: from a parsed query to the ids of its rows.

use super::super::model::{Org, RecordId};
use super::aggregate::{Groups, group};
use super::ast::{Query, SelectItem};
use super::column::Reader;
use super::error::SoqlError;
use super::plan::{Plan, scope};
use super::projection::{Children, Projection, project};

/// The answer to a query: which rows, in which order, and what is written of each.
///
/// Holds ids instead of values, 18 bytes a row, so that a locator over a million rows is cheap to keep.
/// Values are read when a page is rendered.
#[derive(Debug)]
pub struct ResultSet {
    pub(super) table: usize,
    pub(super) include_deleted: bool,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Rows {
        ids: Vec<RecordId>,
        projection: Projection,
        children: Vec<Children>,
    },
    Groups(Groups),
    /// `COUNT()`: a size without records.
    Count(usize),
}

impl ResultSet {
    /// The `totalSize` of the answer.
    #[must_use]
    pub fn total_size(&self) -> usize {
        match &self.body {
            Body::Count(size) => *size,
            _ => self.n_records(),
        }
    }

    /// How many records there are to page over; none for `COUNT()`.
    #[must_use]
    pub fn n_records(&self) -> usize {
        match &self.body {
            Body::Rows { ids, .. } => ids.len(),
            Body::Groups(groups) => groups.rows.len(),
            Body::Count(_) => 0,
        }
    }

    /// The rows, in order; empty for aggregates.
    #[must_use]
    pub fn ids(&self) -> &[RecordId] {
        match &self.body {
            Body::Rows { ids, .. } => ids,
            _ => &[],
        }
    }
}

/// Runs a query as of the org's current simulated time.
///
/// `include_deleted` is what `/queryAll` adds: soft-deleted rows, among parents and children too.
///
/// # Errors
/// [`SoqlError`] when a name does not exist, a field can't be used that way, or a literal does not suit its field.
pub fn execute(org: &Org, query: &Query, include_deleted: bool) -> Result<ResultSet, SoqlError> {
    let reader = Reader::new(org, include_deleted);
    let scope = scope(org, query)?;
    let plan = Plan::new(scope, reader, query)?;
    let aggregates = query.select.iter().any(|item| matches!(item, SelectItem::Aggregate(..)));
    let body = if let [SelectItem::Aggregate(_, None, _)] = query.select.as_slice() {
        Body::Count(plan.count(reader))
    } else if aggregates || !query.group_by.is_empty() {
        Body::Groups(group(scope, reader, query, &plan)?)
    } else {
        let (projection, children) = project(scope, reader, query)?;
        Body::Rows { ids: plan.ids(reader), projection, children }
    };
    Ok(ResultSet { table: scope.table, include_deleted, body })
}
