//! Everything the server and the control handle share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use tokio::sync::Notify;

use super::auth::{Credentials, TokenKind, Tokens};
use super::limits::{Left, Limited, Rates};
use super::model::Account;
use super::search::Cache;
use super::settings::HubspotSettings;
use super::webhooks::Webhooks;
use crate::clock::SimClock;
use crate::faults::{FaultRule, Faults, Struck};
use crate::requests::RequestLog;

/// The kinds requests are counted by, and that [`FaultRule::on`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "as_str says what each is")]
pub enum RequestKind {
    Authorize,
    Token,
    TokenInfo,
    List,
    Read,
    Search,
    BatchRead,
    Write,
    BatchWrite,
    AssociationRead,
    AssociationWrite,
    Properties,
    Pipelines,
    Owners,
    Schemas,
    AccountInfo,
    Webhooks,
    Control,
    Other,
}

impl RequestKind {
    /// Whether it changes rows or associations.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::BatchWrite | Self::AssociationWrite)
    }

    /// The name in counts and fault rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::TokenInfo => "token_info",
            Self::List => "list",
            Self::Read => "read",
            Self::Search => "search",
            Self::BatchRead => "batch_read",
            Self::Write => "write",
            Self::BatchWrite => "batch_write",
            Self::AssociationRead => "association_read",
            Self::AssociationWrite => "association_write",
            Self::Properties => "properties",
            Self::Pipelines => "pipelines",
            Self::Owners => "owners",
            Self::Schemas => "schemas",
            Self::AccountInfo => "account_info",
            Self::Webhooks => "webhooks",
            Self::Control => "control",
            Self::Other => "other",
        }
    }
}

/// What was asked so far.
#[derive(Debug, Default)]
struct Usage {
    by_kind: BTreeMap<RequestKind, u64>,
    numbered: u64,
}

/// The account with everything around it.
pub(crate) struct State {
    pub(crate) clock: SimClock,
    pub(crate) credentials: Credentials,
    pub(crate) seed: u64,
    base_url: OnceLock<String>,
    born: Instant,
    account: RwLock<Account>,
    settings: RwLock<HubspotSettings>,
    tokens: Mutex<Tokens>,
    faults: Mutex<Faults>,
    usage: Mutex<Usage>,
    requests: Mutex<RequestLog>,
    webhooks: Mutex<Webhooks>,
    installed: AtomicBool,
    /// Rung when something may have to be sent to subscribers.
    pub(crate) bell: Notify,
    rates: Mutex<Rates>,
    pub(crate) searches: Mutex<Cache>,
}

impl State {
    pub(crate) fn new(
        seed: u64,
        mut account: Account,
        settings: HubspotSettings,
        rules: Vec<FaultRule>,
    ) -> Self {
        let credentials = Credentials::new(seed, account.portal_id);
        let mut faults = Faults::new(seed);
        faults.set(rules);
        account.rules = settings.clone();
        Self {
            clock: account.clock.clone(),
            tokens: Mutex::new(Tokens::new(seed, &credentials)),
            credentials,
            seed,
            base_url: OnceLock::new(),
            born: Instant::now(),
            account: RwLock::new(account),
            settings: RwLock::new(settings),
            faults: Mutex::new(faults),
            usage: Mutex::new(Usage::default()),
            requests: Mutex::new(RequestLog::default()),
            webhooks: Mutex::new(Webhooks::new(seed)),
            installed: AtomicBool::new(true),
            bell: Notify::new(),
            rates: Mutex::new(Rates::default()),
            searches: Mutex::new(Cache::default()),
        }
    }

    pub(crate) fn base_url(&self) -> &str {
        self.base_url.get().map_or("http://127.0.0.1", String::as_str)
    }

    /// Set once, when the address is known.
    pub(crate) fn set_base_url(&self, url: String) {
        self.base_url.get_or_init(|| url);
    }

    pub(crate) fn account(&self) -> RwLockReadGuard<'_, Account> {
        self.account.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn account_mut(&self) -> RwLockWriteGuard<'_, Account> {
        self.account.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> HubspotSettings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads settings without copying them.
    pub(crate) fn setting<T>(&self, read: impl FnOnce(&HubspotSettings) -> T) -> T {
        read(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn edit_settings(&self, edit: impl FnOnce(&mut HubspotSettings)) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        edit(&mut settings);
        let copy = settings.clone();
        drop(settings);
        self.account_mut().rules = copy;
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        lock(&self.tokens)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn webhooks(&self) -> MutexGuard<'_, Webhooks> {
        lock(&self.webhooks)
    }

    /// The app is let in.
    pub(crate) fn install(&self) {
        self.installed.store(true, Ordering::SeqCst);
    }

    /// The app is thrown out: its tokens are dead, and it is told of nothing any more.
    pub(crate) fn uninstall(&self) {
        self.tokens().revoke_all_refresh();
        self.installed.store(false, Ordering::SeqCst);
    }

    /// Keeps events from now on if somebody wants them.
    pub(crate) fn note_wishes(&self) {
        let wanted = self.webhooks().app.wants_events();
        self.account_mut().events.wanted = wanted;
        self.wake();
    }

    /// Gives what happened to the webhook sender.
    pub(crate) fn collect_events(&self) {
        if !self.account().events.is_waiting() {
            return;
        }
        let settings = self.setting(|settings| settings.webhooks.clone());
        let mut account = self.account_mut();
        if !self.installed.load(Ordering::SeqCst) {
            drop(account.events.take());
        }
        self.webhooks().collect(&mut account, self.credentials.app_id, &settings);
    }

    /// Lets the webhook sender look for work.
    pub(crate) fn wake(&self) {
        self.bell.notify_one();
    }

    /// Counts a request; its number, and what strikes it.
    pub(crate) fn count(&self, kind: RequestKind) -> (u64, Struck) {
        let mut usage = lock(&self.usage);
        *usage.by_kind.entry(kind).or_default() += 1;
        usage.numbered += 1;
        let number = usage.numbered;
        drop(usage);
        let control = kind == RequestKind::Control;
        (number, if control { Struck::default() } else { self.faults().strike(kind.as_str()) })
    }

    /// Counts a call against the limits.
    pub(crate) fn charge(&self, kind: TokenKind, search: bool) -> Result<(), Limited> {
        let times = self.limit_times();
        self.setting(|settings| lock(&self.rates).charge(kind, search, settings, times))
    }

    pub(crate) fn left(&self, kind: TokenKind) -> Left {
        let times = self.limit_times();
        self.setting(|settings| lock(&self.rates).left(kind, settings, times))
    }

    pub(crate) fn used_today(&self) -> u64 {
        self.setting(|settings| lock(&self.rates).used_today(settings))
    }

    pub(crate) fn reset_limits(&self) {
        lock(&self.rates).reset();
    }

    /// Time as burst limits see it, and simulated time.
    fn limit_times(&self) -> (i64, i64) {
        let now = self.clock.now_ms();
        let real = if self.setting(|settings| settings.limits_in_real_time) && !self.clock.ticks() {
            i64::try_from(self.born.elapsed().as_millis()).unwrap_or(i64::MAX)
        } else {
            0
        };
        (now.saturating_add(real), now)
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
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
