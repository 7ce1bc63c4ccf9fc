//! Proves that processes which share a store make one exchange per expiry, and that a connection survives crashes and
//! clocks that differ whenever the provider still honours a token that anybody has.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use support::vaults::{Memory, Place, Postgres, Sqlite, tokens};
use support::*;
use sync_auth::{
    AuthError, AuthStrategy, Authenticator, ClientCredential, Crowding, RefreshToken, StoredToken,
    TokenEndpoint, TokenRequest, TokenStore, Turn, VaultTokenStore,
};
use sync_core::{
    Clock, ConnectionProfile, ConnectionStatus, ConnectionStore, EndCause, NewGrant, Sealed, UnitOfWork,
};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// A token endpoint that rotates: each refresh token is good once, and presenting a spent one ends the grant, as
/// providers do that take it for theft.
#[derive(Clone, Default)]
struct RotatingEndpoint {
    exchanges: Arc<AtomicUsize>,
    valid: Arc<Mutex<Option<usize>>>,
}

impl RotatingEndpoint {
    async fn start(&self) -> MockServer {
        *self.valid.lock().unwrap() = Some(0);
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(self.clone()).mount(&server).await;
        server
    }

    fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::SeqCst)
    }
}

impl Respond for RotatingEndpoint {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        let body = String::from_utf8(request.body.clone()).unwrap();
        let mut valid = self.valid.lock().unwrap();
        let presented = valid.filter(|n| body.contains(&format!("refresh_token=r{n}&")));
        let Some(n) = presented else {
            *valid = None;
            let refusal =
                json!({"error": "invalid_grant", "error_description": "expired access/refresh token"});
            return ResponseTemplate::new(400).set_body_json(refusal);
        };
        *valid = Some(n + 1);
        let (access, refresh) = (format!("a{}", n + 1), format!("r{}", n + 1));
        let answer = json!({"access_token": access, "refresh_token": refresh, "expires_in": 1800});
        ResponseTemplate::new(200).set_body_json(answer).set_delay(Duration::from_millis(30))
    }
}

/// A hundred workers in ten processes, over three expiries.
async fn one_exchange_per_expiry<P: Place>() {
    let Some(place) = P::fresh().await else { return };
    let provider = RotatingEndpoint::default();
    let server = provider.start().await;
    let clock = ManualClock::default();
    let first = tokens(&place.open().await);
    first.save(&connection(), &StoredToken::from_refresh_token("r0".into())).await.unwrap();
    let mut processes = Vec::new();
    for _ in 0..10 {
        let endpoint = TokenEndpoint::new(format!("{}/token", server.uri()).parse().unwrap()).unwrap();
        let strategy = RefreshToken::new(endpoint, ClientCredential::new("app", None));
        let auth = Authenticator::builder(connection(), strategy, tokens(&place.open().await));
        processes.push(auth.clock(Arc::new(clock.clone())).build());
    }
    for expiry in 1..=3 {
        let mut workers = tokio::task::JoinSet::new();
        for n in 0..100 {
            let auth = processes[n % processes.len()].clone();
            workers.spawn(async move { auth.current().await.map(|token| text(&token).to_owned()) });
        }
        for got in workers.join_all().await {
            assert_eq!(got.unwrap(), format!("a{expiry}"));
        }
        assert_eq!(provider.exchanges(), expiry);
        clock.advance(1800);
    }
}

/// INV-AUTH-2: also where every process has its own handle on the same memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundred_workers_make_one_exchange_per_expiry_in_memory() {
    one_exchange_per_expiry::<Memory>().await;
}

/// INV-AUTH-2: also where every process opens the file for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundred_workers_make_one_exchange_per_expiry_on_sqlite() {
    one_exchange_per_expiry::<Sqlite>().await;
}

/// INV-AUTH-2: also where every process has a pool of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundred_workers_make_one_exchange_per_expiry_on_postgres() {
    one_exchange_per_expiry::<Postgres>().await;
}

/// Several processes on one store, with a provider that rotates.
struct Shared {
    store: Arc<sync_memory::MemoryStore>,
    provider: Rotating,
    clock: ManualClock,
}

impl Shared {
    async fn connected(lifetime: Option<i64>) -> Self {
        let place = Memory::fresh().await.unwrap();
        let store = place.open().await;
        tokens(&store).save(&connection(), &StoredToken::from_refresh_token("r0".into())).await.unwrap();
        let provider = Rotating::new(&TestStore::default(), lifetime);
        Self { store, provider, clock: ManualClock::default() }
    }

    fn tokens(&self) -> VaultTokenStore<sync_memory::MemoryStore> {
        tokens(&self.store)
    }

    fn process(&self) -> Authenticator {
        self.process_at(&self.clock)
    }

    fn process_at(&self, clock: &ManualClock) -> Authenticator {
        Authenticator::builder(connection(), self.provider.clone(), self.tokens())
            .clock(Arc::new(clock.clone()))
            .jitter(Arc::new(NoJitter))
            .build()
    }

    async fn row(&self) -> sync_core::Connection {
        let mut tx = self.store.begin().await.unwrap();
        self.store.connection(&mut tx, &connection()).await.unwrap().unwrap()
    }

    /// A process that exchanges the present grant and dies before it can save.
    async fn crash_between_exchange_and_save(&self) {
        let tokens = self.tokens();
        let turn = tokens.take_turn(&connection(), self.clock.now()).await.unwrap();
        assert!(matches!(turn, Turn::Ours(_)));
        let refresh_token = tokens.load(&connection()).await.unwrap().unwrap().refresh_token;
        let request = TokenRequest { refresh_token, rejected: None, now: self.clock.now() };
        self.provider.obtain(&request).await.unwrap();
    }
}

#[tokio::test]
async fn lost_rotation_is_named_and_not_tried_again() {
    let shared = Shared::connected(Some(1800)).await;
    shared.crash_between_exchange_and_save().await;
    shared.clock.advance(61);
    let error = shared.process().current().await.unwrap_err();
    let AuthError::NeedsReauthorisation { grant } = error else { panic!("{error:?}") };
    assert_eq!(grant.cause, EndCause::RotationLost);
    assert!(grant.detail.unwrap().contains("2026-01-02T10:00:00Z"));
    let row = shared.row().await;
    assert_eq!((row.status, row.end.unwrap().cause), (ConnectionStatus::Dead, EndCause::RotationLost));
    // Nobody burns another call on it.
    let n_exchanges = shared.provider.exchanges();
    shared.process().current().await.unwrap_err();
    assert_eq!(shared.provider.exchanges(), n_exchanges);
}

#[tokio::test]
async fn crash_before_the_exchange_costs_nothing() {
    let shared = Shared::connected(Some(1800)).await;
    assert!(matches!(
        shared.tokens().take_turn(&connection(), shared.clock.now()).await.unwrap(),
        Turn::Ours(_)
    ));
    shared.clock.advance(61);
    assert_eq!(text(&shared.process().current().await.unwrap()), "a1");
    assert_eq!(shared.row().await.unresolved_since, None);
}

/// A clock that runs ahead makes a process take over too early. The one that was at it gets the only answer, and its
/// outcome is kept although its turn was lost.
#[tokio::test]
async fn outcome_of_an_overtaken_process_is_not_lost() {
    let shared = Shared::connected(Some(1800)).await;
    shared.provider.close();
    let slow = shared.process();
    let slow = tokio::spawn(async move { slow.current().await });
    while shared.provider.exchanges() == 0 {
        tokio::task::yield_now().await;
    }
    let ahead = ManualClock::default();
    ahead.advance(61);
    let hasty = shared.process_at(&ahead);
    let hasty_answer = tokio::spawn({
        let hasty = hasty.clone();
        async move { hasty.current().await }
    });
    while shared.provider.exchanges() < 2 {
        tokio::task::yield_now().await;
    }
    shared.provider.open();
    let (slow, hasty_answer) = (slow.await.unwrap(), hasty_answer.await.unwrap());
    let answers = [slow, hasty_answer];
    assert!(answers.iter().flatten().any(|token| text(token) == "a1"), "{answers:?}");
    // Whoever was refused finds the other's tokens.
    assert_eq!(text(&hasty.current().await.unwrap()), "a1");
    assert_eq!(shared.row().await.status, ConnectionStatus::Active);
    let stored = shared.tokens().load(&connection()).await.unwrap().unwrap();
    assert_eq!(refresh_text(&stored), "r1");
    assert_eq!(shared.provider.exchanges(), 2);
}

/// INV-AUTH-2: a process whose turn was lost, and whose grant was replaced since, keeps nothing.
#[tokio::test]
async fn new_authorisation_wins_over_an_exchange_under_way() {
    let shared = Shared::connected(Some(1800)).await;
    shared.provider.close();
    let slow = shared.process();
    let slow = tokio::spawn(async move { slow.current().await });
    while shared.provider.exchanges() == 0 {
        tokio::task::yield_now().await;
    }
    shared.tokens().save(&connection(), &StoredToken::from_refresh_token("r9".into())).await.unwrap();
    shared.provider.open();
    slow.await.unwrap().unwrap();
    let stored = shared.tokens().load(&connection()).await.unwrap().unwrap();
    assert_eq!(refresh_text(&stored), "r9");
}

/// While another process renews ahead of time, nobody waits who has a token that lasts.
#[tokio::test]
async fn renewal_ahead_of_time_by_another_process_stops_nobody() {
    let shared = Shared::connected(Some(1800)).await;
    let auth = shared.process();
    auth.current().await.unwrap();
    shared.clock.advance(1600);
    let turn = shared.tokens().take_turn(&connection(), shared.clock.now()).await.unwrap();
    assert!(matches!(turn, Turn::Ours(_)));
    let waited = tokio::time::timeout(Duration::from_secs(5), auth.current()).await;
    assert_eq!(text(&waited.unwrap().unwrap()), "a1");
    assert_eq!(shared.provider.exchanges(), 1);
}

/// A clock that jumps costs one exchange at most, forwards and backwards, and never a storm.
#[tokio::test]
async fn jumping_clock_makes_no_storm() {
    let shared = Shared::connected(Some(1800)).await;
    let (one, other) = (shared.process(), shared.process());
    one.current().await.unwrap();
    for (jump, expected) in [(86_400, 2), (-86_400, 3), (-4 * 60, 3), (10 * 86_400, 4), (0, 4)] {
        shared.clock.advance(jump);
        for _ in 0..20 {
            one.current().await.unwrap();
            other.current().await.unwrap();
        }
        assert_eq!(shared.provider.exchanges(), expected, "after a jump of {jump} s");
    }
}

/// A throttled endpoint is not left alone for ever because the clock went back.
#[tokio::test]
async fn throttling_ends_when_the_clock_goes_back() {
    let shared = Shared::connected(Some(1800)).await;
    let auth = shared.process();
    shared.clock.advance(86_400);
    shared.provider.fail_next(AuthError::Throttled { retry_after: Duration::from_secs(60) });
    auth.current().await.unwrap_err();
    shared.clock.advance(-86_400);
    assert_eq!(text(&auth.current().await.unwrap()), "a1");
}

/// An answer that never arrived leaves a doubt, which names the cause when the grant turns out to be dead.
#[tokio::test]
async fn broken_exchange_leaves_a_doubt() {
    let shared = Shared::connected(Some(1800)).await;
    let broken = AuthError::Transient { what: "no answer in time".into(), source: None };
    shared.provider.fail_next(broken);
    shared.process().current().await.unwrap_err();
    assert!(shared.row().await.unresolved_since.is_some());
    shared.provider.fail_next(dead());
    let AuthError::NeedsReauthorisation { grant } = shared.process().current().await.unwrap_err() else {
        panic!("the grant is dead")
    };
    assert_eq!(grant.cause, EndCause::RotationLost);
    // A provider that was not even reached has changed nothing.
    let shared = Shared::connected(Some(1800)).await;
    shared.provider.fail_next(transient());
    shared.process().current().await.unwrap_err();
    assert_eq!(shared.row().await.unresolved_since, None);
}

/// Where the provider is known to leave the refresh token as it is, nothing can have been lost.
#[tokio::test]
async fn doubt_means_nothing_where_tokens_do_not_rotate() {
    let shared = Shared::connected(Some(1800)).await;
    let stored = StoredToken { rotates: Some(false), ..StoredToken::from_refresh_token("r0".into()) };
    shared.tokens().save(&connection(), &stored).await.unwrap();
    assert!(matches!(
        shared.tokens().take_turn(&connection(), shared.clock.now()).await.unwrap(),
        Turn::Ours(_)
    ));
    shared.clock.advance(61);
    shared.provider.fail_next(dead());
    let AuthError::NeedsReauthorisation { grant } = shared.process().current().await.unwrap_err() else {
        panic!("the grant is dead")
    };
    assert_eq!(grant.cause, EndCause::Revoked);
}

/// The provider keeps five grants per user and app: the sixth connection of the same user kills the first, and that is
/// what its operator is told.
#[tokio::test]
async fn grant_crowded_out_by_later_ones_is_named() {
    let shared = Shared::connected(Some(1800)).await;
    let vault = support::vaults::vault();
    let granted = async |id: &str| {
        let secret = serde_json::to_vec(&json!({"refresh_token": "r0"})).unwrap();
        let sealed: Sealed = vault.seal(&id.into(), sync_auth::Purpose::Tokens, secret.into()).unwrap();
        let known = |text: &str| Some(text.to_owned());
        let grant = NewGrant {
            key: id.into(),
            provider: "suite".into(),
            profile: ConnectionProfile {
                account_id: known("org"),
                grantor_id: known("user"),
                client_id: known("app"),
                ..ConnectionProfile::default()
            },
            sealed,
            expires_at: None,
            granted_at: Some(shared.clock.now()),
            at: shared.clock.now(),
        };
        let mut tx = shared.store.begin().await.unwrap();
        shared.store.connect(&mut tx, &grant).await.unwrap();
        shared.store.commit(tx).await.unwrap();
    };
    let limited = || {
        let store = Arc::clone(&shared.store);
        VaultTokenStore::builder(store, support::vaults::vault(), "suite").grant_limit(Some(5)).build()
    };
    granted(connection().connection.as_str()).await;
    for n in 1..=4 {
        granted(&format!("later-{n}")).await;
    }
    let crowding = limited().crowding(&connection()).await.unwrap().unwrap();
    assert!(!crowding.is_over(), "{crowding:?}");
    granted("later-5").await;
    assert_eq!(limited().crowding(&connection()).await.unwrap(), Some(Crowding { limit: 5, newer: 5 }));
    shared.provider.fail_next(dead());
    let auth = Authenticator::builder(connection(), shared.provider.clone(), limited());
    let auth = auth.clock(Arc::new(shared.clock.clone())).build();
    let AuthError::NeedsReauthorisation { grant } = auth.current().await.unwrap_err() else {
        panic!("the grant is dead")
    };
    assert_eq!(grant.cause, EndCause::GrantLimit);
    let detail = grant.detail.as_deref().unwrap();
    assert!(detail.contains("5 times since") && detail.contains("keeps only the latest 5"), "{grant}");
    assert_eq!(shared.row().await.end.unwrap().cause, EndCause::GrantLimit);
}

/// Other installations of the same app grant as well, and nobody here knows: the limit is told as what may be behind it,
/// beside the provider's own words.
#[tokio::test]
async fn grant_that_ends_for_no_known_reason_tells_of_the_limit() {
    let shared = Shared::connected(Some(1800)).await;
    let tokens = VaultTokenStore::builder(Arc::clone(&shared.store), support::vaults::vault(), "suite")
        .grant_limit(Some(5));
    shared.provider.fail_next(dead());
    let auth = Authenticator::builder(connection(), shared.provider.clone(), tokens.build());
    let auth = auth.clock(Arc::new(shared.clock.clone())).build();
    let error = auth.current().await.unwrap_err();
    let AuthError::NeedsReauthorisation { grant } = &error else { panic!("{error:?}") };
    assert_eq!(grant.cause, EndCause::Revoked);
    assert!(error.to_string().contains("keeps only the latest 5"), "{error}");
}
