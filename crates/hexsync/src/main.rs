#![doc = include_str!("../README.md")]

mod app;
mod cli;
mod config;
mod error;
mod exit;
mod generated;
mod output;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use exit::Exit;
use output::{Out, Progress, Style};

// Batches of records come and go in small pieces; this allocator gives their memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::init_logs(cli.json);
    // Refused only when a provider was chosen before; then that one serves.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the program's threads can't be started: {error}");
            return Exit::Failure.into();
        }
    };
    let json = cli.json;
    let mut stdout = std::io::stdout().lock();
    let mut out = Out::new(&mut stdout, json, Style::of_stdout(), Progress::new(cli.quiet));
    let ended = runtime.block_on(cli.run(&mut out));
    // Nothing that is still under way matters any more: what counts was committed.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        // Nobody is left to be told.
        Err(error) if error.is_broken_pipe() => Exit::Ok.into(),
        Err(error) => {
            output::note(&if json { error.to_json() } else { error.to_string() });
            error.exit.into()
        }
    }
}
