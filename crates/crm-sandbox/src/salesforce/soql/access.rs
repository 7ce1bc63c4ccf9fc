//! Which index a condition can go through. The range only narrows: every row it yields is still tested.

use super::super::model::{ID, RecordId, Row, SYSTEM_MODSTAMP, Table};
use super::ast::CompareOp;
use super::column::Column;
use super::predicate::{Node, Set, Test};

type Point = (i64, RecordId);

/// How candidate rows are found, always in ascending order of the index.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Access {
    /// These rows, sorted.
    Ids(Vec<RecordId>),
    /// Rows whose (`SystemModstamp`, id) lies between two points, both included.
    Stamps(Point, Point),
    /// Rows whose id lies between two, both included.
    Rows(RecordId, RecordId),
}

impl Access {
    pub(super) const ALL: Self = Self::Rows(RecordId::MIN, RecordId::MAX);
    pub(super) const ALL_BY_STAMP: Self = Self::Stamps((i64::MIN, RecordId::MIN), (i64::MAX, RecordId::MAX));

    /// The narrowest access a condition allows.
    pub(super) fn of(filter: &Node) -> Self {
        if let Some(ids) = keys(filter) {
            return Self::Ids(ids);
        }
        let stamps = stamp_bounds(filter);
        if stamps != Bounds::default() {
            let (min, max) = ((i64::MIN, RecordId::MIN), (i64::MAX, RecordId::MAX));
            return Self::Stamps(stamps.low.unwrap_or(min), stamps.high.unwrap_or(max));
        }
        let ids = id_bounds(filter);
        Self::Rows(ids.low.unwrap_or(RecordId::MIN), ids.high.unwrap_or(RecordId::MAX))
    }

    /// Visible candidates, soft-deleted ones included.
    pub(super) fn rows<'a>(
        &'a self,
        table: &'a Table,
        now: i64,
    ) -> Box<dyn DoubleEndedIterator<Item = (&'a RecordId, &'a Row)> + 'a> {
        match self {
            Self::Ids(ids) => {
                Box::new(ids.iter().filter_map(move |id| table.visible(id, now).map(|row| (id, row))))
            }
            // A range that ends before it starts would panic.
            Self::Stamps(low, high) if low > high => Box::new(std::iter::empty()),
            Self::Rows(low, high) if low > high => Box::new(std::iter::empty()),
            Self::Stamps(low, high) => Box::new(table.scan_stamps(*low..=*high, now)),
            Self::Rows(low, high) => Box::new(table.scan(*low..=*high, now)),
        }
    }
}

/// Inclusive bounds; `None` when there is none on that side.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds<T> {
    low: Option<T>,
    high: Option<T>,
}

impl<T> Default for Bounds<T> {
    fn default() -> Self {
        Self { low: None, high: None }
    }
}

impl<T: Ord + Copy> Bounds<T> {
    fn both(self, other: Self) -> Self {
        // None orders before every bound: right for the larger low, and wrong for the smaller high.
        let high = match (self.high, other.high) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self { low: self.low.max(other.low), high }
    }

    fn either(self, other: Self) -> Self {
        Self {
            low: self.low.zip(other.low).map(|(one, two)| one.min(two)),
            high: self.high.zip(other.high).map(|(one, two)| one.max(two)),
        }
    }
}

fn stamp_bounds(node: &Node) -> Bounds<Point> {
    match node {
        Node::Test(Column::Own(SYSTEM_MODSTAMP), Test::Time(op, range)) => {
            let from = |ms: i64| Some((ms, RecordId::MIN));
            let to = |end: i64| Some((end.saturating_sub(1), RecordId::MAX));
            match op {
                CompareOp::Eq => Bounds { low: from(range.start), high: to(range.end) },
                CompareOp::Ge => Bounds { low: from(range.start), high: None },
                CompareOp::Gt => Bounds { low: from(range.end), high: None },
                CompareOp::Le => Bounds { low: None, high: to(range.end) },
                CompareOp::Lt => Bounds { low: None, high: to(range.start) },
                CompareOp::Ne => Bounds::default(),
            }
        }
        Node::All(nodes) => {
            let stamps = nodes.iter().map(stamp_bounds).fold(Bounds::default(), Bounds::both);
            // Within one instant the id decides: the second leg of a keyset condition.
            if let Bounds { low: Some(low), high: Some(high) } = stamps
                && low.0 == high.0
            {
                let ids = id_bounds(node);
                let within =
                    Bounds { low: ids.low.map(|id| (low.0, id)), high: ids.high.map(|id| (low.0, id)) };
                return stamps.both(within);
            }
            stamps
        }
        Node::Any(nodes) => nodes.iter().map(stamp_bounds).reduce(Bounds::either).unwrap_or_default(),
        _ => Bounds::default(),
    }
}

fn id_bounds(node: &Node) -> Bounds<RecordId> {
    match node {
        Node::Test(Column::Own(ID), Test::Id(op, id)) => match op {
            CompareOp::Eq => Bounds { low: Some(*id), high: Some(*id) },
            CompareOp::Gt | CompareOp::Ge => Bounds { low: Some(*id), high: None },
            CompareOp::Lt | CompareOp::Le => Bounds { low: None, high: Some(*id) },
            CompareOp::Ne => Bounds::default(),
        },
        Node::All(nodes) => nodes.iter().map(id_bounds).fold(Bounds::default(), Bounds::both),
        Node::Any(nodes) => nodes.iter().map(id_bounds).reduce(Bounds::either).unwrap_or_default(),
        _ => Bounds::default(),
    }
}

/// The ids a conjunction names outright, sorted.
fn keys(node: &Node) -> Option<Vec<RecordId>> {
    match node {
        Node::Test(Column::Own(ID), Test::Id(CompareOp::Eq, id)) => Some(vec![*id]),
        Node::Test(Column::Own(ID), Test::In(Set::Ids(ids), false)) => Some(ids.clone()),
        Node::All(nodes) => nodes.iter().find_map(keys),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::column::{Reader, Scope};
    use super::super::compile::compile;
    use super::super::parse;
    use super::super::tests::fixture::{TODAY, id, org};
    use super::*;

    /// The access of a condition on Account.
    fn access(condition: &str) -> Access {
        let org = org();
        let query = parse(&format!("SELECT Id FROM Account WHERE {condition}")).unwrap();
        let table = org.tables().iter().position(|table| &*table.def.name == "Account").unwrap();
        let scope = Scope { org: &org, table, alias: None };
        Access::of(&compile(scope, Reader::new(&org, false), &query.filter.unwrap()).unwrap())
    }

    #[test]
    fn the_keyset_condition_becomes_one_range() {
        let last = id("001", 3);
        let condition = format!(
            "SystemModstamp <= 2026-01-05T01:00:00Z AND (SystemModstamp > 2026-01-05T00:00:00Z \
             OR (SystemModstamp = 2026-01-05T00:00:00Z AND Id > '{last}'))"
        );
        assert_eq!(access(&condition), Access::Stamps((TODAY, last), (TODAY + 3_600_000, RecordId::MAX)));
    }

    #[test]
    fn bounds_of_a_conjunction_narrow_and_those_of_a_disjunction_widen() {
        let (low, high) = ((TODAY, RecordId::MIN), (TODAY + 1_999, RecordId::MAX));
        let (t0, t1, t2) = ("2026-01-05T00:00:00Z", "2026-01-05T00:00:01Z", "2026-01-05T00:00:02Z");
        let both = format!("SystemModstamp >= {t0} AND SystemModstamp < {t2} AND SystemModstamp <= TOMORROW");
        assert_eq!(access(&both), Access::Stamps(low, high));
        let either = format!("SystemModstamp = {t1} OR SystemModstamp = {t0}");
        assert_eq!(access(&either), Access::Stamps(low, (TODAY + 1_000, RecordId::MAX)));
        assert_eq!(access(&format!("SystemModstamp = {t1} OR Name = 'x'")), Access::ALL);
        assert_eq!(access(&format!("NOT SystemModstamp = {t1}")), Access::ALL);
    }

    #[test]
    fn ids_go_by_key_or_by_range() {
        let (one, two) = (id("001", 1), id("001", 2));
        assert_eq!(
            access(&format!("Name != 'x' AND Id IN ('{two}', '{one}', '{two}')")),
            Access::Ids(vec![one, two])
        );
        assert_eq!(access(&format!("Id > '{one}' AND Id <= '{two}'")), Access::Rows(one, two));
        assert_eq!(access(&format!("Id NOT IN ('{one}')")), Access::ALL);
        assert_eq!(access("Id IN (null)"), Access::ALL);
    }
}
