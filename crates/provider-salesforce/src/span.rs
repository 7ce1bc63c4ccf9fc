//! A stretch of an object's changes, in the order of stamp and id.

use chrono::{DateTime, TimeDelta, Utc};

use crate::cursor::Position;
use crate::plan::{ID, STAMP};
use crate::soql::{Condition, FieldPath, Literal, Operator, Select};

/// From where to where a query reads. Both ends are fixed before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Start,
    pub(crate) to: End,
    /// Whether all of it was read before: behind the stored position, for what became visible late.
    pub(crate) reread: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Beginning,
    /// This stamp and later.
    Stamp(DateTime<Utc>),
    /// Strictly after a record.
    After(Position),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// This stamp, included.
    Stamp(DateTime<Utc>),
    /// A record, included.
    Through(Position),
}

impl Span {
    /// What a run reads: behind `stored` once more, then on from it up to `until`.
    pub(crate) fn of_run(stored: Option<Position>, until: DateTime<Utc>, overlap: TimeDelta) -> Vec<Self> {
        let Some(stored) = stored else {
            return vec![Self { from: Start::Beginning, to: End::Stamp(until), reread: false }];
        };
        let mut spans = Vec::with_capacity(2);
        if overlap > TimeDelta::zero() {
            let from = Start::Stamp(stored.stamp - overlap);
            spans.push(Self { from, to: End::Through(stored), reread: true });
        }
        // Behind the stored stamp there is nothing ahead of it.
        if until >= stored.stamp {
            spans.push(Self { from: Start::After(stored), to: End::Stamp(until), reread: false });
        }
        spans
    }

    /// The rest of the span after a record.
    pub(crate) fn after(self, position: Position) -> Self {
        Self { from: Start::After(position), ..self }
    }

    /// The latest stamp that belongs to it. Records edited while the query is paged carry later ones.
    pub(crate) fn last_stamp(&self) -> DateTime<Utc> {
        match self.to {
            End::Stamp(stamp) => stamp,
            End::Through(position) => position.stamp,
        }
    }

    /// The earliest stamp that belongs to it.
    pub(crate) fn first_stamp(&self) -> Option<DateTime<Utc>> {
        match self.from {
            Start::Beginning => None,
            Start::Stamp(stamp) => Some(stamp),
            Start::After(position) => Some(position.stamp),
        }
    }

    /// The query for it.
    pub(crate) fn query(&self, select: Select) -> Select {
        let stamp = || FieldPath::known(STAMP);
        let at = |operator, instant| Condition::compare(stamp(), operator, Literal::Instant(instant));
        // The id decides among the records of one stamp; its order is Salesforce's business.
        let beyond = |beyond, id_beyond, position: Position| {
            let id = Condition::compare(FieldPath::known(ID), id_beyond, position.id.into());
            at(beyond, position.stamp).or(at(Operator::Eq, position.stamp).and(id))
        };
        let select = match self.to {
            End::Stamp(last) => select.and(at(Operator::Lte, last)),
            End::Through(position) => select.and(beyond(Operator::Lt, Operator::Lte, position)),
        };
        let select = match self.from {
            Start::Beginning => select,
            Start::Stamp(first) => select.and(at(Operator::Gte, first)),
            Start::After(position) => select.and(beyond(Operator::Gt, Operator::Gt, position)),
        };
        select.order_by([stamp(), FieldPath::known(ID)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SalesforceId;

    fn at(stamp: &str) -> DateTime<Utc> {
        stamp.parse().unwrap()
    }

    fn position() -> Position {
        Position { stamp: at("2026-01-02T10:04:05Z"), id: SalesforceId::parse("0065e00000QwErTAAV").unwrap() }
    }

    fn queries(stored: Option<Position>, until: &str, overlap: i64) -> Vec<String> {
        let select = || Select::new("X", [FieldPath::known("Id")]).unwrap();
        let spans = Span::of_run(stored, at(until), TimeDelta::minutes(overlap));
        spans.iter().map(|span| span.query(select()).to_string()).collect()
    }

    #[test]
    fn first_run_reads_from_the_beginning() {
        assert_eq!(
            queries(None, "2026-01-02T10:30:00Z", 10),
            ["SELECT Id FROM X WHERE SystemModstamp <= 2026-01-02T10:30:00Z ORDER BY SystemModstamp,Id"]
        );
    }

    /// Each record of a shared stamp is on one side of the position, never on both.
    #[test]
    fn later_run_reads_the_overlap_and_then_strictly_on() {
        assert_eq!(
            queries(Some(position()), "2026-01-02T10:30:00Z", 10),
            [
                "SELECT Id FROM X WHERE (SystemModstamp < 2026-01-02T10:04:05Z OR \
                 (SystemModstamp = 2026-01-02T10:04:05Z AND Id <= '0065e00000QwErTAAV')) AND \
                 SystemModstamp >= 2026-01-02T09:54:05Z ORDER BY SystemModstamp,Id",
                "SELECT Id FROM X WHERE SystemModstamp <= 2026-01-02T10:30:00Z AND \
                 (SystemModstamp > 2026-01-02T10:04:05Z OR \
                 (SystemModstamp = 2026-01-02T10:04:05Z AND Id > '0065e00000QwErTAAV')) ORDER BY SystemModstamp,Id",
            ]
        );
    }

    #[test]
    fn nothing_lies_ahead_of_a_cursor_beyond_the_upper_bound() {
        assert_eq!(queries(Some(position()), "2026-01-02T10:04:04Z", 0), Vec::<String>::new());
        assert_eq!(queries(Some(position()), "2026-01-02T10:04:05Z", 0).len(), 1);
    }
}
