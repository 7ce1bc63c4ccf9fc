//! Notifications that wait, and when messages are sent again.

use std::collections::{HashSet, VecDeque};

use super::{Action, OutboundDelivery, OutboundRule, OutboundSettings};
use crate::push::{NotLoopback, Target};
use crate::salesforce::model::{Org, RecordId};

/// Older deliveries are forgotten.
const KEPT: usize = 10_000;
/// More notifications wait nowhere; older ones are dropped.
const MAX_WAITING: usize = 200_000;
/// The first wait, in simulated milliseconds; each is twice the one before.
const FIRST_WAIT_MS: i64 = 15_000;
const LONGEST_WAIT_MS: i64 = 2 * 3_600_000;
/// After so long a message is given up.
const LIFE_MS: i64 = 24 * 3_600_000;

/// Rows that were made or edited, as far as somebody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Objects with a rule.
    pub(crate) watched: HashSet<String>,
    rows: Vec<RecordId>,
}

impl Touched {
    pub(crate) fn note(&mut self, object: &str, row: RecordId) {
        if self.watched.contains(object) {
            self.rows.push(row);
        }
    }

    /// How many there are; what comes later can be taken back.
    pub(crate) fn mark(&self) -> usize {
        self.rows.len()
    }

    /// Takes back what came after a mark: it was undone.
    pub(crate) fn forget_after(&mut self, mark: usize) {
        self.rows.truncate(mark);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.rows.is_empty()
    }
}

/// One notification.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) id: RecordId,
    pub(super) row: RecordId,
    due: i64,
}

/// One message's worth of notifications.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) action: Action,
    pub(super) notes: Vec<Note>,
    pub(super) attempt: u32,
    due: i64,
    born: i64,
}

/// Everything about outbound messages that changes.
#[derive(Debug)]
pub(crate) struct Outbound {
    actions: Vec<(Action, VecDeque<Note>)>,
    again: Vec<Batch>,
    deliveries: VecDeque<OutboundDelivery>,
    rng: fastrand::Rng,
    made: u64,
    pub(super) in_flight: usize,
    /// Acknowledgements that get lost, besides those lost at random.
    pub(crate) answers_to_lose: u64,
    /// Messages that were not taken within 24 hours.
    pub(crate) given_up: u64,
}

impl Outbound {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            actions: Vec::new(),
            again: Vec::new(),
            deliveries: VecDeque::new(),
            rng: fastrand::Rng::with_seed(seed ^ 0x0b0d),
            made: 0,
            in_flight: 0,
            answers_to_lose: 0,
            given_up: 0,
        }
    }

    /// Puts a rule in force.
    pub(crate) fn add(&mut self, rule: OutboundRule) -> Result<RecordId, NotLoopback> {
        let target = Target::parse(&rule.url)?;
        let id = RecordId::new("04k", self.actions.len() as u64 + 1);
        self.actions.push((Action { id, rule, target }, VecDeque::new()));
        Ok(id)
    }

    /// Takes all rules out of force; what is queued is forgotten.
    pub(crate) fn clear(&mut self) {
        self.actions.clear();
        self.again.clear();
    }

    pub(crate) fn deliveries(&self) -> Vec<OutboundDelivery> {
        self.deliveries.iter().cloned().collect()
    }

    pub(super) fn log(&mut self, delivery: OutboundDelivery) {
        if self.deliveries.len() == KEPT {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }

    /// Takes the rows that were touched since; one that was touched several times is told once.
    pub(crate) fn collect(&mut self, org: &mut Org, settings: &OutboundSettings) {
        let rows = std::mem::take(&mut org.touched.rows);
        let now = org.now_ms();
        let due = now.saturating_add(i64::try_from(settings.delay_ms).unwrap_or(i64::MAX));
        let mut seen = HashSet::new();
        for row in
            rows.into_iter().rev().filter(|row| seen.insert(*row)).collect::<Vec<_>>().into_iter().rev()
        {
            let Some(object) = org.table_of(&row).map(|table| table.def.name.to_string()) else { continue };
            for (action, waiting) in &mut self.actions {
                if !action.rule.object.eq_ignore_ascii_case(&object) {
                    continue;
                }
                self.made += 1;
                let note = Note { id: RecordId::new("04l", self.made), row, due };
                waiting.push_back(note);
                if self.rng.u8(..100) < settings.duplicate_percent {
                    waiting.push_back(note);
                }
                if waiting.len() > MAX_WAITING {
                    tracing::warn!("too many outbound notifications wait; the oldest are dropped");
                    waiting.drain(..MAX_WAITING / 2);
                }
            }
        }
    }

    /// The next message that is due.
    pub(super) fn next(&mut self, now: i64, settings: &OutboundSettings) -> Option<Batch> {
        if let Some(place) = self.again.iter().position(|batch| batch.due <= now) {
            return Some(self.again.remove(place));
        }
        let rng = &mut self.rng;
        self.actions.iter_mut().find_map(|(action, waiting)| {
            let due = waiting.iter().take_while(|note| note.due <= now).count();
            if settings.shuffled && due > 1 {
                rng.shuffle(&mut waiting.make_contiguous()[..due]);
            }
            let notes: Vec<Note> = waiting.drain(..due.min(settings.batch_max.clamp(1, 100))).collect();
            let batch = || Batch { action: action.clone(), notes, attempt: 0, due: now, born: now };
            (due > 0).then(batch)
        })
    }

    /// Puts a message back that was not taken, or gives it up.
    pub(super) fn retry(&mut self, mut batch: Batch, now: i64, settings: &OutboundSettings) {
        if now - batch.born >= LIFE_MS {
            self.given_up += 1;
            return;
        }
        let doubled = FIRST_WAIT_MS.saturating_mul(1 << batch.attempt.min(20));
        let wait = doubled.min(LONGEST_WAIT_MS) / i64::from(settings.retry_speed.max(1));
        batch.attempt += 1;
        batch.due = now.saturating_add(wait.max(1));
        self.again.push(batch);
    }

    /// Whether an acknowledgement gets lost.
    pub(super) fn loses_answer(&mut self, settings: &OutboundSettings) -> bool {
        if self.answers_to_lose > 0 {
            self.answers_to_lose -= 1;
            return true;
        }
        self.rng.u8(..100) < settings.lost_answer_percent
    }

    /// When the next message is due; nothing when none waits.
    pub(super) fn due(&self) -> Option<i64> {
        let fresh = self.actions.iter().filter_map(|(_, waiting)| waiting.front()).map(|note| note.due);
        self.again.iter().map(|batch| batch.due).chain(fresh).min()
    }

    /// Nothing is on its way or due.
    pub(crate) fn settled(&self, now: i64) -> bool {
        self.in_flight == 0 && self.due().is_none_or(|due| due > now)
    }
}
