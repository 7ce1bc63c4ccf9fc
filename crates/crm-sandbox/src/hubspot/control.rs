//! Changing the account while it runs, without HTTP. The control API does the same over the wire.

mod rows;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::auth::{Credentials, Grant};
use super::http::owners::shown;
use super::model::Account;
use super::render::{Columns, write_row};
use super::schema::{ObjectSpec, PropertySpec};
use super::settings::HubspotSettings;
use super::state::State;
use super::write::{RowError, RowRule};
use crate::authorize::{Code, challenge_of};
use crate::clock::SimClock;
use crate::faults::FaultRule;
use crate::requests::LoggedRequest;
use crate::row_rules::Workflow;

pub use rows::{ChangeSource, LinkSpec, RowChange, RowChanges};

/// A handle on a running account. Clones work on the same account.
#[derive(Clone)]
pub struct HubspotControl {
    state: Arc<State>,
}

impl std::fmt::Debug for HubspotControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubspotControl").field("base_url", &self.state.base_url()).finish_non_exhaustive()
    }
}

/// The present truth, schema, time.
impl HubspotControl {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// Reads the account. Requests wait while `read` runs.
    pub fn read<T>(&self, read: impl FnOnce(&Account) -> T) -> T {
        read(&self.state.account())
    }

    pub(crate) fn edit<T>(&self, edit: impl FnOnce(&mut Account) -> T) -> T {
        let result = edit(&mut self.state.account_mut());
        self.state.wake();
        result
    }

    /// A row as a read with all its properties shows it, live or archived; `None` when there is none.
    #[must_use]
    pub fn row(&self, object: &str, id: u64) -> Option<Json> {
        self.read(|account| {
            let object = account.object(object)?;
            let row = account.tables[object].row(id)?;
            as_json(account, object, (id, row))
        })
    }

    /// All live rows, or all archived ones, as [`HubspotControl::row`] shows them, by id.
    #[must_use]
    pub fn rows(&self, object: &str, archived: bool) -> Vec<Json> {
        self.read(|account| {
            let Some(object) = account.object(object) else { return Vec::new() };
            let rows = account.tables[object].list(archived, ..);
            rows.filter_map(|row| as_json(account, object, row)).collect()
        })
    }

    /// Associations of live rows from one object to another: from, to, sorted labels (none when there is no label).
    #[must_use]
    pub fn associations(&self, from: &str, to: &str) -> Vec<(u64, u64, Vec<String>)> {
        self.read(|account| account.associations(from, to))
    }

    /// All live owners, or all archived ones, as the API shows them.
    #[must_use]
    pub fn owners(&self, archived: bool) -> Vec<Json> {
        self.read(|account| {
            account.owners.iter().filter(|owner| owner.archived == archived).map(shown).collect()
        })
    }

    /// Adds a property that the customer made.
    ///
    /// # Errors
    /// When the object is unknown or the name is not free.
    pub fn add_property(&self, object: &str, spec: &PropertySpec) -> Result<(), RowError> {
        self.edit(|account| account.add_property(object, spec))
    }

    /// Changes a property, its type included; stored values stay as they are.
    ///
    /// # Errors
    /// When there is no such property.
    pub fn change_property(&self, object: &str, name: &str, spec: &PropertySpec) -> Result<(), RowError> {
        self.edit(|account| account.change_property(object, name, spec))
    }

    /// Archives a property: reads ignore it from now on.
    ///
    /// # Errors
    /// When there is no such property.
    pub fn archive_property(&self, object: &str, name: &str) -> Result<(), RowError> {
        self.edit(|account| account.archive_property(object, name))
    }

    /// Makes a custom object and returns its fully qualified name.
    ///
    /// # Errors
    /// When the name is not free, or a property can't be made.
    pub fn add_object(&self, spec: &ObjectSpec) -> Result<String, RowError> {
        self.edit(|account| {
            let object = account.add_object(spec)?;
            Ok(account.tables[object].def.name.clone())
        })
    }

    /// Sets the probability of a stage: projected amounts change, modified dates don't. False when there is no such
    /// stage.
    #[must_use]
    pub fn set_stage_probability(&self, stage: &str, probability: &str) -> bool {
        self.edit(|account| {
            account.generation += 1;
            let pipelines = account.pipelines.iter_mut().flat_map(|(_, list)| list);
            let mut stages = pipelines.flat_map(|pipeline| &mut pipeline.stages);
            let Some(stage) = stages.find(|one| one.id == stage) else { return false };
            stage.metadata.retain(|(key, _)| key != "probability");
            stage.metadata.push(("probability".to_owned(), probability.to_owned()));
            true
        })
    }

    /// Archives an owner, or takes it back. False when there is no such owner.
    #[must_use]
    pub fn archive_owner(&self, id: u64, archived: bool) -> bool {
        self.edit(|account| {
            let now = account.now_ms();
            let Some(owner) = account.owners.iter_mut().find(|owner| owner.id == id) else { return false };
            (owner.archived, owner.updated_at) = (archived, now);
            true
        })
    }

    /// The account's clock.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.state.clock
    }

    /// Moves time forward: tokens expire, limits are forgotten, the index catches up.
    pub fn advance(&self, by: Duration) {
        self.state.clock.advance(by);
        self.edit(Account::settle);
    }
}

/// Rows that fail, and what automations make of rows.
impl HubspotControl {
    /// Replaces the rules that refuse rows API clients write. Chances are drawn from the account's seed.
    pub fn set_row_rules(&self, rules: Vec<RowRule>) {
        let seed = self.state.seed;
        self.edit(|account| account.guards.rules.set(seed, rules));
    }

    /// Adds a rule that refuses rows.
    pub fn add_row_rule(&self, rule: RowRule) {
        self.edit(|account| account.guards.rules.add(rule));
    }

    /// The rules in force.
    #[must_use]
    pub fn row_rules(&self) -> Vec<RowRule> {
        self.read(|account| account.guards.rules.rules())
    }

    /// Replaces the automations that rewrite rows after API writes.
    pub fn set_workflows(&self, workflows: Vec<Workflow>) {
        self.edit(|account| account.guards.workflows = workflows);
    }
}

/// Faults, tokens, counts, settings.
impl HubspotControl {
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

    /// Lets every access token expire; refresh tokens and the private app's token stay good.
    pub fn expire_tokens(&self) {
        self.state.tokens().expire_all(self.state.clock.now_ms());
    }

    /// Registers a further redirect URI of the app; only registered ones are redirected to.
    pub fn register_redirect_uri(&self, uri: &str) {
        self.state.edit_settings(|settings| settings.redirect_uris.push(uri.to_owned()));
    }

    /// Uninstalls the app: every token of it is dead, and it is told of nothing any more. Connecting anew installs it
    /// again.
    pub fn uninstall(&self) {
        self.state.uninstall();
    }

    /// Revokes every refresh token with its access tokens.
    pub fn revoke_refresh_tokens(&self) {
        self.state.tokens().revoke_all_refresh();
    }

    /// Makes a further refresh token, as connecting anew would.
    #[must_use]
    pub fn grant_refresh_token(&self) -> String {
        self.state.tokens().grant_refresh(Grant::default())
    }

    /// Makes an authorisation code for the app's redirect URI, as a user who consents does. With `verifier`, the
    /// exchange must present it (PKCE, S256).
    #[must_use]
    pub fn issue_code(&self, verifier: Option<&str>) -> String {
        let settings = self.state.settings();
        self.state.tokens().issue_code(Code {
            redirect_uri: self.state.credentials.redirect_uri.clone(),
            challenge: verifier.map(challenge_of),
            user: Grant::default().user,
            scopes: settings.scopes.clone(),
            expires_at: self.state.clock.now_ms().saturating_add(settings.code_life_ms()),
        })
    }

    /// An OAuth access token, without a login.
    #[must_use]
    pub fn open_session(&self) -> String {
        let lifetime = self.state.setting(|settings| settings.access_token);
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let expires_at = self.state.clock.now_ms().saturating_add(lifetime);
        let parent = self.state.credentials.refresh_token.clone();
        self.state.tokens().open(Some(parent), expires_at)
    }

    /// Replaces the private app's token; the old one is dead at once.
    #[must_use]
    pub fn rotate_private_token(&self) -> String {
        self.state.tokens().rotate_private()
    }

    /// Requests so far, by kind.
    #[must_use]
    pub fn request_counts(&self) -> BTreeMap<&'static str, u64> {
        self.state.counts()
    }

    /// The newest 4,096 requests besides control calls, oldest first. With
    /// [`log_bodies`](HubspotSettings::log_bodies), those that write come with what they sent.
    #[must_use]
    pub fn request_log(&self) -> Vec<LoggedRequest> {
        self.state.requests().entries()
    }

    /// Counts from zero again, and empties the request log. Limits are not touched.
    pub fn reset_request_counts(&self) {
        self.state.reset_counts();
    }

    /// Sets how many calls count as used today, and how many are allowed.
    pub fn set_daily_limit(&self, used: u64, max: u64) {
        self.state.reset_limits();
        self.state.edit_settings(|settings| (settings.daily_used, settings.daily_max) = (used, max));
    }

    /// Forgets all calls that count against burst and daily limits.
    pub fn reset_limits(&self) {
        self.state.reset_limits();
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> HubspotSettings {
        self.state.settings()
    }

    /// Changes settings.
    pub fn edit_settings(&self, edit: impl FnOnce(&mut HubspotSettings)) {
        self.state.edit_settings(edit);
    }

    /// What a client logs in with.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.state.credentials
    }
}

fn as_json(account: &Account, object: usize, row: (u64, &super::model::Row)) -> Option<Json> {
    let def = &account.tables[object].def;
    let names = def.properties().iter().map(|property| property.name.as_str());
    let mut out = Vec::new();
    write_row(account, object, row, &Columns::new(def, names), &mut out);
    serde_json::from_slice(&out).ok()
}
