//! A change script: edits a running account as its users would, and says exactly what it did.

mod script;

use serde::{Deserialize, Serialize};

use super::control::HubspotControl;
use script::Script;

/// What a change script does to companies, contacts, deals and projects. Shares are of the live rows of each object.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangePlan {
    /// Share of rows that are edited. Default 0.05.
    pub updated: f64,
    /// Share of new rows. Default 0.01.
    pub inserted: f64,
    /// Share of contacts, deals and projects that are archived. Default 0.01.
    pub archived: f64,
    /// Share of what was archived before that is restored. Default 0.25.
    pub restored: f64,
    /// Share of the edits that one mass edit makes, all with one modified date. Default 0.2.
    pub same_stamp: f64,
    /// Share of the edits that search finds late. Default 0.
    pub late: f64,
    /// How late, in simulated seconds. Default 300.
    pub late_by_s: u32,
    /// Pairs of contacts, and as many of companies, that are merged. Default 0.
    pub merged: usize,
    /// Contacts that are deleted for good. Default 0.
    pub purged: usize,
    /// Deals whose contacts or companies change. Default 0.
    pub relinked: usize,
    /// Deals that get a value no consumer can store: a NUL character in `dealname`, or an `amount` that is no number.
    /// Default 0.
    pub unfit: usize,
    /// Simulated seconds over which the changes are spread; the clock is that much later afterwards. Default 600.
    pub over_s: u32,
}

impl Default for ChangePlan {
    fn default() -> Self {
        Self {
            updated: 0.05,
            inserted: 0.01,
            archived: 0.01,
            restored: 0.25,
            same_stamp: 0.2,
            late: 0.0,
            late_by_s: 300,
            merged: 0,
            purged: 0,
            relinked: 0,
            unfit: 0,
            over_s: 600,
        }
    }
}

/// A row of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowKey {
    /// Its object, by its plural name.
    pub object: String,
    /// Its id.
    pub id: u64,
}

/// Two rows that became one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// The row that stays.
    pub survivor: RowKey,
    /// The ids that live on in it: the loser's, and the winner's when the survivor is a new row.
    pub gone: Vec<u64>,
}

/// What a change script did. No row is in two lists, except that `same_stamp` and `late` are parts of `updated`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Edited rows.
    pub updated: Vec<RowKey>,
    /// New rows.
    pub inserted: Vec<RowKey>,
    /// Archived rows.
    pub archived: Vec<RowKey>,
    /// Restored rows.
    pub restored: Vec<RowKey>,
    /// Edited rows that share one modified date.
    pub same_stamp: Vec<RowKey>,
    /// Edited rows that search finds late.
    pub late: Vec<RowKey>,
    /// Merged rows.
    pub merged: Vec<Merged>,
    /// Rows that are gone for good.
    pub purged: Vec<RowKey>,
    /// Deals whose associations changed; their modified date moves only if the account is set so.
    pub relinked: Vec<RowKey>,
    /// Rows with a value no consumer can store.
    pub unfit: Vec<RowKey>,
}

impl HubspotControl {
    /// Carries out a plan. The same seed does the same to the same account.
    #[must_use]
    pub fn evolve(&self, seed: u64, plan: &ChangePlan) -> Changes {
        let changes = self.edit(|account| Script::new(account, seed, *plan).run());
        self.advance(std::time::Duration::from_secs(u64::from(plan.over_s)));
        changes
    }
}
