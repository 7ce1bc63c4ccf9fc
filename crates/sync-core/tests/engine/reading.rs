//! Reading ahead with bounded memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use sync_core::*;

use crate::world::{Deal, World, deal, seen};

/// Counts how far it was read.
struct Counted(Arc<AtomicUsize>, u32);

impl ChangeSource<Deal> for Counted {
    fn label(&self) -> String {
        "counted".into()
    }

    fn list_changes(&self, _: &Subscription, _: Option<&Cursor>) -> ChangeStream<Deal> {
        let read = Arc::clone(&self.0);
        stream::iter(1..=self.1)
            .map(move |n| {
                read.fetch_add(1, Ordering::SeqCst);
                Ok(seen(&format!("R{n}"), deal("r", "new"), n))
            })
            .boxed()
    }
}

/// Notes how far the source was read when each batch was committed.
struct Watch {
    read: Arc<AtomicUsize>,
    ahead: std::sync::Mutex<Vec<usize>>,
}

impl RunObserver for Watch {
    fn batch_committed(&self, counts: &Counts) {
        let read = self.read.load(Ordering::SeqCst);
        self.ahead.lock().unwrap().push(read - usize::try_from(counts.found).unwrap());
    }
}

/// R17: the next page is read while the last is written, and never more than two batches ahead.
#[tokio::test]
async fn reading_runs_ahead_by_a_bounded_number_of_batches() {
    let mut world = World::new().await;
    world.options.batch_size = 10.try_into().unwrap();
    let read = Arc::new(AtomicUsize::new(0));
    let watch = Arc::new(Watch { read: Arc::clone(&read), ahead: std::sync::Mutex::default() });
    let engine = world.builder().source(Arc::new(Counted(read, 1_000))).build().unwrap();
    let report = engine.execute(world.request().observer(Arc::clone(&watch) as _)).await.unwrap();
    assert_eq!(report.counts.created, 1_000);
    let ahead = watch.ahead.lock().unwrap();
    assert!(ahead.iter().any(|n| *n >= 10), "something was read ahead: {ahead:?}");
    assert!(ahead.iter().all(|n| *n <= 30), "bounded: {ahead:?}");
}

/// R17: a source that panics is a failed run, not the end of the stream.
#[tokio::test]
async fn panicking_source_is_not_the_end() {
    struct Panics;

    impl ChangeSource<Deal> for Panics {
        fn label(&self) -> String {
            "panics".into()
        }

        fn list_changes(&self, _: &Subscription, _: Option<&Cursor>) -> ChangeStream<Deal> {
            stream::iter(1..)
                .map(|n| if n > 2 { panic!("as told") } else { Ok(seen("A", deal("a", "n"), n)) })
                .boxed()
        }
    }

    let world = World::new().await;
    let engine = world.builder().source(Arc::new(Panics)).build().unwrap();
    let report = engine.execute(world.request()).await.unwrap();
    assert_eq!(report.status, RunStatus::Failed);
}

/// R17: a full read starts from the beginning, whatever the stored cursor.
#[tokio::test]
async fn full_read_ignores_the_cursor() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 7)]).await;
    world.engine().execute(world.request().mode(ReadMode::Full)).await.unwrap();
    world.engine().execute(world.request()).await.unwrap();
    assert_eq!(*world.script.asked.lock().unwrap(), [None, None, Some("7".to_owned())]);
}
