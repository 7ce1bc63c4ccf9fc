//! Delivery on every store: order under failures, nothing of a rolled-back transaction, parking, lanes, wake-ups.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sync_core::{Lane, OutboxEvent, UnitOfWork};
use sync_events::{Delivery, Dispatcher, LaneOptions, Outcome, Relay, Subscribers};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use support::{
    Events, HandClock, Log, drop_schema, event, memory, number, postgres, publish, queue, replay, sqlite,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// One test per case and store.
macro_rules! on_every_store {
    ($($case:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test] async fn $case() { super::$case(super::memory()).await; })+
        }
        mod on_sqlite {
            $(#[tokio::test] async fn $case() { super::$case(super::sqlite().await).await; })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some((store, schema)) = super::postgres().await else { return };
                super::$case(std::sync::Arc::clone(&store)).await;
                super::drop_schema(&store, &schema).await;
            })+
        }
    };
}

on_every_store!(
    order_is_kept_by_four_drainers_with_random_failures,
    rolled_back_events_are_never_delivered,
    parked_event_is_replayed_in_order,
    slow_lane_holds_up_no_other,
    published_event_wakes_the_dispatcher,
    killed_delivery_comes_again_with_the_same_id,
    deadly_event_is_parked_and_takes_no_other_along,
    relay_that_is_down_loses_nothing,
    every_line_keeps_its_tenant,
);

/// Handlers that fail at random, each event up to three times in a row.
fn flaky(log: &Log, seed: u64) -> Subscribers {
    let chance = Arc::new(Mutex::new((fastrand::Rng::with_seed(seed), BTreeMap::<u128, u32>::new())));
    let log = log.clone();
    Subscribers::new().on_all(move |event| {
        let (chance, log) = (Arc::clone(&chance), log.clone());
        async move {
            tokio::task::yield_now().await;
            let mut chance = chance.lock().unwrap();
            let (random, failures) = &mut *chance;
            let failures = failures.entry(number(&event)).or_default();
            if *failures < 3 && random.u8(..) < 64 {
                *failures += 1;
                return Err("at random".into());
            }
            log.add(event);
            Ok(())
        }
    })
}

/// INV-OUT-2, INV-OUT-5: whatever fails when, each record's events arrive in their order and each arrives once.
async fn order_is_kept_by_four_drainers_with_random_failures<S: Events>(store: Arc<S>) {
    const N_EVENTS: u128 = 600;
    let (log, stop) = (Log::default(), CancellationToken::new());
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let drainers = (0..4).map(|n| {
        Dispatcher::builder(Arc::clone(&store), "log", flaky(&log, seed + n))
            .lane(Lane::Change, LaneOptions { workers: 2, batch: 16 })
            .attempts(1_000)
            .backoff(Duration::from_millis(1), Duration::from_millis(4))
            .poll_every(Duration::from_millis(50))
            .build()
            .unwrap()
    });
    let drainers: Vec<_> = drainers.collect();
    drainers[0].register().await.unwrap();
    let publishing = async {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut n = 0;
        while n < N_EVENTS {
            let size = u128::from(random.u32(1..40)).min(N_EVENTS - n);
            let batch: Vec<_> =
                (n..n + size).map(|n| event(n + 1, &format!("r{}", random.u32(..30)))).collect();
            n += size;
            publish(&*store, &batch).await;
        }
    };
    let ending = async {
        log.reach(N_EVENTS as usize).await;
        stop.cancel();
    };
    let running = futures_util::future::join_all(drainers.iter().map(|drainer| drainer.run(&stop)));
    let ((), (), reports) = tokio::join!(publishing, ending, running);
    let reports: Vec<_> = reports.into_iter().map(Result::unwrap).collect();
    let heard = log.events();
    assert_eq!(heard.len(), N_EVENTS as usize);
    let mut of_record: BTreeMap<String, Vec<u128>> = BTreeMap::new();
    for event in &heard {
        let record = event.record.as_ref().unwrap().external_id.to_string();
        of_record.entry(record).or_default().push(number(event));
    }
    for (record, numbers) in of_record {
        assert!(numbers.is_sorted(), "{record}: {numbers:?}");
    }
    assert_eq!(reports.iter().map(|report| report.delivered).sum::<u64>(), N_EVENTS as u64);
    assert!(reports.iter().map(|report| report.failed).sum::<u64>() > 0);
}

/// INV-OUT-1: what arrives is what was committed.
async fn rolled_back_events_are_never_delivered<S: Events>(store: Arc<S>) {
    let log = Log::default();
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "log", flaky(&log, 0))
        .lane(Lane::Change, LaneOptions { workers: 1, batch: 10 })
        .backoff(Duration::ZERO, Duration::ZERO)
        .build()
        .unwrap();
    dispatcher.register().await.unwrap();
    let mut committed = BTreeSet::new();
    for n in 1..60_u128 {
        let mut tx = store.begin().await.unwrap();
        store.publish(&mut tx, &[event(n, &format!("r{}", n % 7))]).await.unwrap();
        if n % 3 == 0 {
            store.rollback(tx).await.unwrap();
        } else {
            store.commit(tx).await.unwrap();
            committed.insert(n);
        }
    }
    while queue(&*store, "log", Lane::Change).await.waiting > 0 {
        dispatcher.drain().await.unwrap();
    }
    assert_eq!(log.numbers().into_iter().collect::<BTreeSet<_>>(), committed);
}

/// INV-OUT-5: an event that fails too often is parked, holds up its record, and comes first once it is replayed.
async fn parked_event_is_replayed_in_order<S: Events>(store: Arc<S>) {
    let (log, broken) = (Log::default(), Arc::new(AtomicBool::new(true)));
    let subscribers = Subscribers::new().on_all({
        let (log, broken) = (log.clone(), Arc::clone(&broken));
        move |event| {
            let (log, broken) = (log.clone(), Arc::clone(&broken));
            async move {
                assert!(number(&event) != 1 || !broken.load(Ordering::SeqCst), "this handler is broken");
                log.add(event);
                Ok(())
            }
        }
    });
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "log", subscribers)
        .lane(Lane::Change, LaneOptions::default())
        .attempts(3)
        .backoff(Duration::ZERO, Duration::ZERO)
        .build()
        .unwrap();
    dispatcher.register().await.unwrap();
    publish(&*store, &[event(1, "a"), event(2, "a"), event(3, "b"), event(4, "a")]).await;
    while queue(&*store, "log", Lane::Change).await.parked == 0 {
        dispatcher.drain().await.unwrap();
    }
    dispatcher.drain().await.unwrap();
    assert_eq!(log.numbers(), [3]);
    let mut tx = store.begin().await.unwrap();
    let parked = store.parked(&mut tx, &sync_core::ParkedFilter::default(), 10).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!((parked.len(), parked[0].attempts), (1, 3));
    assert!(parked[0].error.contains("this handler is broken"), "{}", parked[0].error);
    broken.store(false, Ordering::SeqCst);
    assert_eq!(replay(&*store).await, 1);
    dispatcher.drain().await.unwrap();
    assert_eq!(log.numbers(), [3, 1, 2, 4]);
    assert_eq!((dispatcher.report().failed, dispatcher.report().parked), (2, 1));
}

/// INV-OUT-4: a lane whose deliveries don't end holds up no other.
async fn slow_lane_holds_up_no_other<S: Events>(store: Arc<S>) {
    let log = Log::default();
    let (begun, let_go) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let subscribers = Subscribers::new().on_all({
        let (log, begun, let_go) = (log.clone(), Arc::clone(&begun), Arc::clone(&let_go));
        move |event| {
            let (log, begun, let_go) = (log.clone(), Arc::clone(&begun), Arc::clone(&let_go));
            async move {
                if event.lane == Lane::Outbound {
                    begun.notify_one();
                    let_go.notified().await;
                }
                log.add(event);
                Ok(())
            }
        }
    });
    let one = LaneOptions { workers: 1, batch: 10 };
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "log", subscribers)
        .lane(Lane::Outbound, one)
        .lane(Lane::Change, one)
        .build()
        .unwrap();
    dispatcher.register().await.unwrap();
    let stop = CancellationToken::new();
    let story = async {
        publish(&*store, &[OutboxEvent { lane: Lane::Outbound, ..event(1, "a") }]).await;
        tokio::time::timeout(Duration::from_secs(30), begun.notified()).await.unwrap();
        publish(&*store, &[event(2, "a"), event(3, "b")]).await;
        log.reach(2).await;
        let mut heard = log.numbers();
        heard.sort_unstable();
        assert_eq!(heard, [2, 3]);
        let_go.notify_one();
        log.reach(3).await;
        stop.cancel();
    };
    let ((), report) = tokio::join!(story, dispatcher.run(&stop));
    // What was in hand when it was stopped is settled.
    assert_eq!(report.unwrap().delivered, 3);
    assert_eq!(queue(&*store, "log", Lane::Outbound).await.waiting, 0);
}

/// INV-SIG-1: an idle dispatcher hears of a commit, though it would look by itself only after an hour.
async fn published_event_wakes_the_dispatcher<S: Events>(store: Arc<S>) {
    let (log, stop) = (Log::default(), CancellationToken::new());
    let heard = log.clone();
    let subscribers = Subscribers::new().on_all(move |event| {
        heard.add(event);
        async { Ok(()) }
    });
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "log", subscribers)
        .lane(Lane::Change, LaneOptions { workers: 2, batch: 10 })
        .poll_every(HOUR)
        .build()
        .unwrap();
    let story = async {
        for n in 1..=5 {
            publish(&*store, &[event(n, "a")]).await;
            if n > 1 {
                log.reach(n as usize - 1).await;
            }
            // The first may be published before the consumer is known.
            if n == 1 {
                while !is_known(&*store).await {
                    tokio::task::yield_now().await;
                }
            }
        }
        stop.cancel();
    };
    let (report, ()) = tokio::join!(dispatcher.run(&stop), story);
    report.unwrap();
    assert!(log.numbers().is_sorted());
}

/// A server that ends the connection on which a dispatcher listens is listened to again, well before the next look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listener_whose_connection_was_ended_hears_what_comes_after() {
    let Some(url) = support::service("HEXSYNC_TEST_POSTGRES_URL") else { return };
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    let store = sync_postgres::PgStore::builder(url).schema(&schema).application_name(&schema);
    let store = Arc::new(store.connect().await.unwrap());
    store.migrate().await.unwrap();
    let (log, stop) = (Log::default(), CancellationToken::new());
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "log", flaky(&log, 0))
        .lane(Lane::Change, LaneOptions { workers: 1, batch: 10 })
        .backoff(Duration::ZERO, Duration::ZERO)
        .poll_every(HOUR)
        .build()
        .unwrap();
    dispatcher.register().await.unwrap();
    let story = async {
        publish(&*store, &[event(1, "a")]).await;
        log.reach(1).await;
        let listening = async { while end_listeners(&store, &schema).await == 0 {} };
        tokio::time::timeout(Duration::from_secs(30), listening).await.unwrap();
        publish(&*store, &[event(2, "a")]).await;
        log.reach(2).await;
        publish(&*store, &[event(3, "a")]).await;
        log.reach(3).await;
        stop.cancel();
    };
    let (report, ()) = tokio::join!(dispatcher.run(&stop), story);
    report.unwrap();
    assert_eq!(log.numbers(), [1, 2, 3]);
    drop_schema(&store, &schema).await;
}

/// Ends the connections that listen under this name; answers how many.
async fn end_listeners(store: &sync_postgres::PgStore, name: &str) -> i64 {
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
        where application_name = $1 and query ilike 'listen %'";
    let mut tx = store.begin().await.unwrap();
    let ended = sqlx::query_scalar(sql).bind(name).fetch_one(tx.connection()).await.unwrap();
    store.commit(tx).await.unwrap();
    ended
}

async fn is_known<S: Events>(store: &S) -> bool {
    let mut tx = store.begin().await.unwrap();
    let known = !store.queues(&mut tx).await.unwrap().is_empty();
    store.rollback(tx).await.unwrap();
    known
}

/// A relay that takes an event and is never heard of again.
struct Lost(Log);

#[async_trait]
impl Relay for Lost {
    fn label(&self) -> String {
        "lost".to_owned()
    }

    async fn deliver(&self, events: &[OutboxEvent], _deadline: Instant) -> Delivery {
        events.iter().cloned().for_each(|event| self.0.add(event));
        std::future::pending().await
    }
}

/// INV-OUT-3: of a task that was killed between delivery and acknowledgement, the events come again once its claim
/// has ended, with the same ids and in order.
async fn killed_delivery_comes_again_with_the_same_id<S: Events>(store: Arc<S>) {
    let (log, clock) = (Log::default(), Arc::new(HandClock::default()));
    let lane = LaneOptions { workers: 1, batch: 10 };
    let doomed = Dispatcher::builder(Arc::clone(&store), "log", Lost(log.clone()))
        .lane(Lane::Change, lane)
        .clock(Arc::clone(&clock) as Arc<dyn sync_core::Clock>)
        .build()
        .unwrap();
    doomed.register().await.unwrap();
    publish(&*store, &[event(1, "a"), event(2, "a")]).await;
    let stop = CancellationToken::new();
    let task = tokio::spawn(async move { doomed.run(&stop).await });
    log.reach(2).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let heir = Dispatcher::builder(Arc::clone(&store), "log", flaky(&log, 0))
        .lane(Lane::Change, lane)
        .backoff(Duration::ZERO, Duration::ZERO)
        .clock(Arc::clone(&clock) as Arc<dyn sync_core::Clock>)
        .build()
        .unwrap();
    heir.drain().await.unwrap();
    assert_eq!(log.numbers(), [1, 2]);
    clock.forward(60);
    while queue(&*store, "log", Lane::Change).await.waiting > 0 {
        heir.drain().await.unwrap();
    }
    assert_eq!(log.numbers(), [1, 2, 1, 2]);
}

/// A relay whose process dies of one event.
struct DiesOf(u128, Log);

#[async_trait]
impl Relay for DiesOf {
    fn label(&self) -> String {
        "mortal".to_owned()
    }

    async fn deliver(&self, events: &[OutboxEvent], deadline: Instant) -> Delivery {
        if events.iter().any(|event| number(event) == self.0) {
            self.1.add(event(self.0, "deadly"));
            return Lost(Log::default()).deliver(events, deadline).await;
        }
        events.iter().cloned().for_each(|event| self.1.add(event));
        Delivery::done(events.len())
    }
}

/// INV-OUT-5: an event that kills each process that delivers it is parked after as many deaths as there are attempts;
/// those claimed with it die with it once and then arrive.
async fn deadly_event_is_parked_and_takes_no_other_along<S: Events>(store: Arc<S>) {
    let (log, clock) = (Log::default(), Arc::new(HandClock::default()));
    let process = || {
        Dispatcher::builder(Arc::clone(&store), "log", DiesOf(3, log.clone()))
            .lane(Lane::Change, LaneOptions { workers: 1, batch: 10 })
            .attempts(3)
            .clock(Arc::clone(&clock) as Arc<dyn sync_core::Clock>)
            .build()
            .unwrap()
    };
    process().register().await.unwrap();
    let sent: Vec<_> =
        (1..=5).map(|n| event(n, &format!("record {n}"))).chain([event(6, "record 3")]).collect();
    publish(&*store, &sent).await;
    for death in 1..=3 {
        let doomed = process();
        let task = tokio::spawn(async move { doomed.drain().await });
        let deaths = async {
            while log.numbers().iter().filter(|n| **n == 3).count() < death {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(90), deaths).await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        clock.forward(60);
    }
    let report = process().drain().await.unwrap();
    assert_eq!(report.parked, 1);
    let mut arrived: Vec<_> = log.numbers().into_iter().filter(|n| *n != 3).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, [1, 2, 4, 5], "the event behind it waits for its replay");
    assert_eq!(queue(&*store, "log", Lane::Change).await.parked, 1);
}

/// A relay that is down the first times, after having taken some of the events.
struct Down(Log, Mutex<u32>);

#[async_trait]
impl Relay for Down {
    fn label(&self) -> String {
        "down".to_owned()
    }

    async fn deliver(&self, events: &[OutboxEvent], _deadline: Instant) -> Delivery {
        let mut left = self.1.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            self.0.add(events[0].clone());
            return Delivery::down(events.len(), "nobody answers");
        }
        events.iter().cloned().for_each(|event| self.0.add(event));
        Delivery { outcomes: vec![Outcome::Done; events.len()], down: None }
    }
}

/// INV-OUT-1, INV-OUT-2: while the relay is down nothing is lost, parked or overtaken, and it shows.
async fn relay_that_is_down_loses_nothing<S: Events>(store: Arc<S>) {
    let (log, stop) = (Log::default(), CancellationToken::new());
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "log", Down(log.clone(), Mutex::new(3)))
        .lane(Lane::Change, LaneOptions { workers: 1, batch: 100 })
        .attempts(1)
        .backoff(Duration::from_millis(1), Duration::from_millis(2))
        .build()
        .unwrap();
    dispatcher.register().await.unwrap();
    let sent: Vec<_> = (1..=20).map(|n| event(n, "a")).collect();
    publish(&*store, &sent).await;
    let story = async {
        log.reach(23).await;
        stop.cancel();
    };
    let (report, ()) = tokio::join!(dispatcher.run(&stop), story);
    let report = report.unwrap();
    assert_eq!((report.delivered, report.parked, report.failed, report.stalled), (20, 0, 0, 3));
    let expected: Vec<u128> = [1, 1, 1].into_iter().chain(1..=20).collect();
    assert_eq!(log.numbers(), expected);
}

/// R1: each line arrives with the tenant it was published with.
async fn every_line_keeps_its_tenant<S: Events>(store: Arc<S>) {
    let log = Log::default();
    let heard = log.clone();
    let subscribers = Subscribers::new().on_all(move |event| {
        heard.add(event);
        async { Ok(()) }
    });
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "log", subscribers)
        .lane(Lane::Change, LaneOptions::default())
        .build()
        .unwrap();
    dispatcher.register().await.unwrap();
    let sent: Vec<_> = (1..=40)
        .map(|n| OutboxEvent { tenant: Some(["a", "b", "c"][n as usize % 3].into()), ..event(n, "same") })
        .collect();
    publish(&*store, &sent).await;
    dispatcher.drain().await.unwrap();
    let mut heard = log.events();
    heard.sort_by_key(number);
    assert_eq!(heard, sent);
}
