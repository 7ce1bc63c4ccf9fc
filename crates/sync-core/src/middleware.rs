//! Wrapping a source.

use std::sync::Arc;

use crate::{ChangeSource, ChangeStream, Cursor, Subscription};

/// A wrapper around a source's stream: to filter, enrich, count or slow down.
///
/// To leave a change out, replace its payload by [`Payload::Skip`](crate::Payload::Skip) rather than dropping
/// it: the audit then tells why, and the cursor still moves.
pub trait ChangeMiddleware<T>: Send + Sync {
    /// Wraps one stream.
    fn wrap(&self, subscription: &Subscription, changes: ChangeStream<T>) -> ChangeStream<T>;
}

/// A source with middleware around it; the first is the outermost, so it sees a change last.
pub struct LayeredSource<T> {
    source: Arc<dyn ChangeSource<T>>,
    middleware: Vec<Arc<dyn ChangeMiddleware<T>>>,
}

impl<T: Send + Sync + 'static> LayeredSource<T> {
    /// Puts `middleware` around `source`.
    #[must_use]
    pub fn new(source: Arc<dyn ChangeSource<T>>, middleware: Vec<Arc<dyn ChangeMiddleware<T>>>) -> Self {
        Self { source, middleware }
    }
}

impl<T: Send + Sync + 'static> ChangeSource<T> for LayeredSource<T> {
    fn label(&self) -> String {
        self.source.label()
    }

    fn list_changes(&self, subscription: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        let innermost = self.source.list_changes(subscription, cursor);
        self.middleware.iter().rev().fold(innermost, |changes, layer| layer.wrap(subscription, changes))
    }
}
