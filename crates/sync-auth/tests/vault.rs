//! Proves that tokens in a database are sealed, stay where they belong, and are kept as the contract says.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]

mod support;

use std::sync::Arc;

use sqlx::Row;
use support::vaults::{KEYS, Memory, Place, Postgres, Sqlite, tokens, vault};
use support::{access, connection, refresh_text};
use sync_auth::contract::TokenStoreFixture;
use sync_auth::{KeyRing, StoredToken, TokenStore, Vault, VaultTokenStore, rotate};
use sync_core::{ConnectionKey, ConnectionStatus, ConnectionStore, UnitOfWork};

struct Sealed<P>(P);

impl<P: Place> TokenStoreFixture for Sealed<P> {
    async fn fresh() -> Option<Self> {
        P::fresh().await.map(Self)
    }

    async fn handle(&self) -> Arc<dyn TokenStore> {
        Arc::new(tokens(&self.0.open().await))
    }
}

mod memory {
    use super::*;
    sync_auth::token_store_contract!(Sealed<Memory>);
    sync_auth::turn_contract!(Sealed<Memory>);
}

mod sqlite {
    use super::*;
    sync_auth::token_store_contract!(Sealed<Sqlite>);
    sync_auth::turn_contract!(Sealed<Sqlite>);
}

mod postgres {
    use super::*;
    sync_auth::token_store_contract!(Sealed<Postgres>);
    sync_auth::turn_contract!(Sealed<Postgres>);
}

fn full() -> StoredToken {
    let issued_at = "2026-01-02T10:00:00Z".parse().unwrap();
    StoredToken {
        access: Some(access("s3cr3t-access", issued_at, Some(1800))),
        ..StoredToken::from_refresh_token("s3cr3t-refresh".into())
    }
}

/// Everything a database holds of a connection, as one text.
async fn dump(place: &Sqlite) -> Vec<u8> {
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(place.0.path().join("store.db"));
    let pool = sqlx::sqlite::SqlitePoolOptions::new().connect_with(file).await.unwrap();
    let rows = sqlx::query("select * from sync_connections").fetch_all(&pool).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    let mut all = Vec::new();
    for column in 0..row.len() {
        if let Ok(Some(bytes)) = row.try_get_unchecked::<Option<Vec<u8>>, _>(column) {
            all.extend_from_slice(&bytes);
            all.push(b'\n');
        }
    }
    all
}

/// INV-VLT-1: no row shows a token, whether it was saved by hand or by an exchange.
#[tokio::test]
async fn rows_show_no_token() {
    let place = Sqlite::fresh().await.unwrap();
    let store = tokens(&place.open().await);
    store.save(&connection(), &full()).await.unwrap();
    let shown = dump(&place).await;
    assert!(shown.windows(5).any(|part| part == b"suite"), "the row was dumped");
    assert!(!shown.windows(6).any(|part| part == b"s3cr3t"));
    // Nor do the files around it: what is not yet in the main file is in its log.
    for file in std::fs::read_dir(place.0.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"s3cr3t"));
    }
}

/// INV-VLT-1: a row that somebody copied to another tenant or connection opens for nobody.
#[tokio::test]
async fn moved_row_does_not_open() {
    let place = Sqlite::fresh().await.unwrap();
    let store = place.open().await;
    let home = ConnectionKey::new(Some("t1".into()), "main");
    tokens(&store).save(&home, &full()).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    sqlx::query("update sync_connections set tenant_id = 't2'").execute(tx.connection()).await.unwrap();
    store.commit(tx).await.unwrap();
    let thief = ConnectionKey::new(Some("t2".into()), "main");
    let refused = tokens(&store).load(&thief).await.unwrap_err();
    assert!(refused.to_string().contains("don't belong to this connection"), "{refused}");
    let mut tx = store.begin().await.unwrap();
    let back = "update sync_connections set tenant_id = 't1', connection_id = 'other'";
    sqlx::query(back).execute(tx.connection()).await.unwrap();
    store.commit(tx).await.unwrap();
    tokens(&store).load(&ConnectionKey::new(Some("t1".into()), "other")).await.unwrap_err();
}

#[tokio::test]
async fn missing_key_is_named() {
    let place = Memory::fresh().await.unwrap();
    let store = place.open().await;
    tokens(&store).save(&connection(), &full()).await.unwrap();
    let other = Vault::new(KeyRing::parse(KEYS.lines().nth(1).unwrap(), None).unwrap());
    let tokens = VaultTokenStore::builder(store, other, "suite").build();
    let refused = tokens.load(&connection()).await.unwrap_err().to_string();
    assert!(refused.contains("`k1`") && !refused.contains("0001"), "{refused}");
}

/// A rotation reaches every connection of every tenant, says what it did, and can be repeated.
#[tokio::test]
async fn rotation_seals_everything_anew_once() {
    let place = Sqlite::fresh().await.unwrap();
    let store = place.open().await;
    let old = tokens(&store);
    let keys: Vec<_> =
        (0..230).map(|n| ConnectionKey::new(Some(format!("t{}", n % 3).into()), format!("c{n}"))).collect();
    for key in &keys {
        old.save(key, &full()).await.unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    let at = "2026-01-02T10:00:00Z".parse().unwrap();
    store.announce_connection(&mut tx, &"pending".into(), &"suite".into(), at).await.unwrap();
    store.commit(tx).await.unwrap();

    let anew = Vault::new(KeyRing::parse(KEYS, Some("k2")).unwrap());
    let first = rotate(&*store, &anew).await.unwrap();
    assert_eq!((first.resealed, first.current, first.empty), (230, 0, 1));
    assert!(first.is_complete());
    let second = rotate(&*store, &anew).await.unwrap();
    assert_eq!((second.resealed, second.current, second.empty), (0, 230, 1));

    // The old key may go now.
    let only_new = Vault::new(KeyRing::parse(KEYS.lines().nth(1).unwrap(), None).unwrap());
    let new = VaultTokenStore::builder(Arc::clone(&store), only_new, "suite").build();
    for key in &keys {
        assert_eq!(refresh_text(&new.load(key).await.unwrap().unwrap()), "s3cr3t-refresh");
    }
}

/// What can't be opened is told and left alone; the others are done all the same.
#[tokio::test]
async fn rotation_passes_over_what_it_can_not_open() {
    let place = Sqlite::fresh().await.unwrap();
    let store = place.open().await;
    for id in ["a", "b", "c"] {
        tokens(&store).save(&id.into(), &full()).await.unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    let spoil = "update sync_connections set secrets = zeroblob(9) where connection_id = 'b'";
    sqlx::query(spoil).execute(tx.connection()).await.unwrap();
    store.commit(tx).await.unwrap();
    let anew = Vault::new(KeyRing::parse(KEYS, Some("k2")).unwrap());
    let rotation = rotate(&*store, &anew).await.unwrap();
    assert_eq!((rotation.resealed, rotation.unreadable.len()), (2, 1));
    assert_eq!(rotation.unreadable[0].0, ConnectionKey::from("b"));
    assert!(!rotation.is_complete());
}

#[tokio::test]
async fn connection_that_was_given_up_is_dead_without_an_exchange() {
    let place = Memory::fresh().await.unwrap();
    let store = place.open().await;
    tokens(&store).save(&connection(), &full()).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    store.revoke(&mut tx, &connection(), "2026-01-02T11:00:00Z".parse().unwrap()).await.unwrap();
    store.commit(tx).await.unwrap();
    let found = tokens(&store).load(&connection()).await.unwrap().unwrap();
    assert_eq!(found.dead.unwrap().code, "given_up");
    assert!(found.refresh_token.is_none() && found.access.is_none());
    let mut tx = store.begin().await.unwrap();
    let row = store.connection(&mut tx, &connection()).await.unwrap().unwrap();
    assert_eq!(row.status, ConnectionStatus::Revoked);
}

#[test]
fn debug_of_a_store_shows_no_key() {
    let store = VaultTokenStore::builder(Arc::new(()), vault(), "suite").build();
    let shown = format!("{store:?}");
    assert!(shown.contains("k1") && !shown.contains("0001"), "{shown}");
}
