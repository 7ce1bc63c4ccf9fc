//! A simulated org with a client, and what a consumer of changes remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use crm_sandbox::SalesforceSandbox;
use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::{RowChange, RowChanges, Running, SalesforceControl, SalesforceSettings};
use futures::StreamExt;
use provider_http::RetryPolicy;
use provider_salesforce::{SalesforceClient, SalesforceConfig, SalesforcePollSource};
use serde_json::{Value as Json, json};
use sync_auth::{
    Authenticator, ClientCredential, MemoryTokenStore, RefreshToken, StoredToken, TokenEndpoint, TokenStore,
};
use sync_core::{
    Change, ChangeSource, Cursor, ExternalId, Payload, SourceError, Subscription, SubscriptionId, Version,
};

use crate::entity::Opportunity;

pub(crate) struct World {
    pub(crate) org: Running,
    pub(crate) client: SalesforceClient,
}

/// Tries and pauses of milliseconds, and everything else as in production.
pub(crate) fn config() -> SalesforceConfig {
    let brief = Duration::from_millis(1);
    SalesforceConfig { restart_pause: brief, lock_pause: brief, ..SalesforceConfig::default() }
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
        adapter: "salesforce-poll".to_owned(),
        domain: "opportunity".to_owned(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(config(), 2_000).await
    }

    /// An empty org with pages of this many records.
    pub(crate) async fn with(config: SalesforceConfig, max_page: usize) -> Self {
        let settings = SalesforceSettings { max_page, ..SalesforceSettings::default() };
        let org = SalesforceSandbox::builder().settings(settings).start().await.unwrap();
        let client = SalesforceClient::builder(connect(&org).await)
            .config(config)
            .http(|http| http.retry(quick()))
            .build()
            .unwrap();
        Self { org, client }
    }

    pub(crate) fn control(&self) -> &SalesforceControl {
        self.org.control()
    }

    pub(crate) fn source(&self) -> SalesforcePollSource<Opportunity> {
        SalesforcePollSource::new(self.client.clone())
    }

    /// Opportunities that share the present stamp.
    pub(crate) fn seed(&self, n_records: usize) -> Vec<RecordId> {
        let insert =
            |n: usize| RowChange::Insert { object: "Opportunity".to_owned(), fields: opportunity(n) };
        let changes = RowChanges { ops: (0..n_records).map(insert).collect(), ..RowChanges::default() };
        let ids = self.apply(&changes);
        self.settle();
        ids
    }

    pub(crate) fn apply(&self, changes: &RowChanges) -> Vec<RecordId> {
        self.control().apply(changes).into_iter().map(Result::unwrap).collect()
    }

    pub(crate) fn rename(&self, id: RecordId, name: &str) {
        self.control().update(id, &fields(&json!({"Name": name}))).unwrap();
    }

    /// Lets so much time pass that what happened before is read by the next run.
    pub(crate) fn settle(&self) {
        self.control().advance(Duration::from_secs(10));
    }

    /// How often the org was asked this kind of thing.
    pub(crate) fn asked(&self, kind: &str) -> u64 {
        self.control().request_counts().get(kind).copied().unwrap_or_default()
    }

    /// Every record's version and whether it is deleted, as the org has it.
    pub(crate) fn truth(&self) -> BTreeMap<ExternalId, (Version, bool)> {
        self.control().read(|org| {
            let table = org.table("Opportunity").unwrap();
            let row = |(id, row): (&RecordId, &crm_sandbox::salesforce::model::Row)| {
                (ExternalId::new(id.as_str()), (Version(row.stamp()), row.is_deleted()))
            };
            table.all().map(row).collect()
        })
    }
}

async fn connect(org: &Running) -> Authenticator {
    let credentials = org.credentials();
    let url = format!("{}/services/oauth2/token", org.base_url()).parse().unwrap();
    let secret = Some(credentials.client_secret.clone().into());
    let app = ClientCredential::new(credentials.client_id.clone(), secret);
    let tokens = MemoryTokenStore::default();
    let stored = StoredToken::from_refresh_token(credentials.refresh_token.clone().into());
    tokens.save(&"acme".into(), &stored).await.unwrap();
    Authenticator::new("acme".into(), RefreshToken::new(TokenEndpoint::new(url).unwrap(), app), tokens)
}

pub(crate) fn fields(json: &Json) -> serde_json::Map<String, Json> {
    json.as_object().unwrap().clone()
}

fn opportunity(n: usize) -> serde_json::Map<String, Json> {
    fields(&json!({
        "Name": format!("Deal {n}"), "StageName": "Prospecting", "CloseDate": "2026-06-30", "Amount": 10.5,
    }))
}

/// A consumer: what it has of every record, and its position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replica {
    pub(crate) rows: BTreeMap<ExternalId, (Version, bool)>,
    pub(crate) unreadable: Vec<ExternalId>,
    pub(crate) cursor: Option<Cursor>,
}

impl Replica {
    /// Applies a change as the engine does: nothing old overwrites anything new.
    pub(crate) fn apply(&mut self, change: &Change<Opportunity>) {
        if let Some(version) = change.version {
            let deleted = matches!(change.payload, Payload::Delete(_));
            let row = self.rows.entry(change.external_id.clone()).or_insert((version, deleted));
            if version >= row.0 {
                *row = (version, deleted);
            }
        }
        if matches!(change.payload, Payload::Unreadable(_)) {
            self.unreadable.push(change.external_id.clone());
        }
        if let Some(cursor) = &change.cursor {
            assert!(!change.reread, "a record that is read again has no position");
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
}

/// What came that had not been read before.
pub(crate) fn fresh(changes: &[Change<Opportunity>]) -> Vec<&Change<Opportunity>> {
    changes.iter().filter(|change| !change.reread).collect()
}
