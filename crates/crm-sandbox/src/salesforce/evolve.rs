//! A change script: edits a running org as its users would, and says exactly what it did.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::control::SalesforceControl;
use super::model::{Org, RecordId, Table};
use super::schema::{CASE_STATUS, PROJECT_STATUS, ROLES};
use super::write::{Fields, WriteOptions};

/// What a change script does to accounts, contacts, opportunities and what hangs on them. Shares are of the live rows
/// of each object.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangePlan {
    /// Share of rows that are edited. Default 0.05.
    pub updated: f64,
    /// Share of new rows. Default 0.01.
    pub inserted: f64,
    /// Share of rows that go to the bin, with the contact roles that go with them; accounts stay, they would take too
    /// much along. Default 0.01.
    pub deleted: f64,
    /// Share of what was in the bin before that comes back. Default 0.25.
    pub undeleted: f64,
    /// Share of the edits that one bulk job makes, all with one `SystemModstamp`. Default 0.2.
    pub same_stamp: f64,
    /// Share of the edits that readers see late. Default 0.
    pub late: f64,
    /// How late, in simulated seconds. Default 300.
    pub late_by_s: u32,
    /// Opportunities that get a value no consumer can store: a NUL character in `Name`, or an `Amount` of 1e30.
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
            deleted: 0.01,
            undeleted: 0.25,
            same_stamp: 0.2,
            late: 0.0,
            late_by_s: 300,
            unfit: 0,
            over_s: 600,
        }
    }
}

/// What a change script did. No row is in two lists, except that `same_stamp` and `late` are parts of `updated`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Edited rows.
    pub updated: Vec<RecordId>,
    /// New rows.
    pub inserted: Vec<RecordId>,
    /// Rows that went to the bin.
    pub deleted: Vec<RecordId>,
    /// Rows that came back from it.
    pub undeleted: Vec<RecordId>,
    /// Edited rows that share one `SystemModstamp`.
    pub same_stamp: Vec<RecordId>,
    /// Edited rows that readers see late.
    pub late: Vec<RecordId>,
    /// Rows with a value no consumer can store.
    pub unfit: Vec<RecordId>,
}

impl SalesforceControl {
    /// Carries out a plan. The same seed does the same to the same org.
    #[must_use]
    pub fn evolve(&self, seed: u64, plan: &ChangePlan) -> Changes {
        let changes = self.edit(|org| Script::new(org, seed, *plan).run());
        self.advance(std::time::Duration::from_secs(u64::from(plan.over_s)));
        changes
    }
}

/// The objects a script changes, in the order in which it does.
const OBJECTS: [&str; 6] =
    ["Account", "Contact", "Opportunity", "OpportunityContactRole", "Project__c", "Case"];

struct Script<'a> {
    org: &'a mut Org,
    rng: fastrand::Rng,
    plan: ChangePlan,
    start: i64,
    /// Rows in any list of `done`.
    touched: HashSet<RecordId>,
    done: Changes,
}

impl<'a> Script<'a> {
    fn new(org: &'a mut Org, seed: u64, plan: ChangePlan) -> Self {
        let start = org.now_ms();
        Self {
            org,
            rng: fastrand::Rng::with_seed(seed),
            plan,
            start,
            touched: HashSet::new(),
            done: Changes::default(),
        }
    }

    fn run(mut self) -> Changes {
        for object in OBJECTS {
            let Some(table) = self.org.table(object) else { continue };
            let (mut live, mut binned) = (ids(table, false), ids(table, true));
            live.retain(|id| !self.touched.contains(id));
            binned.retain(|id| !self.touched.contains(id));
            let total = live.len();
            self.rng.shuffle(&mut live);
            self.rng.shuffle(&mut binned);
            let mut live = live.into_iter();
            let some = |share: f64, of: usize| share_of(share, of);
            if object != "Account" {
                let deleted: Vec<_> = live.by_ref().take(some(self.plan.deleted, total)).collect();
                self.delete(&deleted);
                let back = some(self.plan.undeleted, binned.len());
                self.undelete(&binned[..back]);
            }
            if object == "Opportunity" {
                let unfit: Vec<_> = live.by_ref().take(self.plan.unfit).collect();
                self.spoil(&unfit);
            }
            let updated: Vec<_> = live.by_ref().take(some(self.plan.updated, total)).collect();
            self.update(object, &updated);
            self.insert(object, some(self.plan.inserted, total));
        }
        self.done
    }

    fn delete(&mut self, ids: &[RecordId]) {
        for id in ids {
            let options = self.now_or_later();
            if let Ok(gone) = self.org.delete_with_children(*id, options) {
                self.touched.extend(&gone);
                self.done.deleted.extend(gone);
            }
        }
    }

    fn undelete(&mut self, ids: &[RecordId]) {
        for id in ids {
            let options = self.now_or_later();
            if let Ok(back) = self.org.undelete_with_children(*id, options) {
                self.touched.extend(&back);
                self.done.undeleted.extend(back);
            }
        }
    }

    /// Values that real orgs return and that no consumer can store.
    fn spoil(&mut self, ids: &[RecordId]) {
        for (n, id) in ids.iter().enumerate() {
            let body = if n % 2 == 0 {
                fields([("Name", json!("bad\u{0}name"))])
            } else {
                fields([("Amount", json!(1e30))])
            };
            let options = self.now_or_later();
            if self.org.update(*id, &body, options).is_ok() {
                self.done.unfit.push(*id);
            }
        }
    }

    fn update(&mut self, object: &str, ids: &[RecordId]) {
        let bulk = share_of(self.plan.same_stamp, ids.len());
        let late = share_of(self.plan.late, ids.len());
        let bulk_options = self.now_or_later();
        for (n, id) in ids.iter().enumerate() {
            let mut options = if n < bulk { bulk_options } else { self.now_or_later() };
            // The last ones, so that bulk and late edits only meet when the plan leaves no room.
            let is_late = n >= ids.len() - late;
            if is_late {
                options.visible_from =
                    options.stamp.map(|stamp| stamp + i64::from(self.plan.late_by_s) * 1000);
            }
            let body = self.edit_of(object);
            if self.org.update(*id, &body, options).is_err() {
                continue;
            }
            self.done.updated.push(*id);
            if n < bulk {
                self.done.same_stamp.push(*id);
            }
            if is_late {
                self.done.late.push(*id);
            }
        }
    }

    fn insert(&mut self, object: &str, count: usize) {
        for n in 0..count {
            let Some(body) = self.new_of(object, n) else { return };
            let options = self.now_or_later();
            if let Ok(id) = self.org.create(object, &body, options) {
                self.done.inserted.push(id);
            }
        }
    }

    /// What the `n`-th new row of an object holds; nothing when there is nothing it could hang on.
    fn new_of(&mut self, object: &str, n: usize) -> Option<Fields> {
        let mut body = self.edit_of(object);
        let name = format!("New in script {} – {n}", self.rng.u32(..1_000_000));
        let name_field = match object {
            "OpportunityContactRole" => {
                body.insert("OpportunityId".to_owned(), json!(self.any("Opportunity")?));
                body.insert("ContactId".to_owned(), json!(self.any("Contact")?));
                return Some(body);
            }
            "Contact" => "LastName",
            "Case" => "Subject",
            _ => "Name",
        };
        body.insert(name_field.to_owned(), json!(name));
        if object == "Opportunity" {
            body.insert("CloseDate".to_owned(), json!(format!("2026-{:02}-15", self.rng.u8(2..=12))));
        }
        Some(body)
    }

    /// Any live row of an object.
    fn any(&mut self, object: &str) -> Option<RecordId> {
        let live = ids(self.org.table(object)?, false);
        self.rng.choice(live)
    }

    /// A few field values as a user would type them.
    fn edit_of(&mut self, object: &str) -> Fields {
        let number = self.rng.u32(1..1_000_000);
        match object {
            "Account" => fields([
                ("Phone", json!(format!("+33 1 {number:08}"))),
                ("Rating", json!(["Hot", "Warm", "Cold"][self.rng.usize(..3)])),
            ]),
            "Contact" => fields([
                ("Title", json!(format!("Director {number}"))),
                ("MobilePhone", json!(format!("+49 151 {number:08}"))),
            ]),
            "OpportunityContactRole" => fields([
                ("Role", json!(ROLES[self.rng.usize(..ROLES.len())])),
                ("IsPrimary", json!(number.is_multiple_of(5))),
            ]),
            "Project__c" => fields([
                ("Budget__c", json!(f64::from(number) / 10.0)),
                ("Status__c", json!(PROJECT_STATUS[self.rng.usize(..PROJECT_STATUS.len())])),
            ]),
            "Case" => fields([
                ("Priority", json!(["High", "Medium", "Low"][self.rng.usize(..3)])),
                ("Status", json!(CASE_STATUS[self.rng.usize(..CASE_STATUS.len())])),
            ]),
            _ => fields([
                ("Amount", json!(f64::from(number) / 100.0)),
                ("NextStep", json!(format!("step {number}"))),
                (
                    "StageName",
                    json!(["Qualification", "Negotiation/Review", "Closed Won"][self.rng.usize(..3)]),
                ),
            ]),
        }
    }

    /// A stamp somewhere after the start, never at it: a reader that has seen everything up to the start misses nothing.
    fn now_or_later(&mut self) -> WriteOptions {
        let seconds = i64::from(self.rng.u32(1..=self.plan.over_s.max(1)));
        WriteOptions::admin().stamped(self.start + seconds * 1000)
    }
}

fn ids(table: &Table, deleted: bool) -> Vec<RecordId> {
    table.all().filter(|(_, row)| row.is_deleted() == deleted).map(|(id, _)| *id).collect()
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded below"
)]
fn share_of(share: f64, of: usize) -> usize {
    ((of as f64 * share.clamp(0.0, 1.0)).round() as usize).min(of)
}

fn fields<const N: usize>(pairs: [(&str, serde_json::Value); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
