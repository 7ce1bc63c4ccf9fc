//! What providers' calls said waits until it is applied.

use std::collections::HashSet;
use std::sync::Arc;

use super::fixture::{StoreFixture, TxOf};
use super::setup::{at, commit, subscribe, subscribe_as, subscribe_to, within};
use crate::{
    Backlog, Channel, ConnectionKey, Notice, NoticeKind, Scope, Signal, StoreError, TenantId, UnitOfWork,
    WaitingNotice, WebhookInbox,
};

/// Nothing waits before anything was staged, and staging nothing is no error.
pub async fn nothing_waits_at_first<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    assert_eq!(stage::<F>(&store, &[]).await, 0);
    assert!(waiting::<F>(&store, &scope, 10).await.is_empty());
    assert!(backlog::<F>(&store, None).await.is_empty());
}

/// Notices come back as they were staged, in the order of staging, as many as were asked for.
pub async fn staged_notices_come_back_in_order<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let first = notices_of_every_kind(&scope);
    let last = notice(&scope, "a", "z");
    assert_eq!(stage::<F>(&store, &first).await, 4);
    assert_eq!(stage::<F>(&store, std::slice::from_ref(&last)).await, 1);
    let found = waiting::<F>(&store, &scope, 10).await;
    let expected: Vec<Notice> = first.into_iter().chain([last]).collect();
    assert_eq!(found.iter().map(|w| w.notice.clone()).collect::<Vec<_>>(), expected);
    assert!(found.iter().all(|w| w.received_at == at(9)));
    assert!(found.is_sorted_by(|a, b| a.position < b.position), "{found:?}");
    assert_eq!(keys(&waiting::<F>(&store, &scope, 2).await), ["c", "d"]);
}

/// INV-INB-1: a repeat is told by its key, whatever else it says: within a call, across calls, and after it was
/// settled.
pub async fn repeat_is_staged_once<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let other = Notice { kind: NoticeKind::Deleted, ..notice(&scope, "k1", "r2") };
    let twice = [notice(&scope, "k1", "r1"), other.clone(), notice(&scope, "k2", "r1")];
    assert_eq!(stage::<F>(&store, &twice).await, 2);
    assert_eq!(stage::<F>(&store, &[notice(&scope, "k3", "r1"), other.clone()]).await, 1);
    assert_eq!(waiting::<F>(&store, &scope, 10).await[0].notice.external_id.as_str(), "r1");
    assert_eq!(settle::<F>(&store, &scope, &["k1", "k2"]).await, 2);
    assert_eq!(stage::<F>(&store, &[other]).await, 0);
    assert_eq!(keys(&waiting::<F>(&store, &scope, 10).await), ["k3"]);
}

/// INV-INB-1: subscription and connection are part of the key.
pub async fn same_key_elsewhere_is_another_notice<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let one = subscribe(&*store).await;
    let of_entity = subscribe_to(&*store, &one, "sample_parent").await;
    let of_connection = subscribe_as(&*store, None, "other").await;
    let scopes = [&one, &of_entity, &of_connection];
    assert_eq!(stage::<F>(&store, &scopes.map(|scope| notice(scope, "k", "r"))).await, 3);
    assert_eq!(settle::<F>(&store, &of_entity, &["k"]).await, 1);
    assert_eq!(waiting::<F>(&store, &one, 10).await.len(), 1);
    assert_eq!(waiting::<F>(&store, &of_entity, 10).await.len(), 0);
    assert_eq!(waiting::<F>(&store, &of_connection, 10).await.len(), 1);
}

/// INV-INB-1: of several that stage the same notices at once, each is counted by one.
pub async fn simultaneous_repeats_are_one<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let notices: Vec<_> = (0..50).map(|n| notice(&scope, &format!("k{n:02}"), "r")).collect();
    let stagers = (0..8).map(|_| {
        let (store, notices) = (Arc::clone(&store), notices.clone());
        async move { stage::<F>(&store, &notices).await }
    });
    let counts = futures_util::future::join_all(stagers).await;
    assert_eq!(counts.iter().sum::<u64>(), 50, "{counts:?}");
    assert_eq!(waiting::<F>(&store, &scope, 100).await.len(), 50);
}

/// Notices of a transaction that was rolled back, or of a savepoint that was undone, were never staged.
pub async fn rolled_back_notices_are_gone<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.stage(&mut tx, &[notice(&scope, "k1", "r")], at(9)).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert!(waiting::<F>(&store, &scope, 10).await.is_empty());
    commit(&*store, async |tx| {
        store.savepoint(tx).await.unwrap();
        store.stage(tx, &[notice(&scope, "k1", "r")], at(9)).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
        store.stage(tx, &[notice(&scope, "k2", "r")], at(9)).await.unwrap();
    })
    .await;
    assert_eq!(keys(&waiting::<F>(&store, &scope, 10).await), ["k2"]);
    assert_eq!(stage::<F>(&store, &[notice(&scope, "k1", "r")]).await, 1);
}

/// INV-INB-2: what was settled is gone after a commit, and waits again after a rollback.
pub async fn settling_goes_with_its_transaction<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    stage::<F>(&store, &[notice(&scope, "k1", "r"), notice(&scope, "k2", "r")]).await;
    let before = waiting::<F>(&store, &scope, 10).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert_eq!(store.settle(&mut tx, &scope, &boxed(&["k1"]), at(20)).await.unwrap(), 1);
    let left = store.waiting(&mut tx, None, scope.subscription, 10).await.unwrap();
    assert_eq!(keys(&left), ["k2"]);
    store.rollback(tx).await.unwrap();
    assert_eq!(waiting::<F>(&store, &scope, 10).await, before);
    assert_eq!(settle::<F>(&store, &scope, &["k1", "unknown"]).await, 1);
    assert_eq!(settle::<F>(&store, &scope, &["k1"]).await, 0);
    assert_eq!(settle::<F>(&store, &scope, &[]).await, 0);
    assert_eq!(keys(&waiting::<F>(&store, &scope, 10).await), ["k2"]);
}

/// How much waits, and since when, is told per subscription, longest waiting first.
pub async fn backlog_is_counted<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let late = subscribe_as(&*store, None, "a").await;
    let early = subscribe_as(&*store, None, "b").await;
    commit(&*store, async |tx| {
        let notices = [notice(&early, "k1", "r"), notice(&early, "k2", "r"), notice(&early, "k3", "r")];
        store.stage(tx, &notices[..1], at(1)).await.unwrap();
        store.stage(tx, &notices[1..], at(3)).await.unwrap();
        store.stage(tx, &[notice(&late, "k1", "r")], at(2)).await.unwrap();
    })
    .await;
    let of = |scope: &Scope, n_waiting, oldest| Backlog {
        subscription: scope.subscription,
        n_waiting,
        oldest: at(oldest),
    };
    assert_eq!(backlog::<F>(&store, None).await, [of(&early, 3, 1), of(&late, 1, 2)]);
    settle::<F>(&store, &early, &["k1"]).await;
    assert_eq!(backlog::<F>(&store, None).await, [of(&late, 1, 2), of(&early, 2, 3)]);
}

/// INV-INB-1: what was settled long enough ago is removed, and may come anew; what waits never is.
pub async fn purge_removes_what_was_settled_before<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let notices = ["k1", "k2", "k3"].map(|key| notice(&scope, key, "r"));
    stage::<F>(&store, &notices).await;
    commit(&*store, async |tx| {
        store.settle(tx, &scope, &boxed(&["k1"]), at(20)).await.unwrap();
        store.settle(tx, &scope, &boxed(&["k2"]), at(30)).await.unwrap();
        assert_eq!(store.purge_settled(tx, None, at(30)).await.unwrap(), 1);
        assert_eq!(store.purge_settled(tx, None, at(30)).await.unwrap(), 0);
    })
    .await;
    assert_eq!(stage::<F>(&store, &notices).await, 1);
    assert_eq!(keys(&waiting::<F>(&store, &scope, 10).await), ["k3", "k1"]);
}

/// A burst is one statement's work, and text of any kind is kept or, where a store can't, refuses nothing.
pub async fn thousands_of_notices_at_once<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let odd = ["Ünïcode 🦀 'quoted' \"twice\"", "a\u{0}b", "{}", "tab\tline\nend"];
    let many: Vec<_> = (0..5_000)
        .map(|n| {
            let body = serde_json::json!({"Name": odd[n % 4]}).to_string();
            Notice { body: Some(body.into()), ..notice(&scope, &format!("k{n}"), odd[n % 4]) }
        })
        .collect();
    assert_eq!(stage::<F>(&store, &many).await, 5_000);
    let found = waiting::<F>(&store, &scope, 10_000).await;
    assert_eq!(found.len(), 5_000);
    for (kept, sent) in found.iter().map(|w| &w.notice).zip(&many) {
        assert!(sent.external_id.as_str().contains('\0') || kept == sent, "{kept:?}");
    }
    let all: Vec<_> = many.iter().map(|n| n.dedup_key.clone()).collect();
    let settled = commit(&*store, async |tx| store.settle(tx, &scope, &all, at(20)).await.unwrap()).await;
    assert_eq!(settled, 5_000);
    assert!(waiting::<F>(&store, &scope, 10).await.is_empty());
}

/// INV-SIG-1: who listens is told of staging, also of what was staged before it began to wait; and if it is told for
/// which subscription, then for the right one.
pub async fn listener_is_told_of_staging<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>> + Signal,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let mut listener = store.listen(Channel::Inbox).await.unwrap();
    stage::<F>(&store, &[notice(&scope, "k1", "r")]).await;
    let told = within(listener.told()).await.unwrap();
    assert!(told.is_none_or(|about| about == scope.subscription));
    let (told, _) = tokio::join!(within(listener.told()), async {
        stage::<F>(&store, &[notice(&scope, "k2", "r"), notice(&scope, "k3", "r")]).await
    });
    assert!(told.unwrap().is_none_or(|about| about == scope.subscription));
}

/// INV-INB-3: tenants are apart, even for one who knows a subscription's id.
pub async fn notices_are_apart<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let store = f.store();
    let a = subscribe_as(&*store, Some("a"), "connection").await;
    let thief = Scope { tenant: Some("b".into()), ..a.clone() };
    stage::<F>(&store, &[notice(&a, "k1", "r"), notice(&a, "k2", "r")]).await;
    assert!(waiting::<F>(&store, &thief, 10).await.is_empty());
    assert!(backlog::<F>(&store, thief.tenant.as_ref()).await.is_empty());
    assert_eq!(settle::<F>(&store, &thief, &["k1"]).await, 0);
    assert_eq!(stage::<F>(&store, &[notice(&thief, "k1", "r")]).await, 1);
    assert_eq!(settle::<F>(&store, &a, &["k1"]).await, 1);
    let purged =
        commit(&*store, async |tx| store.purge_settled(tx, thief.tenant.as_ref(), at(1_000)).await.unwrap());
    assert_eq!(purged.await, 0);
    assert_eq!(keys(&waiting::<F>(&store, &a, 10).await), ["k2"]);
    assert_eq!(keys(&waiting::<F>(&store, &thief, 10).await), ["k1"]);
}

/// R1: with tenants told apart, the store itself refuses notices of none.
pub async fn staging_without_tenant_is_refused<F>(f: F)
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    if !F::REFUSES_MISSING_TENANT {
        println!("skipped: this store leaves the check of tenants to the engine");
        return;
    }
    let store = f.store();
    let own = subscribe_as(&*store, Some("a"), "connection").await;
    let nobody = Scope { tenant: None, ..own.clone() };
    let mut tx = store.begin_across_tenants().await.unwrap();
    let mixed = [notice(&own, "k1", "r"), notice(&nobody, "k2", "r")];
    let refused = store.stage(&mut tx, &mixed, at(9)).await.unwrap_err();
    assert!(matches!(refused, StoreError::MissingTenantId(_)), "{refused:?}");
    let refused = store.waiting(&mut tx, None, own.subscription, 10).await.unwrap_err();
    assert!(matches!(refused, StoreError::MissingTenantId(_)), "{refused:?}");
    let refused = store.settle(&mut tx, &nobody, &boxed(&["k1"]), at(9)).await.unwrap_err();
    assert!(matches!(refused, StoreError::MissingTenantId(_)), "{refused:?}");
    let refused = store.backlog(&mut tx, None).await.unwrap_err();
    assert!(matches!(refused, StoreError::MissingTenantId(_)), "{refused:?}");
    let refused = store.purge_settled(&mut tx, None, at(9)).await.unwrap_err();
    assert!(matches!(refused, StoreError::MissingTenantId(_)), "{refused:?}");
}

/// A notice about which there is nothing to tell.
fn notice(scope: &Scope, dedup_key: &str, record: &str) -> Notice {
    Notice {
        key: ConnectionKey::new(scope.tenant.clone(), scope.connection.clone()),
        subscription: scope.subscription,
        dedup_key: dedup_key.into(),
        external_id: record.into(),
        kind: NoticeKind::Changed,
        merged_into: None,
        occurred_at: at(5),
        body: None,
    }
}

fn notices_of_every_kind(scope: &Scope) -> [Notice; 4] {
    let body = r#"{"Id": "r1", "Name": "Ünïcode 🦀"}"#;
    [
        Notice { body: Some(body.into()), ..notice(scope, "c", "r1") },
        Notice { kind: NoticeKind::Deleted, occurred_at: at(-7), ..notice(scope, "d", "r1") },
        Notice { kind: NoticeKind::Purged, ..notice(scope, "p", "r2") },
        Notice { kind: NoticeKind::Merged, merged_into: Some("r2".into()), ..notice(scope, "m", "r1") },
    ]
}

fn keys(waiting: &[WaitingNotice]) -> Vec<&str> {
    let keys: Vec<&str> = waiting.iter().map(|w| &*w.notice.dedup_key).collect();
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "twice: {keys:?}");
    keys
}

fn boxed(keys: &[&str]) -> Vec<Box<str>> {
    keys.iter().map(|key| Box::from(*key)).collect()
}

async fn stage<F>(store: &F::Store, notices: &[Notice]) -> u64
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    commit(store, async |tx| store.stage(tx, notices, at(9)).await.unwrap()).await
}

async fn settle<F>(store: &F::Store, scope: &Scope, keys: &[&str]) -> u64
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    commit(store, async |tx| store.settle(tx, scope, &boxed(keys), at(20)).await.unwrap()).await
}

async fn waiting<F>(store: &F::Store, scope: &Scope, limit: u32) -> Vec<WaitingNotice>
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.waiting(&mut tx, scope.tenant.as_ref(), scope.subscription, limit).await.unwrap()
}

async fn backlog<F>(store: &F::Store, tenant: Option<&TenantId>) -> Vec<Backlog>
where
    F: StoreFixture,
    F::Store: WebhookInbox<TxOf<F>>,
{
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.backlog(&mut tx, tenant).await.unwrap()
}
