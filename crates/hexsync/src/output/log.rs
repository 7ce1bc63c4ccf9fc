//! Logs: on standard error, around progress bars, as much as `RUST_LOG` asks for.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{progress, style};

/// Starts logging. Warnings and errors, unless `RUST_LOG` says otherwise (`debug`, or `warn,sync_core=trace`);
/// JSON lines when scripts are reading.
pub(crate) fn init(json: bool) {
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal() && style::allowed())
        .with_writer(AroundBars);
    let logs = tracing_subscriber::registry();
    // A second start in one process is refused; the first one's logs go on.
    let _ = if json {
        logs.with(layer.json().with_filter(wanted())).try_init()
    } else {
        logs.with(layer.with_filter(wanted())).try_init()
    };
}

/// What `RUST_LOG` asks for.
fn wanted() -> Targets {
    let asked = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let quiet = || Targets::new().with_default(LevelFilter::WARN);
    asked.map_or_else(quiet, |text| {
        text.parse().unwrap_or_else(|_| {
            progress::println(
                "RUST_LOG is not understood and ignored; write `debug`, or `warn,sync_core=trace`",
            );
            quiet()
        })
    })
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
