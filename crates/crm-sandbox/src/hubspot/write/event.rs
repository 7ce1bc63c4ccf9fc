//! What happened to rows, for those who subscribed to it.

use super::WriteOptions;
use crate::hubspot::model::{Account, Pair};

/// More wait nowhere; older ones are dropped.
const MAX_WAITING: usize = 200_000;

/// Something that happened to a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// The row's object, by its place.
    pub(crate) object: usize,
    pub(crate) id: u64,
    pub(crate) what: Happened,
    /// Simulated milliseconds.
    pub(crate) at: i64,
    pub(crate) origin: Origin,
}

/// What that was.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Happened {
    Created,
    /// The new value; empty when it was cleared.
    Changed {
        property: String,
        value: String,
    },
    Deleted,
    Restored,
    /// Forgotten for good, as a person's right.
    Forgotten,
    /// Into the row `primary`, which lives on as `survivor`.
    Merged {
        primary: u64,
        losers: Vec<u64>,
        survivor: u64,
        moved: usize,
    },
    Linked {
        pair: Pair,
        to: u64,
        types: Vec<u32>,
        removed: bool,
    },
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// `CRM_UI`, `INTEGRATION`, …
    pub(crate) source: &'static str,
    /// The app that wrote, if it was one.
    pub(crate) app: Option<u64>,
}

/// Events on their way to subscribers.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Nobody subscribed to anything: nothing is kept.
    pub(crate) wanted: bool,
    waiting: Vec<Event>,
}

impl Events {
    /// How many there are; what comes later can be taken back.
    pub(crate) fn mark(&self) -> usize {
        self.waiting.len()
    }

    /// Takes back what came after a mark: it was undone.
    pub(crate) fn forget_after(&mut self, mark: usize) {
        self.waiting.truncate(mark);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.waiting)
    }
}

impl Account {
    /// Tells subscribers.
    pub(super) fn tell(&mut self, object: usize, id: u64, what: Happened, options: WriteOptions) {
        if !self.events.wanted {
            return;
        }
        if self.events.waiting.len() >= MAX_WAITING {
            tracing::warn!("too many events wait for the webhook sender; the oldest are dropped");
            self.events.waiting.drain(..MAX_WAITING / 2);
        }
        let at = options.stamp.unwrap_or_else(|| self.now_ms());
        let origin = Origin { source: options.change_source(), app: options.app };
        self.events.waiting.push(Event { object, id, what, at, origin });
    }

    /// An association is seen from both of its ends.
    pub(super) fn tell_linked(
        &mut self,
        pair: Pair,
        (from, to): (u64, u64),
        types: &[u32],
        removed: bool,
        options: WriteOptions,
    ) {
        if !self.events.wanted {
            return;
        }
        let back: Vec<u32> =
            types.iter().filter_map(|type_id| Some(self.links.label(pair, *type_id)?.inverse)).collect();
        for (pair, from, to, types) in [(pair, from, to, types.to_vec()), (pair.back(), to, from, back)] {
            self.tell(pair.from, from, Happened::Linked { pair, to, types, removed }, options);
        }
    }
}
