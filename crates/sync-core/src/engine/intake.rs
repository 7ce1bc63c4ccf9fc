//! Reading ahead: the next batch is fetched while the last is written (R17).

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Change, ChangeStream, SourceError};

/// Batches in the order of the stream. At most three are in memory: one being written, one waiting, one
/// being filled.
pub(super) struct Intake<T> {
    batches: mpsc::Receiver<Result<Vec<Change<T>>, SourceError>>,
    reader: JoinHandle<()>,
}

impl<T: Send + 'static> Intake<T> {
    /// Starts reading on a task of its own.
    pub(super) fn start(changes: ChangeStream<T>, batch_size: usize, linger: Duration) -> Self {
        let (sender, batches) = mpsc::channel(1);
        let reader = tokio::spawn(read(changes, batch_size, linger, sender));
        Self { batches, reader }
    }

    /// The next batch; `None` at the end of the stream. After an error there is nothing more. Dropping the
    /// future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<Vec<Change<T>>, SourceError>> {
        match self.batches.recv().await {
            Some(batch) => Some(batch),
            // A reader that ended without an error ran to the end; one that panicked must not look like it.
            None => match (&mut self.reader).await {
                Ok(()) => None,
                Err(panicked) => {
                    Some(Err(SourceError::Transient { call: "reading the source", source: panicked.into() }))
                }
            },
        }
    }
}

impl<T> Drop for Intake<T> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read<T>(
    mut changes: ChangeStream<T>,
    batch_size: usize,
    linger: Duration,
    batches: mpsc::Sender<Result<Vec<Change<T>>, SourceError>>,
) {
    loop {
        let (batch, end) = fill(&mut changes, batch_size, linger).await;
        if !batch.is_empty() && batches.send(Ok(batch)).await.is_err() {
            return;
        }
        match end {
            Some(End::Stream) => return,
            Some(End::Error(error)) => {
                // Nobody listening any more is the same as being done.
                let _ = batches.send(Err(error)).await;
                return;
            }
            None => {}
        }
    }
}

enum End {
    Stream,
    Error(SourceError),
}

/// Takes changes until the batch is full, the stream ends, or it has been silent for `linger`.
async fn fill<T>(
    changes: &mut ChangeStream<T>,
    size: usize,
    linger: Duration,
) -> (Vec<Change<T>>, Option<End>) {
    let mut batch = Vec::new();
    while batch.len() < size {
        let next = match changes.next().now_or_never() {
            Some(ready) => ready,
            None if batch.is_empty() => changes.next().await,
            None => match tokio::time::timeout(linger, changes.next()).await {
                Ok(next) => next,
                Err(_silent) => return (batch, None),
            },
        };
        match next {
            Some(Ok(change)) => batch.push(change),
            Some(Err(error)) => return (batch, Some(End::Error(error))),
            None => return (batch, Some(End::Stream)),
        }
    }
    (batch, None)
}
