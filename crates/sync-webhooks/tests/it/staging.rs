//! Nothing is acknowledged that is not durable, and much is staged at once.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use sync_core::{ConnectionKey, Notice, NoticeKind, SubscriptionId, UnitOfWork, WebhookInbox};
use sync_webhooks::{Counters, Limits, StageError, Stager, StagerOptions, Wake};

use crate::shaky::Shaky;
use crate::support::{Place, changes, uuid};

fn notice(subscription: SubscriptionId, tenant: Option<&str>, key: &str) -> Notice {
    Notice {
        key: ConnectionKey::new(tenant.map(Into::into), "c"),
        subscription,
        dedup_key: key.into(),
        external_id: "1".into(),
        kind: NoticeKind::Changed,
        merged_into: None,
        occurred_at: Default::default(),
        body: None,
    }
}

fn stager(store: &Shaky, options: StagerOptions) -> Stager {
    Stager::start(Arc::new(store.clone()), options, Arc::default(), Arc::default()).0
}

/// Store away before the transaction, or lost between staging and answering: no 2xx, nothing kept, and all is well
/// when it comes again.
#[tokio::test]
async fn call_is_put_off_while_the_store_is_away() {
    let place = Place::start().await;
    for lost_at_commit in [false, true] {
        if lost_at_commit {
            place.store.lose_commits(true);
        } else {
            place.store.go_away(true);
        }
        let answer = place.call(changes([1, 2])).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "5");
        place.store.go_away(false);
        place.store.lose_commits(false);
        assert!(place.waiting().await.is_empty());
    }
    assert_eq!(place.counters.seen().calls_put_off, 2);
    assert_eq!(place.call(changes([1, 2])).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(place.waiting().await.len(), 2);
}

#[tokio::test]
async fn store_that_takes_too_long_is_not_waited_for() {
    let store = Shaky::gated();
    let limits = Limits { answer_time: Duration::from_millis(100), ..Limits::default() };
    let place = Place::with(store.clone(), limits, StagerOptions::default()).await;
    assert_eq!(place.call(changes([1])).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    store.open();
    // It comes again, and was staged meanwhile: one notice.
    assert_eq!(place.call(changes([1])).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(place.waiting().await.len(), 1);
}

#[tokio::test]
async fn concurrent_calls_share_transactions() {
    let store = Shaky::gated();
    let place = Arc::new(Place::with(store.clone(), Limits::default(), StagerOptions::default()).await);
    let calls: Vec<_> = (0..100_u64)
        .map(|n| {
            let place = Arc::clone(&place);
            tokio::spawn(async move { place.call(changes(n * 10..n * 10 + 10)).await.status() })
        })
        .collect();
    store.reached_the_gate().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    store.open();
    for call in calls {
        assert_eq!(call.await.unwrap(), StatusCode::NO_CONTENT);
    }
    assert_eq!(place.waiting().await.len(), 1_000);
    assert!(store.n_commits() <= 50, "{} transactions for 100 calls", store.n_commits());
}

#[tokio::test]
async fn queue_is_bounded_and_says_so() {
    let store = Shaky::gated();
    let stager = stager(&store, StagerOptions { queue_bytes: 4_096, batch: 10 });
    let feed = SubscriptionId(uuid());
    let first = tokio::spawn({
        let stager = stager.clone();
        async move { stager.stage((0..10).map(|n| notice(feed, None, &format!("a{n}"))).collect()).await }
    });
    store.reached_the_gate().await;
    let large = Notice { body: Some("x".repeat(8_000).into()), ..notice(feed, None, "b") };
    assert!(matches!(stager.stage(vec![large.clone()]).await, Err(StageError::Full)));
    store.open();
    first.await.unwrap().unwrap();
    // One that is larger than the queue gets through once the queue is empty.
    stager.stage(vec![large]).await.unwrap();
}

/// One call that the store refuses turns no other away.
#[tokio::test]
async fn refused_notice_keeps_no_other_out() {
    let store = Shaky::gated();
    let stager = stager(&store, StagerOptions::default());
    let feed = SubscriptionId(uuid());
    let stage = |key: &'static str| {
        let stager = stager.clone();
        tokio::spawn(async move { stager.stage(vec![notice(feed, None, key)]).await })
    };
    let first = stage("first");
    store.reached_the_gate().await;
    store.refuse("bad");
    let (good, bad, better) = (stage("good"), stage("bad"), stage("better"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.open();
    for kept in [first, good, better] {
        kept.await.unwrap().unwrap();
    }
    assert!(matches!(bad.await.unwrap(), Err(StageError::Store(_))));
}

/// INV-INB-3: a call for several tenants is staged in a transaction each, and acknowledged when all are.
#[tokio::test]
async fn tenants_are_staged_apart() {
    let store = Shaky::default();
    let stager = stager(&store, StagerOptions::default());
    let [a, b] = [SubscriptionId(uuid()), SubscriptionId(uuid())];
    stager
        .stage(vec![notice(a, Some("a"), "k"), notice(b, Some("b"), "k"), notice(a, Some("a"), "l")])
        .await
        .unwrap();
    assert_eq!(store.n_commits(), 2);
    let mut tx = store.store.begin().await.unwrap();
    assert_eq!(store.waiting(&mut tx, Some(&"a".into()), a, 9).await.unwrap().len(), 2);
    assert_eq!(store.waiting(&mut tx, Some(&"b".into()), b, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn end_stages_what_is_queued() {
    let store = Shaky::gated();
    let (stager, task) = Stager::start(
        Arc::new(store.clone()),
        StagerOptions::default(),
        Arc::<Counters>::default(),
        Arc::<Wake>::default(),
    );
    let feed = SubscriptionId(uuid());
    let staged: Vec<_> = (0..20)
        .map(|n| {
            let stager = stager.clone();
            tokio::spawn(async move { stager.stage(vec![notice(feed, None, &format!("k{n}"))]).await })
        })
        .collect();
    store.reached_the_gate().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stager);
    store.open();
    task.finished().await;
    for staged in staged {
        staged.await.unwrap().unwrap();
    }
    let mut tx = store.store.begin().await.unwrap();
    assert_eq!(store.waiting(&mut tx, None, feed, 99).await.unwrap().len(), 20);
}

/// A task that panicked acknowledges nothing, neither what it had in hand nor what comes later; who watches is told.
#[tokio::test]
async fn panic_acknowledges_nothing_and_is_seen() {
    let store = Shaky::default();
    let (stager, task) = Stager::start(
        Arc::new(store.clone()),
        StagerOptions::default(),
        Arc::<Counters>::default(),
        Arc::<Wake>::default(),
    );
    let feed = SubscriptionId(uuid());
    stager.stage(vec![notice(feed, None, "k1")]).await.unwrap();
    let task = task.into_handle();
    assert!(!task.is_finished());
    store.panic();
    for key in ["k2", "k3"] {
        let error = stager.stage(vec![notice(feed, None, key)]).await.unwrap_err();
        assert!(matches!(error, StageError::Closed), "{error}");
    }
    assert!(task.await.unwrap_err().is_panic());
}
