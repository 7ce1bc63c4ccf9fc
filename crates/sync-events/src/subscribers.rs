//! Handlers within the process.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use sync_core::{BoxError, OutboxEvent, TypedEvent};
use tokio::time::{Instant, timeout};

use crate::relay::{Delivery, Outcome, Relay, by_record};

type Handler =
    Arc<dyn Fn(&OutboxEvent) -> Result<BoxFuture<'static, Result<(), BoxError>>, String> + Send + Sync>;

/// Handlers of events, by their type. Events of different records are handled at the same time, those of one record
/// one after the other. A handler that fails, panics or takes too long is called again, later and with the same
/// event: it has to bear that. Events without a handler count as received.
///
/// ```
/// use sync_core::{AppEvent, EventReadError, Lane, OutboxEvent, TypedEvent};
/// # struct Greeted;
/// # impl TypedEvent for Greeted {
/// #     const KIND: &'static str = "greeted";
/// #     fn read(_: &OutboxEvent) -> Result<Self, EventReadError> { Ok(Self) }
/// # }
/// let subscribers = sync_events::Subscribers::new().on(|event: Greeted| async move {
///     drop(event);
///     Ok(())
/// });
/// ```
pub struct Subscribers {
    of_kind: HashMap<&'static str, Vec<Handler>>,
    of_all: Vec<Handler>,
    concurrency: usize,
    limit: Duration,
}

impl Default for Subscribers {
    fn default() -> Self {
        Self::new()
    }
}

impl Subscribers {
    /// No handlers yet.
    #[must_use]
    pub fn new() -> Self {
        Self { of_kind: HashMap::new(), of_all: Vec::new(), concurrency: 16, limit: Duration::from_secs(15) }
    }

    /// Calls this with every event of a type. Several handlers of a type are called in the order of adding; when a
    /// later one fails, the earlier ones are called again with it.
    #[must_use]
    pub fn on<E, F, R>(mut self, handler: F) -> Self
    where
        E: TypedEvent,
        F: Fn(E) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |event| {
            let typed = E::read(event).map_err(|error| error.to_string())?;
            Ok(handler(typed).boxed())
        });
        self.of_kind.entry(E::KIND).or_default().push(handler);
        self
    }

    /// Calls this with every event, of whatever kind, before those of its type.
    #[must_use]
    pub fn on_all<F, R>(mut self, handler: F) -> Self
    where
        F: Fn(OutboxEvent) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.of_all.push(Arc::new(move |event| Ok(handler(event.clone()).boxed())));
        self
    }

    /// How many records' events are handled at the same time, per worker. Default 16.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// How long one event's handlers may take. Default 15 s; keep it well below the length of a claim.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    async fn handle(&self, event: &OutboxEvent) -> Outcome {
        let handlers = self.of_all.iter().chain(self.of_kind.get(event.kind.as_str()).into_iter().flatten());
        let all = async {
            for handler in handlers {
                let call = match handler(event) {
                    Ok(call) => call,
                    Err(reason) => return Outcome::Refused(reason),
                };
                if let Err(error) = call.await {
                    return Outcome::Failed(error.to_string());
                }
            }
            Outcome::Done
        };
        match timeout(self.limit, AssertUnwindSafe(all).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Outcome::Failed(format!("its handler panicked: {}", words(&*panic))),
            Err(_) => Outcome::Failed(format!("its handler took longer than {:?}", self.limit)),
        }
    }

    /// The events of one record, until one fails or time runs out. The first is tried in any case.
    async fn handle_record(
        &self,
        events: &[OutboxEvent],
        places: Vec<usize>,
        deadline: Instant,
    ) -> Vec<(usize, Outcome)> {
        let mut outcomes = Vec::with_capacity(places.len());
        for (nth, place) in places.into_iter().enumerate() {
            if nth > 0 && Instant::now() + self.limit > deadline {
                break;
            }
            let outcome = self.handle(&events[place]).await;
            let go_on = outcome == Outcome::Done;
            outcomes.push((place, outcome));
            if !go_on {
                break;
            }
        }
        outcomes
    }
}

#[async_trait]
impl Relay for Subscribers {
    fn label(&self) -> String {
        "subscribers".to_owned()
    }

    async fn deliver(&self, events: &[OutboxEvent], deadline: Instant) -> Delivery {
        let mut outcomes = vec![Outcome::NotTried; events.len()];
        let records = by_record(events).into_iter().map(|places| async move {
            // Waiting for its turn may have taken long; then its events wait for the next claim.
            if Instant::now() > deadline {
                return Vec::new();
            }
            self.handle_record(events, places, deadline).await
        });
        let mut handled = stream::iter(records).buffer_unordered(self.concurrency);
        while let Some(of_record) = handled.next().await {
            for (place, outcome) in of_record {
                outcomes[place] = outcome;
            }
        }
        Delivery { outcomes, down: None }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
