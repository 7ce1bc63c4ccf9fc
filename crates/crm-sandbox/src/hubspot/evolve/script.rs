//! Carrying a plan out.

use serde_json::{Value as Json, json};

use super::{ChangePlan, Changes, Merged, RowKey};
use crate::hubspot::model::{Account, Pair};
use crate::hubspot::schema::PROJECTS;
use crate::hubspot::write::{LinkType, Properties, WriteOptions};

/// The objects a script changes, in the order in which it does.
const OBJECTS: [&str; 4] = ["companies", "contacts", "deals", PROJECTS];

pub(super) struct Script<'a> {
    account: &'a mut Account,
    rng: fastrand::Rng,
    plan: ChangePlan,
    start: i64,
    done: Changes,
}

impl<'a> Script<'a> {
    pub(super) fn new(account: &'a mut Account, seed: u64, plan: ChangePlan) -> Self {
        let start = account.now_ms();
        Self { account, rng: fastrand::Rng::with_seed(seed), plan, start, done: Changes::default() }
    }

    pub(super) fn run(mut self) -> Changes {
        for name in OBJECTS {
            let Some(object) = self.account.object(name) else { continue };
            let ids = |archived| {
                self.account.tables[object].list(archived, ..).map(|(id, _)| id).collect::<Vec<u64>>()
            };
            let (mut live, mut binned) = (ids(false), ids(true));
            let total = live.len();
            self.rng.shuffle(&mut live);
            self.rng.shuffle(&mut binned);
            let mut live = live.into_iter();
            if name != "companies" {
                let archived: Vec<_> = live.by_ref().take(share_of(self.plan.archived, total)).collect();
                self.archive(object, &archived);
                let back = share_of(self.plan.restored, binned.len());
                self.restore(object, &binned[..back]);
            }
            if matches!(name, "companies" | "contacts") {
                for _ in 0..self.plan.merged {
                    let (Some(winner), Some(loser)) = (live.next(), live.next()) else { break };
                    self.merge(object, winner, loser);
                }
            }
            if name == "contacts" {
                let purged: Vec<_> = live.by_ref().take(self.plan.purged).collect();
                self.purge(object, &purged);
            }
            if name == "deals" {
                let unfit: Vec<_> = live.by_ref().take(self.plan.unfit).collect();
                self.spoil(object, &unfit);
                let relinked: Vec<_> = live.by_ref().take(self.plan.relinked).collect();
                self.relink(object, &relinked);
            }
            let updated: Vec<_> = live.by_ref().take(share_of(self.plan.updated, total)).collect();
            self.update(object, name, &updated);
            self.insert(object, name, share_of(self.plan.inserted, total));
        }
        self.done
    }

    fn key(&self, object: usize, id: u64) -> RowKey {
        RowKey { object: self.account.tables[object].def.name.clone(), id }
    }

    fn archive(&mut self, object: usize, ids: &[u64]) {
        for id in ids {
            let options = self.some_time();
            if self.account.archive(object, *id, options) {
                let key = self.key(object, *id);
                self.done.archived.push(key);
            }
        }
    }

    fn restore(&mut self, object: usize, ids: &[u64]) {
        for id in ids {
            let options = self.some_time();
            if self.account.restore(object, *id, options).is_ok() {
                let key = self.key(object, *id);
                self.done.restored.push(key);
            }
        }
    }

    fn purge(&mut self, object: usize, ids: &[u64]) {
        for id in ids {
            if self.account.forget(object, *id, WriteOptions::admin()) {
                let key = self.key(object, *id);
                self.done.purged.push(key);
            }
        }
    }

    fn merge(&mut self, object: usize, winner: u64, loser: u64) {
        let options = self.some_time();
        if let Ok(survivor) = self.account.merge(object, winner, loser, options) {
            let gone = if survivor == winner { vec![loser] } else { vec![winner, loser] };
            let survivor = self.key(object, survivor);
            self.done.merged.push(Merged { survivor, gone });
        }
    }

    /// Values that real accounts return and that no consumer can store.
    fn spoil(&mut self, object: usize, ids: &[u64]) {
        for (n, id) in ids.iter().enumerate() {
            let body = if n % 2 == 0 {
                properties([("dealname", json!("bad\u{0}name"))])
            } else {
                properties([("amount", json!("a lot"))])
            };
            let options = self.some_time();
            if self.account.update(object, *id, &body, options).is_ok() {
                let key = self.key(object, *id);
                self.done.unfit.push(key);
            }
        }
    }

    /// Gives deals another contact, in a role, and every second one another primary company.
    fn relink(&mut self, object: usize, ids: &[u64]) {
        for (n, id) in ids.iter().enumerate() {
            let options = self.some_time();
            let mut moved = false;
            let others = if n % 2 == 0 { &["contacts"][..] } else { &["contacts", "companies"][..] };
            for other in others {
                moved |= self.link_another(object, *id, other, options);
            }
            if moved {
                let key = self.key(object, *id);
                self.done.relinked.push(key);
            }
        }
    }

    fn link_another(&mut self, object: usize, id: u64, other: &str, options: WriteOptions) -> bool {
        let Some(to) = self.account.object(other) else { return false };
        let pair = Pair { from: object, to };
        let table = &self.account.tables[to];
        if table.live_len() == 0 {
            return false;
        }
        let skip = self.rng.usize(..table.live_len());
        let free = table.list(false, ..).map(|(id, _)| id).skip(skip);
        let Some(other_id) = free.into_iter().find(|to| !self.account.links.are_linked(pair, id, *to)) else {
            return false;
        };
        let wanted = if other == "companies" { "Primary" } else { "Decision maker" };
        let label = self.account.links.labels_of(pair).find(|one| one.label.as_deref() == Some(wanted));
        let types: Vec<LinkType> = label
            .map(|label| LinkType { category: label.category, type_id: label.type_id })
            .into_iter()
            .collect();
        self.account.associate(pair, (id, other_id), &types, options).is_ok()
    }

    fn update(&mut self, object: usize, name: &str, ids: &[u64]) {
        let bulk = share_of(self.plan.same_stamp, ids.len());
        let late = share_of(self.plan.late, ids.len());
        let bulk_options = self.some_time();
        for (n, id) in ids.iter().enumerate() {
            let mut options = if n < bulk { bulk_options } else { self.some_time() };
            // The last ones, so that mass and late edits only meet when the plan leaves no room.
            let is_late = n >= ids.len() - late;
            if is_late {
                options.index_after = Some(i64::from(self.plan.late_by_s) * 1000);
            }
            let body = self.edit_of(name);
            if self.account.update(object, *id, &body, options).is_err() {
                continue;
            }
            let key = self.key(object, *id);
            self.done.updated.push(key.clone());
            if n < bulk {
                self.done.same_stamp.push(key.clone());
            }
            if is_late {
                self.done.late.push(key);
            }
        }
    }

    fn insert(&mut self, object: usize, name: &str, count: usize) {
        for n in 0..count {
            let mut body = self.edit_of(name);
            let title = format!("New in script {} – {n}", self.rng.u32(..1_000_000));
            let property = match name {
                "contacts" => "lastname",
                "deals" => "dealname",
                _ => "name",
            };
            body.insert(property.to_owned(), json!(title));
            if name == "deals" {
                body.insert("pipeline".to_owned(), json!("default"));
                let day = format!("2026-{:02}-15T00:00:00Z", self.rng.u8(2..=12));
                body.insert("closedate".to_owned(), json!(day));
            }
            let options = self.some_time();
            if let Ok(id) = self.account.create(object, &body, options) {
                let key = self.key(object, id);
                self.done.inserted.push(key);
            }
        }
    }

    /// A few values as a user would type them.
    fn edit_of(&mut self, name: &str) -> Properties {
        let number = self.rng.u32(1..1_000_000);
        match name {
            "companies" => properties([
                ("phone", json!(format!("+33 1 {number:08}"))),
                ("tier", json!(["a", "b", "c"][self.rng.usize(..3)])),
            ]),
            "contacts" => properties([
                ("jobtitle", json!(format!("Director {number}"))),
                ("mobilephone", json!(format!("+49 151 {number:08}"))),
            ]),
            "deals" => properties([
                ("amount", json!(format!("{}.{:02}", number / 100, number % 100))),
                ("hs_next_step", json!(format!("step {number}"))),
                ("dealstage", json!(["qualifiedtobuy", "contractsent", "closedwon"][self.rng.usize(..3)])),
                ("pipeline", json!("default")),
            ]),
            _ => properties([
                ("budget", json!(number.to_string())),
                ("status", json!(["planned", "running", "done"][self.rng.usize(..3)])),
            ]),
        }
    }

    /// A stamp somewhere after the start, never at it: a reader that has seen everything up to the start misses
    /// nothing.
    fn some_time(&mut self) -> WriteOptions {
        let millis = self.rng.i64(1..=i64::from(self.plan.over_s.max(1)) * 1000);
        WriteOptions::admin().stamped(self.start + millis)
    }
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

fn properties<const N: usize>(pairs: [(&str, Json); N]) -> Properties {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
