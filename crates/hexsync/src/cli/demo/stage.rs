//! The feeds of the demo, and their runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde::Serialize;
use sync_wiring::core::{
    ConnectionId, Counts, EngineOptions, Provider, RunFailure, RunId, RunObserver, RunReport, RunRequest,
    RunStatus, Scope, Subscription, SubscriptionId, TableEntity, UnitOfWork, UserId,
};
use sync_wiring::salesforce::{self, FromSalesforce, POLL_ADAPTER, PROVIDER, SalesforceClient};
use sync_wiring::{EntityStore, SyncModule};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::act::Act;
use super::place::{CONNECTION, MARK};
use crate::app::AppStore;
use crate::error::CliError;
use crate::exit::Exit;
use crate::generated::{Entity, salesforce_entity};
use crate::output::{Progress, Task, duration, thousands};

/// The wait before a parked record is tried again.
const RETRY_FIRST: Duration = Duration::from_secs(24 * 60 * 60);

/// The entities of the demo, of those that the program has; parents first.
pub(super) const CAST: [Entity; 4] = [Entity::User, Entity::Account, Entity::Contact, Entity::Opportunity];

/// One feed per entity, in the order in which they are synced.
pub(super) type Feeds = Vec<(Entity, Subscription)>;

/// Adds the feeds; with them the database is marked as the demo's.
pub(super) async fn subscribe<S: AppStore>(store: &S) -> Result<Feeds, CliError> {
    let mut feeds = Feeds::new();
    let mut tx = UnitOfWork::begin(store).await?;
    for entity in CAST {
        let wanted = Subscription {
            id: SubscriptionId(Uuid::now_v7()),
            tenant: None,
            connection: ConnectionId::from(CONNECTION),
            adapter: POLL_ADAPTER.to_owned(),
            domain: entity.name().to_owned(),
            external_ref: Some(MARK.to_owned()),
            paused: false,
            cursor: None,
            created_at: Utc::now(),
        };
        feeds.push((entity, store.add_subscription(&mut tx, &wanted).await?));
    }
    UnitOfWork::commit(store, tx).await?;
    Ok(feeds)
}

/// Everything that runs need, put together as an application would.
pub(super) struct Stage<S: AppStore> {
    module: SyncModule<S>,
    crm: SalesforceClient,
    feeds: Feeds,
    progress: Progress,
    stop: CancellationToken,
}

/// One run, as it is told.
#[derive(Serialize)]
pub(super) struct RunLine {
    pub(super) act: Act,
    #[serde(serialize_with = "entity_name")]
    pub(super) entity: Entity,
    pub(super) run: RunId,
    pub(super) status: RunStatus,
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) duration_ms: u64,
}

/// An entity by its name.
pub(super) fn entity_name<S: serde::Serializer>(entity: &Entity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(entity.name())
}

impl<S: AppStore> Stage<S> {
    pub(super) fn new(
        store: S,
        feeds: Feeds,
        crm: SalesforceClient,
        progress: Progress,
        stop: CancellationToken,
    ) -> Result<Self, CliError> {
        // Parked records are not tried again while the demo goes on, however long it takes.
        let options = EngineOptions { retry_first: RETRY_FIRST, ..EngineOptions::default() };
        let module = SyncModule::builder().store(store).options(options).build()?;
        Ok(Self { module, crm, feeds, progress, stop })
    }

    pub(super) fn store(&self) -> &S {
        self.module.store()
    }

    /// Whose rows an entity's are.
    pub(super) fn scope(&self, entity: Entity) -> Result<Scope, CliError> {
        let subscription = self.feed(entity)?;
        Ok(Scope {
            tenant: None,
            connection: subscription.connection.clone(),
            subscription: subscription.id,
            entity: entity.name(),
            provider: Provider::from(PROVIDER),
            user: UserId::from("system"),
        })
    }

    fn feed(&self, entity: Entity) -> Result<&Subscription, CliError> {
        let found = self.feeds.iter().find(|(other, _)| *other == entity);
        found.map(|(_, feed)| feed).ok_or_else(|| CliError::text(format!("{} has no feed", entity.name())))
    }

    /// Runs every feed once. `expected` says how many changes there are, where that is known.
    ///
    /// # Errors
    /// When a run fails, which in a demo it must not, or when it is interrupted.
    pub(super) async fn play(
        &self,
        act: Act,
        expected: impl Fn(Entity) -> Option<u64>,
    ) -> Result<Vec<RunLine>, CliError> {
        let mut lines = Vec::with_capacity(CAST.len());
        for entity in CAST {
            let task = self.progress.task(format!("{} {}", act.name(), entity.name()), expected(entity));
            let observer = Arc::new(Pace { task: Arc::clone(&task), started: Instant::now() });
            let report = salesforce_entity!(
                entity,
                T => Box::pin(self.run::<T>(entity, observer)).await?,
                else continue
            );
            task.finish(&sentence(&report));
            lines.push(line(act, entity, report)?);
        }
        Ok(lines)
    }

    async fn run<T: TableEntity + FromSalesforce>(
        &self,
        entity: Entity,
        pace: Arc<Pace>,
    ) -> Result<RunReport, CliError>
    where
        S: EntityStore<T>,
    {
        let engine = salesforce::engine::<T, S>(&self.module, &self.crm)?;
        let request = RunRequest::new(self.feed(entity)?.clone(), PROVIDER)
            .cancel(self.stop.clone())
            .observer(pace as Arc<dyn RunObserver>);
        Ok(engine.execute(request).await?)
    }
}

/// Says how a run goes, in what is left of a line beside the bar.
struct Pace {
    task: Arc<Task>,
    started: Instant,
}

impl RunObserver for Pace {
    fn batch_committed(&self, counts: &Counts) {
        let rate = per_second(counts.found, self.started.elapsed());
        let text = match counts.parked {
            0 => rate,
            parked => format!("{rate}, {parked} parked"),
        };
        self.task.say(counts.found, text);
    }
}

fn per_second(number: u64, time: Duration) -> String {
    format!("{}/s", thousands((number as f64 / time.as_secs_f64().max(0.001)) as u64))
}

fn line(act: Act, entity: Entity, report: RunReport) -> Result<RunLine, CliError> {
    match report.failure {
        None => Ok(RunLine {
            act,
            entity,
            run: report.run,
            status: report.status,
            counts: report.counts,
            duration_ms: u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
        }),
        Some(RunFailure::Cancelled) => Err(CliError::text("the demo was interrupted")
            .exit(Exit::Interrupted)
            .next("start it again; it begins anew")),
        Some(failure) => Err(CliError::text(format!(
            "the {} of {} failed: {}",
            act.name(),
            entity.name(),
            failure.describe()
        ))),
    }
}

/// What stays on the screen of a run.
fn sentence(report: &RunReport) -> String {
    let counts = &report.counts;
    if counts.found == 0 {
        return format!("nothing new, in {}", duration(report.duration));
    }
    let mut text = format!("{} read", thousands(counts.found));
    for (number, what) in [
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.deleted, "deleted"),
        (counts.restored, "restored"),
        (counts.noop, "unchanged"),
        (counts.parked, "parked"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", thousands(number)));
        }
    }
    text.push_str(&format!(", in {}", duration(report.duration)));
    if counts.found >= 1_000 {
        text.push_str(&format!(" ({})", per_second(counts.found, report.duration)));
    }
    text
}
