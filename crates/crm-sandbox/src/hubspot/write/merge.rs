//! Merges: one row takes in another, whose id lives on as an alias.

use super::{Happened, RowError, WriteOptions};
use crate::hubspot::model::{Account, Row};

/// A row may take in so many others.
const MAX_MERGES: usize = 250;

impl Account {
    /// Merges `loser` into `winner` and returns the id of the row that stays.
    pub(crate) fn merge(
        &mut self,
        object: usize,
        winner: u64,
        loser: u64,
        options: WriteOptions,
    ) -> Result<u64, RowError> {
        let (winner, loser) = (self.tables[object].resolve(winner), self.tables[object].resolve(loser));
        if winner == loser {
            return Err(RowError::bad_request("Cannot merge a record with itself"));
        }
        let mut row = self.live_or_refuse(object, winner)?.clone();
        let gone = self.live_or_refuse(object, loser)?.clone();
        if row.merged.len() + gone.merged.len() >= MAX_MERGES {
            return Err(RowError::merge_limit());
        }
        let stamp = options.stamp.unwrap_or_else(|| self.now_ms());
        let moved = take_in(&mut row, gone, stamp);
        let survivor = if self.rules.merge_makes_new_id { self.next_id(object) } else { winner };
        if survivor != winner {
            row.merged.push(winner);
            self.give_away(object, winner, survivor);
        }
        row.merged.push(loser);
        row.updated_at = stamp;
        self.give_away(object, loser, survivor);
        self.store(object, survivor, row, options);
        let mut losers = vec![loser];
        losers.extend((survivor != winner).then_some(winner));
        let merged = Happened::Merged { primary: winner, losers: vec![loser], survivor, moved };
        self.tell(object, survivor, merged, options);
        // Values that moved over are not told.
        for gone in losers {
            self.tell(object, gone, Happened::Deleted, options);
        }
        Ok(survivor)
    }

    /// Removes a row that lives on in `survivor`.
    fn give_away(&mut self, object: usize, id: u64, survivor: u64) {
        self.links.hand_over(object, id, survivor);
        self.tables[object].purge(id);
        self.tables[object].aliases.insert(id, survivor);
    }
}

/// Values that the row lacks come from the one that goes; how many they are.
fn take_in(row: &mut Row, gone: Row, stamp: i64) -> usize {
    let mut moved = 0;
    row.created_at = row.created_at.min(gone.created_at);
    for (slot, value) in gone.values.into_iter().enumerate() {
        let empty = row.stored(slot).is_none_or(str::is_empty);
        if empty && value.is_some() {
            super::record(row, slot, value, stamp, "MERGE_OBJECTS");
            moved += 1;
        }
    }
    row.merged.extend(gone.merged);
    moved
}
