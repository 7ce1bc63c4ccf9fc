//! A source that yields what it is told.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use sync_core::{Change, ChangeSource, ChangeStream, Cursor, SourceError, Subscription};

/// Yields given changes in order, and fails on request: a run's input, written down.
///
/// Started from a cursor, it goes on after the last change that carries it. A cursor that no change carries is
/// [`SourceError::BadCursor`].
pub struct ScriptedSource<T> {
    changes: Arc<[Change<T>]>,
    failure: Mutex<Option<(usize, SourceError)>>,
}

impl<T: Clone> ScriptedSource<T> {
    /// A source of these changes. Give each its cursor with [`Change::at`], or let [`numbered`](Self::numbered) do so.
    pub fn new(changes: impl IntoIterator<Item = Change<T>>) -> Self {
        Self { changes: changes.into_iter().collect(), failure: Mutex::new(None) }
    }

    /// A source of these changes, their cursors numbered from 1.
    pub fn numbered(changes: impl IntoIterator<Item = Change<T>>) -> Self {
        Self::new((1..).zip(changes).map(|(n, change): (u64, _)| change.at(Cursor::new(n.to_string()))))
    }

    /// Lets the next stream fail once it has yielded `n_changes`, or at its end when it has fewer. Streams after
    /// that one are whole again.
    #[must_use]
    pub fn failing_after(self, n_changes: usize, error: SourceError) -> Self {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some((n_changes, error));
        self
    }
}

impl<T: Clone + Send + Sync + 'static> ChangeSource<T> for ScriptedSource<T> {
    fn label(&self) -> String {
        "scripted".to_owned()
    }

    fn list_changes(&self, _subscription: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        let start = match cursor {
            None => 0,
            Some(cursor) => {
                match self.changes.iter().rposition(|change| change.cursor.as_ref() == Some(cursor)) {
                    Some(last) => last + 1,
                    None => {
                        let reason = "no change of the script carries it".to_owned();
                        let error = SourceError::BadCursor { source_label: self.label(), reason };
                        return stream::iter([Err(error)]).boxed();
                    }
                }
            }
        };
        let (length, error) = match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some((n_changes, error)) => (n_changes, Some(error)),
            None => (usize::MAX, None),
        };
        let changes = Arc::clone(&self.changes);
        let yielded = (start..changes.len()).take(length).map(move |n| Ok(changes[n].clone()));
        stream::iter(yielded.chain(error.map(Err))).boxed()
    }
}
