//! `hexsync init`

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::config::TEMPLATE;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style};

/// Write a commented configuration. Never overwrites one.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {}

#[derive(Serialize)]
struct Written<'a> {
    written: &'a Path,
}

impl Report for Written<'_> {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(out, "{} {}", style.good("wrote"), self.written.display())?;
        writeln!(out, "  next: fill in the connection, set its secrets, then run `hexsync migrate`")
    }
}

impl Init {
    pub(crate) fn run(self, path: &Path, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
        file.and_then(|mut file| file.write_all(TEMPLATE.as_bytes())).map_err(|error| {
            let exists = error.kind() == io::ErrorKind::AlreadyExists;
            let text = format!("writing {} failed", path.display());
            let error = CliError::new(anyhow::Error::new(error).context(text));
            if exists {
                error.next("it is left as it is; move it away, or name another by --config")
            } else {
                error
            }
        })?;
        out.show(&Written { written: path })?;
        Ok(Exit::Ok)
    }
}
