//! Many notices of one record, and what has to be done about it.

use std::collections::HashMap;

use sync_core::{ExternalId, Notice, NoticeKind, WaitingNotice};

/// What is left to do for one record.
#[derive(Debug, PartialEq)]
pub(super) struct Work {
    pub(super) external_id: ExternalId,
    /// The notice that decides. The others are settled with it.
    pub(super) deciding: Notice,
    /// The rest, in the order in which they took place.
    pub(super) others: Vec<Notice>,
    pub(super) step: Step,
}

/// How the record's state is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is gone for good; nothing has to be asked.
    Gone,
    /// It has to be read.
    Read {
        /// Whether a notice said that it is gone, which the look-up then confirms or not.
        told_gone: bool,
    },
    /// Every notice carries fields.
    Carried,
}

/// Groups notices by record, in the order of each record's first one. Providers deliver late, twice and in any order
/// (reference/hubspot.md, Webhooks), so notices are put into the order in which they took place; but as what can be
/// undone is read anew in any case, the order only matters among notices that carry fields.
pub(super) fn collapse(waiting: Vec<WaitingNotice>) -> Vec<Work> {
    let mut positions: HashMap<ExternalId, usize> = HashMap::new();
    let mut records: Vec<Vec<WaitingNotice>> = Vec::new();
    for notice in waiting {
        let id = notice.notice.external_id.clone();
        let position = *positions.entry(id).or_insert_with(|| {
            records.push(Vec::new());
            records.len() - 1
        });
        records[position].push(notice);
    }
    records.into_iter().filter_map(work).collect()
}

fn work(mut waiting: Vec<WaitingNotice>) -> Option<Work> {
    waiting.sort_by_key(|w| (w.notice.occurred_at, w.position));
    let mut notices: Vec<Notice> = waiting.into_iter().map(|w| w.notice).collect();
    let last_of = |kind| notices.iter().rposition(|n| n.kind == kind);
    // A merge says more than a purge: where the links go.
    let final_one = last_of(NoticeKind::Merged).or_else(|| last_of(NoticeKind::Purged));
    let told_gone = last_of(NoticeKind::Deleted).is_some();
    let all_carry = notices.iter().all(|n| n.body.is_some() && n.kind == NoticeKind::Changed);
    let step = match final_one {
        Some(_) => Step::Gone,
        None if all_carry => Step::Carried,
        None => Step::Read { told_gone },
    };
    let deciding = match final_one {
        Some(position) => notices.remove(position),
        None => notices.pop()?,
    };
    Some(Work { external_id: deciding.external_id.clone(), deciding, others: notices, step })
}
