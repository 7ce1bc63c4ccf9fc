//! A CRM in memory: as much of one as the engine can see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use sync_core::{
    Change, ChangeSource, ChangeStream, Cursor, DeleteEvidence, ExternalId, Fetched, ListedRow, ListingPart,
    Payload, RecordFetcher, RemoteListing, SourceError, Subscription, Unreadable, Version,
};

/// The other side: records that tests add, change, spoil and delete, read by polling, by id and as a listing.
/// Clones share their records.
///
/// Each change gets a stamp; the cursor is stamp and id, `{"v":1,"at":[3,"006A"]}`, so that records sharing a stamp
/// are told apart. A stream yields the records as they were when it began.
#[derive(Clone)]
pub struct MemoryRemote<T> {
    records: Arc<Mutex<Records<T>>>,
}

struct Records<T> {
    by_id: BTreeMap<ExternalId, (i64, Remote<T>)>,
    stamp: i64,
}

#[derive(Clone)]
enum Remote<T> {
    Live(T),
    Spoilt,
    Deleted,
}

impl<T> Default for MemoryRemote<T> {
    fn default() -> Self {
        Self { records: Arc::new(Mutex::new(Records { by_id: BTreeMap::new(), stamp: 0 })) }
    }
}

impl<T: Clone> MemoryRemote<T> {
    /// A CRM without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds records or replaces them, all at the same stamp, later than any before.
    pub fn put(&self, records: impl IntoIterator<Item = (ExternalId, T)>) {
        self.change(records.into_iter().map(|(id, record)| (id, Remote::Live(record))));
    }

    /// Deletes a record.
    pub fn delete(&self, id: &ExternalId) {
        self.change([(id.clone(), Remote::Deleted)]);
    }

    /// Puts something in a record's place that can't be mapped.
    pub fn spoil(&self, id: &ExternalId) {
        self.change([(id.clone(), Remote::Spoilt)]);
    }

    /// A record as it is now; `None` when it is missing, deleted or spoilt.
    #[must_use]
    pub fn get(&self, id: &ExternalId) -> Option<T> {
        match self.lock().by_id.get(id) {
            Some((_, Remote::Live(record))) => Some(record.clone()),
            _ => None,
        }
    }

    fn change(&self, records: impl IntoIterator<Item = (ExternalId, Remote<T>)>) {
        let mut all = self.lock();
        all.stamp += 1;
        let stamp = all.stamp;
        all.by_id.extend(records.into_iter().map(|(id, record)| (id, (stamp, record))));
    }

    fn lock(&self) -> MutexGuard<'_, Records<T>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a cursor holds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Position {
    v: u8,
    at: (i64, ExternalId),
}

impl Position {
    fn of(stamp: i64, id: &ExternalId) -> Cursor {
        Cursor::new(serde_json::json!(Self { v: 1, at: (stamp, id.clone()) }).to_string())
    }

    fn read(cursor: &Cursor) -> Result<(i64, ExternalId), SourceError> {
        let bad = |reason: String| SourceError::BadCursor { source_label: "memory".to_owned(), reason };
        match serde_json::from_str(cursor.as_str()) {
            Ok(Self { v: 1, at }) => Ok(at),
            Ok(Self { v, .. }) => Err(bad(format!("its version is {v}, this release knows 1"))),
            Err(error) => Err(bad(error.to_string())),
        }
    }
}

impl<T> Remote<T> {
    fn into_payload(self) -> Payload<T> {
        match self {
            Self::Live(value) => {
                Payload::Upsert(sync_core::Record { value, coverage: sync_core::Coverage::Full })
            }
            Self::Spoilt => Payload::Unreadable(spoilt()),
            Self::Deleted => {
                Payload::Delete(sync_core::Deletion { evidence: DeleteEvidence::Feed, merged_into: None })
            }
        }
    }
}

fn spoilt() -> Unreadable {
    Unreadable { reason: "the record was spoilt".to_owned(), raw: "{".to_owned() }
}

impl<T: Clone + Send + Sync + 'static> ChangeSource<T> for MemoryRemote<T> {
    fn label(&self) -> String {
        "memory".to_owned()
    }

    fn list_changes(&self, _subscription: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        let after = match cursor.map(Position::read).transpose() {
            Ok(after) => after,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let mut changes: Vec<(i64, ExternalId, Remote<T>)> = {
            let all = self.lock();
            let all = all.by_id.iter();
            all.map(|(id, (stamp, record))| (*stamp, id.clone(), record.clone())).collect()
        };
        changes
            .retain(|(stamp, id, _)| after.as_ref().is_none_or(|after| (stamp, id) > (&after.0, &after.1)));
        changes.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let changes = changes.into_iter().map(|(stamp, id, record)| {
            let cursor = Position::of(stamp, &id);
            Ok(Change::new(id, record.into_payload()).at(cursor).version(stamp))
        });
        stream::iter(changes).boxed()
    }
}

#[async_trait]
impl<T: Clone + Send + Sync + 'static> RecordFetcher<T> for MemoryRemote<T> {
    async fn fetch_many(
        &self,
        _subscription: &Subscription,
        ids: &[ExternalId],
    ) -> Result<Vec<Fetched<T>>, SourceError> {
        let all = self.lock();
        let fetch = |id: &ExternalId| match all.by_id.get(id) {
            Some((stamp, Remote::Live(record))) => {
                Fetched::Found { record: record.clone(), version: Some(Version(*stamp)) }
            }
            Some((_, Remote::Spoilt)) => Fetched::Unreadable(spoilt()),
            Some((_, Remote::Deleted)) | None => Fetched::Gone(DeleteEvidence::LookedUp),
        };
        Ok(ids.iter().map(fetch).collect())
    }
}

impl<T: Clone + Send + Sync + 'static> RemoteListing for MemoryRemote<T> {
    fn list_ids(&self, _subscription: &Subscription) -> BoxStream<'static, Result<ListingPart, SourceError>> {
        let all = self.lock();
        let live = all.by_id.iter().filter(|(_, (_, record))| !matches!(record, Remote::Deleted));
        let live: Vec<ListedRow> = live
            .map(|(id, (stamp, _))| ListedRow { external_id: id.clone(), version: Some(Version(*stamp)) })
            .collect();
        let total = live.len() as u64;
        stream::iter([Ok(ListingPart::Ids(live)), Ok(ListingPart::Complete { total })]).boxed()
    }
}
