//! A Redis of our own, or its fork Valkey, which some distributions ship in its place.

use std::io::{Read as _, Write as _};
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
    ["redis-server", "valkey-server"]
        .into_iter()
        .find_map(|program| Some(process::folder_with(&folders, &[program])?.join(program)))
}

/// Starts a server that writes nothing to disk; gives its URL.
pub(crate) fn start(program: &Path, folder: &RunFolder) -> Result<(Server, String)> {
    let data = folder.path().join("redis");
    std::fs::create_dir(&data).with_context(|| format!("creating {}", data.display()))?;
    let (server, port) = Server::start(
        "redis",
        folder,
        |port| {
            let mut redis = Command::new(program);
            redis.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
            redis.args(["--appendonly", "no", "--daemonize", "no", "--dir"]).arg(&data);
            // Redis rewrites its command line to this.
            (redis, format!("127.0.0.1:{port}"))
        },
        |port| answers(port).is_ok_and(|answers| answers),
    )?;
    Ok((server, format!("redis://127.0.0.1:{port}/")))
}

fn answers(port: u16) -> std::io::Result<bool> {
    let patience = Duration::from_millis(500);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"+PONG")
}
