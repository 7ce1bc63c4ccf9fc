//! Random histories: whatever is written, in whatever order and with whatever lag, lists and searches show what a naive
//! model of the account says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crm_sandbox::hubspot::{ChangeSource, RowChange, RowChanges};

use crate::support::{Json, V3, World, ids, json, props};

/// What is known of a row: when search begins to find each version, and its stamp, oldest first.
#[derive(Debug, Clone, Default)]
struct Known {
    archived: bool,
    versions: Vec<(i64, i64)>,
}

impl Known {
    /// The stamp under which search finds the row.
    fn found_at(&self, now: i64) -> Option<i64> {
        let visible = self.versions.iter().rev().find(|(from, _)| *from <= now);
        visible.filter(|_| !self.archived).map(|(_, stamp)| *stamp)
    }
}

struct Story {
    world: World,
    rng: fastrand::Rng,
    rows: BTreeMap<u64, Known>,
    merged: BTreeMap<u64, u64>,
}

impl Story {
    async fn begin(seed: u64) -> Self {
        let world = World::empty().await;
        Self { world, rng: fastrand::Rng::with_seed(seed), rows: BTreeMap::new(), merged: BTreeMap::new() }
    }

    fn now(&self) -> i64 {
        self.world.control().clock().now_ms()
    }

    /// Carries out one change, now or long ago, with some lag or none, and returns the row it ended in.
    fn change(&mut self, op: RowChange) -> (u64, Option<i64>, i64) {
        let stamp = self.now() - [0, 0, 5_000, 3_600_000][self.rng.usize(..4)];
        let lag = [0, 0, 20_000, 90_000][self.rng.usize(..4)];
        let changes = RowChanges {
            stamp: Some(stamp.to_string()),
            index_after_ms: Some(u32::try_from(lag).unwrap()),
            source: ChangeSource::CrmUi,
            ops: vec![op],
        };
        let id = self.world.control().apply(&changes).remove(0).unwrap();
        (id, (lag > 0).then(|| stamp.max(self.now()) + lag), stamp)
    }

    /// A version replaces the ones before it, unless search has to wait for it.
    fn wrote(&mut self, (id, visible_from, stamp): (u64, Option<i64>, i64)) {
        let known = self.rows.entry(id).or_default();
        if visible_from.is_none() {
            known.versions.clear();
        }
        known.versions.push((visible_from.unwrap_or(i64::MIN), stamp));
    }

    fn pick(&mut self, archived: bool) -> Option<u64> {
        let fitting: Vec<u64> =
            self.rows.iter().filter(|(_, row)| row.archived == archived).map(|(id, _)| *id).collect();
        (!fitting.is_empty()).then(|| fitting[self.rng.usize(..fitting.len())])
    }

    fn step(&mut self) {
        let object = || "deals".to_owned();
        let (live, archived) = (self.pick(false), self.pick(true));
        match (self.rng.u8(..20), live, archived) {
            (0..5, ..) => {
                let properties = props(json!({"dealname": "A"}));
                let done = self.change(RowChange::Insert { object: object(), properties });
                self.wrote(done);
            }
            (5..11, Some(id), _) => {
                let properties = props(json!({"amount": self.rng.u32(..100)}));
                let done = self.change(RowChange::Update { object: object(), id, properties });
                self.wrote(done);
            }
            (11..13, Some(id), _) => {
                self.change(RowChange::Archive { object: object(), id });
                let known = self.rows.get_mut(&id).unwrap();
                (known.archived, known.versions) = (true, Vec::new());
            }
            (13..15, _, Some(id)) => {
                let done = self.change(RowChange::Restore { object: object(), id });
                self.rows.get_mut(&id).unwrap().archived = false;
                self.wrote(done);
            }
            (15, Some(id), _) => {
                self.change(RowChange::Purge { object: object(), id });
                self.rows.remove(&id);
            }
            (16, Some(winner), _) => {
                let loser = self.pick(false).filter(|loser| *loser != winner);
                let Some(loser) = loser else { return };
                let done = self.change(RowChange::Merge { object: object(), winner, loser });
                self.rows.remove(&loser);
                self.merged.insert(loser, winner);
                self.wrote(done);
            }
            (17.., ..) => {
                self.world.control().advance(Duration::from_millis(self.rng.u64(1..40_000)));
            }
            _ => {}
        }
    }

    async fn check(&mut self, place: &str) {
        for archived in [false, true] {
            let (_, page) = self.world.get(&format!("{V3}/deals?limit=100&archived={archived}")).await;
            let truth: Vec<u64> =
                self.rows.iter().filter(|(_, row)| row.archived == archived).map(|(id, _)| *id).collect();
            assert_eq!(ids(&page), truth, "{place}: list, archived {archived}");
        }
        let now = self.now();
        let found = |window: std::ops::Range<i64>| -> BTreeSet<u64> {
            let rows = self.rows.iter();
            rows.filter(|(_, row)| row.found_at(now).is_some_and(|at| window.contains(&at)))
                .map(|(id, _)| *id)
                .collect()
        };
        let all = found(i64::MIN..i64::MAX);
        assert_eq!(self.search(json!({"limit": 200})).await, (all.len(), all), "{place}: all of them");
        let from = now - [0, 1, 60_000, 4_000_000][fastrand::Rng::with_seed(now.unsigned_abs()).usize(..4)];
        let wanted = found(from..i64::MAX);
        assert_eq!(self.search(since(from)).await, (wanted.len(), wanted), "{place}: since {from}");
    }

    /// How many there are said to be, and those that are shown.
    async fn search(&self, body: Json) -> (usize, BTreeSet<u64>) {
        let (status, page) = self.world.search("deals", body).await;
        assert_eq!(status, 200);
        (usize::try_from(page["total"].as_u64().unwrap()).unwrap(), ids(&page).into_iter().collect())
    }
}

fn since(from: i64) -> Json {
    json!({"limit": 200, "filterGroups": [{"filters": [
        {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": from.to_string()}]}]})
}

#[tokio::test]
async fn lists_and_searches_agree_with_a_naive_model() {
    for seed in 0..25 {
        let mut story = Story::begin(seed).await;
        for step in 0..120 {
            story.step();
            if step % 8 == 0 {
                story.check(&format!("seed {seed}, step {step}")).await;
            }
        }
        for (loser, winner) in story.merged.clone() {
            let mut last = winner;
            while let Some(next) = story.merged.get(&last) {
                last = *next;
            }
            let gone = story.rows.get(&last).is_none_or(|row| row.archived);
            let (status, row) = story.world.get(&format!("{V3}/deals/{loser}")).await;
            if gone {
                assert_eq!(status, 404, "seed {seed}");
            } else {
                assert_eq!(
                    (status, row["id"].as_str()),
                    (200, Some(last.to_string().as_str())),
                    "seed {seed}"
                );
            }
        }
    }
}
