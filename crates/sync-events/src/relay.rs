//! Where events are delivered to.

use std::collections::HashMap;

use async_trait::async_trait;
use sync_core::{BoxError, ConnectionId, OutboxEvent, RecordRef, TenantId};
use tokio::time::Instant;

/// Takes events on: to a stream, to handlers, to wherever.
///
/// Events of one record come in their order and have to arrive in it: after one that did not, later ones of its
/// record are not to be sent. The same event may come again, with the same id.
#[async_trait]
pub trait Relay: Send + Sync + 'static {
    /// What to call it in logs.
    fn label(&self) -> String;

    /// Delivers these. What has not begun by the deadline is not to begin; what is not done a while after it is
    /// given up, and delivered again.
    async fn deliver(&self, events: &[OutboxEvent], deadline: Instant) -> Delivery;
}

/// What became of a delivery.
#[derive(Debug)]
pub struct Delivery {
    /// One outcome per event, in order.
    pub outcomes: Vec<Outcome>,
    /// Why nothing can be delivered for now. No event is to blame: none is counted as failed, and all that were not
    /// delivered come again after a while.
    pub down: Option<BoxError>,
}

impl Delivery {
    /// All of them arrived.
    #[must_use]
    pub fn done(n_events: usize) -> Self {
        Self { outcomes: vec![Outcome::Done; n_events], down: None }
    }

    /// Nothing can be delivered for now.
    pub fn down(n_events: usize, cause: impl Into<BoxError>) -> Self {
        Self { outcomes: vec![Outcome::NotTried; n_events], down: Some(cause.into()) }
    }
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Done,
    /// It failed and may succeed later; why, without field values.
    Failed(String),
    /// It will never arrive as it is; why, without field values. It is parked at once.
    Refused(String),
    /// It was not tried.
    NotTried,
}

/// What keeps events in one order.
pub(crate) type RecordKey<'a> = (Option<&'a TenantId>, Option<&'a ConnectionId>, &'a RecordRef);

/// The places of the events of each record, in order. Events about no record stand alone.
pub(crate) fn by_record(events: &[OutboxEvent]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut of_record: HashMap<RecordKey<'_>, usize> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        let Some(record) = &event.record else {
            groups.push(vec![place]);
            continue;
        };
        let key = (event.tenant.as_ref(), event.connection.as_ref(), record);
        let group = *of_record.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(place);
    }
    groups
}
