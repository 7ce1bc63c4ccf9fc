//! A store with keys of its own, behind a proxy that counts requests and can lose or cut connections.

#![allow(dead_code, reason = "each test program uses its own part")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test, and says where")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// The server for tests, when there is one.
pub(crate) fn server() -> Option<Url> {
    let url = std::env::var("HEXSYNC_TEST_REDIS_URL").ok()?;
    Some(url.parse().expect("HEXSYNC_TEST_REDIS_URL is a url"))
}

/// The server for a test that is no contract case; says so where there is none.
pub(crate) fn server_or_skip() -> Option<Url> {
    let server = server();
    if server.is_none() {
        let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|set| set == "1");
        assert!(!required, "HEXSYNC_TEST_REDIS_URL is not set");
        println!("skipped: HEXSYNC_TEST_REDIS_URL is not set");
    }
    server
}

/// Listens on the loopback interface until the test's runtime ends.
pub(crate) struct Proxy {
    port: u16,
    requests: Arc<AtomicU64>,
    /// Over connections made before this many losses nothing passes any more.
    losses: Arc<AtomicU64>,
    /// Whether connections are let through; a change to `false` ends those there are.
    open: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn start(server: &Url) -> Self {
        let target = (server.host_str().unwrap_or("127.0.0.1").to_owned(), server.port().unwrap_or(6379));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, losses) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let open = watch::Sender::new(true);
        let (counter, lost, mut gate) = (Arc::clone(&requests), Arc::clone(&losses), open.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !*gate.borrow_and_update() {
                    continue;
                }
                let server = TcpStream::connect((target.0.as_str(), target.1)).await.unwrap();
                let (from_client, mut to_client) = client.into_split();
                let (mut from_server, to_server) = server.into_split();
                let (counter, lost, mut gate) = (Arc::clone(&counter), Arc::clone(&lost), gate.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        _ = gate.wait_for(|open| !open) => {}
                        _ = forward(from_client, to_server, &counter, &lost) => {}
                        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                    }
                });
            }
        });
        Self { port, requests, losses, open }
    }

    /// The server's url by way of this proxy.
    pub(crate) fn url(&self, server: &Url) -> String {
        let mut url = server.clone();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }

    /// How many commands have passed.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// From now on nothing passes over the connections there are, and nobody is told; new ones are sound.
    pub(crate) fn lose_connections(&self) {
        self.losses.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends every connection; while it is cut, new ones end at once.
    pub(crate) fn cut(&self, cut: bool) {
        self.open.send_replace(!cut);
    }
}

/// Passes on whole commands: `*n`, then `n` times `$length` and as many bytes, each line with CR and LF.
async fn forward(
    from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    requests: &AtomicU64,
    losses: &AtomicU64,
) -> std::io::Result<()> {
    let mut from = BufReader::new(from);
    let before = losses.load(Ordering::SeqCst);
    loop {
        let mut command = Vec::new();
        let parts = length(&mut from, &mut command).await?;
        for _ in 0..parts {
            let length = length(&mut from, &mut command).await?;
            let start = command.len();
            command.resize(start + length + 2, 0);
            from.read_exact(&mut command[start..]).await?;
        }
        if losses.load(Ordering::SeqCst) > before {
            std::future::pending::<()>().await;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        to.write_all(&command).await?;
    }
}

/// Reads a line that is a sign and a number.
async fn length(from: &mut BufReader<OwnedReadHalf>, command: &mut Vec<u8>) -> std::io::Result<usize> {
    let start = command.len();
    if from.read_until(b'\n', command).await? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let line = std::str::from_utf8(&command[start + 1..]).unwrap();
    Ok(line.trim_end().parse().unwrap())
}
