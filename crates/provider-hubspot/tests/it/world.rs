//! A simulated account with a client, and what a consumer of changes remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::{
    HubspotControl, HubspotSettings, LinkSpec, Properties, RowChange, RowChanges, Running,
};
use futures::StreamExt;
use provider_http::RetryPolicy;
use provider_hubspot::{FromHubspot, HubspotClient, HubspotConfig, HubspotPollSource};
use serde_json::{Value as Json, json};
use sync_auth::{
    Authenticator, ClientCredential, MemoryTokenStore, RefreshToken, StoredToken, TokenEndpoint, TokenStore,
};
use sync_core::{
    Change, ChangeSource, Cursor, ExternalId, Payload, SourceError, Subscription, SubscriptionId, Version,
};

use crate::entity::Opportunity;

pub(crate) struct World {
    pub(crate) account: Running,
    pub(crate) client: HubspotClient,
}

/// Pauses of milliseconds and no pace of our own, and everything else as in production.
pub(crate) fn config() -> HubspotConfig {
    HubspotConfig {
        restart_pause: Duration::from_millis(1),
        calls_per_ten_seconds: Some(1_000_000),
        searches_per_second: 1_000_000,
        ..HubspotConfig::default()
    }
}

/// The same with pages of this many records.
pub(crate) fn small_pages(records: u16) -> HubspotConfig {
    HubspotConfig { page_size: records, search_page_size: records, ..config() }
}

pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy {
        max_tries: 4,
        first_backoff: Duration::from_millis(1),
        longest_wait: Duration::from_secs(5),
    }
}

pub(crate) fn subscription() -> Subscription {
    Subscription {
        id: SubscriptionId(uuid::Uuid::nil()),
        tenant: None,
        connection: "acme".into(),
        adapter: "hubspot-poll".to_owned(),
        domain: "opportunity".to_owned(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(config(), HubspotSettings::without_bursts()).await
    }

    /// An empty account.
    pub(crate) async fn with(config: HubspotConfig, settings: HubspotSettings) -> Self {
        let account = HubspotSandbox::builder().settings(settings).start().await.unwrap();
        Self::of(account, config).await
    }

    /// A world of this account.
    pub(crate) async fn of(account: Running, config: HubspotConfig) -> Self {
        let config = HubspotConfig { base_url: account.base_url().to_owned(), ..config };
        let client = HubspotClient::builder(connect(&account).await)
            .config(config)
            .http(|http| http.retry(quick()))
            .build()
            .unwrap();
        Self { account, client }
    }

    pub(crate) async fn paged(records: u16) -> Self {
        Self::with(small_pages(records), HubspotSettings::without_bursts()).await
    }

    pub(crate) fn control(&self) -> &HubspotControl {
        self.account.control()
    }

    pub(crate) fn source(&self) -> HubspotPollSource<Opportunity> {
        HubspotPollSource::new(self.client.clone())
    }

    /// Deals that share the present stamp.
    pub(crate) fn seed(&self, n_records: usize) -> Vec<u64> {
        let insert = |n: usize| RowChange::Insert { object: "deals".to_owned(), properties: deal(n) };
        let changes = RowChanges { ops: (0..n_records).map(insert).collect(), ..RowChanges::default() };
        let ids = self.apply(&changes);
        self.settle();
        ids
    }

    pub(crate) fn apply(&self, changes: &RowChanges) -> Vec<u64> {
        self.control().apply(changes).into_iter().map(Result::unwrap).collect()
    }

    pub(crate) fn insert(&self, object: &str, values: &Json) -> u64 {
        self.control().insert(object, &properties(values)).unwrap()
    }

    pub(crate) fn update(&self, id: u64, values: &Json) {
        self.control().update("deals", id, &properties(values)).unwrap();
    }

    pub(crate) fn associate(&self, from: (&str, u64), to: (&str, u64), label: Option<&str>) {
        let link = LinkSpec::new(from, to);
        let link = label.into_iter().fold(link, LinkSpec::label);
        self.control().associate(link).unwrap();
    }

    /// Lets so much time pass that what happened before is read by the next run.
    pub(crate) fn settle(&self) {
        self.control().advance(Duration::from_secs(11));
    }

    /// How often the account was asked this kind of thing.
    pub(crate) fn asked(&self, kind: &str) -> u64 {
        self.control().request_counts().get(kind).copied().unwrap_or_default()
    }

    /// Every live record's version, as the account has it.
    pub(crate) fn truth(&self) -> BTreeMap<ExternalId, Version> {
        self.control().rows("deals", false).iter().map(|row| (external(&row["id"]), version(row))).collect()
    }

    /// Reads an entity's changes until the end.
    pub(crate) async fn read<T: FromHubspot>(&self, cursor: Option<&Cursor>) -> Vec<Change<T>> {
        let source = HubspotPollSource::<T>::new(self.client.clone());
        let changes: Vec<_> = source.list_changes(&subscription(), cursor).collect().await;
        changes.into_iter().map(Result::unwrap).collect()
    }
}

fn external(id: &Json) -> ExternalId {
    ExternalId::new(id.as_str().unwrap())
}

fn version(row: &Json) -> Version {
    let stamp = row["properties"]["hs_lastmodifieddate"].as_str().unwrap();
    Version(stamp.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis())
}

pub(crate) fn id(id: u64) -> ExternalId {
    id.to_string().into()
}

async fn connect(account: &Running) -> Authenticator {
    let credentials = account.credentials();
    let url = format!("{}/oauth/v3/token", account.base_url()).parse().unwrap();
    let secret = Some(credentials.client_secret.clone().into());
    let app = ClientCredential::new(credentials.client_id.clone(), secret);
    let tokens = MemoryTokenStore::default();
    let stored = StoredToken::from_refresh_token(credentials.refresh_token.clone().into());
    tokens.save(&"acme".into(), &stored).await.unwrap();
    Authenticator::new("acme".into(), RefreshToken::new(TokenEndpoint::new(url).unwrap(), app), tokens)
}

pub(crate) fn properties(json: &Json) -> Properties {
    json.as_object().unwrap().clone()
}

pub(crate) fn deal(n: usize) -> Properties {
    properties(&json!({
        "dealname": format!("Deal {n}"), "dealstage": "appointmentscheduled", "pipeline": "default",
        "closedate": "2026-06-30T00:00:00Z", "amount": "10.5",
    }))
}

/// The last position of some changes.
pub(crate) fn last_cursor<T>(changes: &[Change<T>]) -> Option<Cursor> {
    changes.iter().rev().find_map(|change| change.cursor.clone())
}

/// What came that had not been read before.
pub(crate) fn fresh<T>(changes: &[Change<T>]) -> Vec<&Change<T>> {
    changes.iter().filter(|change| !change.reread).collect()
}

/// A consumer: what it has of every record, and its position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replica {
    /// Live records.
    pub(crate) rows: BTreeMap<ExternalId, Version>,
    pub(crate) gone: BTreeMap<ExternalId, Option<ExternalId>>,
    pub(crate) unreadable: Vec<ExternalId>,
    pub(crate) cursor: Option<Cursor>,
}

impl Replica {
    /// Applies a change as the engine does: nothing old overwrites anything new.
    pub(crate) fn apply(&mut self, change: &Change<Opportunity>) {
        let is_old = |ours: &Version| change.version.is_some_and(|theirs| theirs < *ours);
        if !self.rows.get(&change.external_id).is_some_and(is_old) {
            match &change.payload {
                Payload::Upsert(_) => {
                    self.gone.remove(&change.external_id);
                    self.rows.insert(change.external_id.clone(), change.version.unwrap());
                }
                Payload::Unreadable(_) => {
                    self.rows.insert(change.external_id.clone(), change.version.unwrap());
                    self.unreadable.push(change.external_id.clone());
                }
                Payload::Delete(deletion) => {
                    if self.rows.remove(&change.external_id).is_some() {
                        self.gone.insert(change.external_id.clone(), deletion.merged_into.clone());
                    }
                }
                Payload::Skip(_) => {}
            }
        }
        if let Some(cursor) = &change.cursor {
            self.cursor = Some(cursor.clone());
        }
    }

    /// Reads until the end, or until the source gives up.
    pub(crate) async fn run(&mut self, world: &World) -> Result<Vec<Change<Opportunity>>, SourceError> {
        let mut stream = world.source().list_changes(&subscription(), self.cursor.as_ref());
        let mut changes = Vec::new();
        while let Some(change) = stream.next().await {
            let change = change?;
            self.apply(&change);
            changes.push(change);
        }
        Ok(changes)
    }

    /// Reads so many changes, and then dies.
    pub(crate) async fn run_briefly(&mut self, world: &World, n_changes: usize) -> usize {
        let stream = world.source().list_changes(&subscription(), self.cursor.as_ref());
        let changes: Vec<_> = stream.take(n_changes).collect().await;
        for change in &changes {
            self.apply(change.as_ref().unwrap());
        }
        changes.len()
    }
}
