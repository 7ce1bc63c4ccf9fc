//! The other side: the simulated org, and what its users do between the runs.

use std::path::PathBuf;
use std::time::Duration;

use crm_sandbox::salesforce::evolve::{ChangePlan, Changes};
use crm_sandbox::salesforce::generate::{OrgSpec, load_pipeline};
use crm_sandbox::salesforce::model::{RecordId, Table};
use crm_sandbox::salesforce::write::Fields;
use crm_sandbox::salesforce::{Credentials, Running, SalesforceControl, SalesforceSettings};
use crm_sandbox::{SalesforceSandbox, SimClock};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use sync_wiring::auth::{
    Authenticator, ClientCredential, MemoryTokenStore, RefreshToken, StoredToken, TokenEndpoint, TokenStore,
};
use sync_wiring::core::ConnectionId;
use sync_wiring::salesforce::{SalesforceClient, SalesforceConfig};
use url::Url;

use super::place::CONNECTION;
use super::stage::CAST;
use crate::app::mapped;
use crate::error::CliError;
use crate::generated::Entity;
use crate::output::thousands;

const HOUR: Duration = Duration::from_secs(3_600);
/// More than the settle lag of the provider, so that a run reads all that was changed before it.
const A_WHILE: Duration = Duration::from_secs(300);
/// Opportunities that are spoilt: so many, but no more than one in ten.
const UNFIT: u64 = 4;

/// What the org is made of.
pub(super) enum Source {
    /// So many opportunities, and the rest in proportion.
    Generated(usize),
    /// The files in this folder.
    Folder(PathBuf),
}

/// The org. Its clock stands still unless it is moved here, so the same seed makes the same records and changes.
pub(super) struct Crm {
    running: Running,
}

impl Crm {
    pub(super) async fn start(source: Source, seed: u64) -> Result<Self, CliError> {
        let settings = SalesforceSettings {
            api_max: 100_000,
            // Both ends share this machine.
            gzip: false,
            ..SalesforceSettings::default()
        };
        let builder = SalesforceSandbox::builder().seed(seed).settings(settings);
        let builder = match source {
            Source::Generated(opportunities) => builder.org(spec(opportunities)),
            Source::Folder(folder) => {
                builder.org(load_pipeline(&folder, SimClock::default()).map_err(CliError::new)?)
            }
        };
        let running = builder.start().await.map_err(CliError::new)?;
        // The newest made-up records are seconds old, which is within the settle lag.
        running.control().advance(HOUR);
        Ok(Self { running })
    }

    pub(super) fn base_url(&self) -> &str {
        self.running.base_url()
    }

    pub(super) fn control(&self) -> &SalesforceControl {
        self.running.control()
    }

    /// A client that signs in as a connected app does.
    pub(super) async fn client(&self) -> Result<SalesforceClient, CliError> {
        let Credentials { client_id, client_secret, refresh_token, .. } = self.running.credentials();
        let url = format!("{}/services/oauth2/token", self.base_url());
        let endpoint = TokenEndpoint::new(Url::parse(&url).map_err(CliError::new)?).map_err(CliError::new)?;
        let secret = SecretString::from(client_secret.as_str());
        let strategy = RefreshToken::new(endpoint, ClientCredential::new(client_id, Some(secret)));
        let connection = ConnectionId::from(CONNECTION);
        let tokens = MemoryTokenStore::default();
        let granted = StoredToken::from_refresh_token(refresh_token.as_str().into());
        tokens.save(&connection, &granted).await.map_err(CliError::new)?;
        // Nothing becomes visible late in this org. Reading a stretch again would only fill the table with noops.
        let config = SalesforceConfig { overlap: Duration::ZERO, ..SalesforceConfig::default() };
        let authenticator = Authenticator::new(connection, strategy, tokens);
        SalesforceClient::builder(authenticator).config(config).build().map_err(CliError::new)
    }

    pub(super) fn census(&self) -> Census {
        let count = |entity| {
            let rows = |table: &Table| {
                let binned = table.all().filter(|(_, row)| row.is_deleted()).count() as u64;
                Rows { live: table.len() as u64 - binned, in_recycle_bin: binned }
            };
            let Some(mapped) = mapped(entity) else { return Rows::default() };
            self.control().read(|org| org.table(mapped.object).map(rows).unwrap_or_default())
        };
        Census {
            users: count(Entity::User),
            accounts: count(Entity::Account),
            contacts: count(Entity::Contact),
            opportunities: count(Entity::Opportunity),
        }
    }

    /// A day's work: records are edited, made, deleted, taken out of the bin, and some are spoilt.
    pub(super) fn change(&self, seed: u64) -> FirstChanges {
        let unfit = UNFIT.min(self.census().opportunities.live / 10);
        // At most four.
        let unfit = usize::try_from(unfit).unwrap_or(0);
        let plan = ChangePlan { unfit, over_s: 3_600, ..ChangePlan::default() };
        let changes = self.control().evolve(seed, &plan);
        self.control().advance(A_WHILE);
        FirstChanges(changes)
    }

    /// What happens next: half of what was deleted comes back, one of those deals is won, and one of the spoilt
    /// records is corrected.
    pub(super) fn change_again(&self, first: &FirstChanges) -> SecondChanges {
        let control = self.control();
        let half = first.0.deleted.iter().step_by(2);
        let restored: Vec<RecordId> = half.filter(|id| control.undelete(**id).is_ok()).copied().collect();
        let edit = |id: &RecordId, field: &str, value: &str| {
            let fields = Fields::from_iter([(field.to_owned(), json!(value))]);
            control.update(*id, &fields).is_ok()
        };
        let deals = restored.iter().filter(|id| is_of(id, Entity::Opportunity));
        let moved_on = deals.copied().find(|id| edit(id, "StageName", "Closed Won"));
        let corrected = first.0.unfit.first().filter(|id| edit(id, "Name", "A name without a NUL character"));
        self.control().advance(A_WHILE);
        SecondChanges { restored, moved_on, corrected: corrected.copied() }
    }

    /// Time goes by.
    pub(super) fn wait(&self) {
        self.control().advance(HOUR);
    }

    pub(super) async fn shut_down(self) {
        self.running.shutdown().await;
    }
}

fn spec(opportunities: usize) -> OrgSpec {
    OrgSpec {
        users: (opportunities / 200).clamp(5, 500),
        accounts: (opportunities * 15).div_ceil(100),
        contacts: (opportunities * 4).div_ceil(10),
        opportunities,
        ..OrgSpec::EMPTY
    }
}

/// Whether an id is of an entity: the first three characters say.
fn is_of(id: &RecordId, entity: Entity) -> bool {
    id.prefix()
        == match entity {
            Entity::User => "005",
            Entity::Account => "001",
            Entity::Contact => "003",
            Entity::Opportunity => "006",
            // The demo has no others.
            _ => return false,
        }
}

fn of(ids: &[RecordId], entity: Entity) -> u64 {
    ids.iter().filter(|id| is_of(id, entity)).count() as u64
}

/// Rows of one object.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Rows {
    pub(super) live: u64,
    pub(super) in_recycle_bin: u64,
}

impl Rows {
    /// How many a first run reads.
    pub(super) fn all(self) -> u64 {
        self.live + self.in_recycle_bin
    }
}

/// How many records the org holds.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Census {
    users: Rows,
    accounts: Rows,
    contacts: Rows,
    opportunities: Rows,
}

impl Census {
    pub(super) fn of(&self, entity: Entity) -> Rows {
        match entity {
            Entity::User => self.users,
            Entity::Account => self.accounts,
            Entity::Contact => self.contacts,
            Entity::Opportunity => self.opportunities,
            // The demo has no others.
            _ => Rows::default(),
        }
    }

    /// Live records of all objects.
    pub(super) fn live(&self) -> u64 {
        CAST.iter().map(|entity| self.of(*entity).live).sum()
    }

    pub(super) fn sentence(&self, at: &str) -> String {
        format!(
            "a simulated Salesforce org at {at}, with {} users, {} accounts, {} contacts, {} opportunities",
            thousands(self.users.live),
            thousands(self.accounts.live),
            thousands(self.contacts.live),
            thousands(self.opportunities.live)
        )
    }
}

/// What the first day changed.
pub(super) struct FirstChanges(Changes);

/// The same by number.
#[derive(Serialize)]
pub(super) struct FirstNumbers {
    updated: usize,
    /// Of the updated ones, those that a bulk edit gave one `SystemModstamp`.
    sharing_a_stamp: usize,
    created: usize,
    deleted: usize,
    /// Taken out of the recycle bin; they were there before the first run.
    undeleted: usize,
    /// With a value that no table can hold.
    unfit: usize,
}

impl FirstChanges {
    pub(super) fn numbers(&self) -> FirstNumbers {
        let Changes { updated, inserted, deleted, undeleted, same_stamp, unfit, .. } = &self.0;
        FirstNumbers {
            updated: updated.len(),
            sharing_a_stamp: same_stamp.len(),
            created: inserted.len(),
            deleted: deleted.len(),
            undeleted: undeleted.len(),
            unfit: unfit.len(),
        }
    }

    /// Changes of an entity.
    pub(super) fn of(&self, entity: Entity) -> u64 {
        let Changes { updated, inserted, deleted, undeleted, unfit, .. } = &self.0;
        [updated, inserted, deleted, undeleted, unfit].into_iter().map(|ids| of(ids, entity)).sum()
    }

    /// Spoilt records of an entity.
    pub(super) fn unfit(&self, entity: Entity) -> u64 {
        of(&self.0.unfit, entity)
    }

    /// What was deleted.
    pub(super) fn deleted(&self) -> &[RecordId] {
        &self.0.deleted
    }

    /// One that was edited.
    pub(super) fn updated(&self, entity: Entity) -> Option<RecordId> {
        self.0.updated.iter().copied().find(|id| is_of(id, entity))
    }

    pub(super) fn sentence(&self) -> String {
        let FirstNumbers { updated, sharing_a_stamp, created, deleted, undeleted, unfit } = self.numbers();
        let count = |number: usize| thousands(number as u64);
        format!(
            "{} records edited ({} of them in bulk, sharing one stamp), {} new, {} deleted, {} undeleted, {} with a value no table can hold",
            count(updated),
            count(sharing_a_stamp),
            count(created),
            count(deleted),
            count(undeleted),
            count(unfit)
        )
    }
}

/// What the second day changed.
pub(super) struct SecondChanges {
    /// Deleted on the first day, and back.
    pub(super) restored: Vec<RecordId>,
    /// One of them, edited as well.
    pub(super) moved_on: Option<RecordId>,
    /// Spoilt on the first day, and corrected.
    pub(super) corrected: Option<RecordId>,
}

/// The same by number.
#[derive(Serialize)]
pub(super) struct SecondNumbers {
    restored: usize,
    corrected: usize,
}

impl SecondChanges {
    pub(super) fn numbers(&self) -> SecondNumbers {
        SecondNumbers { restored: self.restored.len(), corrected: usize::from(self.corrected.is_some()) }
    }

    /// Changes of an entity.
    pub(super) fn of(&self, entity: Entity) -> u64 {
        of(&self.restored, entity) + self.corrected(entity)
    }

    /// Corrected records of an entity.
    pub(super) fn corrected(&self, entity: Entity) -> u64 {
        of(self.corrected.as_slice(), entity)
    }

    pub(super) fn sentence(&self) -> String {
        let SecondNumbers { restored, corrected } = self.numbers();
        format!(
            "{} of the deleted records restored, {corrected} spoilt one corrected",
            thousands(restored as u64)
        )
    }
}
