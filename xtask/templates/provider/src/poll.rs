//! Polling an object's changes.

use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use sync_core::{Change, ChangeSource, ChangeStream, Cursor, ExternalId, Provenance, SourceError, Subscription};
use sync_detection::{Filter, PollFetch, PollRequest};

use crate::From__Provider__;
use crate::client::{Ask, __Provider__Client};
use crate::cursor::Position;
use crate::map::Mapped;

/// The changes of one object, by its records' stamp and id.
pub struct __Provider__PollSource<T> {
    client: __Provider__Client,
    filters: Arc<[Filter]>,
    entity: PhantomData<fn() -> T>,
}

impl<T: From__Provider__> __Provider__PollSource<T> {
    /// All records of the object.
    #[must_use]
    pub fn new(client: __Provider__Client) -> Self {
        Self { client, filters: Arc::default(), entity: PhantomData }
    }

    /// Only records for which all filters hold.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }

    fn read(&self, filters: Arc<[Filter]>, cursor: Option<&Cursor>) -> ChangeStream<T> {
        let after = match cursor.map(|cursor| Position::from_cursor(cursor, &self.label())).transpose() {
            Ok(after) => after,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let start = Some((self.client.clone(), filters, after, None::<DateTime<Utc>>));
        stream::try_unfold(start, |state| async {
            let Some((client, filters, after, until)) = state else { return Ok::<_, SourceError>(None) };
            // The end is fixed when the stream begins, or it would run after changes that go on.
            let until = match until {
                Some(until) => until,
                None => client.now().await?,
            };
            let ask = Ask { object: T::OBJECT, mapping: T::mapping(), filters: &filters };
            let page = client.changed(&ask, after.as_ref(), until).await?;
            let changes: Vec<_> = page.items.iter().map(|json| Ok(change(json))).collect();
            let next = page.next.map(|next| (client, filters, Some(next), Some(until)));
            Ok(Some((stream::iter(changes), next)))
        })
        .try_flatten()
        .boxed()
    }
}

impl<T: From__Provider__> ChangeSource<T> for __Provider__PollSource<T> {
    fn label(&self) -> String {
        format!("__key__-poll-{}", T::ENTITY)
    }

    fn list_changes(&self, _: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        self.read(Arc::clone(&self.filters), cursor)
    }
}

/// As a fetcher it reads with the request's filters instead of its own.
impl<T: From__Provider__> PollFetch<T> for __Provider__PollSource<T> {
    fn fetch(&self, request: PollRequest<'_>) -> ChangeStream<T> {
        self.read(request.filters.into(), request.cursor)
    }
}

fn change<T: From__Provider__>(json: &str) -> Change<T> {
    let mapped = Mapped::<T>::read(json);
    Change {
        cursor: mapped.position().map(|position| position.to_cursor()),
        version: mapped.version(),
        external_id: mapped.id.unwrap_or_else(|| ExternalId::new(format!("unidentified:{}", json.len()))),
        payload: mapped.payload,
        source: Provenance::Poll,
        dedup_key: None,
        changed_fields: None,
        reread: false,
    }
}
