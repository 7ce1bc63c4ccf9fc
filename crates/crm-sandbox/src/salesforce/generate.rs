//! Made-up orgs: the same rows for the same seed, sizes as asked.

mod deals;
mod opportunities;
mod people;
mod pipeline;

use serde::{Deserialize, Serialize};

use super::model::{
    CREATED_BY, CREATED_DATE, Deletion, ID, IS_DELETED, LAST_MODIFIED_BY, LAST_MODIFIED_DATE, ObjectDef, Org,
    RecordId, Row, SYSTEM_MODSTAMP, Value,
};
use super::schema::standard_objects;
use crate::clock::SimClock;

pub use pipeline::{PipelineError, load_pipeline};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// How long before the clock's start the first row was made.
const HISTORY_MS: i64 = 365 * DAY_MS;
/// One row in so many starts in the recycle bin, on objects that have one.
const BINNED_ONE_IN: usize = 400;
/// One row in so many was last touched by a bulk edit, together with others.
const BULK_ONE_IN: u64 = 12;

/// How many rows of each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OrgSpec {
    /// Users; the API user is the first of them and always there.
    pub users: usize,
    /// Accounts; three in five have a parent, which may have been made later, or be one that nobody can see.
    pub accounts: usize,
    /// Contacts.
    pub contacts: usize,
    /// Opportunities.
    pub opportunities: usize,
    /// Contact roles, at most: two of three opportunities have one to three, oldest opportunities first, until there
    /// are so many. Needs contacts.
    pub contact_roles: usize,
    /// Cases.
    pub cases: usize,
    /// Rows of the custom object `Project__c`.
    pub projects: usize,
}

impl OrgSpec {
    /// Nothing but the API user: what [`OrgSpec::default`] gives, for constants.
    pub const EMPTY: Self = Self {
        users: 0,
        accounts: 0,
        contacts: 0,
        opportunities: 0,
        contact_roles: 0,
        cases: 0,
        projects: 0,
    };
}

/// Makes an org. A million opportunities take a few seconds in a release build.
#[must_use]
pub fn generate(seed: u64, spec: &OrgSpec, clock: SimClock) -> Org {
    let now = clock.now_ms();
    let mut org = Org::new(clock, standard_objects());
    org.schema_changed_at = now - HISTORY_MS;
    let users = spec.users.max(1);
    let maker =
        |object: u64, count| Maker::new(seed.wrapping_mul(31).wrapping_add(object), now, count, users);
    let sizes =
        Sizes { users, accounts: spec.accounts, contacts: spec.contacts, opportunities: spec.opportunities };
    fill(&mut org, "User", |def| people::users(def, maker(1, users)));
    fill(&mut org, "Account", |def| people::accounts(def, maker(2, spec.accounts)));
    fill(&mut org, "Contact", |def| people::contacts(def, maker(3, spec.contacts), sizes));
    fill(&mut org, "Opportunity", |def| {
        opportunities::opportunities(def, maker(4, spec.opportunities), sizes)
    });
    fill(&mut org, "OpportunityContactRole", |def| {
        deals::roles(def, maker(5, spec.opportunities), sizes, spec.contact_roles)
    });
    fill(&mut org, "Project__c", |def| deals::projects(def, maker(6, spec.projects), sizes));
    fill(&mut org, "Case", |def| deals::cases(def, maker(7, spec.cases), sizes));
    org
}

/// How many rows there are to refer to.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    users: usize,
    accounts: usize,
    contacts: usize,
    opportunities: usize,
}

/// Loads the rows of one object, putting every 400th into the recycle bin.
fn fill(org: &mut Org, object: &str, make: impl FnOnce(&ObjectDef) -> Vec<(RecordId, Row)>) {
    let now = org.now_ms();
    let Some(table) = org.table_mut(object) else { return };
    let mut rows = make(&table.def);
    let mut deletions = Vec::new();
    if table.def.deletable && object != "Account" {
        for (n, (id, row)) in rows.iter_mut().enumerate().skip(BINNED_ONE_IN - 1).step_by(BINNED_ONE_IN) {
            // Spread over the last ten days, newest first; the exact instants don't matter.
            let back = i64::try_from(n / BINNED_ONE_IN).unwrap_or(0) % 1000;
            let at = whole_seconds(now - DAY_MS / 2 - back * DAY_MS / 100);
            row.set(IS_DELETED, Value::Bool(true));
            row.set(LAST_MODIFIED_DATE, Value::DateTime(at));
            row.set(SYSTEM_MODSTAMP, Value::DateTime(at));
            deletions.push(Deletion { id: *id, at });
        }
    }
    table.load(rows);
    org.deletions.extend(deletions);
    org.deletions.sort_by_key(|deletion| (deletion.at, deletion.id));
}

fn whole_seconds(ms: i64) -> i64 {
    ms - ms.rem_euclid(1000)
}

/// Chance and bookkeeping while the rows of one object are made.
struct Maker {
    rng: fastrand::Rng,
    now: i64,
    count: usize,
    users: usize,
    /// Stamps shared by rows that one bulk edit touched.
    bulk_stamps: Vec<i64>,
}

impl Maker {
    fn new(seed: u64, now: i64, count: usize, users: usize) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let bulk = 1 + count / 3_000;
        let mut bulk_stamps: Vec<i64> =
            (0..bulk).map(|_| whole_seconds(now - rng.i64(DAY_MS..HISTORY_MS))).collect();
        bulk_stamps.sort_unstable();
        Self { rng, now, count, users, bulk_stamps }
    }

    /// The system fields of row `n`, counted from 0. Ids grow with `CreatedDate`, as in a real org.
    fn row(&mut self, def: &ObjectDef, n: usize) -> (RecordId, Row) {
        let id = RecordId::new(&def.key_prefix, n as u64 + 1);
        let mut row = Row { values: Vec::with_capacity(def.fields().len()) };
        let share = HISTORY_MS / i64::try_from(self.count.max(1)).unwrap_or(i64::MAX);
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let created = whole_seconds(self.now - HISTORY_MS + n * share + self.rng.i64(0..share.max(1)));
        let touched = self.touched(created);
        let user = self.user();
        for (index, value) in [
            (ID, Value::Id(id)),
            (IS_DELETED, Value::Bool(false)),
            (CREATED_DATE, Value::DateTime(created)),
            (CREATED_BY, Value::Id(user)),
            (LAST_MODIFIED_DATE, Value::DateTime(touched)),
            (LAST_MODIFIED_BY, Value::Id(user)),
            (SYSTEM_MODSTAMP, Value::DateTime(touched)),
        ] {
            row.set(index, value);
        }
        (id, row)
    }

    /// When a row made at `created` was last touched.
    fn touched(&mut self, created: i64) -> i64 {
        match self.rng.u64(..BULK_ONE_IN) {
            0 => {
                let later = self.bulk_stamps.partition_point(|stamp| *stamp < created);
                let left = self.bulk_stamps.len() - later;
                if left == 0 { created } else { self.bulk_stamps[later + self.rng.usize(..left)] }
            }
            1..=5 => {
                let last = whole_seconds(self.now - 1).max(created);
                whole_seconds(self.rng.i64(created..=last))
            }
            _ => created,
        }
    }

    fn user(&mut self) -> RecordId {
        RecordId::new("005", 1 + self.rng.u64(..self.users as u64))
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list.get(self.rng.usize(..list.len().max(1))).copied().unwrap_or("")
    }

    /// One of the list, or null with this chance in percent.
    fn maybe(&mut self, list: &[&str], null_percent: u8) -> Value {
        if self.rng.u8(..100) < null_percent { Value::Null } else { Value::text(self.pick(list)) }
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }
}

/// Field positions by name, looked up once per object. Unknown names give a position no row uses.
fn positions<const N: usize>(def: &ObjectDef, names: [&str; N]) -> [usize; N] {
    names.map(|name| def.field_index(name).unwrap_or(def.fields().len()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SPEC: OrgSpec =
        OrgSpec { users: 5, accounts: 60, contacts: 900, opportunities: 3_000, ..OrgSpec::EMPTY };

    #[test]
    fn the_same_seed_makes_the_same_org() {
        let rows = |seed| {
            let org = generate(seed, &SPEC, SimClock::default());
            org.tables().iter().flat_map(|table| table.all().map(|(_, row)| row.clone())).collect::<Vec<_>>()
        };
        assert_eq!(rows(3), rows(3));
        assert_ne!(rows(3), rows(4));
    }

    #[test]
    fn stamps_lie_in_the_year_before_and_some_are_shared() {
        let org = generate(1, &SPEC, SimClock::default());
        let table = org.table("Opportunity").unwrap();
        assert_eq!(table.len(), SPEC.opportunities);
        let mut stamps = HashSet::new();
        let mut shared = 0;
        for (_, row) in table.all() {
            let created = row.stored(CREATED_DATE).as_millis().unwrap();
            assert!(created <= row.stamp() && row.stamp() < org.now_ms() && row.stamp() % 1000 == 0);
            assert!(created >= org.now_ms() - HISTORY_MS - 1000);
            shared += usize::from(!stamps.insert(row.stamp()));
        }
        assert!(shared > 100, "{shared} of {} share a stamp", SPEC.opportunities);
    }

    #[test]
    fn parents_are_there_late_or_out_of_sight() {
        let org = generate(1, &SPEC, SimClock::default());
        let table = org.table("Account").unwrap();
        let parent = table.def.field_index("ParentId").unwrap();
        let links: Vec<_> =
            table.all().filter_map(|(id, row)| Some((*id, row.stored(parent).as_id()?))).collect();
        assert!(links.iter().any(|(id, parent)| parent > id && table.newest(parent).is_some()), "late");
        assert!(links.iter().any(|(_, parent)| table.newest(parent).is_none()), "orphan");
        assert!(links.iter().all(|(id, parent)| id != parent));
    }

    #[test]
    fn some_rows_start_in_the_bin() {
        let org = generate(1, &SPEC, SimClock::default());
        let binned =
            |object: &str| org.table(object).unwrap().all().filter(|(_, row)| row.is_deleted()).count();
        assert_eq!((binned("Opportunity"), binned("Contact"), binned("Account")), (7, 2, 0));
        assert_eq!(org.deletions.len(), 9);
    }
}
