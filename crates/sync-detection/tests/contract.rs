//! The contract of change sources, for a polled provider and for batches of events.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use serde_json::{Value as Json, json};
use sync_core::contract::{Sample, SourceFixture};
use sync_core::{
    Change, ChangeSource, ChangeStream, Cursor, DeleteEvidence, ExternalId, Payload, Subscription, Unreadable,
};
use sync_detection::{
    CursorConfig, CursorKind, DetectionConfig, PollChangeSource, PollConfig, PollFetch, PollRequest,
    WebhookChangeSource, WebhookConfig,
};

fn subscription() -> Subscription {
    Subscription::new("acme", "homegrown", "sample")
}

fn record(name: &str) -> Sample {
    Sample { name: Some(name.to_owned()), ..Sample::default() }
}

fn unreadable(id: &str) -> Change<Sample> {
    let reason = "field `name` is no text".to_owned();
    Change::new(id, Payload::Unreadable(Unreadable { reason, raw: String::new() }))
}

/// A CRM that keeps each record's last change.
#[derive(Clone, Default)]
struct Crm(Arc<Mutex<(u64, Vec<Row>)>>);

#[derive(Clone, Debug)]
struct Row {
    id: String,
    stamp: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Good,
    Bad,
    Deleted,
}

impl Crm {
    fn change(&self, id: &ExternalId, state: State) {
        let mut crm = self.0.lock().unwrap();
        crm.0 += 1;
        let stamp = crm.0;
        let row = crm.1.iter_mut().find(|row| row.id == id.as_str()).unwrap();
        (row.stamp, row.state) = (stamp, state);
    }
}

/// A fetcher as an application writes it: everything after the position, up to now.
impl PollFetch<Sample> for Crm {
    fn fetch(&self, request: PollRequest<'_>) -> ChangeStream<Sample> {
        let after =
            request.cursor.map(|cursor| serde_json::from_str::<(u64, String)>(cursor.as_str()).unwrap());
        let mut rows = self.0.lock().unwrap().1.clone();
        rows.retain(|row| after.as_ref().is_none_or(|after| (row.stamp, &row.id) > (after.0, &after.1)));
        rows.sort_by(|a, b| (a.stamp, &a.id).cmp(&(b.stamp, &b.id)));
        let change = |row: Row| {
            let position = Cursor::new(json!([row.stamp, row.id]).to_string());
            let change = match row.state {
                State::Good => {
                    Change::upsert(row.id.as_str(), record(&format!("{} at {}", row.id, row.stamp)))
                }
                State::Bad => unreadable(&row.id),
                State::Deleted => Change::deletion(row.id.as_str(), DeleteEvidence::Feed),
            };
            Ok(change.at(position).version(i64::try_from(row.stamp).unwrap()))
        };
        stream::iter(rows.into_iter().map(change)).boxed()
    }
}

impl SourceFixture for Crm {
    type Record = Sample;

    const TELLS_DELETIONS: bool = true;

    async fn fresh() -> Option<Self> {
        Some(Self::default())
    }

    fn source(&self) -> Arc<dyn ChangeSource<Sample>> {
        let stamp = CursorConfig::new(CursorKind::Timestamp, "stamp");
        let config = DetectionConfig::poll(PollConfig::new(stamp), &[]);
        Arc::new(PollChangeSource::new("homegrown-poll-sample", config, Box::new(self.clone())))
    }

    fn subscription(&self) -> Subscription {
        subscription()
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        let mut crm = self.0.lock().unwrap();
        crm.0 += 1;
        let (stamp, n_before) = (crm.0, crm.1.len());
        let ids: Vec<_> = (0..n_records).map(|n| format!("r{:03}", n_before + n)).collect();
        crm.1.extend(ids.iter().map(|id| Row { id: id.clone(), stamp, state: State::Good }));
        ids.into_iter().map(ExternalId::from).collect()
    }

    async fn edit(&self, id: &ExternalId) {
        self.change(id, State::Good);
    }

    async fn delete(&self, id: &ExternalId) {
        self.change(id, State::Deleted);
    }

    async fn spoil(&self, id: &ExternalId) -> bool {
        self.change(id, State::Bad);
        true
    }

    async fn disturb(&self) -> bool {
        false
    }
}

/// Events of a provider that numbers them.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Json>>>);

impl Events {
    fn add(&self, id: &str, what: &str) {
        let mut events = self.0.lock().unwrap();
        let n = events.len();
        events.push(json!({"eventId": format!("e{n}"), "sequence": n, "objectId": id, "what": what}));
    }
}

fn mapped(event: &Json) -> Result<Change<Sample>, &'static str> {
    let id = event["objectId"].as_str().ok_or("field `objectId` is missing")?;
    let change = match event["what"].as_str() {
        Some("deletion") => Change::deletion(id, DeleteEvidence::Feed),
        Some("nonsense") => unreadable(id),
        _ => Change::upsert(id, record(id)),
    };
    Ok(change.version(event["sequence"].as_i64().unwrap_or_default()))
}

impl SourceFixture for Events {
    type Record = Sample;

    const TELLS_DELETIONS: bool = true;

    async fn fresh() -> Option<Self> {
        Some(Self::default())
    }

    fn source(&self) -> Arc<dyn ChangeSource<Sample>> {
        let sequence = CursorConfig::new(CursorKind::EventId, "sequence");
        let config = DetectionConfig::webhook(WebhookConfig::at("eventId", sequence), &[]);
        let events = self.0.lock().unwrap().clone();
        Arc::new(WebhookChangeSource::new("homegrown-webhook-sample", &config, events, mapped).unwrap())
    }

    fn subscription(&self) -> Subscription {
        subscription()
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        let n_before = self.0.lock().unwrap().len();
        let ids: Vec<_> = (0..n_records).map(|n| format!("r{:03}", n_before + n)).collect();
        ids.iter().for_each(|id| self.add(id, "creation"));
        ids.into_iter().map(ExternalId::from).collect()
    }

    async fn edit(&self, id: &ExternalId) {
        self.add(id.as_str(), "change");
    }

    async fn delete(&self, id: &ExternalId) {
        self.add(id.as_str(), "deletion");
    }

    async fn spoil(&self, id: &ExternalId) -> bool {
        self.add(id.as_str(), "nonsense");
        true
    }

    async fn disturb(&self) -> bool {
        false
    }
}

mod polled {
    use super::*;

    sync_core::source_contract!(Crm);
}

mod of_events {
    use super::*;

    sync_core::source_contract!(Events);
}
