//! A clock that stands still, a provider that rotates, and a store that can fail.
#![allow(dead_code, unreachable_pub, reason = "shared by test binaries that each use a part")]
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

pub mod vaults;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sync_auth::{
    AccessToken, AuthError, AuthStrategy, Authenticator, DeadGrant, ExposeSecret, Grant, MemoryTokenStore,
    StoredToken, TokenRequest, TokenStore, TokenStoreError,
};
use sync_core::{Clock, ConnectionKey, EndCause, Jitter};
use tokio::sync::Semaphore;

/// Moves only when told.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<DateTime<Utc>>>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new("2026-01-02T10:00:00Z".parse().unwrap())))
    }
}

impl ManualClock {
    pub fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Chance that always says the same.
pub struct NoJitter;

impl Jitter for NoJitter {
    fn fraction(&self) -> f64 {
        0.0
    }
}

/// A provider with single-use refresh tokens `r0`, `r1`, … that hands out access tokens `a1`, `a2`, …
#[derive(Clone)]
pub struct Rotating(Arc<RotatingState>);

struct RotatingState {
    exchanges: AtomicUsize,
    valid: Mutex<usize>,
    lifetime: Option<i64>,
    failures: Mutex<VecDeque<AuthError>>,
    gate: Semaphore,
    before_refusal: Mutex<Option<StoredToken>>,
    store: TestStore,
}

impl Rotating {
    pub fn new(store: &TestStore, lifetime: Option<i64>) -> Self {
        Self(Arc::new(RotatingState {
            exchanges: AtomicUsize::new(0),
            valid: Mutex::new(0),
            lifetime,
            failures: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            before_refusal: Mutex::default(),
            store: store.clone(),
        }))
    }

    pub fn exchanges(&self) -> usize {
        self.0.exchanges.load(Ordering::SeqCst)
    }

    /// The next exchanges fail like this, one by one.
    pub fn fail_next(&self, error: AuthError) {
        self.0.failures.lock().unwrap().push_back(error);
    }

    /// Every exchange waits until `open`.
    pub fn close(&self) {
        self.0.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn open(&self) {
        self.0.gate.add_permits(1000);
    }

    /// Another process spends the refresh token `r{n}`, and saves `token` just before our refusal arrives.
    pub fn overtaken(&self, n: usize, token: StoredToken) {
        *self.0.valid.lock().unwrap() = n;
        *self.0.before_refusal.lock().unwrap() = Some(token);
    }
}

#[async_trait]
impl AuthStrategy for Rotating {
    fn name(&self) -> &'static str {
        "rotating"
    }

    async fn obtain(&self, request: &TokenRequest) -> Result<Grant, AuthError> {
        let presented = request.refresh_token.as_ref().unwrap().expose_secret().to_owned();
        self.0.exchanges.fetch_add(1, Ordering::SeqCst);
        self.0.gate.acquire().await.unwrap().forget();
        if let Some(error) = self.0.failures.lock().unwrap().pop_front() {
            return Err(error);
        }
        if presented != format!("r{}", *self.0.valid.lock().unwrap()) {
            let saved_by_other = self.0.before_refusal.lock().unwrap().take();
            if let Some(token) = saved_by_other {
                self.0.store.inner.save(&connection(), &token).await.unwrap();
            }
            return Err(dead());
        }
        let next = {
            let mut valid = self.0.valid.lock().unwrap();
            *valid += 1;
            *valid
        };
        Ok(Grant {
            access: access(&format!("a{next}"), request.now, self.0.lifetime),
            refresh_token: Some(format!("r{next}").into()),
        })
    }
}

/// Memory whose `save` can be made to fail.
#[derive(Clone, Default)]
pub struct TestStore {
    pub inner: MemoryTokenStore,
    pub refuses_to_save: Arc<AtomicBool>,
}

#[async_trait]
impl TokenStore for TestStore {
    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredToken>, TokenStoreError> {
        self.inner.load(key).await
    }

    async fn save(&self, key: &ConnectionKey, token: &StoredToken) -> Result<(), TokenStoreError> {
        if self.refuses_to_save.load(Ordering::SeqCst) {
            return Err(TokenStoreError::new("disk full"));
        }
        self.inner.save(key, token).await
    }
}

/// Everything a test of one connection needs.
pub struct World {
    pub clock: ManualClock,
    pub store: TestStore,
    pub provider: Rotating,
    pub auth: Authenticator,
}

impl World {
    /// A connected account whose access tokens last `lifetime` seconds.
    pub async fn connected(lifetime: Option<i64>) -> Self {
        let store = TestStore::default();
        store.save(&connection(), &StoredToken::from_refresh_token("r0".into())).await.unwrap();
        let provider = Rotating::new(&store, lifetime);
        let clock = ManualClock::default();
        let auth = authenticator(&provider, &store, &clock);
        Self { clock, store, provider, auth }
    }

    /// The same connection in another process.
    pub fn other_process(&self) -> Authenticator {
        authenticator(&self.provider, &self.store, &self.clock)
    }

    pub async fn stored(&self) -> StoredToken {
        self.store.load(&connection()).await.unwrap().unwrap()
    }
}

fn authenticator(provider: &Rotating, store: &TestStore, clock: &ManualClock) -> Authenticator {
    Authenticator::builder(connection(), provider.clone(), store.clone())
        .clock(Arc::new(clock.clone()))
        .jitter(Arc::new(NoJitter))
        .build()
}

pub fn connection() -> ConnectionKey {
    "acme".into()
}

pub fn access(secret: &str, issued_at: DateTime<Utc>, lifetime: Option<i64>) -> AccessToken {
    let expires_at = lifetime.map(|seconds| issued_at + TimeDelta::seconds(seconds));
    AccessToken { secret: secret.into(), instance_url: None, issued_at, expires_at }
}

pub fn text(token: &AccessToken) -> &str {
    token.secret.expose_secret()
}

pub fn refresh_text(stored: &StoredToken) -> &str {
    stored.refresh_token.as_ref().unwrap().expose_secret()
}

pub fn dead() -> AuthError {
    let since = ManualClock::default().now();
    AuthError::NeedsReauthorisation {
        grant: DeadGrant { cause: EndCause::Revoked, code: "invalid_grant".into(), detail: None, since },
    }
}

pub fn transient() -> AuthError {
    AuthError::Transient { what: "no connection".into(), source: None }
}
