//! What a story comes to: local rows held against what the simulated CRM holds, and what else went wrong.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::Value as Json;

/// A record, here or upstream: its values that are not empty, as text, by remote field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) deleted: bool,
    pub(crate) values: BTreeMap<String, String>,
}

/// Records by id.
pub(crate) type Rows = BTreeMap<String, Row>;

/// What the CRM holds, as readers see it now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    /// Deleted ones included while the CRM remembers them.
    pub(crate) rows: Rows,
    /// The fields there are. What is here of a field that is gone upstream is nobody's business.
    pub(crate) fields: BTreeSet<String>,
}

/// Something that went wrong, with what it takes to look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Records that live upstream and are not here.
    Missing(Vec<String>),
    /// Records that live upstream and are deleted here.
    Killed(Vec<String>),
    /// Records that live here and not upstream.
    Ghosts(Vec<String>),
    /// Records that hold other values here than upstream: id, field, here, there.
    Stale(Vec<(String, String, String, String)>),
    /// Records that could not be taken, while the run says that all is well and nobody is told of them.
    Swallowed(Vec<String>),
    /// A run that was stopped because it asked without end.
    Endless { requests: u64 },
    /// Work that was done before was done again.
    Repeated { requests: u64, enough: u64 },
    /// Calls were taken that the customer's other tools need.
    QuotaOverrun { used: u64, line: u64 },
    /// Nothing goes on, although the CRM would answer.
    Stuck(String),
    /// Something is wrong, and the run does not say so, or not what.
    Silent(String),
    /// What is kept between runs grows with the data.
    StateGrows { bytes: usize },
    /// A record was written again although nobody changed it.
    Loops { writes: usize },
    /// What was made once is there, or was told, several times.
    Doubled { records: usize },
    /// A call that nobody who may call has sent was believed: what was done because of it.
    Forged(String),
}

/// The kinds of [`Finding`], to expect one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Missing,
    Killed,
    Ghosts,
    Stale,
    Swallowed,
    Endless,
    Repeated,
    QuotaOverrun,
    Stuck,
    Silent,
    StateGrows,
    Loops,
    Doubled,
    Forged,
}

impl Finding {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing(_) => Kind::Missing,
            Self::Killed(_) => Kind::Killed,
            Self::Ghosts(_) => Kind::Ghosts,
            Self::Stale(_) => Kind::Stale,
            Self::Swallowed(_) => Kind::Swallowed,
            Self::Endless { .. } => Kind::Endless,
            Self::Repeated { .. } => Kind::Repeated,
            Self::QuotaOverrun { .. } => Kind::QuotaOverrun,
            Self::Stuck(_) => Kind::Stuck,
            Self::Silent(_) => Kind::Silent,
            Self::StateGrows { .. } => Kind::StateGrows,
            Self::Loops { .. } => Kind::Loops,
            Self::Doubled { .. } => Kind::Doubled,
            Self::Forged(_) => Kind::Forged,
        }
    }
}

/// Everything a story found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct Verdict(Vec<Finding>);

impl Verdict {
    /// Adds a finding, if there is one.
    pub(crate) fn and(mut self, finding: impl Into<Option<Finding>>) -> Self {
        self.0.extend(finding.into());
        self
    }

    /// Adds what another look found.
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The contender survived.
    pub(crate) fn is_clean(&self) {
        assert!(self.0.is_empty(), "{}", self.told());
    }

    /// The scenario bites: this kind of thing went wrong.
    pub(crate) fn tells(&self, kind: Kind) {
        let found = self.0.iter().any(|finding| finding.kind() == kind);
        assert!(found, "expected {kind:?}, found {}", self.told());
    }

    /// At most three examples of each finding.
    fn told(&self) -> String {
        let few = |finding: &Finding| match finding {
            Finding::Missing(ids) => format!("{} missing: {:?}", ids.len(), first(ids)),
            Finding::Killed(ids) => format!("{} killed: {:?}", ids.len(), first(ids)),
            Finding::Ghosts(ids) => format!("{} ghosts: {:?}", ids.len(), first(ids)),
            Finding::Stale(rows) => format!("{} stale: {:?}", rows.len(), first(rows)),
            Finding::Swallowed(ids) => format!("{} swallowed: {:?}", ids.len(), first(ids)),
            other => format!("{other:?}"),
        };
        if self.0.is_empty() {
            return "nothing".to_owned();
        }
        self.0.iter().map(few).collect::<Vec<_>>().join("; ")
    }
}

fn first<T>(of: &[T]) -> &[T] {
    &of[..of.len().min(3)]
}

/// Holds local rows against the CRM. Records that the contender owns up to have no need to be right.
pub(crate) fn compare(truth: &Truth, here: &Rows, set_aside: &BTreeSet<String>) -> Verdict {
    let (mut missing, mut killed, mut stale) = (Vec::new(), Vec::new(), Vec::new());
    for (id, there) in truth.rows.iter().filter(|(id, row)| !row.deleted && !set_aside.contains(*id)) {
        match here.get(id) {
            None => missing.push(id.clone()),
            Some(row) if row.deleted => killed.push(id.clone()),
            Some(row) => stale.extend(difference(truth, id, row, there)),
        }
    }
    let lives = |id: &String| truth.rows.get(id).is_some_and(|row| !row.deleted);
    let ghosts: Vec<_> =
        here.iter().filter(|(id, row)| !row.deleted && !lives(id)).map(|(id, _)| id.clone()).collect();
    Verdict::default()
        .and((!missing.is_empty()).then_some(Finding::Missing(missing)))
        .and((!killed.is_empty()).then_some(Finding::Killed(killed)))
        .and((!ghosts.is_empty()).then_some(Finding::Ghosts(ghosts)))
        .and((!stale.is_empty()).then_some(Finding::Stale(stale)))
}

fn difference(truth: &Truth, id: &str, here: &Row, there: &Row) -> Option<(String, String, String, String)> {
    truth.fields.iter().find_map(|field| {
        let of = |row: &Row| row.values.get(field).cloned().unwrap_or_default();
        let (here, there) = (of(here), of(there));
        (here != there).then(|| (id.to_owned(), field.clone(), here, there))
    })
}

/// A value as text that is the same for the same value in any spelling; nothing when it is empty.
pub(crate) fn plain(json: &Json) -> Option<String> {
    let text = match json {
        Json::Null => return None,
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let number = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text));
    Some(number.map_or(text, |number| number.normalize().to_string()))
}

/// The findings themselves: each kind of damage is seen, so that their absence means something.
mod tests {
    use super::*;

    fn row(deleted: bool, value: &str) -> Row {
        Row { deleted, values: BTreeMap::from([("Name".to_owned(), value.to_owned())]) }
    }

    fn rows<const N: usize>(of: [(&str, Row); N]) -> Rows {
        of.into_iter().map(|(id, row)| (id.to_owned(), row)).collect()
    }

    #[test]
    fn each_kind_of_damage_is_seen() {
        let there = rows([("a", row(false, "x")), ("b", row(true, "x")), ("c", row(false, "1"))]);
        let truth = Truth { rows: there.clone(), fields: BTreeSet::from(["Name".to_owned()]) };
        let against = |here| compare(&truth, &here, &BTreeSet::new());
        against(rows([("a", row(false, "x"))])).tells(Kind::Missing);
        against(rows([("a", row(true, "x")), ("c", row(false, "1"))])).tells(Kind::Killed);
        against(rows([("a", row(false, "y")), ("c", row(false, "1"))])).tells(Kind::Stale);
        against(rows([("a", row(false, "x")), ("b", row(false, "x")), ("c", row(false, "1"))]))
            .tells(Kind::Ghosts);
        against(there).is_clean();
        let set_aside = BTreeSet::from(["c".to_owned()]);
        compare(&truth, &rows([("a", row(false, "x"))]), &set_aside).is_clean();
    }

    #[test]
    fn numbers_are_the_same_in_any_spelling() {
        let of = |json: &str| plain(&serde_json::from_str(json).unwrap());
        assert_eq!(of("12500.0"), of("\"12500\""));
        assert_eq!(of("1.39E8"), of("139000000"));
        assert_eq!(of("null"), None);
        assert_ne!(of("\"a\""), of("\"b\""));
    }
}
