//! The tasks behind the server, each to work for as long as the program serves.

use serde::Serialize;
use tokio::task::{AbortHandle, JoinHandle};

/// A task that works until it is told that it may end. One that ended sooner panicked.
pub(super) struct Part {
    task: JoinHandle<()>,
    /// Whether it was seen to end; a task must not be awaited again.
    ended: bool,
}

/// Tells how a [`Part`] is.
#[derive(Clone)]
pub(super) struct Pulse(AbortHandle);

/// How a part is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It works.
    Ok,
    /// It is gone, and nobody does its work.
    Ended,
}

impl Part {
    pub(super) fn new(task: JoinHandle<()>) -> Self {
        Self { task, ended: false }
    }

    pub(super) fn pulse(&self) -> Pulse {
        Pulse(self.task.abort_handle())
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&mut self) {
        if !self.ended {
            // A panic was reported when it happened.
            let _ = (&mut self.task).await;
            self.ended = true;
        }
    }
}

impl Pulse {
    pub(super) fn state(&self) -> State {
        if self.0.is_finished() { State::Ended } else { State::Ok }
    }

    #[cfg(test)]
    pub(super) fn stop(&self) {
        self.0.abort();
    }
}
