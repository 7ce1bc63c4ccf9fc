//! Made-up accounts: the same rows for the same seed, sizes as asked.

mod deals;
mod links;
mod people;
mod pipeline;

use serde::{Deserialize, Serialize};

use super::model::{Account, Associations, ObjectDef, Row, Value, time::DAY_MS};
use super::schema::{PROJECTS, define_labels, standard_pipelines, standard_tables};
use super::settings::HubspotSettings;
use super::write::{Events, Guards};
use crate::clock::SimClock;

pub use pipeline::{PipelineError, load_pipeline};

/// How long before the clock's start the first row was made.
const HISTORY_MS: i64 = 365 * DAY_MS;
/// One row in so many starts archived.
const ARCHIVED_ONE_IN: usize = 400;
/// One row in so many was last changed by the mass edit.
const MASS_EDIT_ONE_IN: u64 = 8;

/// How many rows of each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountSpec {
    /// Owners; the first is the one who installed the app and always there, every tenth is archived.
    pub owners: usize,
    /// Companies.
    pub companies: usize,
    /// Contacts; four in five belong to a company.
    pub contacts: usize,
    /// Deals; most have a primary company and contacts, some of these in a role.
    pub deals: usize,
    /// Tickets.
    pub tickets: usize,
    /// Rows of the custom object `projects`, associated with deals.
    pub projects: usize,
}

/// An account with its schema, pipelines and owners, but no rows.
fn empty(seed: u64, owners: usize, clock: SimClock) -> Account {
    let now = clock.now_ms();
    let made_at = now - HISTORY_MS - DAY_MS;
    let portal_id = 9_000_000 + seed % 100_000;
    let mut account = Account {
        clock,
        seed,
        portal_id,
        tables: standard_tables(portal_id, made_at),
        links: Associations::default(),
        owners: Vec::new(),
        pipelines: Vec::new(),
        guards: Guards::default(),
        events: Events::default(),
        rules: HubspotSettings::default(),
        generation: 0,
    };
    define_labels(&mut account);
    let (deals, tickets) = standard_pipelines(made_at);
    for (object, pipelines) in [("deals", deals), ("tickets", tickets)] {
        if let Some(object) = account.object(object) {
            account.pipelines.push((object, pipelines));
        }
    }
    account.owners = people::owners(&mut fastrand::Rng::with_seed(seed ^ 0x0071), owners.max(1), made_at);
    account
}

/// Makes an account. A hundred thousand deals take about a second in a release build.
#[must_use]
pub fn generate(seed: u64, spec: &AccountSpec, clock: SimClock) -> Account {
    let mut account = empty(seed, spec.owners, clock);
    let now = account.now_ms();
    let owners: Vec<u64> =
        account.owners.iter().filter(|owner| !owner.archived).map(|owner| owner.id).collect();
    let plan: [(&str, usize, MakeRow); 5] = [
        ("companies", spec.companies, people::company),
        ("contacts", spec.contacts, people::contact),
        ("deals", spec.deals, deals::deal),
        ("tickets", spec.tickets, deals::ticket),
        (PROJECTS, spec.projects, deals::project),
    ];
    for ((name, count, make_row), place) in plan.into_iter().zip(1_u64..) {
        let Some(object) = account.object(name) else { continue };
        let mut make = Maker::new(seed.wrapping_mul(31).wrapping_add(place), now, count, &owners);
        let table = &mut account.tables[object];
        let mut id = table.next_id;
        let mut rows = Vec::with_capacity(count);
        for n in 0..count {
            let mut row = make.row(n);
            make_row(&mut make, &table.def, n, &mut row);
            row.values.shrink_to_fit();
            rows.push((id, row));
            id += 1 + make.rng.u64(..3);
        }
        archive_some(&mut rows, now);
        table.load(rows);
    }
    links::link(&mut account, seed);
    account
}

/// Fills in the values of one row.
type MakeRow = fn(&mut Maker, &ObjectDef, usize, &mut Row);

/// Every 400th row was archived within the last ten days.
fn archive_some(rows: &mut [(u64, Row)], now: i64) {
    for (n, (_, row)) in rows.iter_mut().enumerate().skip(ARCHIVED_ONE_IN - 1).step_by(ARCHIVED_ONE_IN) {
        let back = i64::try_from(n / ARCHIVED_ONE_IN).unwrap_or(0) % 1000;
        row.archived_at = Some(now - DAY_MS / 2 - back * DAY_MS / 100);
    }
}

/// Chance and bookkeeping while the rows of one object are made.
struct Maker {
    rng: fastrand::Rng,
    now: i64,
    count: usize,
    owners: Vec<u64>,
    /// The one stamp of the mass edit.
    mass_edit: i64,
}

impl Maker {
    fn new(seed: u64, now: i64, count: usize, owners: &[u64]) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mass_edit = now - rng.i64(2 * DAY_MS..30 * DAY_MS);
        Self { rng, now, count, owners: owners.to_vec(), mass_edit }
    }

    /// A row with its dates. Ids grow with the create date, as they nearly do in a real account.
    fn row(&mut self, n: usize) -> Row {
        let share = HISTORY_MS / i64::try_from(self.count.max(1)).unwrap_or(i64::MAX);
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let created_at = self.now - HISTORY_MS + n * share + self.rng.i64(0..share.max(1));
        let mass = self.rng.u64(..MASS_EDIT_ONE_IN) == 0 && created_at <= self.mass_edit;
        let updated_at = if mass {
            self.mass_edit
        } else if self.chance(40) {
            self.rng.i64(created_at..self.now.max(created_at + 1))
        } else {
            created_at
        };
        Row { created_at, updated_at, ..Row::default() }
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list.get(self.rng.usize(..list.len().max(1))).copied().unwrap_or("")
    }

    /// One of the list, or unset with this chance in percent.
    fn maybe(&mut self, list: &[&str], unset_percent: u8) -> Value {
        if self.chance(unset_percent) { None } else { Some(self.pick(list).into()) }
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    fn owner(&mut self, unset_percent: u8) -> Value {
        if self.owners.is_empty() || self.chance(unset_percent) {
            return None;
        }
        let owner = self.owners[self.rng.usize(..self.owners.len())];
        Some(owner.to_string().into())
    }
}

/// Sets a stored value by name; unknown names are no property and are passed over.
fn set(def: &ObjectDef, row: &mut Row, name: &str, value: impl Into<Option<Box<str>>>) {
    if let Some(slot) = def.slot(name) {
        row.set(slot, value.into());
    }
}

/// A value that is there.
fn text(value: impl Into<Box<str>>) -> Value {
    Some(value.into())
}
