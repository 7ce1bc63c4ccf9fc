//! What is wrong with a configuration, and how it is told.

use std::fmt;
use std::path::PathBuf;

/// One problem, at a place of the file. Values are never quoted: they may be misplaced secrets.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Problem {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// What is wrong.
    pub(crate) message: String,
    /// What is allowed, or what to do.
    pub(crate) help: Option<String>,
}

/// The configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file can't be read.
    #[error("the configuration {} can't be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file has problems.
    #[error("{}", Listing { path, problems })]
    Wrong {
        /// Which.
        path: PathBuf,
        /// All that were found, in the order of the file.
        problems: Vec<Problem>,
    },
}

struct Listing<'a> {
    path: &'a PathBuf,
    problems: &'a [Problem],
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.problems.len() {
            1 => write!(f, "the configuration has a problem")?,
            n => write!(f, "the configuration has {n} problems")?,
        }
        for problem in self.problems {
            write!(f, "\n  {path}:{}:{}: {}", problem.line, problem.column, problem.message)?;
            if let Some(help) = &problem.help {
                write!(f, "\n    {help}")?;
            }
        }
        Ok(())
    }
}
