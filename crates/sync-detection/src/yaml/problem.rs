//! What is wrong with a file, and how that is shown.

use std::fmt;
use std::path::{Path, PathBuf};

/// More than these are counted and not listed: whoever reads the first hundred starts over anyway.
const MOST_LISTED: usize = 100;
/// Characters of a line that are shown.
const WINDOW: usize = 100;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are marked, at least 1.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// Where something stands in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) length: usize,
}

/// Where a file begins.
pub(super) const START: Position = Position { line: 1, column: 1, length: 1 };

/// Every mistake of a file, in the order of its lines.
///
/// `Display` shows each with its line, a mark below it and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    path: PathBuf,
    list: Vec<Problem>,
    /// The text of each problem's line, cut to a window, and where the window starts.
    excerpts: Vec<(String, usize)>,
    n_unlisted: usize,
}

impl Problems {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first hundred, in the order of the file.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// How many more there are.
    #[must_use]
    pub const fn n_unlisted(&self) -> usize {
        self.n_unlisted
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (problem, (excerpt, start)) in self.list.iter().zip(&self.excerpts) {
            let Problem { line, column, message, .. } = problem;
            let gutter = line.to_string().len();
            writeln!(f, "error: {message}")?;
            writeln!(f, "{:gutter$}--> {}:{line}:{column}", "", self.path.display())?;
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(f, "{line} | {excerpt}")?;
            let before = column.saturating_sub(1 + start);
            let marks = problem.length.min(excerpt.chars().count().saturating_sub(before)).max(1);
            writeln!(f, "{:gutter$} | {:before$}{}", "", "", "^".repeat(marks))?;
            if let Some(help) = &problem.help {
                writeln!(f, "{:gutter$} = help: {help}", "")?;
            }
            writeln!(f)?;
        }
        let n = self.list.len() + self.n_unlisted;
        let unlisted = match self.n_unlisted {
            0 => String::new(),
            n => format!(", {n} of them not shown"),
        };
        write!(f, "{}: {n} mistake{}{unlisted}", self.path.display(), if n == 1 { "" } else { "s" })
    }
}

/// Mistakes as they are found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Problem>,
    n_unlisted: usize,
}

impl Findings {
    pub(super) fn add(&mut self, at: Position, message: impl Into<String>, help: impl Into<Help>) {
        if self.list.len() == MOST_LISTED {
            self.n_unlisted += 1;
            return;
        }
        let Position { line, column, length } = at;
        let (message, help) = (message.into(), help.into().0);
        self.list.push(Problem { line, column, length: length.max(1), message, help });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn into_problems(mut self, path: &Path, text: &str) -> Problems {
        self.list.sort_by_key(|problem| (problem.line, problem.column));
        let mut lines = text.lines().enumerate();
        let mut at = None;
        let mut excerpts = Vec::with_capacity(self.list.len());
        for problem in &self.list {
            if at.is_none_or(|(n, _)| n + 1 != problem.line) {
                at = lines.find(|(n, _)| n + 1 == problem.line);
            }
            excerpts.push(excerpt(at.map_or("", |(_, line)| line), problem.column));
        }
        Problems { path: path.to_owned(), list: self.list, excerpts, n_unlisted: self.n_unlisted }
    }
}

/// What would be right, if anybody knows.
pub(super) struct Help(Option<String>);

impl From<Option<String>> for Help {
    fn from(help: Option<String>) -> Self {
        Self(help)
    }
}

impl From<String> for Help {
    fn from(help: String) -> Self {
        Self(Some(help))
    }
}

impl From<&str> for Help {
    fn from(help: &str) -> Self {
        Self(Some(help.to_owned()))
    }
}

/// The part of a line around a column, without control characters, and how much was cut off before it.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    let start = if line.chars().nth(WINDOW).is_none() { 0 } else { column.saturating_sub(WINDOW / 2) };
    let plain = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    (line.chars().skip(start).take(WINDOW).map(plain).collect::<String>().trim_end().to_owned(), start)
}
