//! How many events per second one process delivers, without a receiver's own time: `cargo run --release -p sync-events
//! --example throughput -- [postgres url] [events]`. Without a url, SQLite in a file of its own.

use std::sync::Arc;
use std::time::Instant;

use sync_core::{BoxError, Clock};
use sync_core::{
    DeliveryStore, EventBody, EventId, IdGenerator, Lane, Outbox, OutboxEvent, RecordRef, Signal,
    SystemClock, TimeOrderedIds, UnitOfWork,
};
use sync_events::{Dispatcher, LaneOptions, Subscribers};
use sync_postgres::PgStore;
use sync_sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().filter(|url| url.starts_with("postgres"));
    let n_events = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(50_000);
    match url {
        Some(url) => {
            let store = PgStore::builder(url).schema("hexsync_throughput").connect().await?;
            store.migrate().await?;
            measure(Arc::new(store), n_events).await
        }
        None => {
            let file =
                std::env::temp_dir().join(format!("hexsync-throughput-{}.db", TimeOrderedIds.next_id()));
            let store = SqliteStore::open(&file).await?;
            store.migrate().await?;
            measure(Arc::new(store.clone()), n_events).await?;
            store.close().await;
            std::fs::remove_file(file)?;
            Ok(())
        }
    }
}

async fn measure<S>(store: Arc<S>, n_events: usize) -> Result<(), BoxError>
where
    S: UnitOfWork + Outbox<S::Tx> + DeliveryStore<S::Tx> + Signal,
{
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "throughput", Subscribers::new())
        .lane(Lane::Change, LaneOptions { workers: 4, batch: 500 })
        .build()?;
    dispatcher.register().await?;
    let event = |n: usize| OutboxEvent {
        id: EventId(TimeOrderedIds.next_id()),
        lane: Lane::Change,
        kind: "sample_updated".to_owned(),
        tenant: None,
        connection: Some("crm".into()),
        record: Some(RecordRef::new("sample", format!("record-{}", n % 5_000))),
        source: "example".to_owned(),
        body: EventBody::Message(serde_json::json!({"stage": {"from": "Open", "to": "Won"}, "n": n})),
        at: SystemClock.now(),
    };
    let start = Instant::now();
    for first in (0..n_events).step_by(500) {
        let batch: Vec<_> = (first..n_events.min(first + 500)).map(event).collect();
        let mut tx = store.begin().await?;
        store.publish(&mut tx, &batch).await?;
        store.commit(tx).await?;
    }
    let published = start.elapsed();
    let start = Instant::now();
    let mut delivered = 0;
    while delivered < n_events as u64 {
        delivered = dispatcher.drain().await?.delivered;
    }
    let rate = |time: std::time::Duration| n_events as f64 / time.as_secs_f64();
    println!(
        "{n_events} events: published at {:.0}/s, delivered at {:.0}/s",
        rate(published),
        rate(start.elapsed())
    );
    let mut tx = store.begin().await?;
    while store.purge(&mut tx, SystemClock.now(), 10_000).await? > 0 {}
    store.forget_consumer(&mut tx, &"throughput".into()).await?;
    store.commit(tx).await?;
    Ok(())
}
