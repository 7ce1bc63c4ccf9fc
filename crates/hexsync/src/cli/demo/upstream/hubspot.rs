//! A HubSpot account.

mod memory;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat};
use crm_sandbox::hubspot::evolve::{ChangePlan, RowKey};
use crm_sandbox::hubspot::generate::{AccountSpec, load_pipeline};
use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::hubspot::{HubspotControl, HubspotSettings, Properties, RowChange, RowChanges, Running};
use crm_sandbox::{HubspotSandbox, SimClock};
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use sync_wiring::auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_wiring::core::{ConnectionKey, ExternalId};
use sync_wiring::hubspot::{HubspotClient, HubspotConfig};

use super::{Census, Changes, Did, Key, Merge, Rows, Source, Upstream};
use crate::app::Client;
use crate::cli::demo::names::{self, Expected};
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::Entity;

const CRM: Crm = Crm::Hubspot;
const HOUR: Duration = Duration::from_secs(3_600);
/// More than the settle lag of the provider, so that a run reads all that was changed before it.
const A_WHILE: Duration = Duration::from_secs(300);
/// Deals that are spoilt: so many, but no more than one in ten.
const UNFIT: usize = 4;
/// Pairs of companies, and of people, that are merged: so many, but no more than one in twenty.
const MERGED: usize = 2;
const DEALS: &str = "deals";
const PEOPLE: &str = "contacts";
/// The property that appears.
const RATING: &str = "churn_risk";
const LINKS: &str = "deals/contacts";

/// The account.
pub(in crate::cli::demo) struct Account {
    running: Running,
    /// The associations of deals with people that were told so far. HubSpot does not tell when one ends, so they
    /// are all still here until ids are compared.
    told: Mutex<BTreeSet<(u64, u64)>>,
}

impl Account {
    pub(in crate::cli::demo) async fn start(source: &Source, seed: u64) -> Result<Self, CliError> {
        // No waiting for limits; both ends share this machine.
        let settings = HubspotSettings { gzip: false, ..HubspotSettings::without_bursts() };
        let builder = HubspotSandbox::builder().seed(seed).settings(settings);
        let builder = match source {
            Source::Generated(deals) => builder.account(spec(*deals)),
            Source::Folder(folder) => {
                builder.account(load_pipeline(folder, SimClock::default()).map_err(CliError::new)?)
            }
        };
        let running = builder.start().await.map_err(CliError::new)?;
        // The newest made-up records are seconds old, which is within the settle lag.
        running.control().advance(HOUR);
        let all = running.control().associations(DEALS, PEOPLE);
        let told = all.into_iter().map(|(deal, person, _)| (deal, person)).collect();
        Ok(Self { running, told: Mutex::new(told) })
    }

    /// An account that runs already.
    pub(in crate::cli::demo) fn of(running: Running) -> Self {
        Self { running, told: Mutex::default() }
    }

    /// The account's memory, to be read and changed past its API.
    pub(in crate::cli::demo) fn control(&self) -> &HubspotControl {
        self.running.control()
    }

    fn told(&self) -> MutexGuard<'_, BTreeSet<(u64, u64)>> {
        // A poisoned lock holds a set all the same.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a property to deals and rates every second one that was left alone so far. Their stamps stay, as when
    /// HubSpot calculates a value: no run would ever read them again for it.
    fn rate(&self, touched: &BTreeSet<u64>) -> usize {
        if self.control().add_property(DEALS, &PropertySpec::new(RATING, PropertyType::Number)).is_err() {
            return 0;
        }
        let deals: Vec<(u64, i64)> = self
            .control()
            .read(|account| account.rows(DEALS, false).map(|(id, row)| (id, row.updated_at)).collect());
        let left = deals.into_iter().filter(|(id, _)| !touched.contains(id)).step_by(2);
        left.filter(|(id, updated_at)| {
            let properties = properties(&json!({RATING: (id % 100).to_string()}));
            let stamp = DateTime::from_timestamp_millis(*updated_at);
            let changes = RowChanges {
                stamp: stamp.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)),
                ops: vec![RowChange::Update { object: DEALS.to_owned(), id: *id, properties }],
                ..RowChanges::default()
            };
            self.control().apply(&changes).iter().all(Result::is_ok)
        })
        .count()
    }

    fn is_won(&self, deal: &Key) -> bool {
        let stage = |(object, id)| self.control().read(|account| account.value(object, id, "dealstage"));
        place(deal).and_then(stage).as_deref() == Some("closedwon")
    }

    /// The associations of a deal, which are told when the deal is.
    fn tell_links(&self, deal: &Key, changes: &mut Changes) {
        let Ok(id) = deal.id.as_str().parse::<u64>() else { return };
        let links = self.control().read(|account| account.associations_of(DEALS, id, PEOPLE));
        if let Some(entity) = names::entity_of(CRM, LINKS) {
            changes.expect(entity, links.len() as u64);
        }
        self.told().extend(links.into_iter().map(|(person, _)| (id, person)));
    }
}

/// Where a record of an object is.
fn place(key: &Key) -> Option<(&'static str, u64)> {
    Some((names::of(CRM, key.entity)?.object, key.id.as_str().parse().ok()?))
}

fn properties(fields: &Json) -> Properties {
    fields.as_object().cloned().unwrap_or_default().into_iter().collect()
}

fn key(row: &RowKey) -> Option<Key> {
    let entity = names::entity_of(CRM, &row.object)?;
    Some(Key { entity, id: ExternalId::from(row.id.to_string().as_str()) })
}

/// The ones of an object that is part of the demo.
fn keys(rows: &[RowKey]) -> Vec<Key> {
    rows.iter().filter_map(key).collect()
}

fn did(name: &'static str, number: usize, words: &'static str) -> Did {
    Did { name, number, words }
}

#[async_trait]
impl Upstream for Account {
    fn crm(&self) -> Crm {
        CRM
    }

    fn base_url(&self) -> &str {
        self.running.base_url()
    }

    async fn client(&self) -> Result<Client, CliError> {
        let token = SecretString::from(self.running.credentials().private_app_token.as_str());
        let authenticator = Authenticator::new(
            ConnectionKey::from(CRM.key()),
            StaticToken::new(token, None),
            MemoryTokenStore::default(),
        );
        let config = HubspotConfig {
            base_url: self.base_url().to_owned(),
            // Nothing becomes visible late in this account. Reading a stretch again would only fill the table with
            // noops.
            overlap: Duration::ZERO,
            // It has no limits either.
            calls_per_ten_seconds: Some(1_000_000),
            searches_per_second: 1_000_000,
            ..HubspotConfig::default()
        };
        let client = HubspotClient::builder(authenticator).config(config).build();
        client.map(Client::Hubspot).map_err(CliError::new)
    }

    fn census(&self) -> Census {
        let control = self.control();
        let count = |entity: Entity| {
            let object = names::of(CRM, entity).map(|names| names.object).unwrap_or_default();
            let rows = match object.split_once('/') {
                Some((from, to)) => Rows { live: control.associations(from, to).len() as u64, deleted: 0 },
                None if object == "owners" => Rows {
                    live: control.owners(false).len() as u64,
                    deleted: control.owners(true).len() as u64,
                },
                None => control.read(|account| Rows {
                    live: account.rows(object, false).count() as u64,
                    deleted: account.rows(object, true).count() as u64,
                }),
            };
            (entity, rows)
        };
        Census(names::entities(CRM).into_iter().map(count).collect())
    }

    fn change(&self, seed: u64) -> Changes {
        let census = self.census();
        let some = |entity, most: usize, one_in: u64| {
            most.min(usize::try_from(census.of(entity).live / one_in).unwrap_or(most))
        };
        let plan = ChangePlan {
            unfit: some(Entity::Opportunity, UNFIT, 10),
            merged: some(Entity::Account, MERGED, 20),
            relinked: some(Entity::Opportunity, 1_000, 100),
            over_s: 3_600,
            ..ChangePlan::default()
        };
        let done = self.control().evolve(seed, &plan);
        let relinked = keys(&done.relinked);
        for deal in &relinked {
            // HubSpot does not promise that a new association moves a deal's stamp. Whoever sells to somebody else
            // has more to note anyway.
            self.edit(deal, &json!({"hs_next_step": "meet the new contact"}));
        }
        let touched: BTreeSet<u64> =
            [&done.updated, &done.inserted, &done.archived, &done.restored, &done.unfit]
                .into_iter()
                .chain([&done.relinked])
                .flatten()
                .filter(|row| row.object == DEALS)
                .map(|row| row.id)
                .collect();
        let n_rated = self.rate(&touched);
        self.control().advance(A_WHILE);

        let (updated, created) = (keys(&done.updated), keys(&done.inserted));
        let mut changes = Changes {
            unfit: keys(&done.unfit),
            deleted: keys(&done.archived),
            restored: keys(&done.restored),
            ..Changes::default()
        };
        for merged in &done.merged {
            let Some(survivor) = key(&merged.survivor) else { continue };
            changes.expect(survivor.entity, 1 + merged.gone.len() as u64);
            changes.merged.extend(merged.gone.iter().map(|loser| Merge {
                entity: survivor.entity,
                loser: ExternalId::from(loser.to_string().as_str()),
                winner: survivor.id.clone(),
            }));
        }
        let live = [&updated, &created, &relinked, &changes.unfit, &changes.restored];
        let live: Vec<Key> = live.into_iter().flatten().cloned().collect();
        let archived: Vec<Entity> = changes.deleted.iter().map(|key| key.entity).collect();
        for entity in live.iter().map(|key| key.entity).chain(archived) {
            changes.expect(entity, 1);
        }
        for deal in live.iter().filter(|key| key.entity == Entity::Opportunity) {
            self.tell_links(deal, &mut changes);
        }
        let deal = updated.iter().find(|key| key.entity == Entity::Opportunity);
        changes.hero = deal.map(|key| key.id.clone());
        changes.told = vec![
            did("updated", updated.len(), "records edited"),
            did("sharing_a_stamp", keys(&done.same_stamp).len(), "of them in bulk, sharing one stamp"),
            did("created", created.len(), "new"),
            did("archived", changes.deleted.len(), "archived"),
            did("restored", changes.restored.len(), "taken out of the archive"),
            did("merged", changes.merged.len(), "merged into others"),
            did("relinked", relinked.len(), "deals with another contact or company"),
            did("unfit", changes.unfit.len(), "with a value no table can hold"),
            did("rated", n_rated, "deals rated in a new property, which moved no stamp"),
        ];
        changes.backfilled = BTreeMap::from([(Entity::Opportunity, n_rated as u64)]);
        changes
    }

    fn change_again(&self, first: &Changes) -> Changes {
        let half = first.deleted.iter().step_by(2);
        let restored: Vec<Key> = half.filter(|key| self.restore(key)).cloned().collect();
        let won = json!({"dealstage": "closedwon", "pipeline": "default"});
        let mut deals = restored.iter().filter(|key| key.entity == Entity::Opportunity);
        let moved_on = deals.find(|key| !self.is_won(key) && self.edit(key, &won));
        let named = json!({"dealname": "A name without a NUL character"});
        let corrected = first.unfit.first().filter(|key| self.edit(key, &named));
        self.control().advance(A_WHILE);
        let mut changes = Changes { hero: moved_on.map(|key| key.id.clone()), ..Changes::default() };
        for key in restored.iter().chain(corrected) {
            changes.expect(key.entity, 1);
            if key.entity == Entity::Opportunity {
                self.tell_links(key, &mut changes);
            }
        }
        changes.told = vec![
            did("restored", restored.len(), "of the archived records restored"),
            did("corrected", usize::from(corrected.is_some()), "spoilt one corrected"),
        ];
        changes.restored = restored;
        changes
    }

    /// Associations have no stamp, so all of them are read again; those that are no more are deleted.
    fn compared(&self) -> BTreeMap<Entity, u64> {
        let there = self.control().associations(DEALS, PEOPLE);
        let there: BTreeSet<(u64, u64)> = there.into_iter().map(|(deal, person, _)| (deal, person)).collect();
        let ended = self.told().iter().filter(|link| !there.contains(link)).count();
        names::entity_of(CRM, LINKS)
            .map(|entity| (entity, (there.len() + ended) as u64))
            .into_iter()
            .collect()
    }

    fn wait(&self) {
        self.control().advance(HOUR);
    }

    fn expected(&self, key: &Key) -> Option<Expected> {
        memory::expected(self.control(), key)
    }

    fn edit(&self, key: &Key, fields: &Json) -> bool {
        place(key).is_some_and(|(object, id)| self.control().update(object, id, &properties(fields)).is_ok())
    }

    fn restore(&self, key: &Key) -> bool {
        place(key).is_some_and(|(object, id)| self.control().restore(object, id).is_ok())
    }

    async fn shut_down(self: Box<Self>) {
        self.running.shutdown().await;
    }

    #[cfg(test)]
    fn keys(&self, entity: Entity) -> Vec<Key> {
        let object = names::of(CRM, entity).unwrap().object;
        let ids: Vec<String> = match object.split_once('/') {
            Some((from, to)) => {
                let links = self.control().associations(from, to);
                links.into_iter().map(|(from, to, _)| format!("{from}-{to}")).collect()
            }
            None if object == "owners" => {
                let owners = self.control().owners(false);
                owners.iter().map(|owner| owner["id"].as_str().unwrap().to_owned()).collect()
            }
            None => self
                .control()
                .read(|account| account.rows(object, false).map(|(id, _)| id.to_string()).collect()),
        };
        ids.iter().map(|id| Key { entity, id: ExternalId::from(id.as_str()) }).collect()
    }

    #[cfg(test)]
    fn insert(&self, entity: Entity, fields: &Json) -> bool {
        self.control().insert(names::of(CRM, entity).unwrap().object, &properties(fields)).is_ok()
    }

    #[cfg(test)]
    fn delete(&self, key: &Key) -> bool {
        place(key).is_some_and(|(object, id)| self.control().archive(object, id).is_ok())
    }
}

fn spec(deals: usize) -> AccountSpec {
    AccountSpec {
        owners: (deals / 200).clamp(5, 500),
        companies: (deals * 15).div_ceil(100),
        contacts: (deals * 4).div_ceil(10),
        deals,
        projects: deals / 20,
        ..AccountSpec::default()
    }
}
