//! A Salesforce org.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use crm_sandbox::salesforce::evolve::ChangePlan;
use crm_sandbox::salesforce::generate::{OrgSpec, load_pipeline};
use crm_sandbox::salesforce::model::{Formula, RecordId, Table};
use crm_sandbox::salesforce::{Credentials, Running, SalesforceControl, SalesforceSettings};
use crm_sandbox::{SalesforceSandbox, SimClock};
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use sync_wiring::auth::{
    Authenticator, ClientCredential, MemoryTokenStore, RefreshToken, StoredToken, TokenEndpoint, TokenStore,
};
use sync_wiring::core::{CUSTOM_PREFIX, ConnectionKey, ExternalId};
use sync_wiring::salesforce::{SalesforceClient, SalesforceConfig};
use url::Url;

use super::{Census, Changes, Did, Key, Rows, Source, Upstream};
use crate::app::Client;
use crate::cli::demo::names::{self, Expected, Held, in_form};
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::Entity;

const CRM: Crm = Crm::Salesforce;
const HOUR: Duration = Duration::from_secs(3_600);
/// More than the settle lag of the provider, so that a run reads all that was changed before it.
const A_WHILE: Duration = Duration::from_secs(300);
/// Opportunities that are spoilt: so many, but no more than one in ten.
const UNFIT: usize = 4;
/// What Salesforce adds to the name of a field that a customer made.
const CUSTOM_SUFFIX: &str = "__c";

/// The org.
pub(in crate::cli::demo) struct Org {
    running: Running,
}

impl Org {
    pub(in crate::cli::demo) async fn start(source: &Source, seed: u64) -> Result<Self, CliError> {
        let settings = SalesforceSettings {
            api_max: 100_000,
            // Both ends share this machine.
            gzip: false,
            ..SalesforceSettings::default()
        };
        let builder = SalesforceSandbox::builder().seed(seed).settings(settings);
        let builder = match source {
            Source::Generated(opportunities) => builder.org(spec(*opportunities)),
            Source::Folder(folder) => {
                builder.org(load_pipeline(folder, SimClock::default()).map_err(CliError::new)?)
            }
        };
        let running = builder.start().await.map_err(CliError::new)?;
        // The newest made-up records are seconds old, which is within the settle lag.
        running.control().advance(HOUR);
        Ok(Self { running })
    }

    /// An org that runs already.
    pub(in crate::cli::demo) fn of(running: Running) -> Self {
        Self { running }
    }

    /// The org's memory, to be read and changed past its API.
    pub(in crate::cli::demo) fn control(&self) -> &SalesforceControl {
        self.running.control()
    }

    fn key(&self, id: RecordId) -> Option<Key> {
        let object = self.control().read(|org| org.table_of(&id).map(|table| table.def.name.to_string()))?;
        let entity = names::entity_of(CRM, &object)?;
        Some(Key { entity, id: ExternalId::from(id.as_str()) })
    }

    /// The ones of an object that is part of the demo.
    fn keys_of(&self, ids: &[RecordId]) -> Vec<Key> {
        ids.iter().filter_map(|id| self.key(*id)).collect()
    }

    /// The fields whose values come from another record: they change without a sign on this one.
    fn calculated_elsewhere(&self, object: &str) -> Vec<String> {
        self.control().read(|org| {
            let fields = org.table(object).map(|table| table.def.fields()).unwrap_or_default();
            let elsewhere =
                fields.iter().filter(|field| matches!(field.formula, Some(Formula::Parent { .. })));
            elsewhere.map(|field| field.name.to_string()).collect()
        })
    }
}

#[async_trait]
impl Upstream for Org {
    fn crm(&self) -> Crm {
        CRM
    }

    fn base_url(&self) -> &str {
        self.running.base_url()
    }

    async fn client(&self) -> Result<Client, CliError> {
        let Credentials { client_id, client_secret, refresh_token, .. } = self.running.credentials();
        let url = format!("{}/services/oauth2/token", self.base_url());
        let endpoint = TokenEndpoint::new(Url::parse(&url).map_err(CliError::new)?).map_err(CliError::new)?;
        let secret = SecretString::from(client_secret.as_str());
        let strategy = RefreshToken::new(endpoint, ClientCredential::new(client_id, Some(secret)));
        let connection = ConnectionKey::from(CRM.key());
        let tokens = MemoryTokenStore::default();
        let granted = StoredToken::from_refresh_token(refresh_token.as_str().into());
        tokens.save(&connection, &granted).await.map_err(CliError::new)?;
        // Nothing becomes visible late in this org. Reading a stretch again would only fill the table with noops.
        let config = SalesforceConfig { overlap: Duration::ZERO, ..SalesforceConfig::default() };
        let authenticator = Authenticator::new(connection, strategy, tokens);
        let client = SalesforceClient::builder(authenticator).config(config).build();
        client.map(Client::Salesforce).map_err(CliError::new)
    }

    fn census(&self) -> Census {
        let rows = |table: &Table| {
            let deleted = table.all().filter(|(_, row)| row.is_deleted()).count() as u64;
            Rows { live: table.len() as u64 - deleted, deleted }
        };
        let count = |entity| {
            let object = names::of(CRM, entity).map(|names| names.object).unwrap_or_default();
            let rows = self.control().read(|org| org.table(object).map(rows));
            (entity, rows.unwrap_or_default())
        };
        Census(names::entities(CRM).into_iter().map(count).collect())
    }

    fn change(&self, seed: u64) -> Changes {
        let opportunities = self.census().of(Entity::Opportunity).live;
        let unfit = UNFIT.min(usize::try_from(opportunities / 10).unwrap_or(UNFIT));
        let plan = ChangePlan { unfit, over_s: 3_600, ..ChangePlan::default() };
        let done = self.control().evolve(seed, &plan);
        self.control().advance(A_WHILE);
        let updated = self.keys_of(&done.updated);
        let mut changes = Changes {
            unfit: self.keys_of(&done.unfit),
            deleted: self.keys_of(&done.deleted),
            restored: self.keys_of(&done.undeleted),
            ..Changes::default()
        };
        let created = self.keys_of(&done.inserted);
        for key in [&updated, &created, &changes.unfit, &changes.deleted, &changes.restored]
            .into_iter()
            .flatten()
            .map(|key| key.entity)
            .collect::<Vec<_>>()
        {
            changes.expect(key, 1);
        }
        let opportunity = updated.iter().find(|key| key.entity == Entity::Opportunity);
        changes.hero = opportunity.map(|key| key.id.clone());
        changes.told = vec![
            did("updated", updated.len(), "records edited"),
            did(
                "sharing_a_stamp",
                self.keys_of(&done.same_stamp).len(),
                "of them in bulk, sharing one stamp",
            ),
            did("created", created.len(), "new"),
            did("deleted", changes.deleted.len(), "deleted"),
            did("undeleted", changes.restored.len(), "taken out of the bin"),
            did("unfit", changes.unfit.len(), "with a value no table can hold"),
        ];
        changes
    }

    fn change_again(&self, first: &Changes) -> Changes {
        for key in first.deleted.iter().step_by(2) {
            self.restore(key);
        }
        // What went to the bin with a deal comes back with it.
        let is_back = |key: &&Key| self.expected(key).is_some();
        let restored: Vec<Key> = first.deleted.iter().filter(is_back).cloned().collect();
        let mut deals = restored.iter().filter(|key| key.entity == Entity::Opportunity);
        let moved_on = deals.find(|key| self.edit(key, &json!({"StageName": "Closed Won"})));
        let name = json!({"Name": "A name without a NUL character"});
        let corrected = first.unfit.first().filter(|key| self.edit(key, &name));
        self.control().advance(A_WHILE);
        let mut changes = Changes { hero: moved_on.map(|key| key.id.clone()), ..Changes::default() };
        for key in restored.iter().chain(corrected) {
            changes.expect(key.entity, 1);
        }
        changes.told = vec![
            did("restored", restored.len(), "of the deleted records restored"),
            did("corrected", usize::from(corrected.is_some()), "spoilt one corrected"),
        ];
        changes.restored = restored;
        changes
    }

    fn compared(&self) -> BTreeMap<Entity, u64> {
        BTreeMap::new()
    }

    fn wait(&self) {
        self.control().advance(HOUR);
    }

    fn expected(&self, key: &Key) -> Option<Expected> {
        let names = names::of(CRM, key.entity)?;
        let record = record_id(key).and_then(|id| self.control().row(id))?;
        if record.get("IsDeleted") == Some(&Json::Bool(true)) {
            return None;
        }
        let elsewhere = self.calculated_elsewhere(names.object);
        let own = names.fields.iter().map(|name| Held {
            theirs: name.theirs.to_owned(),
            ours: name.ours.to_owned(),
            value: in_form(at(&record, name.theirs), name.form),
            elsewhere: false,
            linked: false,
        });
        let is_own = |field: &str| names.fields.iter().any(|name| name.theirs == field);
        let fields = record.as_object()?.iter();
        let custom = fields.filter(|(field, _)| field.ends_with(CUSTOM_SUFFIX) && !is_own(field));
        let custom = custom.map(|(field, value)| Held {
            theirs: field.clone(),
            ours: format!("{CUSTOM_PREFIX}{field}"),
            value: in_form(value.clone(), names::Form::Same),
            elsewhere: elsewhere.contains(field),
            linked: false,
        });
        Some(Expected { own: own.collect(), custom: custom.collect() })
    }

    fn edit(&self, key: &Key, fields: &Json) -> bool {
        let edit = |id| self.control().update(id, fields.as_object()?).ok();
        record_id(key).and_then(edit).is_some()
    }

    fn restore(&self, key: &Key) -> bool {
        record_id(key).is_some_and(|id| self.control().undelete(id).is_ok())
    }

    async fn shut_down(self: Box<Self>) {
        self.running.shutdown().await;
    }

    #[cfg(test)]
    fn keys(&self, entity: Entity) -> Vec<Key> {
        let object = names::of(CRM, entity).unwrap().object;
        self.control().read(|org| {
            let live = org.table(object).unwrap().all().filter(|(_, row)| !row.is_deleted());
            live.map(|(id, _)| Key { entity, id: ExternalId::from(id.as_str()) }).collect()
        })
    }

    #[cfg(test)]
    fn insert(&self, entity: Entity, fields: &Json) -> bool {
        let object = names::of(CRM, entity).unwrap().object;
        self.control().insert(object, fields.as_object().unwrap()).is_ok()
    }

    #[cfg(test)]
    fn delete(&self, key: &Key) -> bool {
        record_id(key).is_some_and(|id| self.control().delete(id).is_ok())
    }
}

fn record_id(key: &Key) -> Option<RecordId> {
    RecordId::parse(key.id.as_str())
}

fn did(name: &'static str, number: usize, words: &'static str) -> Did {
    Did { name, number, words }
}

fn spec(opportunities: usize) -> OrgSpec {
    OrgSpec {
        users: (opportunities / 200).clamp(5, 500),
        accounts: (opportunities * 15).div_ceil(100),
        contacts: (opportunities * 4).div_ceil(10),
        opportunities,
        contact_roles: opportunities,
        projects: opportunities / 20,
        ..OrgSpec::EMPTY
    }
}

/// A field's value; parts of compound fields by path.
fn at(record: &Json, path: &str) -> Json {
    path.split('.').try_fold(record, |value, step| value.get(step)).cloned().unwrap_or_default()
}
