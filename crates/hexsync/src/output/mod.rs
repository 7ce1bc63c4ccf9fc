//! What the program prints: one report per command, as text for people or as JSON for scripts.
//!
//! Results go to standard output; progress, notes, logs and errors to standard error.

mod format;
mod log;
mod progress;
mod style;
mod table;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use format::{duration, instant, thousands, value};
pub(crate) use log::init as init_logs;
pub(crate) use progress::{Progress, Task};
pub(crate) use style::Style;
pub(crate) use table::{Cell, Table};

/// What a command found out.
pub(crate) trait Report: Serialize {
    /// The form for people.
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()>;
}

/// Where reports go.
pub(crate) struct Out<'w> {
    stdout: &'w mut dyn Write,
    json: bool,
    style: Style,
    progress: Progress,
}

impl<'w> Out<'w> {
    /// Prints to `stdout`, as JSON if so asked.
    pub(crate) fn new(stdout: &'w mut dyn Write, json: bool, style: Style, progress: Progress) -> Self {
        Self { stdout, json, style, progress }
    }

    /// Whether reports are printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// What shows the progress of long work.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// Prints a report: text, or one line of JSON.
    pub(crate) fn show<R: Report>(&mut self, report: &R) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *self.stdout, report)?;
            self.stdout.write_all(b"\n")?;
        } else {
            report.text(self.stdout, self.style)?;
        }
        self.stdout.flush()
    }
}

/// A remark to people, on standard error.
pub(crate) fn note(text: &str) {
    progress::println(text);
}
