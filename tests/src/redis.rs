//! A Redis server of a test's own, which can be killed, started again and flushed, and a proxy that makes it slow.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::store::skipped;

/// A server on a port of its own, which keeps nothing on disk. Dropping it kills it.
pub struct RedisServer {
    program: &'static str,
    folder: TempDir,
    port: u16,
    child: Mutex<Option<Child>>,
}

impl RedisServer {
    /// Starts one; `None`, with a line that says so, when this machine lacks the program.
    ///
    /// # Panics
    /// When it is there and can't be started.
    #[must_use]
    pub fn start() -> Option<Self> {
        let is_there = |program: &&str| {
            let asked = Command::new(program).arg("--version").stdout(Stdio::null()).status();
            asked.is_ok_and(|status| status.success())
        };
        let Some(program) = ["redis-server", "valkey-server"].into_iter().find(is_there) else {
            skipped("there is no redis-server");
            return None;
        };
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = free.expect("a port is free").port();
        let folder = tempfile::tempdir().expect("a folder can be made");
        let server = Self { program, folder, port, child: Mutex::default() };
        server.restart();
        Some(server)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends it without a warning (SIGKILL).
    ///
    /// # Panics
    /// When the system refuses.
    pub fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
        }
    }

    /// Starts it on the same port, empty; returns once it answers.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn restart(&self) {
        self.kill();
        let mut redis = Command::new(self.program);
        redis.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""]);
        redis.args(["--appendonly", "no", "--daemonize", "no", "--dir"]).arg(self.folder.path());
        let child = redis.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        *self.child() = Some(child.expect("the server can be started"));
        for _ in 0..600 {
            if self.say("PING").is_ok_and(|answer| answer.starts_with("+PONG")) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{} does not answer on port {}", self.program, self.port);
    }

    /// Forgets everything.
    ///
    /// # Panics
    /// When it does not.
    pub fn flush(&self) {
        assert_eq!(self.say("FLUSHALL").expect("it answers"), "+OK\r\n");
    }

    /// How many keys it holds.
    ///
    /// # Panics
    /// When it does not say.
    #[must_use]
    pub fn n_keys(&self) -> usize {
        let answer = self.say("DBSIZE").expect("it answers");
        answer.trim_start_matches(':').trim_end().parse().expect("a number")
    }

    /// Says one command and hears one short answer.
    fn say(&self, command: &str) -> std::io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 64];
        let n = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..n]).into_owned())
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Stands before a server and lets each of its answers wait. It ends with the runtime it was started on.
pub struct Slow {
    port: u16,
    ms: Arc<AtomicU64>,
}

impl Slow {
    /// Starts before this server, without delay.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(server: &RedisServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let (target, ms) = (server.port, Arc::new(AtomicU64::new(0)));
        let shared = Arc::clone(&ms);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target, Arc::clone(&shared)));
            }
        });
        Self { port, ms }
    }

    /// The server's address by way of this.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// From now on each answer waits for so long.
    ///
    /// # Panics
    /// When that is longer than any test.
    pub fn delay(&self, by: Duration) {
        self.ms.store(by.as_millis().try_into().expect("a short time"), Ordering::SeqCst);
    }
}

async fn pass(client: tokio::net::TcpStream, target: u16, ms: Arc<AtomicU64>) {
    let Ok(server) = tokio::net::TcpStream::connect(("127.0.0.1", target)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let n = from_server.read(&mut bytes).await?;
            if n == 0 {
                return std::io::Result::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(ms.load(Ordering::SeqCst))).await;
            to_client.write_all(&bytes[..n]).await?;
        }
    };
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = answers => {}
    }
}
