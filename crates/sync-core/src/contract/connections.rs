//! Connected accounts are kept, each for itself.

use super::fixture::ConnectionFixture;
use super::grants::{begin, connect, grant, key, key_of, plain_grant, read, sealed};
use super::setup::{at, commit};
use crate::{
    ConnectionKey, ConnectionStatus, EndCause, GrantEnd, MissingTenantId, NewGrant, RefreshTurn, Resealed,
    StoreError, UnitOfWork,
};

/// What was never connected is nothing, and nobody can revoke or forget it.
pub async fn unknown_connection_is_nothing<F: ConnectionFixture>(f: F) {
    assert_eq!(read(&f, &key("acme")).await, None);
    let (store, ports) = (f.store(), f.connections());
    let acme = key("acme");
    commit(&*store, async |tx| {
        assert!(!ports.revoke(tx, &acme, at(0)).await.unwrap());
        assert!(!ports.forget(tx, &acme).await.unwrap());
        ports.revive(tx, &acme, at(0)).await.unwrap();
    })
    .await;
    assert_eq!(read(&f, &key("acme")).await, None);
}

/// A connection that somebody began is there, without secrets.
pub async fn announced_connection_is_pending<F: ConnectionFixture>(f: F) {
    announce(&f, &key("acme"), 5).await;
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!(found.key, key("acme"));
    assert_eq!((found.status, found.provider.as_str()), (ConnectionStatus::Pending, "suite"));
    assert_eq!((found.sealed, found.generation, found.granted_at), (None, 0, None));
    assert_eq!((found.created_at, found.updated_at), (at(5), at(5)));
}

/// Beginning anew leaves a connection that works as it is: somebody may change their mind.
pub async fn announcing_leaves_a_connection_alone<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let before = read(&f, &key("acme")).await;
    announce(&f, &key("acme"), 60).await;
    assert_eq!(read(&f, &key("acme")).await, before);
}

/// A grant comes back as it was kept, to the byte and the microsecond.
pub async fn grant_comes_back_whole<F: ConnectionFixture>(f: F) {
    for grant in [grant(&key("acme"), 1), plain_grant(&key("plain"), 2)] {
        let generation = connect(&f, &grant).await;
        let found = read(&f, &grant.key).await.unwrap();
        assert_eq!((found.key, found.provider), (grant.key, grant.provider));
        assert_eq!((found.profile, found.sealed), (grant.profile, Some(grant.sealed)));
        assert_eq!((found.status, found.end), (ConnectionStatus::Active, None));
        assert_eq!((found.expires_at, found.generation), (grant.expires_at, generation));
        assert_eq!(
            (found.granted_at, found.created_at, found.updated_at),
            (Some(grant.at), grant.at, grant.at)
        );
        assert_eq!((found.refreshing, found.unresolved_since), (None, None));
    }
}

/// INV-CON-2: a new grant replaces secrets, profile and a cause of death, and what is not known any more is gone.
pub async fn grant_replaces_the_former_one<F: ConnectionFixture>(f: F) {
    let first = connect(&f, &grant(&key("acme"), 0)).await;
    end(&f, &key("acme"), 5).await;
    let again = plain_grant(&key("acme"), 10);
    let second = connect(&f, &again).await;
    assert!(second > first, "{first} {second}");
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!((found.status, found.end), (ConnectionStatus::Active, None));
    assert_eq!((found.profile, found.expires_at), (again.profile, None));
    assert_eq!((found.created_at, found.granted_at, found.updated_at), (at(0), Some(at(10)), at(10)));
}

/// A grant of a transaction that was rolled back was never kept, nor counted.
pub async fn rolled_back_grant_is_gone<F: ConnectionFixture>(f: F) {
    let mut tx = begin(&f).await;
    f.connections().connect(&mut tx, &grant(&key("acme"), 0)).await.unwrap();
    f.store().rollback(tx).await.unwrap();
    assert_eq!(read(&f, &key("acme")).await, None);
    connect(&f, &grant(&key("other"), 0)).await;
    let mut tx = begin(&f).await;
    f.connections().connect(&mut tx, &grant(&key("acme"), 1)).await.unwrap();
    f.store().rollback(tx).await.unwrap();
    assert_eq!(newer(&f, &key("other")).await, 0);
}

/// What is undone to a savepoint was not kept, though its transaction was.
pub async fn grant_goes_with_its_savepoint<F: ConnectionFixture>(f: F) {
    let first = grant(&key("acme"), 0);
    connect(&f, &first).await;
    let before = read(&f, &key("acme")).await;
    let (store, ports) = (f.store(), f.connections());
    commit(&*store, async |tx| {
        store.savepoint(tx).await.unwrap();
        ports.connect(tx, &plain_grant(&key("acme"), 1)).await.unwrap();
        ports.connect(tx, &plain_grant(&key("other"), 1)).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
        store.savepoint(tx).await.unwrap();
        ports.forget(tx, &key("acme")).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
    })
    .await;
    assert_eq!(read(&f, &key("acme")).await, before);
    assert_eq!(read(&f, &key("other")).await, None);
}

/// All connections come by their id.
pub async fn listed_by_id<F: ConnectionFixture>(f: F) {
    for id in ["b", "a", "c"] {
        connect(&f, &plain_grant(&key(id), 0)).await;
    }
    let mut tx = begin(&f).await;
    let listed = f.connections().connections(&mut tx, None).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|found| found.key.connection.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

/// A walk meets every connection once, whatever the page.
pub async fn walked_in_pages<F: ConnectionFixture>(f: F) {
    let ids = ["a", "A b", "a%", "b", "ä"];
    for id in ids {
        connect(&f, &plain_grant(&key(id), 0)).await;
    }
    let mut met = Vec::new();
    let mut after = None;
    loop {
        let mut tx = begin(&f).await;
        let page = f.connections().connections_after(&mut tx, after.as_ref(), 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        met.extend(page.into_iter().map(|found| found.key.connection.as_str().to_owned()));
    }
    let mut expected = ids.map(str::to_owned);
    expected.sort();
    met.sort();
    assert_eq!(met, expected);
}

/// An account's connections are found by the provider and its id, those that can get something.
pub async fn found_by_account<F: ConnectionFixture>(f: F) {
    for id in ["one", "two", "dead", "revoked"] {
        connect(&f, &grant(&key(id), 0)).await;
    }
    announce(&f, &key("pending"), 0).await;
    end(&f, &key("dead"), 1).await;
    let revoked = key("revoked");
    let (store, ports) = (f.store(), f.connections());
    commit(&*store, async |tx| ports.revoke(tx, &revoked, at(1)).await.unwrap()).await;
    let mut other = grant(&key("elsewhere"), 0);
    other.profile.account_id = Some("00D000000000002".into());
    connect(&f, &other).await;

    let find = async |provider: &str, account: &str| {
        let mut tx = begin(&f).await;
        f.connections().connections_of_account(&mut tx, &provider.into(), account).await.unwrap()
    };
    assert_eq!(find("suite", "00D000000000001").await, [key("dead"), key("one"), key("two")]);
    assert_eq!(find("suite", "00D000000000002").await, [key("elsewhere")]);
    assert_eq!(find("suite", "00D00000000000").await, []);
    assert_eq!(find("other", "00D000000000001").await, []);
}

/// What was given up keeps its row and nothing to call with, and no refresh brings it back.
pub async fn revoked_connection_has_no_secrets<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let lease = take(&f, &key("acme"), 1).await;
    let (store, ports, refreshes) = (f.store(), f.connections(), f.refreshes());
    let acme = key("acme");
    assert!(commit(&*store, async |tx| ports.revoke(tx, &acme, at(2)).await.unwrap()).await);
    let found = read(&f, &acme).await.unwrap();
    assert_eq!((found.status, found.sealed, found.expires_at), (ConnectionStatus::Revoked, None, None));
    assert_eq!((found.profile, found.updated_at), (grant(&acme, 0).profile, at(2)));
    let refreshed = crate::Refreshed { sealed: sealed("late"), expires_at: None, instance_url: None };
    let mut tx = begin(&f).await;
    let late = refreshes.save_refreshed(&mut tx, &acme, &lease, &refreshed, at(3)).await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
}

/// What was forgotten is gone, with its grants.
pub async fn forgotten_connection_is_gone<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("other"), 0)).await;
    connect(&f, &grant(&key("acme"), 1)).await;
    assert_eq!(newer(&f, &key("other")).await, 1);
    let (store, ports, acme) = (f.store(), f.connections(), key("acme"));
    assert!(commit(&*store, async |tx| ports.forget(tx, &acme).await.unwrap()).await);
    assert_eq!(read(&f, &acme).await, None);
    assert_eq!(newer(&f, &key("other")).await, 0);
}

/// A dead connection lives again without its cause; others stay as they are.
pub async fn only_the_dead_are_revived<F: ConnectionFixture>(f: F) {
    let (store, ports) = (f.store(), f.connections());
    connect(&f, &grant(&key("dead"), 0)).await;
    end(&f, &key("dead"), 1).await;
    announce(&f, &key("pending"), 0).await;
    for id in ["dead", "pending"] {
        commit(&*store, async |tx| ports.revive(tx, &key(id), at(9)).await.unwrap()).await;
    }
    let found = read(&f, &key("dead")).await.unwrap();
    assert_eq!((found.status, found.end, found.updated_at), (ConnectionStatus::Active, None, at(9)));
    let pending = read(&f, &key("pending")).await.unwrap();
    assert_eq!((pending.status, pending.updated_at), (ConnectionStatus::Pending, at(0)));
}

/// INV-CON-3: sealing anew changes key and bytes and nothing else, also while somebody refreshes.
pub async fn sealing_anew_keeps_the_generation<F: ConnectionFixture>(f: F) {
    let generation = connect(&f, &grant(&key("acme"), 0)).await;
    take(&f, &key("acme"), 1).await;
    let before = read(&f, &key("acme")).await.unwrap();
    let mut anew = sealed("anew");
    anew.key_id = "k2".into();
    assert_eq!(reseal(&f, vec![Resealed { key: key("acme"), generation, sealed: anew.clone() }]).await, 1);
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!(found, crate::Connection { sealed: Some(anew), ..before });
}

/// INV-CON-3: what was sealed anew from secrets that were replaced meanwhile is dropped.
pub async fn outdated_sealing_is_left_out<F: ConnectionFixture>(f: F) {
    let generation = connect(&f, &grant(&key("acme"), 0)).await;
    let newer = NewGrant { sealed: sealed("newer"), ..grant(&key("acme"), 1) };
    connect(&f, &newer).await;
    let outdated = Resealed { key: key("acme"), generation, sealed: sealed("outdated") };
    let unknown = Resealed { key: key("unknown"), generation, sealed: sealed("unknown") };
    assert_eq!(reseal(&f, vec![outdated, unknown]).await, 0);
    assert_eq!(read(&f, &key("acme")).await.unwrap().sealed, Some(newer.sealed));
    assert_eq!(read(&f, &key("unknown")).await, None);
}

/// INV-CON-3: many at once, each for itself.
pub async fn hundreds_are_sealed_at_once<F: ConnectionFixture>(f: F) {
    let mut wanted = Vec::new();
    for n in 0..300 {
        let key = key(&format!("c{n:03}"));
        let generation = connect(&f, &plain_grant(&key, 0)).await;
        wanted.push(Resealed { sealed: sealed(&format!("secret of {n}")), key, generation });
    }
    assert_eq!(reseal(&f, wanted).await, 300);
    for n in [0, 7, 299] {
        let found = read(&f, &key(&format!("c{n:03}"))).await.unwrap();
        assert_eq!(found.sealed, Some(sealed(&format!("secret of {n}"))));
    }
}

/// Grants of the same user to the same app count, those that came later, wherever they are.
pub async fn newer_grants_of_the_same_user_are_counted<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("first"), 0)).await;
    connect(&f, &grant(&key("acme"), 1)).await;
    // At the same instant on purpose: the order of keeping counts, not a clock.
    connect(&f, &grant(&key("second"), 1)).await;
    connect(&f, &grant(&key("third"), 2)).await;
    let mut others = [grant(&key("user"), 3), grant(&key("account"), 3), grant(&key("app"), 3)];
    others[0].profile.grantor_id = Some("005000000000002".into());
    others[1].profile.account_id = Some("00D000000000002".into());
    others[2].profile.client_id = Some("other".into());
    for other in &others {
        connect(&f, other).await;
    }
    connect(&f, &plain_grant(&key("nobody"), 4)).await;
    for (id, expected) in [("first", 3), ("acme", 2), ("third", 0), ("user", 0), ("nobody", 0)] {
        assert_eq!(newer(&f, &key(id)).await, expected, "{id}");
    }
}

/// Connecting the same account again is a grant more, and it is the newest that counts.
pub async fn own_grants_count_as_well<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("other"), 0)).await;
    for n in 1..=5 {
        connect(&f, &grant(&key("acme"), n)).await;
    }
    assert_eq!(newer(&f, &key("other")).await, 5);
    assert_eq!(newer(&f, &key("acme")).await, 0);
    let grantor = grant(&key("acme"), 0).profile.grantor().unwrap();
    let mut tx = f.store().begin_across_tenants().await.unwrap();
    let ports = f.connections();
    assert_eq!(ports.grants_of(&mut tx, &"suite".into(), &grantor).await.unwrap(), 6);
    assert_eq!(ports.grants_of(&mut tx, &"other".into(), &grantor).await.unwrap(), 0);
    let stranger = crate::Grantor { user_id: "005000000000002".into(), ..grantor };
    assert_eq!(ports.grants_of(&mut tx, &"suite".into(), &stranger).await.unwrap(), 0);
}

/// A known grant that is written anew is no grant more, and keeps its day.
pub async fn grant_written_anew_is_not_counted<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("other"), 0)).await;
    connect(&f, &grant(&key("acme"), 1)).await;
    let anew = NewGrant { granted_at: None, ..grant(&key("acme"), 2) };
    connect(&f, &anew).await;
    assert_eq!(newer(&f, &key("other")).await, 1);
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!((found.granted_at, found.updated_at), (Some(at(1)), at(2)));
}

/// INV-CON-1: the same id of two tenants is two connections; an account's connections of all tenants are found.
pub async fn tenants_have_their_own_connections<F: ConnectionFixture>(f: F) {
    let (one, two) = (key_of("t1", "main"), key_of("t2", "main"));
    connect(&f, &grant(&one, 0)).await;
    connect(&f, &NewGrant { sealed: sealed("of two"), ..grant(&two, 1) }).await;
    end(&f, &one, 2).await;
    let found = read(&f, &two).await.unwrap();
    assert_eq!((found.status, found.sealed), (ConnectionStatus::Active, Some(sealed("of two"))));
    let mut tx = begin(&f).await;
    let listed = f.connections().connections(&mut tx, two.tenant.as_ref()).await.unwrap();
    assert_eq!(listed.into_iter().map(|found| found.key).collect::<Vec<_>>(), std::slice::from_ref(&two));
    let found =
        f.connections().connections_of_account(&mut tx, &"suite".into(), "00D000000000001").await.unwrap();
    assert_eq!(found, [one.clone(), two.clone()]);
    let walked = f.connections().connections_after(&mut tx, Some(&one), 9).await.unwrap();
    assert_eq!(walked.into_iter().map(|found| found.key).collect::<Vec<_>>(), [two]);
    assert_eq!(f.connections().newer_grants(&mut tx, &one).await.unwrap(), 1);
}

/// Where tenants are told apart, nothing is kept without one.
pub async fn connecting_without_tenant_is_refused<F: ConnectionFixture>(f: F) {
    if !F::REFUSES_MISSING_TENANT {
        return;
    }
    let mut tx = begin(&f).await;
    let refused = f.connections().connect(&mut tx, &grant(&key("acme"), 0)).await;
    assert!(matches!(refused, Err(StoreError::MissingTenantId(MissingTenantId))), "{refused:?}");
    drop(tx);
    let mut tx = begin(&f).await;
    let refused = f.connections().connection(&mut tx, &key("acme")).await;
    assert!(matches!(refused, Err(StoreError::MissingTenantId(MissingTenantId))), "{refused:?}");
}

async fn announce<F: ConnectionFixture>(f: &F, key: &ConnectionKey, seconds: i64) {
    let (store, ports) = (f.store(), f.connections());
    let provider = "suite".into();
    commit(&*store, async |tx| ports.announce_connection(tx, key, &provider, at(seconds)).await.unwrap())
        .await;
}

async fn take<F: ConnectionFixture>(f: &F, key: &ConnectionKey, seconds: i64) -> crate::RefreshLease {
    let (store, ports) = (f.store(), f.refreshes());
    let ttl = std::time::Duration::from_secs(60);
    let turn = commit(&*store, async |tx| {
        ports.take_refresh(tx, key, &"suite".into(), at(seconds), ttl).await.unwrap()
    })
    .await;
    match turn {
        RefreshTurn::Held { lease, .. } => lease,
        busy @ RefreshTurn::Busy { .. } => panic!("{busy:?}"),
    }
}

async fn end<F: ConnectionFixture>(f: &F, key: &ConnectionKey, seconds: i64) {
    let lease = take(f, key, seconds).await;
    let (store, ports) = (f.store(), f.refreshes());
    let end =
        GrantEnd { cause: EndCause::Policy, code: "invalid_grant".into(), detail: None, at: at(seconds) };
    commit(&*store, async |tx| ports.end_grant(tx, key, &lease, &end).await.unwrap()).await;
}

async fn reseal<F: ConnectionFixture>(f: &F, wanted: Vec<Resealed>) -> u64 {
    let (store, ports) = (f.store(), f.connections());
    commit(&*store, async |tx| ports.reseal(tx, &wanted).await.unwrap()).await
}

async fn newer<F: ConnectionFixture>(f: &F, key: &ConnectionKey) -> u64 {
    let mut tx = begin(f).await;
    f.connections().newer_grants(&mut tx, key).await.unwrap()
}
