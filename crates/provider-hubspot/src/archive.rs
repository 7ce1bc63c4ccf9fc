//! Archived records: the list that names what was deleted.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::calls::{Shown, stands_still};
use crate::client::HubspotClient;
use crate::error::CallError;
use crate::id::HubspotId;
use crate::map::merged_ids;
use crate::plan::{MERGED, Plan};
use crate::record::HubspotRecord;
use crate::wire::Row;

/// What the list of archived records says at the start of a run.
///
/// It is read before anything else, so that a record that was archived since and that the search's index still
/// shows is not taken for a live one.
#[derive(Debug, Default)]
pub(crate) struct Archived {
    /// All of them, and what was merged into them.
    ids: HashSet<HubspotId>,
    /// Those to tell of, the oldest first.
    pub(crate) news: Vec<Gone>,
    /// Until when they were told before this run.
    pub(crate) before: Option<DateTime<Utc>>,
    /// Until when they will have been told once the news are.
    pub(crate) after: Option<DateTime<Utc>>,
}

/// A record that is gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gone {
    pub(crate) id: HubspotId,
    /// When it was archived, where that is told.
    pub(crate) at: Option<DateTime<Utc>>,
    /// The record it was merged into before that one was archived.
    pub(crate) merged_into: Option<HubspotId>,
    /// Whether it may have been told before.
    pub(crate) reread: bool,
}

impl Archived {
    /// Reads the list, if it is due. What was archived since `before`, less the overlap, is news up to `bound`;
    /// everything the first time, because records may be known from an earlier load.
    pub(crate) async fn read(
        client: &HubspotClient,
        plan: &Plan,
        before: Option<DateTime<Utc>>,
        bound: DateTime<Utc>,
    ) -> Result<Self, CallError> {
        let config = client.config();
        let is_due = |told: DateTime<Utc>| bound - told >= delta(config.archived_every);
        if !before.is_none_or(is_due) {
            return Ok(Self { before, after: before, ..Self::default() });
        }
        let mut archived = Self { before, after: Some(bound), ..Self::default() };
        let mut shown = vec![plan.walked_stamp];
        if plan.tells_merged {
            shown.push(MERGED);
        }
        let mut after: Option<String> = None;
        loop {
            let page = client.list(&plan.path, Shown::Properties(&shown), after.as_deref(), true).await?;
            for row in &page.rows {
                archived.take(row, bound, delta(config.overlap));
            }
            match page.next {
                None => break,
                Some(next) if after.as_ref() == Some(&next) => {
                    return Err(stands_still("list archived records"));
                }
                next => after = next,
            }
        }
        archived.news.sort_unstable_by_key(|gone| (gone.at, gone.id));
        Ok(archived)
    }

    /// A record, and those that were merged into it while nobody looked: no live record names them any more.
    fn take(&mut self, row: &Row, bound: DateTime<Utc>, overlap: TimeDelta) {
        let Some(id) = row.id else {
            tracing::warn!("an archived record without a usable id is left to the comparison of ids");
            return;
        };
        let record = HubspotRecord::parse(row.text());
        let at = record.as_ref().ok().and_then(archived_at);
        let merged = record.map(|record| merged_ids(&record)).unwrap_or_default();
        // What was archived within the settle lag is told by the next run.
        let is_news = |at| at < bound && self.before.is_none_or(|before| at >= before - overlap);
        let is_news = at.is_none_or(is_news);
        let reread = at.is_none_or(|at| self.before.is_none_or(|before| at < before));
        let losers = merged.into_iter().filter(|loser| *loser != id).map(|loser| (loser, Some(id)));
        for (id, merged_into) in losers.chain([(id, None)]) {
            self.ids.insert(id);
            if is_news {
                // The survivor names them for ever, so that most of these are known.
                let reread = reread || merged_into.is_some();
                self.news.push(Gone { id, at, merged_into, reread });
            }
        }
    }

    /// Whether a record is archived.
    pub(crate) fn contains(&self, id: HubspotId) -> bool {
        self.ids.contains(&id)
    }
}

/// Not every object tells when a record was archived; then its last modification stands for it.
fn archived_at(record: &HubspotRecord<'_>) -> Option<DateTime<Utc>> {
    let at = |field| record.instant(field).ok().flatten();
    at("archivedAt").or_else(|| at("updatedAt"))
}

pub(crate) fn delta(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
