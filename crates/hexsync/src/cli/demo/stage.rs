//! The feeds of the demo, and their runs.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use futures_util::future;
use sync_wiring::SyncModule;
use sync_wiring::core::{
    Action, Brake, ConnectionId, EngineOptions, Provider, RunObserver, RunReport, Scope, Subscription,
    SubscriptionId, UnitOfWork, UserId,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::act::Act;
use super::line::{Pace, RunLine, sentence};
use super::names;
use super::place::MARK;
use crate::app::{AppStore, Client, Feed, Order, Reading, feed};
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::Entity;
use crate::output::Progress;

/// The wait before a parked record is tried again.
const RETRY_FIRST: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// One feed.
#[derive(Clone)]
pub(super) struct Subscribed {
    pub(super) crm: Crm,
    pub(super) entity: Entity,
    subscription: Subscription,
}

/// Adds a feed per CRM and entity, in the order in which they are synced; with them the database is marked as the
/// demo's.
pub(super) async fn subscribe<S: AppStore>(store: &S, crms: &[Crm]) -> Result<Vec<Subscribed>, CliError> {
    let mut feeds = Vec::new();
    let mut tx = UnitOfWork::begin(store).await?;
    for crm in crms {
        for entity in names::entities(*crm) {
            let wanted = Subscription {
                id: SubscriptionId(Uuid::now_v7()),
                tenant: None,
                connection: ConnectionId::from(crm.key()),
                adapter: crm.poll_adapter().to_owned(),
                domain: entity.name().to_owned(),
                external_ref: Some(MARK.to_owned()),
                paused: false,
                cursor: None,
                created_at: Utc::now(),
            };
            let subscription = store.add_subscription(&mut tx, &wanted).await?;
            feeds.push(Subscribed { crm: *crm, entity, subscription });
        }
    }
    UnitOfWork::commit(store, tx).await?;
    Ok(feeds)
}

/// Everything that runs need, put together as an application would.
pub(super) struct Stage<S: AppStore> {
    module: SyncModule<S>,
    /// One troupe per CRM.
    troupes: Vec<Arc<Troupe>>,
    progress: Progress,
    stop: CancellationToken,
}

/// The feeds of one CRM, parents first.
struct Troupe {
    crm: Crm,
    feeds: Vec<(Subscribed, Box<dyn Feed>)>,
}

impl<S: AppStore> Stage<S> {
    pub(super) fn new(
        store: S,
        feeds: &[Subscribed],
        clients: &[Client],
        progress: Progress,
        stop: CancellationToken,
    ) -> Result<Self, CliError> {
        // Parked records are not tried again while the demo goes on, however long it takes.
        let options = EngineOptions { retry_first: RETRY_FIRST, ..EngineOptions::default() };
        let module = SyncModule::builder().store(store).options(options).build()?;
        let mut troupes = Vec::new();
        for client in clients {
            let crm = client.crm();
            let own = feeds.iter().filter(|feed| feed.crm == crm);
            let made = own.map(|own| Ok((own.clone(), feed(&module, client, own.entity)?)));
            troupes.push(Arc::new(Troupe { crm, feeds: made.collect::<Result<_, CliError>>()? }));
        }
        Ok(Self { module, troupes, progress, stop })
    }

    pub(super) fn store(&self) -> &S {
        self.module.store()
    }

    /// Every feed, by CRM and in the order in which they are synced.
    pub(super) fn feeds(&self) -> impl Iterator<Item = &Subscribed> {
        self.troupes.iter().flat_map(|troupe| troupe.feeds.iter().map(|(subscribed, _)| subscribed))
    }

    /// Says what happened in a CRM.
    pub(super) fn tell(&self, crm: Crm, what: &str) {
        self.progress.task(format!("upstream {}", crm.key()), None).finish(what);
    }

    /// Whose rows an entity's of a CRM are.
    pub(super) fn scope(&self, crm: Crm, entity: Entity) -> Result<Scope, CliError> {
        let found = self.feeds().find(|feed| (feed.crm, feed.entity) == (crm, entity));
        let feed = found
            .ok_or_else(|| CliError::text(format!("{} of {} has no feed", entity.name(), crm.product())))?;
        Ok(Scope {
            tenant: None,
            connection: feed.subscription.connection.clone(),
            subscription: feed.subscription.id,
            entity: entity.name(),
            provider: Provider::from(crm.key()),
            user: UserId::from("system"),
        })
    }

    /// Runs every feed that has a part in the act once: those of one CRM one after the other, the CRMs side by
    /// side. `expected` says how many changes there are, where that is known.
    ///
    /// # Errors
    /// When a run fails, which in a demo it must not, or when it is interrupted.
    pub(super) async fn play(
        &self,
        act: Act,
        expected: impl Fn(Crm, Entity) -> Option<u64>,
    ) -> Result<Vec<RunLine>, CliError> {
        let acts = self.troupes.iter().map(|troupe| {
            let expected = troupe.feeds.iter().map(|(feed, _)| expected(feed.crm, feed.entity)).collect();
            let (troupe, progress, stop) = (Arc::clone(troupe), self.progress, self.stop.clone());
            tokio::spawn(async move { troupe.play(act, expected, progress, stop).await })
        });
        let mut lines = Vec::new();
        for played in future::join_all(acts).await {
            // The runs don't panic, and nobody cancels them.
            lines.extend(played.map_err(CliError::new)??);
        }
        Ok(lines)
    }
}

impl Troupe {
    async fn play(
        &self,
        act: Act,
        expected: Vec<Option<u64>>,
        progress: Progress,
        stop: CancellationToken,
    ) -> Result<Vec<RunLine>, CliError> {
        let comparing = act == Act::Comparison;
        let mut lines = Vec::with_capacity(self.feeds.len());
        for ((subscribed, feed), expected) in self.feeds.iter().zip(expected) {
            if !act.concerns(self.crm, subscribed.entity) {
                continue;
            }
            let name = format!("{} {}/{}", act.name(), self.crm.key(), subscribed.entity.name());
            let task = progress.task(name, expected);
            let pace = Pace { task: Arc::clone(&task), started: Instant::now() };
            let order = Order {
                subscription: subscribed.subscription.clone(),
                action: if comparing { Action::Reconcile } else { Action::Manual },
                reading: if comparing { Reading::Differences(Brake::default()) } else { Reading::Delta },
                cancel: stop.clone(),
                observer: Some(Arc::new(pace) as Arc<dyn RunObserver>),
            };
            feed.track(&subscribed.subscription).await.map_err(CliError::new)?;
            let report: RunReport = feed.run(order).await?;
            task.finish(&sentence(&report));
            lines.push(RunLine::of(act, subscribed, report)?);
            lines.extend(backfill(subscribed, &**feed, progress, &stop).await?);
        }
        Ok(lines)
    }
}

/// Brings the values of new fields to older records, if there are any.
async fn backfill(
    subscribed: &Subscribed,
    feed: &dyn Feed,
    progress: Progress,
    stop: &CancellationToken,
) -> Result<Option<RunLine>, CliError> {
    let order = Order {
        subscription: subscribed.subscription.clone(),
        action: Action::Backfill,
        reading: Reading::Nothing,
        cancel: stop.clone(),
        observer: None,
    };
    let Some(report) = feed.backfill(order).await? else { return Ok(None) };
    let name = format!("{} {}/{}", Act::Backfill.name(), subscribed.crm.key(), subscribed.entity.name());
    progress.task(name, None).finish(&sentence(&report.run));
    RunLine::of(Act::Backfill, subscribed, report.run).map(Some)
}
