//! Stands between a store and a PostgreSQL server: counts statements, and cuts connections where it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// Where a connection is cut when a transaction is about to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server never hears the `COMMIT`.
    BeforeCommit,
    /// The server commits, and its answer is lost.
    AfterCommit,
}

/// A proxy on a free port of the loopback interface. It ends with the runtime it was started on.
#[derive(Clone)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    target: (String, u16),
    statements: AtomicU64,
    commits: AtomicU64,
    cuts: std::sync::Mutex<Vec<(u64, Cut)>>,
    n_cut: AtomicU64,
    /// Connections older than the number of the last call to [`Proxy::cut_all`] end.
    generation: watch::Sender<u64>,
    refusing: AtomicBool,
}

impl Proxy {
    /// Starts before this server.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(server: &Url) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State {
            target: (server.host_str().unwrap_or("127.0.0.1").to_owned(), server.port().unwrap_or(5432)),
            statements: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            cuts: std::sync::Mutex::default(),
            n_cut: AtomicU64::new(0),
            generation: watch::Sender::new(0),
            refusing: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !shared.refusing.load(Ordering::SeqCst) {
                    tokio::spawn(connection(client, Arc::clone(&shared)));
                }
            }
        });
        Ok(Self { port, state })
    }

    /// The server's url by way of this proxy; unencrypted, so that messages can be told apart.
    ///
    /// # Panics
    /// Never: the address fits any url.
    #[must_use]
    pub fn url(&self, server: &Url) -> Url {
        let mut url = server.clone();
        url.set_host(Some("127.0.0.1")).expect("an address is a host");
        url.set_port(Some(self.port)).expect("a server url has a port");
        url.query_pairs_mut().append_pair("sslmode", "disable");
        url
    }

    /// Statements that passed so far, `COPY` and the ends of transactions included.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.state.statements.load(Ordering::SeqCst)
    }

    /// Cuts the connection at the commit with this number from now, from 1.
    pub fn cut_at_commit(&self, number: u64, cut: Cut) {
        let number = self.state.commits.load(Ordering::SeqCst) + number;
        self.state.cuts().push((number, cut));
    }

    /// How many commits were cut.
    #[must_use]
    pub fn commits_cut(&self) -> u64 {
        self.state.n_cut.load(Ordering::SeqCst)
    }

    /// Cuts every connection there is.
    pub fn cut_all(&self) {
        self.state.generation.send_modify(|generation| *generation += 1);
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refusing: bool) {
        self.state.refusing.store(refusing, Ordering::SeqCst);
    }
}

impl State {
    fn cuts(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Cut)>> {
        self.cuts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What becomes of the commit that has just arrived.
    fn commit_arrives(&self) -> Option<Cut> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        let mut cuts = self.cuts();
        let position = cuts.iter().position(|(at, _)| *at == number)?;
        self.n_cut.fetch_add(1, Ordering::SeqCst);
        Some(cuts.swap_remove(position).1)
    }
}

/// Passes bytes both ways until one side ends; dropping the halves closes both.
async fn connection(client: TcpStream, state: Arc<State>) {
    let Ok(server) = TcpStream::connect((state.target.0.as_str(), state.target.1)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let mut generation = state.generation.subscribe();
    let born = *generation.borrow_and_update();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let deaf = AtomicBool::new(false);
    tokio::select! {
        _ = requests(from_client, to_server, &state, &deaf) => {}
        _ = answers(from_server, to_client, &deaf) => {}
        _ = generation.wait_for(|now| *now > born) => {}
    }
}

/// Whole messages from the client: after a first one without a type, each is a type, a length (its own four bytes
/// included) and a body. A statement is a simple `Query` or an `Execute`.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    deaf: &AtomicBool,
) -> std::io::Result<()> {
    let mut message = vec![0; 4];
    from.read_exact(&mut message).await?;
    loop {
        let header = message.len();
        let length = u32::from_be_bytes([
            message[header - 4],
            message[header - 3],
            message[header - 2],
            message[header - 1],
        ]);
        message.resize(header + (length as usize).saturating_sub(4), 0);
        from.read_exact(&mut message[header..]).await?;
        if header == 5 && matches!(message[0], b'Q' | b'E') {
            state.statements.fetch_add(1, Ordering::SeqCst);
        }
        if header == 5 && message[0] == b'Q' && message[5..].to_ascii_lowercase().starts_with(b"commit") {
            match state.commit_arrives() {
                Some(Cut::BeforeCommit) => return Ok(()),
                Some(Cut::AfterCommit) => deaf.store(true, Ordering::SeqCst),
                None => {}
            }
        }
        to.write_all(&message).await?;
        message.resize(5, 0);
        from.read_exact(&mut message).await?;
    }
}

/// Answers of the server. Once `deaf`, the first one ends the connection instead of being passed on.
async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, deaf: &AtomicBool) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let n = from.read(&mut bytes).await?;
        if n == 0 || deaf.load(Ordering::SeqCst) {
            return Ok(());
        }
        to.write_all(&bytes[..n]).await?;
    }
}
