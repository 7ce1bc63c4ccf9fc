//! Changing the org while it runs, without HTTP. The control API does the same over the wire.

mod outbound;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::auth::{Credentials, KeyError};
use super::model::{Org, RecordId, Value};
use super::schema::FieldSpec;
use super::settings::SalesforceSettings;
use super::state::State;
use super::write::{Access, DuplicateRule, Fields, RowError, RowRule, WriteOptions};
use crate::authorize::{Code, challenge_of};
use crate::clock::SimClock;
use crate::faults::FaultRule;
use crate::requests::LoggedRequest;
use crate::row_rules::Workflow;

/// One change to rows, as a list of them is given to [`SalesforceControl::apply`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum RowChange {
    /// A new row.
    Insert {
        /// Its object.
        object: String,
        /// Field values; system fields may be given.
        fields: Fields,
    },
    /// New values for some fields.
    Update {
        /// The row.
        id: RecordId,
        /// The fields that change.
        fields: Fields,
    },
    /// To the recycle bin.
    Delete {
        /// The row.
        id: RecordId,
    },
    /// Out of the recycle bin.
    Undelete {
        /// The row.
        id: RecordId,
    },
    /// Gone for good.
    Purge {
        /// The row.
        id: RecordId,
    },
    /// Losers go to the bin, their children to the winner.
    Merge {
        /// The row that stays.
        winner: RecordId,
        /// The rows that go.
        losers: Vec<RecordId>,
    },
}

/// A list of changes that belong together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowChanges {
    /// `SystemModstamp` of all of them, as `2026-01-02T10:04:05Z`; now when absent.
    pub stamp: Option<chrono::DateTime<chrono::Utc>>,
    /// Late visibility: readers see the rows as they were for so many simulated seconds.
    pub visible_after_s: Option<u32>,
    /// An automated process: `LastModifiedDate` stays.
    pub keep_last_modified: bool,
    /// Who makes them; the API user when absent.
    pub user: Option<RecordId>,
    /// The changes, carried out in order.
    pub ops: Vec<RowChange>,
}

/// A handle on a running org. Clones work on the same org.
#[derive(Clone)]
pub struct SalesforceControl {
    state: Arc<State>,
}

impl std::fmt::Debug for SalesforceControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SalesforceControl").field("base_url", &self.state.base_url()).finish_non_exhaustive()
    }
}

/// Rows.
impl SalesforceControl {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// Reads the org. Requests wait while `read` runs.
    pub fn read<T>(&self, read: impl FnOnce(&Org) -> T) -> T {
        read(&self.state.org())
    }

    /// Changes the org by hand. Requests wait while `edit` runs.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut Org) -> T) -> T {
        let _turn = self.state.write_turn();
        let result = edit(&mut self.state.org_mut());
        self.state.bell.notify_one();
        result
    }

    /// Inserts a row and returns its id. System fields and values the API would refuse are allowed.
    ///
    /// # Errors
    /// When the object or a field is unknown, or a value can't be read.
    pub fn insert(&self, object: &str, fields: &Fields) -> Result<RecordId, RowError> {
        self.edit(|org| org.create(object, fields, WriteOptions::admin()))
    }

    /// Changes fields of a row; as [`SalesforceControl::insert`].
    ///
    /// # Errors
    /// Also when the row is missing or deleted.
    pub fn update(&self, id: RecordId, fields: &Fields) -> Result<(), RowError> {
        self.edit(|org| org.update(id, fields, WriteOptions::admin()))
    }

    /// Moves a row to the recycle bin.
    ///
    /// # Errors
    /// When it is missing, deleted already, or can't be deleted.
    pub fn delete(&self, id: RecordId) -> Result<(), RowError> {
        self.edit(|org| org.delete(id, WriteOptions::admin()))
    }

    /// Takes a row out of the recycle bin.
    ///
    /// # Errors
    /// When it is not there.
    pub fn undelete(&self, id: RecordId) -> Result<(), RowError> {
        self.edit(|org| org.undelete(id, WriteOptions::admin()))
    }

    /// Removes a row for good.
    ///
    /// # Errors
    /// When it is missing.
    pub fn purge(&self, id: RecordId) -> Result<(), RowError> {
        self.edit(|org| org.purge(id))
    }

    /// Merges rows into `winner`.
    ///
    /// # Errors
    /// When the object can't be merged, or a row is missing or deleted.
    pub fn merge(&self, winner: RecordId, losers: &[RecordId]) -> Result<(), RowError> {
        self.edit(|org| org.transaction(|org| org.merge(winner, losers, WriteOptions::admin())))
    }

    /// Carries out changes in order, each on its own, and returns the id of each row or why it was refused.
    #[must_use]
    pub fn apply(&self, changes: &RowChanges) -> Vec<Result<RecordId, RowError>> {
        let now = self.state.clock.now_ms();
        let options = WriteOptions {
            access: Access::Admin,
            stamp: changes.stamp.map(|stamp| stamp.timestamp_millis()),
            visible_from: changes.visible_after_s.map(|after| now + i64::from(after) * 1000),
            actor: changes.user,
            keep_last_modified: changes.keep_last_modified,
            ..WriteOptions::admin()
        };
        self.edit(|org| changes.ops.iter().map(|op| one(org, op, options)).collect())
    }
}

fn one(org: &mut Org, change: &RowChange, options: WriteOptions) -> Result<RecordId, RowError> {
    match change {
        RowChange::Insert { object, fields } => org.create(object, fields, options),
        RowChange::Update { id, fields } => org.update(*id, fields, options).map(|()| *id),
        RowChange::Delete { id } => org.delete(*id, options).map(|()| *id),
        RowChange::Undelete { id } => org.undelete(*id, options).map(|()| *id),
        RowChange::Purge { id } => org.purge(*id).map(|()| *id),
        RowChange::Merge { winner, losers } => {
            org.transaction(|org| org.merge(*winner, losers, options)).map(|()| *winner)
        }
    }
}

/// Rows that fail, and what automations make of rows.
impl SalesforceControl {
    /// Replaces the rules that refuse rows API clients write. Chances are drawn from the org's seed.
    pub fn set_row_rules(&self, rules: Vec<RowRule>) {
        let seed = self.state.seed;
        self.edit(|org| org.guards.rules.set(seed, rules));
    }

    /// Adds a rule that refuses rows.
    pub fn add_row_rule(&self, rule: RowRule) {
        self.edit(|org| org.guards.rules.add(rule));
    }

    /// The rules in force.
    #[must_use]
    pub fn row_rules(&self) -> Vec<RowRule> {
        self.read(|org| org.guards.rules.rules())
    }

    /// Replaces the rules by which rows count as duplicates.
    pub fn set_duplicate_rules(&self, rules: Vec<DuplicateRule>) {
        self.edit(|org| org.guards.duplicates = rules);
    }

    /// Replaces the automations that rewrite rows after API writes.
    pub fn set_workflows(&self, workflows: Vec<Workflow>) {
        self.edit(|org| org.guards.workflows = workflows);
    }

    /// After a request wrote a row, its parents are locked for other requests for so long, in real time: rows with the
    /// same parent then fail with `UNABLE_TO_LOCK_ROW`. Zero, as at the start: never.
    pub fn lock_parents_for(&self, real_time: Duration) {
        self.edit(|org| org.guards.parent_lock = real_time);
    }
}

/// Schema, time, faults, sessions, counts.
impl SalesforceControl {
    /// Adds a custom field.
    ///
    /// # Errors
    /// When the object is unknown or the name is not free.
    pub fn add_field(&self, object: &str, spec: &FieldSpec) -> Result<(), RowError> {
        self.edit(|org| org.add_field(object, spec))
    }

    /// Removes a custom field with its values.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn remove_field(&self, object: &str, name: &str) -> Result<(), RowError> {
        self.edit(|org| org.remove_field(object, name))
    }

    /// Gives a custom field another type.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn retype_field(&self, object: &str, spec: &FieldSpec) -> Result<(), RowError> {
        self.edit(|org| org.retype_field(object, spec))
    }

    /// Gives rows values of a custom field by their number in the order of ids, and moves no stamp.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn fill_field(
        &self,
        object: &str,
        name: &str,
        value: impl FnMut(usize) -> Option<Value>,
    ) -> Result<(), RowError> {
        self.edit(|org| org.fill_field(object, name, value))
    }

    /// Changes the constant of a product formula such as `Weighted__c`: values change, stamps don't.
    ///
    /// # Errors
    /// When the field is not such a formula.
    pub fn set_formula_factor(&self, object: &str, name: &str, factor: f64) -> Result<(), RowError> {
        self.edit(|org| org.set_formula_factor(object, name, factor))
    }

    /// The org's clock.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.state.clock
    }

    /// Moves time forward; what expires by then is gone afterwards.
    pub fn advance(&self, by: Duration) {
        self.state.clock.advance(by);
        self.state.org_mut().expire();
        self.state.bell.notify_one();
    }

    /// Replaces the fault rules.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.state.faults().set(rules);
    }

    /// Adds a fault rule.
    pub fn add_fault(&self, rule: FaultRule) {
        self.state.faults().add(rule);
    }

    /// The fault rules in force.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultRule> {
        self.state.faults().rules()
    }

    /// Ends every session; refresh tokens stay good.
    pub fn expire_sessions(&self) {
        self.state.sessions().expire_all();
    }

    /// Revokes every refresh token with its sessions: the user has to connect again.
    pub fn revoke_refresh_tokens(&self) {
        self.state.sessions().revoke_all_refresh();
    }

    /// Makes a further refresh token for the API user, as connecting anew would. Beyond
    /// [`live_grants`](SalesforceSettings::live_grants) the oldest one dies.
    #[must_use]
    pub fn grant_refresh_token(&self) -> String {
        let user = self.state.org().api_user;
        let limit = self.state.settings().live_grants;
        self.state.sessions().grant_refresh_within(user, super::auth::DEFAULT_SCOPE, limit)
    }

    /// Makes an authorisation code for this redirect URI, as the API user's consent does. With `verifier`, the exchange
    /// must present it (PKCE, S256).
    #[must_use]
    pub fn issue_code(&self, redirect_uri: &str, verifier: Option<&str>) -> String {
        let user = self.state.org().api_user;
        let expires_at = self.state.clock.now_ms().saturating_add(self.state.settings().code_life_ms());
        let code = Code {
            redirect_uri: redirect_uri.to_owned(),
            challenge: verifier.map(challenge_of),
            user,
            scopes: super::auth::DEFAULT_SCOPE.split(' ').map(str::to_owned).collect(),
            expires_at,
        };
        self.state.sessions().issue_code(code)
    }

    /// Registers a further redirect URI of the app; only registered ones are redirected to.
    pub fn register_redirect_uri(&self, uri: &str) {
        self.state.edit_settings(|settings| settings.redirect_uris.push(uri.to_owned()));
    }

    /// An access token for the API user, without a login.
    #[must_use]
    pub fn open_session(&self) -> String {
        let user = self.state.org().api_user;
        self.state.sessions().open(user, super::auth::DEFAULT_SCOPE, None, self.state.clock.now_ms())
    }

    /// Forgets all query locators.
    pub fn forget_locators(&self) {
        self.state.locators().clear();
    }

    /// Requests so far, by kind.
    #[must_use]
    pub fn request_counts(&self) -> BTreeMap<&'static str, u64> {
        self.state.counts()
    }

    /// The newest 4,096 requests besides control calls, oldest first. With
    /// [`log_bodies`](SalesforceSettings::log_bodies), those that write come with what they sent.
    #[must_use]
    pub fn request_log(&self) -> Vec<LoggedRequest> {
        self.state.requests().entries()
    }

    /// Counts from zero again, and empties the request log. The daily allowance is not touched.
    pub fn reset_request_counts(&self) {
        self.state.reset_counts();
    }

    /// Sets how many API calls count as used in the last 24 hours, and how many are allowed.
    pub fn set_api_limit(&self, used: u64, max: u64) {
        self.state.reset_allowance();
        self.state.edit_settings(|settings| (settings.api_used, settings.api_max) = (used, max));
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> SalesforceSettings {
        self.state.settings()
    }

    /// Changes settings.
    pub fn edit_settings(&self, edit: impl FnOnce(&mut SalesforceSettings)) {
        self.state.edit_settings(edit);
    }

    /// What a client logs in with.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.state.credentials
    }

    /// The private key of JWT logins, PKCS#8 in PEM. Made when first asked for.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn jwt_private_key(&self) -> Result<&str, KeyError> {
        Ok(self.state.jwt_key()?.private_pem())
    }

    /// A row as readers see it, as JSON by field name; `None` when they see none.
    #[must_use]
    pub fn row(&self, id: RecordId) -> Option<Json> {
        self.read(|org| {
            let table = org.table_of(&id)?;
            let now = org.now_ms();
            let row = table.visible(&id, now)?;
            let mut body = serde_json::Map::new();
            for (index, field) in table.def.visible_fields() {
                let mut json = Vec::new();
                org.value(table, row, index, now).write_json(&mut json);
                // Deliberately odd values need not be JSON.
                let odd = || Json::String(String::from_utf8_lossy(&json).into_owned());
                body.insert(field.name.to_string(), serde_json::from_slice(&json).unwrap_or_else(|_| odd()));
            }
            Some(Json::Object(body))
        })
    }
}
