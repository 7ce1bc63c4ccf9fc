//! Detection by asking: what a fetcher is given, and the source around it.

use std::future::Future;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use serde::de::IgnoredAny;
use sync_core::{Change, ChangeMiddleware, ChangeSource, ChangeStream, Cursor, SourceError, Subscription};

use crate::{DetectionConfig, DetectionMode, Filter};

/// What a fetcher is given: exactly this. Whose data it is, it knows from its own construction.
#[derive(Clone, Copy, Debug)]
pub struct PollRequest<'a> {
    /// Which feed.
    pub subscription: &'a Subscription,
    /// Where the last run ended; `None` for everything.
    pub cursor: Option<&'a Cursor>,
    /// Which records count: those for which all hold.
    pub filters: &'a [Filter],
}

/// Fetches what changed at one provider. Provider crates implement it, and so can the application: in a type, or
/// in a function by [`poll_fetch`].
///
/// What [`ChangeSource`] says of streams and positions holds here as well.
pub trait PollFetch<T>: Send + Sync {
    /// What changed after the request's cursor. The stream owns what it needs.
    fn fetch(&self, request: PollRequest<'_>) -> ChangeStream<T>;
}

impl<T, F: PollFetch<T> + ?Sized> PollFetch<T> for Arc<F> {
    fn fetch(&self, request: PollRequest<'_>) -> ChangeStream<T> {
        (**self).fetch(request)
    }
}

/// A [`PollRequest`] that owns its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedPollRequest {
    /// Which feed.
    pub subscription: Subscription,
    /// Where the last run ended; `None` for everything.
    pub cursor: Option<Cursor>,
    /// Which records count: those for which all hold.
    pub filters: Vec<Filter>,
}

impl PollRequest<'_> {
    /// A copy that owns its parts.
    #[must_use]
    pub fn to_owned(&self) -> OwnedPollRequest {
        OwnedPollRequest {
            subscription: self.subscription.clone(),
            cursor: self.cursor.cloned(),
            filters: self.filters.to_vec(),
        }
    }
}

/// A fetcher from an async function that answers with everything at once. For answers too large for memory,
/// implement [`PollFetch`].
///
/// ```
/// use sync_core::{Change, Cursor, SourceError};
/// use sync_detection::{OwnedPollRequest, PollFetch, poll_fetch};
///
/// async fn tickets(request: OwnedPollRequest) -> Result<Vec<Change<String>>, SourceError> {
///     let position = request.cursor.map_or(0, |cursor| cursor.as_str().parse().unwrap_or(0));
///     Ok(vec![Change::upsert("t-1", "Printer".to_owned()).at(Cursor::new((position + 1).to_string()))])
/// }
///
/// let fetcher: Box<dyn PollFetch<String>> = Box::new(poll_fetch(tickets));
/// ```
pub fn poll_fetch<T, F, Answer>(fetch: F) -> impl PollFetch<T>
where
    T: Send + 'static,
    F: Fn(OwnedPollRequest) -> Answer + Send + Sync,
    Answer: Future<Output = Result<Vec<Change<T>>, SourceError>> + Send + 'static,
{
    Closure(fetch)
}

struct Closure<F>(F);

impl<T, F, Answer> PollFetch<T> for Closure<F>
where
    T: Send + 'static,
    F: Fn(OwnedPollRequest) -> Answer + Send + Sync,
    Answer: Future<Output = Result<Vec<Change<T>>, SourceError>> + Send + 'static,
{
    fn fetch(&self, request: PollRequest<'_>) -> ChangeStream<T> {
        let answer = (self.0)(request.to_owned());
        stream::once(answer).flat_map(|answer| stream::iter(each(answer))).boxed()
    }
}

fn each<T>(answer: Result<Vec<Change<T>>, SourceError>) -> Vec<Result<Change<T>, SourceError>> {
    match answer {
        Ok(changes) => changes.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

/// A source from a configuration and a fetcher.
///
/// - The fetcher gets the subscription, the cursor and the configured filters.
/// - Every change is stamped as the configuration says: `poll`, or `cdc`.
/// - A change without an external id, or with a position that is no JSON, ends the stream with an error before
///   it reaches a table; so does the fetcher's own first error.
pub struct PollChangeSource<T> {
    label: String,
    config: DetectionConfig,
    fetch: Box<dyn PollFetch<T>>,
    middleware: Vec<Arc<dyn ChangeMiddleware<T>>>,
}

impl<T: Send + Sync + 'static> PollChangeSource<T> {
    /// A source with this name in logs: `salesforce-poll-opportunity`.
    #[must_use]
    pub fn new(label: impl Into<String>, config: DetectionConfig, fetch: Box<dyn PollFetch<T>>) -> Self {
        Self { label: label.into(), config, fetch, middleware: Vec::new() }
    }

    /// With this around its stream. The first is the outermost, so it sees a change last.
    #[must_use]
    pub fn middleware(mut self, layer: Arc<dyn ChangeMiddleware<T>>) -> Self {
        self.middleware.push(layer);
        self
    }

    /// What it was built from.
    #[must_use]
    pub const fn config(&self) -> &DetectionConfig {
        &self.config
    }

    fn fetched(&self, subscription: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        if let DetectionMode::Webhook(_) = self.config.mode {
            let error =
                refuse("WRONG_MODE", "the entity's file says `webhook` for this provider; nothing is polled");
            return stream::once(async { Err(error) }).boxed();
        }
        let request = PollRequest { subscription, cursor, filters: &self.config.filters };
        let provenance = self.config.mode.provenance();
        let changes = self.fetch.fetch(request).map(move |change| {
            let change = checked(change?)?;
            Ok(Change { source: provenance, ..change })
        });
        until_error(changes).boxed()
    }
}

impl<T: Send + Sync + 'static> ChangeSource<T> for PollChangeSource<T> {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn list_changes(&self, subscription: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        let innermost = self.fetched(subscription, cursor);
        self.middleware.iter().rev().fold(innermost, |changes, layer| layer.wrap(subscription, changes))
    }
}

fn checked<T>(change: Change<T>) -> Result<Change<T>, SourceError> {
    if change.external_id.as_str().is_empty() {
        return Err(refuse("EMPTY_ID", "the fetcher yielded a record without an external id"));
    }
    if let Some(cursor) = &change.cursor
        && serde_json::from_str::<IgnoredAny>(cursor.as_str()).is_err()
    {
        return Err(refuse(
            "BAD_POSITION",
            "the fetcher yielded a position that is no JSON; put text in quotes",
        ));
    }
    Ok(change)
}

fn refuse(code: &str, reason: &str) -> SourceError {
    SourceError::Permanent { call: "poll records", code: code.to_owned(), reason: reason.to_owned() }
}

/// Nothing follows an error: what came after it might be applied, and the cursor with it.
fn until_error<T>(
    changes: impl Stream<Item = Result<Change<T>, SourceError>> + Send + Unpin,
) -> impl Stream<Item = Result<Change<T>, SourceError>> + Send {
    stream::unfold(Some(changes), |changes| async {
        let mut changes = changes?;
        let change = changes.next().await?;
        let rest = if change.is_ok() { Some(changes) } else { None };
        Some((change, rest))
    })
}

#[cfg(test)]
mod tests;
