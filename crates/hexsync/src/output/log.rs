//! Logs: on standard error, around progress bars, as much as `RUST_LOG` asks for.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::{progress, style};

/// Starts logging. Warnings and errors, unless `RUST_LOG` says otherwise; JSON lines when scripts are reading.
pub(crate) fn init(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && style::allowed())
        .with_writer(AroundBars);
    // A second start in one process is refused; the first one's logs go on.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}

/// Collects one event and prints it without tearing a bar apart.
struct AroundBars;

struct Line(Vec<u8>);

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        progress::println(String::from_utf8_lossy(&self.0).trim_end());
    }
}
