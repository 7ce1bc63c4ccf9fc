//! Walking through the pages of a query, one page ahead of whoever consumes them.

use std::future::Future;

use futures::stream::{self, Stream};
use sync_core::SourceError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::client::{SalesforceClient, Scope};
use crate::error::{CallError, is_broken_off, is_drift};
use crate::soql::Select;
use crate::wire::Page;

/// What is read by a query, or by several, where the place in the result is lost.
pub(crate) trait Walk: Send {
    /// Which records the query sees.
    const SCOPE: Scope;

    fn client(&self) -> &SalesforceClient;

    /// The query for what was not handed over yet.
    fn query(&self) -> Select;

    /// Hands a page over. Says whether it brought something new, behind which the next query begins.
    fn hand_over(&mut self, page: Page) -> impl Future<Output = Result<bool, Stop>> + Send;

    /// Looks at what the object is made of now, after a query of it was refused. Says whether there is anything left
    /// to be asked for; the error, where the object is not to blame for it.
    fn describe_anew(&mut self, error: CallError) -> impl Future<Output = Result<bool, SourceError>> + Send;
}

/// Reads to the end. Where the place in the result is lost, a fresh query goes on after the last record that was
/// handed over; so pages are never repeated and never skipped.
pub(crate) async fn walk<W: Walk>(walk: &mut W) -> Result<(), Stop> {
    let mut next: Option<String> = None;
    let mut stuck = 0;
    loop {
        let answer = match &next {
            Some(locator) => walk.client().next_page(locator).await,
            None => walk.client().query(W::SCOPE, &walk.query()).await,
        };
        match answer {
            Ok(page) => {
                next = page.next.clone();
                let is_new = walk.hand_over(page).await?;
                match (&next, is_new) {
                    (None, _) => return Ok(()),
                    (Some(_), true) => stuck = 0,
                    (Some(_), false) => pause(walk.client(), &mut stuck, nothing_new()).await?,
                }
            }
            Err(error) if is_broken_off(&error) => {
                tracing::info!(reason = ?error, "the result broke off, asking anew from the last record");
                next = None;
                pause(walk.client(), &mut stuck, error).await?;
            }
            Err(error) if is_drift(&error) => {
                next = None;
                if !walk.describe_anew(error).await? {
                    return Ok(());
                }
            }
            Err(error) => return Err(walk.client().source_error(error).into()),
        }
    }
}

/// Waits before the next attempt, or gives up after too many without a record gained.
async fn pause(client: &SalesforceClient, stuck: &mut u32, error: CallError) -> Result<(), SourceError> {
    let config = client.config();
    if *stuck >= config.restarts {
        return Err(client.source_error(error));
    }
    tokio::time::sleep(config.restart_pause * 2_u32.saturating_pow(*stuck)).await;
    *stuck += 1;
    Ok(())
}

fn nothing_new() -> CallError {
    CallError::Garbled { call: "query records", what: "a query brings pages without new records".to_owned() }
}

/// Why a walk ended early.
pub(crate) enum Stop {
    /// Nobody listens any more.
    Deserted,
    Failed(SourceError),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

/// Where pages are handed over.
pub(crate) struct Out<P>(mpsc::Sender<Read<P>>);

impl<P> Out<P> {
    pub(crate) async fn page(&self, page: P) -> Result<(), Stop> {
        self.0.send(Read::Page(page)).await.map_err(|_| Stop::Deserted)
    }
}

/// What a reader tells its consumer.
enum Read<P> {
    Page(P),
    Failed(SourceError),
    /// Everything was read. Silence without this means that the reader died.
    End,
}

/// The pages that `read` hands over. Its task starts when the stream is first polled, and ends with it.
pub(crate) fn pages<P, R, F>(read: R) -> impl Stream<Item = Result<P, SourceError>> + Send
where
    P: Send + 'static,
    R: FnOnce(Out<P>) -> F + Send + 'static,
    F: Future<Output = (Out<P>, Result<(), Stop>)> + Send + 'static,
{
    stream::unfold(State::Start(read), |state| async {
        let (mut pages, task) = match state {
            State::Start(read) => {
                // One page waits here while another is consumed and a third is under way.
                let (out, pages) = mpsc::channel(1);
                (pages, Task(tokio::spawn(tell(read(Out(out))).in_current_span())))
            }
            State::Reading(pages, task) => (pages, task),
            State::Over => return None,
        };
        match pages.recv().await {
            Some(Read::Page(page)) => Some((Ok(page), State::Reading(pages, task))),
            Some(Read::End) => None,
            Some(Read::Failed(error)) => Some((Err(error), State::Over)),
            None => {
                let source = "the task that reads pages was stopped".into();
                Some((Err(SourceError::Transient { call: "query records", source }), State::Over))
            }
        }
    })
}

enum State<P, R> {
    Start(R),
    Reading(mpsc::Receiver<Read<P>>, Task),
    Over,
}

/// Tells how the reading ended.
async fn tell<P>(reading: impl Future<Output = (Out<P>, Result<(), Stop>)>) {
    let (out, outcome) = reading.await;
    let last = match outcome {
        Ok(()) => Read::End,
        Err(Stop::Failed(error)) => Read::Failed(error),
        Err(Stop::Deserted) => return,
    };
    // Nobody to tell is nobody to miss it.
    let _ = out.0.send(last).await;
}

/// A task that does not outlive its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
