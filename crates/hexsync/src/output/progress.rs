//! How long work is going: bars on a terminal, plain lines elsewhere, both on standard error.

use std::io::IsTerminal;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sync_wiring::core::{Counts, RunObserver};

use super::{duration, thousands};

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// All bars of the process; lines of logs go around them.
static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// Prints a line on standard error without tearing a bar apart.
pub(crate) fn println(text: &str) {
    BARS.suspend(|| eprintln!("{text}"));
}

/// Makes tasks whose progress is shown.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    mode: Mode,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Bars,
    Lines,
    Silent,
}

impl Progress {
    /// Bars on a terminal, lines elsewhere; nothing when `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let mode = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        Self { mode }
    }

    /// Whether nothing is shown.
    pub(crate) fn is_silent(self) -> bool {
        self.mode == Mode::Silent
    }

    /// Starts showing a piece of work under a name, of `total` steps where that is known.
    pub(crate) fn task(self, name: impl Into<String>, total: Option<u64>) -> Arc<Task> {
        let name = name.into();
        let bar = (self.mode == Mode::Bars).then(|| bar(&name, total));
        let pace = Mutex::new(Instant::now());
        Arc::new(Task { mode: self.mode, name, bar, started: Instant::now(), pace })
    }
}

fn bar(name: &str, total: Option<u64>) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    let template = match total {
        Some(_) => "{prefix:40} {bar:20} {human_pos}/{human_len} {wide_msg}",
        None => "{prefix:40} {spinner} {wide_msg}",
    };
    // The templates are constants; a wrong one would only lose the looks.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = BARS.add(bar.with_style(style).with_prefix(name.to_owned()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A piece of work whose progress is shown. Give it to a run as its observer.
pub(crate) struct Task {
    mode: Mode,
    name: String,
    bar: Option<ProgressBar>,
    started: Instant,
    /// When the last line was printed.
    pace: Mutex<Instant>,
}

impl Task {
    /// Says how it stands.
    pub(crate) fn say(&self, position: u64, text: impl Into<String>) {
        let text = text.into();
        match &self.bar {
            Some(bar) => {
                bar.set_position(position);
                bar.set_message(text);
            }
            None if self.mode == Mode::Lines && self.is_due() => println(&format!("{}: {text}", self.name)),
            None => {}
        }
    }

    /// Ends it with a last word, which stays.
    pub(crate) fn finish(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            BARS.remove(bar);
        }
        if self.mode != Mode::Silent {
            println(&format!("{}: {text}", self.name));
        }
    }

    fn is_due(&self) -> bool {
        // A poisoned lock holds an instant all the same.
        let mut last = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.elapsed() >= LINE_EVERY;
        if due {
            *last = Instant::now();
        }
        due
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // Work that ended by an error leaves no bar behind.
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            BARS.remove(bar);
        }
    }
}

impl RunObserver for Task {
    fn batch_committed(&self, counts: &Counts) {
        let elapsed = self.started.elapsed();
        let rate = counts.found as f64 / elapsed.as_secs_f64().max(0.001);
        let mut text = format!(
            "{} read, {} applied, {}/s, {}",
            thousands(counts.found),
            thousands(counts.applied()),
            thousands(rate as u64),
            duration(elapsed)
        );
        if counts.parked > 0 {
            text.push_str(&format!(", {} parked", thousands(counts.parked)));
        }
        self.say(counts.found, text);
    }
}
