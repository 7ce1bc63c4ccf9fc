//! A connection whose tokens are counted, chance that is always zero, and a server that answers byte by byte.
#![allow(dead_code, unreachable_pub, reason = "shared by test binaries that each use a part")]
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use provider_http::{HttpClient, HttpClientBuilder};
use sync_auth::{AccessToken, AuthError, AuthStrategy, Authenticator, Grant, MemoryTokenStore, TokenRequest};
use sync_core::Jitter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

/// No chance, no backoff: tests of the wire never wait.
pub struct NoJitter;

impl Jitter for NoJitter {
    fn fraction(&self) -> f64 {
        0.0
    }
}

/// Hands out `s3cr3t-1`, `s3cr3t-2`, … for one server.
#[derive(Clone)]
pub struct Tokens {
    pub instance_url: Option<Url>,
    pub made: Arc<AtomicUsize>,
}

impl Tokens {
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl AuthStrategy for Tokens {
    fn name(&self) -> &'static str {
        "counted"
    }

    async fn obtain(&self, request: &TokenRequest) -> Result<Grant, AuthError> {
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let access = AccessToken {
            secret: format!("s3cr3t-{number}").into(),
            instance_url: self.instance_url.clone(),
            issued_at: request.now,
            expires_at: None,
        };
        Ok(Grant { access, refresh_token: None })
    }
}

pub fn tokens(server: &str) -> Tokens {
    Tokens { instance_url: Some(server.parse().unwrap()), made: Arc::default() }
}

pub fn authenticator(tokens: &Tokens) -> Authenticator {
    Authenticator::new("acme".into(), tokens.clone(), MemoryTokenStore::default())
}

pub fn builder(tokens: &Tokens) -> HttpClientBuilder {
    HttpClient::builder(authenticator(tokens)).jitter(Arc::new(NoJitter))
}

pub fn client(server: &str) -> HttpClient {
    builder(&tokens(server)).build().unwrap()
}

/// A server that gives each connection one of these answers, closes it, and counts them.
pub struct RawServer {
    pub uri: String,
    served: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl RawServer {
    pub async fn start(answers: Vec<&'static [u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let task = tokio::spawn(async move {
            for answer in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 16 * 1024];
                let _ = connection.read(&mut request).await;
                count.fetch_add(1, Ordering::SeqCst);
                let _ = connection.write_all(answer).await;
                let _ = connection.shutdown().await;
            }
        });
        Self { uri, served, task }
    }

    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
