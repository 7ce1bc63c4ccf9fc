//! Everything that plays in the tour: the program's own parts, and the CRMs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::Utc;
use sync_wiring::core::{
    Action, ConnectionId, RunReport, Scope, Subscription, SubscriptionId, SyncError, TenantId,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::setting::Setting;
use super::{PLAYERS, Player};
use crate::app::{App, AppStore, Order, Reading, entity_of};
use crate::cli::demo::place::MARK;
use crate::cli::demo::upstream::Upstream;
use crate::cli::demo::upstream::hubspot::Account;
use crate::cli::demo::upstream::salesforce::Org;
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::Entity;

/// Salesforce stamps by the second: so far a CRM's clock is moved before it is polled for what just happened.
const A_WHILE: Duration = Duration::from_secs(5);
/// How often a run is tried that another keeps from starting, and how long in between.
const TRIES: u32 = 200;
const BETWEEN: Duration = Duration::from_millis(25);

/// All of it.
pub(super) struct Cast<S: AppStore> {
    pub(super) app: App<S>,
    pub(super) org: Org,
    pub(super) account: Account,
    pub(super) feeds: Vec<Subscription>,
    pub(super) pages: Vec<tokio::net::TcpListener>,
    pub(super) hooks: Option<tokio::net::TcpListener>,
    pub(super) public_url: String,
    pub(super) token: String,
    /// Changes of rows that were made here.
    n_edits: AtomicU64,
}

impl<S: AppStore> Cast<S> {
    /// Adds the feeds, which mark the database as the demo's.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn new(app: App<S>, setting: Setting) -> Result<Self, CliError> {
        let public_url = setting.public_url();
        let mut feeds = Vec::new();
        for connection in &app.config.connections {
            for entity in &connection.entities {
                let wanted = Subscription {
                    id: SubscriptionId(Uuid::now_v7()),
                    tenant: connection.tenant.clone(),
                    connection: connection.id.clone(),
                    adapter: connection.crm.poll_adapter().to_owned(),
                    domain: entity.name().to_owned(),
                    external_ref: Some(MARK.to_owned()),
                    paused: false,
                    cursor: None,
                    created_at: Utc::now(),
                };
                let tenant = wanted.tenant.as_ref();
                feeds.push(
                    app.transact(tenant, async |store, tx| store.add_subscription(tx, &wanted).await).await?,
                );
            }
        }
        let Setting { org, account, pages, hooks, token, .. } = setting;
        let (org, account) = (Org::of(org), Account::of(account));
        Ok(Self { app, org, account, feeds, pages, hooks, public_url, token, n_edits: AtomicU64::new(0) })
    }

    /// A player's CRM.
    pub(super) fn upstream(&self, player: Player) -> &dyn Upstream {
        match player.crm {
            Crm::Salesforce => &self.org,
            Crm::Hubspot => &self.account,
        }
    }

    /// A player's feeds, parents first.
    pub(super) fn feeds_of(&self, player: Player) -> impl Iterator<Item = &Subscription> {
        let connection = ConnectionId::from(player.tenant);
        self.feeds.iter().filter(move |feed| feed.connection == connection)
    }

    /// A player's feed of an entity.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn feed(&self, player: Player, entity: Entity) -> Result<&Subscription, CliError> {
        let found = self.feeds_of(player).find(|feed| feed.domain == entity.name());
        found.ok_or_else(|| CliError::text(format!("{} has no feed of {}", player.tenant, entity.name())))
    }

    /// Whose rows they are.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub(super) fn scope(&self, player: Player, entity: Entity) -> Result<Scope, CliError> {
        Ok(self.app.scope(self.feed(player, entity)?, entity))
    }

    /// Polls for what changed, after anybody else's run.
    ///
    /// # Errors
    /// When the run fails.
    pub(super) async fn poll(&self, feed: &Subscription) -> Result<RunReport, CliError> {
        let way = self.app.feed(&feed.connection, entity_of(feed)?, None).await?;
        way.track(feed).await.map_err(CliError::new)?;
        let mut tries = 0;
        loop {
            match way.run(order(feed, Action::Manual, Reading::Delta)).await {
                Err(SyncError::AlreadyRunning { .. }) if tries < TRIES => tries += 1,
                Ok(report) => return ended(report),
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Polls a player's feeds, a moment later by the CRM's clock.
    ///
    /// # Errors
    /// When a run fails.
    pub(super) async fn poll_all(&self, player: Player) -> Result<Vec<(Entity, RunReport)>, CliError> {
        self.pass_time(player);
        let mut reports = Vec::new();
        for feed in self.feeds_of(player) {
            reports.push((entity_of(feed)?, self.poll(feed).await?));
        }
        Ok(reports)
    }

    /// Sends what was changed here, after anybody else's run.
    ///
    /// # Errors
    /// When the run fails, or nothing may be sent.
    pub(super) async fn send(&self, feed: &Subscription) -> Result<RunReport, CliError> {
        let entity = entity_of(feed)?;
        let way = self.app.outbound(&feed.connection, entity).await?;
        let way = way.ok_or_else(|| CliError::text(format!("{} only comes from the CRM", entity.name())))?;
        let mut tries = 0;
        loop {
            match way.run(order(feed, Action::Writeback, Reading::Nothing)).await {
                Err(SyncError::AlreadyRunning { .. }) if tries < TRIES => tries += 1,
                Ok(report) => return ended(report),
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// One more change that was made here.
    pub(super) fn edited(&self) {
        self.n_edits.fetch_add(1, Ordering::Relaxed);
    }

    /// How many changes were made here.
    pub(super) fn edits(&self) -> u64 {
        self.n_edits.load(Ordering::Relaxed)
    }

    /// Moves a CRM's clock on.
    pub(super) fn pass_time(&self, player: Player) {
        match player.crm {
            Crm::Salesforce => self.org.control().advance(A_WHILE),
            Crm::Hubspot => self.account.control().advance(A_WHILE),
        }
    }

    /// Ends the CRMs.
    pub(super) async fn shut_down(self) {
        Box::new(self.org).shut_down().await;
        Box::new(self.account).shut_down().await;
    }
}

impl Player {
    /// The tenant's id.
    pub(super) fn tenant_id(self) -> TenantId {
        TenantId::from(self.tenant)
    }

    /// The other one.
    pub(super) fn other(self) -> Self {
        if self.crm == PLAYERS[0].crm { PLAYERS[1] } else { PLAYERS[0] }
    }
}

fn order(feed: &Subscription, action: Action, reading: Reading) -> Order {
    Order { subscription: feed.clone(), action, reading, cancel: CancellationToken::new(), observer: None }
}

/// In a tour no run may fail.
fn ended(report: RunReport) -> Result<RunReport, CliError> {
    match &report.failure {
        None => Ok(report),
        Some(failure) => Err(CliError::text(format!("a run of the tour failed: {}", failure.describe()))),
    }
}
