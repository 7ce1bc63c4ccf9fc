//! Feeds that come and go while the loop works.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sync_core::StoreError;
use sync_webhooks::{DrainFeed, DrainFeeds, DrainOptions, Drainer, Wake};
use tokio_util::sync::CancellationToken;

use super::world::{World, deal};

/// What there is, as a test says.
#[derive(Default)]
struct Listed {
    feeds: Mutex<Vec<Arc<dyn DrainFeed>>>,
    away: Mutex<bool>,
    n_asked: Mutex<usize>,
}

impl Listed {
    fn set(&self, feeds: Vec<Arc<dyn DrainFeed>>) {
        *self.feeds.lock().unwrap() = feeds;
    }
}

#[async_trait]
impl DrainFeeds for Listed {
    async fn feeds(&self) -> Result<Vec<Arc<dyn DrainFeed>>, StoreError> {
        *self.n_asked.lock().unwrap() += 1;
        if *self.away.lock().unwrap() {
            return Err(StoreError::Unavailable { during: "a test", source: "away".into() });
        }
        Ok(self.feeds.lock().unwrap().clone())
    }
}

/// A loop over a list of feeds that is empty at first.
struct Loop {
    world: World,
    listed: Arc<Listed>,
    wake: Arc<Wake>,
    stop: CancellationToken,
}

impl Loop {
    async fn start() -> Self {
        let (world, listed, wake) = (World::start().await, Arc::<Listed>::default(), Arc::<Wake>::default());
        let (store, stop) = (Arc::new(world.store.clone()), CancellationToken::new());
        // What it does of its own accord comes later than what these tests wait for.
        let options = DrainOptions {
            poll_every: Duration::from_secs(3_600),
            feeds_every: Duration::from_secs(60),
            ..DrainOptions::default()
        };
        let source = Arc::clone(&listed) as Arc<dyn DrainFeeds>;
        tokio::spawn(Drainer::of(store, Arc::clone(&wake), source, options).run(stop.clone()));
        tokio::time::sleep(Duration::from_millis(10)).await;
        Self { world, listed, wake, stop }
    }

    fn feed(&self) -> Vec<Arc<dyn DrainFeed>> {
        vec![Arc::new(self.world.feed())]
    }

    /// A record changes, and its notice is staged.
    async fn staged(&self, id: &str) {
        self.world.crm.put([(id.into(), deal(id))]);
        self.world.stage(&[self.world.notice(id, id)]).await;
    }

    /// So many rows there are a little later.
    async fn n_rows(&self) -> usize {
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.world.rows().await.len()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A notice for a subscription that the loop does not know makes it ask at once, once.
#[tokio::test(start_paused = true)]
async fn feed_is_found_when_something_is_staged_for_it() {
    let this = Loop::start().await;
    this.listed.set(this.feed());
    this.staged("1").await;
    assert_eq!(this.n_rows().await, 0);
    this.wake.staged([this.world.subscription.id]);
    assert_eq!(this.n_rows().await, 1);
}

/// One that nobody here applies is not asked for with every call.
#[tokio::test(start_paused = true)]
async fn stranger_is_asked_for_once() {
    let this = Loop::start().await;
    for _ in 0..5 {
        this.wake.staged([this.world.subscription.id]);
        this.n_rows().await;
    }
    assert_eq!(*this.listed.n_asked.lock().unwrap(), 2);
}

/// What was added is looked at without any call; what is gone is let go; a list that can't be read changes nothing.
#[tokio::test(start_paused = true)]
async fn feeds_come_and_go_while_the_loop_works() {
    let this = Loop::start().await;
    let an_interval = Duration::from_secs(61);
    this.staged("1").await;
    this.listed.set(this.feed());
    tokio::time::sleep(an_interval).await;
    assert_eq!(this.n_rows().await, 1);

    *this.listed.away.lock().unwrap() = true;
    tokio::time::sleep(an_interval).await;
    this.staged("2").await;
    this.wake.staged([this.world.subscription.id]);
    assert_eq!(this.n_rows().await, 2);

    *this.listed.away.lock().unwrap() = false;
    this.listed.set(Vec::new());
    tokio::time::sleep(an_interval).await;
    this.staged("3").await;
    this.wake.staged([this.world.subscription.id]);
    assert_eq!(this.n_rows().await, 2);
    assert_eq!(this.world.waiting().await, ["3"]);
}
