//! The other side: the simulated CRMs, and what their users do between the runs.

mod changes;
pub(super) mod hubspot;
pub(super) mod salesforce;

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use sync_wiring::core::TableEntity;

use super::names::Expected;
use crate::app::Client;
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::{Entity, with_entity};
use crate::output::thousands;

pub(super) use changes::{Changes, Did, Key, Merge};

/// What the CRMs are made of.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// So many deals in all, and the rest in proportion.
    Generated(usize),
    /// The files in this folder.
    Folder(PathBuf),
}

/// A simulated CRM. Its clock stands still unless it is moved here, so the same seed makes the same records and
/// changes.
#[async_trait]
pub(super) trait Upstream: Send + Sync {
    /// Which CRM it plays.
    fn crm(&self) -> Crm;

    /// Where it listens.
    fn base_url(&self) -> &str;

    /// A client that signs in as an application does.
    async fn client(&self) -> Result<Client, CliError>;

    /// How many records it holds.
    fn census(&self) -> Census;

    /// A day's work: records are edited, made, deleted, merged, and some are spoilt.
    fn change(&self, seed: u64) -> Changes;

    /// What happens next: some of what was deleted comes back, one of these deals is won, and one of the spoilt
    /// records is corrected.
    fn change_again(&self, first: &Changes) -> Changes;

    /// How many changes a comparison of ids will find, by entity.
    fn compared(&self) -> BTreeMap<Entity, u64>;

    /// Time goes by.
    fn wait(&self);

    /// What the row of a live record should hold, from the CRM's own memory.
    fn expected(&self, key: &Key) -> Option<Expected>;

    /// Gives fields of a record new values, by the CRM's names. False when that can't be.
    fn edit(&self, key: &Key, fields: &Json) -> bool;

    /// Takes a record back out of the bin or the archive. False when it is not there.
    fn restore(&self, key: &Key) -> bool;

    /// Ends it.
    async fn shut_down(self: Box<Self>);

    /// Every live record of an entity.
    #[cfg(test)]
    fn keys(&self, entity: Entity) -> Vec<Key>;

    /// Makes a record. False when that can't be.
    #[cfg(test)]
    fn insert(&self, entity: Entity, fields: &Json) -> bool;

    /// Deletes a record. False when it is not there.
    #[cfg(test)]
    fn delete(&self, key: &Key) -> bool;
}

/// All CRMs of a demo.
pub(super) type Upstreams = Vec<Box<dyn Upstream>>;

/// Starts a CRM of each kind, and shares the records out among them.
///
/// # Errors
/// When the files can't be read, or no port can be had.
pub(super) async fn start(crms: &[Crm], source: &Source, seed: u64) -> Result<Upstreams, CliError> {
    let mut upstreams = Upstreams::new();
    for (n, crm) in crms.iter().enumerate() {
        let source = match source {
            // The first ones take what can't be divided.
            Source::Generated(all) => Source::Generated((all + crms.len() - 1 - n) / crms.len()),
            Source::Folder(folder) => Source::Folder(folder.clone()),
        };
        let upstream: Box<dyn Upstream> = match crm {
            Crm::Salesforce => Box::new(salesforce::Org::start(&source, seed).await?),
            Crm::Hubspot => Box::new(hubspot::Account::start(&source, seed).await?),
        };
        upstreams.push(upstream);
    }
    Ok(upstreams)
}

/// Records of one entity.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Rows {
    pub(super) live: u64,
    /// In the recycle bin, or archived.
    pub(super) deleted: u64,
}

impl Rows {
    /// How many a first run reads.
    pub(super) fn all(self) -> u64 {
        self.live + self.deleted
    }
}

/// How many records a CRM holds.
#[derive(Clone)]
pub(super) struct Census(pub(super) BTreeMap<Entity, Rows>);

impl Census {
    pub(super) fn of(&self, entity: Entity) -> Rows {
        self.0.get(&entity).copied().unwrap_or_default()
    }

    /// Live records of all entities.
    pub(super) fn live(&self) -> u64 {
        self.0.values().map(|rows| rows.live).sum()
    }

    /// What people are told.
    pub(super) fn sentence(&self, crm: Crm, at: &str) -> String {
        let counts: Vec<_> = self
            .0
            .iter()
            .map(|(entity, rows)| format!("{} {}", thousands(rows.live), plural(*entity)))
            .collect();
        format!("a simulated {} {} at {at} with {}", crm.product(), crm.account(), counts.join(", "))
    }
}

/// What several records of an entity are called.
fn plural(entity: Entity) -> String {
    with_entity!(entity, T => <T as TableEntity>::TABLE.name.replace('_', " "))
}

impl Serialize for Census {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(entity, rows)| (entity.name(), rows)))
    }
}
