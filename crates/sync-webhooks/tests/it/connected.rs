//! Whose feeds an account's events concern, by what is connected.

use std::sync::Arc;
use std::time::Duration;

use sync_core::{
    ConnectionKey, ConnectionProfile, ConnectionStore, NewGrant, Sealed, Subscription, SubscriptionStore,
    UnitOfWork,
};
use sync_memory::MemoryStore;
use sync_webhooks::{ConnectedRecipients, Recipient, Recipients};

async fn connect(store: &MemoryStore, tenant: &str, connection: &str, account: &str) -> Subscription {
    let mut tx = store.begin().await.unwrap();
    let key = ConnectionKey::new(Some(tenant.into()), connection);
    let grant = NewGrant {
        key,
        provider: "hubspot".into(),
        profile: ConnectionProfile { account_id: Some(account.to_owned()), ..ConnectionProfile::default() },
        sealed: Sealed { key_id: "k".to_owned(), bytes: vec![1] },
        expires_at: None,
        granted_at: None,
        at: chrono::Utc::now(),
    };
    store.connect(&mut tx, &grant).await.unwrap();
    let feed =
        Subscription { tenant: Some(tenant.into()), ..Subscription::new(connection, "x-poll", "deal") };
    store.add_subscription(&mut tx, &feed).await.unwrap();
    let other =
        Subscription { domain: "unknown".to_owned(), ..Subscription::new(connection, "x-poll", "deal") };
    store.add_subscription(&mut tx, &Subscription { tenant: feed.tenant.clone(), ..other }).await.unwrap();
    store.commit(tx).await.unwrap();
    feed
}

/// Of what is subscribed, only deals are read.
fn deals(key: &ConnectionKey, feed: &Subscription) -> Option<Recipient> {
    (feed.domain == "deal").then(|| Recipient::new(key.clone(), feed.id, "deals"))
}

/// INV-INB-3: one account that several tenants have connected concerns the feeds of each, and nobody else's.
#[tokio::test(start_paused = true)]
async fn every_tenant_of_an_account_is_found() {
    let store = Arc::new(MemoryStore::new());
    let a = connect(&store, "a", "hub", "9001").await;
    let b = connect(&store, "b", "other", "9001").await;
    connect(&store, "c", "hub", "9002").await;
    let recipients = ConnectedRecipients::new(Arc::clone(&store), deals);
    let found = async |account: &str| {
        let mut found = recipients.of_account("hubspot", account).await.unwrap();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found
    };
    let of = |feed: &Subscription| {
        let key = ConnectionKey::new(feed.tenant.clone(), feed.connection.clone());
        Recipient::new(key, feed.id, "deals")
    };
    assert_eq!(found("9001").await, [of(&a), of(&b)]);
    assert_eq!(found("9003").await, []);

    // What is connected meanwhile is found a little later.
    let d = connect(&store, "d", "hub", "9003").await;
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(found("9003").await, [of(&d)]);
}

/// A connection whose account the application names hears of it, also where it was connected as well; so does a
/// subscription of it that comes later.
#[tokio::test(start_paused = true)]
async fn named_account_is_found_with_what_is_added_later() {
    let store = Arc::new(MemoryStore::new());
    let a = connect(&store, "a", "hub", "9001").await;
    let key = ConnectionKey::new(Some("n".into()), "by-hand");
    let recipients = ConnectedRecipients::new(Arc::clone(&store), deals)
        .named("hubspot", "9001", ConnectionKey::new(a.tenant.clone(), a.connection.clone()))
        .named("hubspot", "9009", key.clone())
        .named("salesforce", "00DDn000000ZyXwMAK", key.clone());
    assert_eq!(recipients.of_account("hubspot", "9001").await.unwrap().len(), 1, "a feed once");
    assert_eq!(recipients.of_account("hubspot", "9009").await.unwrap(), []);

    let feed = Subscription { tenant: key.tenant.clone(), ..Subscription::new("by-hand", "x-poll", "deal") };
    let mut tx = store.begin().await.unwrap();
    store.add_subscription(&mut tx, &feed).await.unwrap();
    store.commit(tx).await.unwrap();
    tokio::time::advance(Duration::from_secs(6)).await;
    let found = [Recipient::new(key, feed.id, "deals")];
    assert_eq!(recipients.of_account("hubspot", "9009").await.unwrap(), found);
    assert_eq!(recipients.of_account("salesforce", "00DDn000000ZyXw").await.unwrap(), found);
}
