//! The suite that every [`TokenStore`] adapter runs (feature `contract-tests`).
//!
//! An adapter implements [`TokenStoreFixture`] for a type of its tests and calls
//! `sync_auth::token_store_contract!(Fixture);`, which makes one test per case. It needs `tokio` with `macros` and
//! `rt` among its dev-dependencies.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the case, and says where")]

use std::future::Future;
use std::sync::Arc;

use secrecy::ExposeSecret;
use sync_core::EndCause;

use crate::{AccessToken, DeadGrant, HeldTurn, Saved, StoredToken, TokenStore, Turn};

/// What an adapter lends to its suite.
pub trait TokenStoreFixture: Sized + Send + Sync + 'static {
    /// An empty store; `None` when its backend can't be reached, and the case is skipped.
    fn fresh() -> impl Future<Output = Option<Self>> + Send;

    /// A handle on the store, as a process has one. Each call gives another handle on the same content.
    fn handle(&self) -> impl Future<Output = Arc<dyn TokenStore>> + Send;
}

/// A connection never saved has nothing.
pub async fn nothing_before_the_first_save<F: TokenStoreFixture>(fixture: F) {
    assert!(fixture.handle().await.load(&"acme".into()).await.unwrap().is_none());
}

/// Everything comes back as it was saved, to the microsecond and to the last character.
pub async fn everything_comes_back<F: TokenStoreFixture>(fixture: F) {
    let store = fixture.handle().await;
    for token in [full(), StoredToken::from_refresh_token("r".repeat(4096).into()), StoredToken::default()] {
        store.save(&"acme".into(), &token).await.unwrap();
        assert_same(&store.load(&"acme".into()).await.unwrap().unwrap(), &token);
    }
}

/// A save replaces all of what was there; what the new token does not have is gone.
pub async fn save_replaces_everything<F: TokenStoreFixture>(fixture: F) {
    let store = fixture.handle().await;
    store.save(&"acme".into(), &full()).await.unwrap();
    store.save(&"acme".into(), &StoredToken::default()).await.unwrap();
    assert_same(&store.load(&"acme".into()).await.unwrap().unwrap(), &StoredToken::default());
}

/// Connections have nothing to do with each other, however alike their ids.
pub async fn connections_do_not_mix<F: TokenStoreFixture>(fixture: F) {
    let store = fixture.handle().await;
    let ids = ["acme", "Acme", "acme ", "acme%", "ácme"];
    for id in ids {
        store.save(&id.into(), &StoredToken::from_refresh_token(id.into())).await.unwrap();
    }
    for id in ids {
        let stored = store.load(&id.into()).await.unwrap().unwrap();
        assert_eq!(stored.refresh_token.unwrap().expose_secret(), id);
    }
}

/// INV-AUTH-1: what one process saved, another one loads.
pub async fn other_process_sees_a_save<F: TokenStoreFixture>(fixture: F) {
    let (ours, theirs) = (fixture.handle().await, fixture.handle().await);
    for refresh_token in ["r1", "r2"] {
        ours.save(&"acme".into(), &StoredToken::from_refresh_token(refresh_token.into())).await.unwrap();
        let seen = theirs.load(&"acme".into()).await.unwrap().unwrap();
        assert_eq!(seen.refresh_token.unwrap().expose_secret(), refresh_token);
    }
}

/// INV-AUTH-2: of two processes one has the turn; the other gets it when the first is done.
pub async fn turn_is_had_by_one<F: TokenStoreFixture>(fixture: F) {
    let (ours, theirs) = (fixture.handle().await, fixture.handle().await);
    ours.save(&"acme".into(), &full()).await.unwrap();
    let turn = taken(&*ours).await;
    assert!(matches!(theirs.take_turn(&"acme".into(), now()).await.unwrap(), Turn::Busy));
    let next = StoredToken::from_refresh_token("r2".into());
    assert_eq!(ours.save_in_turn(&"acme".into(), &turn, &next, now()).await.unwrap(), Saved::Kept);
    assert_same(&theirs.load(&"acme".into()).await.unwrap().unwrap(), &next);
    let turn = taken(&*theirs).await;
    theirs.end_turn(&"acme".into(), &turn, Some(now())).await.unwrap();
    assert_eq!(taken(&*ours).await.unresolved_since, Some(now()));
}

/// INV-AUTH-2: what the holder of a lost turn brings is not kept: a life, nor a death.
pub async fn lost_turn_keeps_nothing<F: TokenStoreFixture>(fixture: F) {
    let (ours, theirs) = (fixture.handle().await, fixture.handle().await);
    let first = StoredToken::from_refresh_token("r1".into());
    ours.save(&"acme".into(), &first).await.unwrap();
    let turn = taken(&*ours).await;
    let anew = StoredToken::from_refresh_token("r9".into());
    theirs.save(&"acme".into(), &anew).await.unwrap();
    for late in [StoredToken::from_refresh_token("r2".into()), full()] {
        assert_eq!(ours.save_in_turn(&"acme".into(), &turn, &late, now()).await.unwrap(), Saved::Overtaken);
        assert_same(&theirs.load(&"acme".into()).await.unwrap().unwrap(), &anew);
    }
}

/// A strategy without a grant begins without a row.
pub async fn turn_needs_no_row<F: TokenStoreFixture>(fixture: F) {
    let store = fixture.handle().await;
    let turn = taken(&*store).await;
    let token = StoredToken { access: full().access, ..StoredToken::default() };
    assert_eq!(store.save_in_turn(&"acme".into(), &turn, &token, now()).await.unwrap(), Saved::Kept);
    assert_same(&store.load(&"acme".into()).await.unwrap().unwrap(), &token);
}

async fn taken(store: &dyn TokenStore) -> HeldTurn {
    match store.take_turn(&"acme".into(), now()).await.unwrap() {
        Turn::Ours(turn) => turn,
        Turn::Busy => panic!("nobody else has it"),
    }
}

fn now() -> chrono::DateTime<chrono::Utc> {
    "2026-01-02T10:30:00.25Z".parse().unwrap()
}

fn full() -> StoredToken {
    StoredToken {
        refresh_token: Some("5Aep861.\"demo\"!+/=ünï".into()),
        access: Some(AccessToken {
            secret: "00D!AQ.demo".into(),
            instance_url: Some("https://acme.example.test/".parse().unwrap()),
            issued_at: "2026-01-02T10:00:00.123456Z".parse().unwrap(),
            expires_at: Some("2026-01-02T12:00:00.654321Z".parse().unwrap()),
        }),
        rotates: Some(true),
        dead: Some(DeadGrant {
            cause: EndCause::Policy,
            code: "invalid_grant".into(),
            detail: Some("expired access/refresh token".into()),
            since: "2026-01-02T11:00:00.5Z".parse().unwrap(),
        }),
    }
}

fn assert_same(found: &StoredToken, saved: &StoredToken) {
    let refresh_token =
        |token: &StoredToken| token.refresh_token.as_ref().map(|t| t.expose_secret().to_owned());
    assert_eq!(refresh_token(found), refresh_token(saved));
    assert_eq!((&found.dead, found.rotates), (&saved.dead, saved.rotates));
    assert_eq!(found.access.is_some(), saved.access.is_some());
    if let (Some(found), Some(saved)) = (&found.access, &saved.access) {
        assert!(found.same_as(saved));
        assert_eq!(found.instance_url, saved.instance_url);
        assert_eq!((found.issued_at, found.expires_at), (saved.issued_at, saved.expires_at));
    }
}

/// The suite of turns, for stores that several processes share.
#[macro_export]
macro_rules! turn_contract {
    ($fixture:ty) => {
        $crate::token_store_contract!(turns, $fixture: [
            turn_is_had_by_one,
            lost_turn_keeps_nothing,
            turn_needs_no_row,
        ]);
    };
}

/// One test per case, for one [`TokenStoreFixture`](crate::contract::TokenStoreFixture).
#[macro_export]
macro_rules! token_store_contract {
    ($fixture:ty) => {
        $crate::token_store_contract!(token_store, $fixture: [
            nothing_before_the_first_save,
            everything_comes_back,
            save_replaces_everything,
            connections_do_not_mix,
            other_process_sees_a_save,
        ]);
    };
    ($name:ident, $fixture:ty: [$($case:ident),* $(,)?]) => {
        mod $name {
            #[allow(unused_imports, reason = "the fixture may be named by a path")]
            use super::*;

            $(
                #[tokio::test]
                async fn $case() {
                    let fixture = <$fixture as $crate::contract::TokenStoreFixture>::fresh().await;
                    match fixture {
                        Some(fixture) => $crate::contract::$case(fixture).await,
                        None if ::std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|on| on == "1") => {
                            panic!("the backend can't be reached, and it is required")
                        }
                        None => println!("skipped: the backend can't be reached"),
                    }
                }
            )*
        }
    };
}
