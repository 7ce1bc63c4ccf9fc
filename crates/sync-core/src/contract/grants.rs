//! Connections that the cases begin with.

use super::fixture::{ConnectionFixture, StoreFixture, TxOf};
use super::setup::{at, commit};
use crate::{Connection, ConnectionKey, ConnectionProfile, KeyId, NewGrant, Sealed, TenantId, UnitOfWork};

pub(super) fn key(connection: &str) -> ConnectionKey {
    connection.into()
}

pub(super) fn key_of(tenant: &str, connection: &str) -> ConnectionKey {
    ConnectionKey::new(Some(TenantId::from(tenant)), connection)
}

pub(super) fn sealed(text: &str) -> Sealed {
    Sealed { key_id: KeyId::from("k1"), bytes: text.as_bytes().to_vec() }
}

/// A grant about which there is everything to tell, given at `at(seconds)`.
pub(super) fn grant(key: &ConnectionKey, seconds: i64) -> NewGrant {
    NewGrant {
        key: key.clone(),
        provider: "suite".into(),
        profile: ConnectionProfile {
            account_id: Some("00D000000000001".into()),
            account_label: Some("Ünïcode 🦀 'quoted'".into()),
            grantor_id: Some("005000000000001".into()),
            grantor_label: Some("Ann".into()),
            instance_url: Some("https://acme.example.test/".into()),
            client_id: Some("app".into()),
            scopes: vec!["api".into(), "refresh_token".into()],
        },
        sealed: Sealed { key_id: KeyId::from("k1"), bytes: vec![0, 1, 255, 0, 39] },
        expires_at: Some(at(seconds + 1_800)),
        granted_at: Some(at(seconds)),
        at: at(seconds),
    }
}

/// A grant of which only the account is known.
pub(super) fn plain_grant(key: &ConnectionKey, seconds: i64) -> NewGrant {
    let profile = ConnectionProfile::default();
    NewGrant { profile, expires_at: None, ..grant(key, seconds) }
}

pub(super) async fn connect<F: ConnectionFixture>(f: &F, grant: &NewGrant) -> i64 {
    let (store, ports) = (f.store(), f.connections());
    commit(&*store, async |tx: &mut TxOf<F>| ports.connect(tx, grant).await.unwrap()).await
}

pub(super) async fn read<F: ConnectionFixture>(f: &F, key: &ConnectionKey) -> Option<Connection> {
    let mut tx = begin(f).await;
    f.connections().connection(&mut tx, key).await.unwrap()
}

pub(super) async fn begin<F: StoreFixture>(f: &F) -> TxOf<F> {
    f.store().begin_across_tenants().await.unwrap()
}
