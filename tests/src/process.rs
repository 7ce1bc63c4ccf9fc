//! Workers as child processes: started, killed by their id, always reaped.

use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::worker::Task;

/// A running worker. Dropping it kills it.
pub struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts the program on a task.
    ///
    /// # Panics
    /// When the program can't be started.
    #[must_use]
    pub fn start(program: &str, task: &Task) -> Self {
        let task = serde_json::to_string(task).expect("a task is plain data");
        let mut child = Command::new(program)
            .arg(task)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the worker can be started");
        let output = child.stdout.take().expect("its output is piped");
        Self { child, lines: BufReader::new(output).lines() }
    }

    /// Waits until it is about to start its first run.
    ///
    /// # Panics
    /// When it ends before that.
    pub async fn ready(&mut self) {
        let line = self.lines.next_line().await.expect("its output can be read");
        assert_eq!(line.as_deref(), Some("ready"), "a worker's first words");
    }

    /// Kills it without a warning (SIGKILL). Answers whether it was still at work.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn kill(mut self) -> bool {
        let at_work = self.child.try_wait().expect("a child can be asked").is_none();
        if at_work {
            self.child.kill().await.expect("a child can be killed");
        }
        at_work
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn end(mut self) -> ExitStatus {
        while let Ok(Some(line)) = self.lines.next_line().await {
            if line != "done" {
                println!("worker: {line}");
            }
        }
        self.child.wait().await.expect("a child can be waited for")
    }
}
