//! Everything the server and the control handle share.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;

use super::auth::{Credentials, JwtKey, KeyError, Sessions, opaque};
use super::http::Locators;
use super::model::{Org, RecordId};
use super::outbound::Outbound;
use super::settings::SalesforceSettings;
use crate::clock::SimClock;
use crate::faults::{FaultRule, Faults, Struck};
use crate::requests::RequestLog;

const HOUR_MS: i64 = 3_600_000;

/// The kinds requests are counted by, and that [`FaultRule::on`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "as_str says what each is")]
pub enum RequestKind {
    Authorize,
    Token,
    Identity,
    Versions,
    DescribeGlobal,
    Describe,
    Query,
    QueryMore,
    RowRead,
    RowWrite,
    CollectionRead,
    CollectionWrite,
    Composite,
    Updated,
    Deleted,
    Limits,
    Control,
    Other,
}

impl RequestKind {
    /// Whether it changes rows.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::RowWrite | Self::CollectionWrite | Self::Composite)
    }

    /// The name in counts and fault rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Identity => "identity",
            Self::Versions => "versions",
            Self::DescribeGlobal => "describe_global",
            Self::Describe => "describe",
            Self::Query => "query",
            Self::QueryMore => "query_more",
            Self::RowRead => "row_read",
            Self::RowWrite => "row_write",
            Self::CollectionRead => "collection_read",
            Self::CollectionWrite => "collection_write",
            Self::Composite => "composite",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Limits => "limits",
            Self::Control => "control",
            Self::Other => "other",
        }
    }
}

/// What was asked so far.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    by_kind: BTreeMap<RequestKind, u64>,
    /// Calls against the daily allowance, by hour of simulated time.
    by_hour: BTreeMap<i64, u64>,
}

impl Usage {
    /// Calls in the 24 hours before `now`.
    fn last_day(&self, now: i64) -> u64 {
        self.by_hour.range(now.div_euclid(HOUR_MS) - 23..).map(|(_, calls)| calls).sum()
    }

    fn charge(&mut self, now: i64) {
        let hour = now.div_euclid(HOUR_MS);
        *self.by_hour.entry(hour).or_default() += 1;
        self.by_hour = self.by_hour.split_off(&(hour - 23));
    }
}

/// The org with everything around it.
pub(crate) struct State {
    pub(crate) clock: SimClock,
    pub(crate) credentials: Credentials,
    pub(crate) seed: u64,
    base_url: OnceLock<String>,
    org: RwLock<Org>,
    settings: RwLock<SalesforceSettings>,
    sessions: Mutex<Sessions>,
    faults: Mutex<Faults>,
    usage: Mutex<Usage>,
    requests: Mutex<RequestLog>,
    writing: Mutex<()>,
    outbound: Mutex<Outbound>,
    /// Rung when something may have to be sent to a receiver.
    pub(crate) bell: Notify,
    numbered: AtomicU64,
    locators: Mutex<Locators>,
    jwt: OnceLock<JwtKey>,
}

impl State {
    pub(crate) fn new(seed: u64, org: Org, settings: SalesforceSettings, rules: Vec<FaultRule>) -> Self {
        let mut sessions = Sessions::new(seed, org.org_id);
        let mut faults = Faults::new(seed);
        faults.set(rules);
        let credentials = Credentials {
            client_id: format!("3MVG9{}", opaque(&format!("client/{seed}"))),
            client_secret: opaque(&format!("secret/{seed}")),
            refresh_token: sessions.grant_refresh(org.api_user, super::auth::DEFAULT_SCOPE),
            username: username(&org, org.api_user),
        };
        Self {
            clock: org.clock.clone(),
            credentials,
            seed,
            base_url: OnceLock::new(),
            org: RwLock::new(org),
            settings: RwLock::new(settings),
            sessions: Mutex::new(sessions),
            faults: Mutex::new(faults),
            usage: Mutex::new(Usage::default()),
            requests: Mutex::new(RequestLog::default()),
            writing: Mutex::new(()),
            outbound: Mutex::new(Outbound::new(seed)),
            bell: Notify::new(),
            numbered: AtomicU64::new(0),
            locators: Mutex::new(Locators::default()),
            jwt: OnceLock::new(),
        }
    }

    pub(crate) fn base_url(&self) -> &str {
        self.base_url.get().map_or("http://127.0.0.1", String::as_str)
    }

    /// Set once, when the address is known.
    pub(crate) fn set_base_url(&self, url: String) {
        self.base_url.get_or_init(|| url);
    }

    pub(crate) fn org(&self) -> RwLockReadGuard<'_, Org> {
        self.org.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn org_mut(&self) -> RwLockWriteGuard<'_, Org> {
        self.org.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> SalesforceSettings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn edit_settings(&self, edit: impl FnOnce(&mut SalesforceSettings)) {
        edit(&mut self.settings.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.sessions)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn locators(&self) -> MutexGuard<'_, Locators> {
        lock(&self.locators)
    }

    /// The key pair of JWT logins, made when first asked for.
    pub(crate) fn jwt_key(&self) -> Result<&JwtKey, KeyError> {
        if let Some(key) = self.jwt.get() {
            return Ok(key);
        }
        let key = JwtKey::generate()?;
        Ok(self.jwt.get_or_init(|| key))
    }

    /// Counts a request; its number, and what strikes it.
    pub(crate) fn arrive(&self, kind: RequestKind) -> (u64, Struck) {
        *lock(&self.usage).by_kind.entry(kind).or_default() += 1;
        let number = self.numbered.fetch_add(1, Ordering::Relaxed) + 1;
        let control = kind == RequestKind::Control;
        (number, if control { Struck::default() } else { self.faults().strike(kind.as_str()) })
    }

    pub(crate) fn outbound(&self) -> MutexGuard<'_, Outbound> {
        lock(&self.outbound)
    }

    /// Gives rows that were touched to the sender of outbound messages.
    pub(crate) fn collect_touched(&self) {
        let settings = self.settings().outbound;
        // Between the parts of a composite request nothing is settled yet.
        let _turn = self.write_turn();
        let mut org = self.org_mut();
        if org.touched.is_waiting() {
            self.outbound().collect(&mut org, &settings);
        }
    }

    /// Held by whoever writes, so that nobody writes between the parts of a composite request.
    pub(crate) fn write_turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.writing)
    }

    /// Counts a call against the daily allowance; false when it is used up.
    pub(crate) fn charge(&self) -> bool {
        let now = self.clock.now_ms();
        let (used, max) = self.api_usage();
        if used >= max {
            return false;
        }
        lock(&self.usage).charge(now);
        true
    }

    /// Used and allowed calls of the last 24 hours.
    pub(crate) fn api_usage(&self) -> (u64, u64) {
        let settings = self.settings();
        (settings.api_used.saturating_add(lock(&self.usage).last_day(self.clock.now_ms())), settings.api_max)
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, RequestLog> {
        lock(&self.requests)
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.usage).by_kind.iter().map(|(kind, count)| (kind.as_str(), *count)).collect()
    }

    pub(crate) fn reset_counts(&self) {
        lock(&self.usage).by_kind.clear();
        self.requests().clear();
    }

    pub(crate) fn reset_allowance(&self) {
        lock(&self.usage).by_hour.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A user's login name; empty when there is none.
pub(crate) fn username(org: &Org, user: RecordId) -> String {
    text_of(org, user, "Username").unwrap_or_default()
}

/// A text field of a row as readers see it.
pub(crate) fn text_of(org: &Org, id: RecordId, field: &str) -> Option<String> {
    let table = org.table_of(&id)?;
    let now = org.now_ms();
    let value = org.value(table, table.visible(&id, now)?, table.def.field_index(field)?, now);
    value.as_str().map(str::to_owned)
}

/// Values by a string key, as maps of the server are kept.
pub(crate) type ByName<T> = HashMap<String, T>;
