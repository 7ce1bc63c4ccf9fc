//! A NATS server of our own, with JetStream.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::run_folder::RunFolder;
use super::server::Server;
use crate::process;

/// Looks on `PATH` and where packages put the server.
pub(crate) fn find() -> Option<PathBuf> {
    let mut folders = process::path_folders();
    folders.extend(["/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    Some(process::folder_with(&folders, &["nats-server"])?.join("nats-server"))
}

/// Starts a server that keeps its streams in the folder of this run; gives its URL.
pub(crate) fn start(program: &Path, folder: &RunFolder) -> Result<(Server, String)> {
    let data = folder.path().join("nats");
    std::fs::create_dir(&data).with_context(|| format!("creating {}", data.display()))?;
    let (server, port) = Server::start(
        "nats",
        folder,
        |port| {
            let mut nats = Command::new(program);
            nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"])
                .arg(&data);
            (nats, format!("--port {port}"))
        },
        |port| answers(port).is_ok_and(|answers| answers),
    )?;
    Ok((server, format!("nats://127.0.0.1:{port}")))
}

/// The server introduces itself, with whether it has JetStream, and answers a ping.
fn answers(port: u16) -> std::io::Result<bool> {
    let patience = Duration::from_millis(500);
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    let mut lines = BufReader::new(&stream);
    let mut info = String::new();
    lines.read_line(&mut info)?;
    (&stream).write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")?;
    let mut answer = String::new();
    lines.read_line(&mut answer)?;
    Ok(info.contains("\"jetstream\":true") && answer.trim_end() == "PONG")
}
