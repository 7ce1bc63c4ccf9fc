//! A few records picked from the audit, to show what is in it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sync_wiring::EntityStore;
use sync_wiring::core::{
    Canonical, ChangedFields, DeadLetterFilter, DeadLetterStore, ExternalId, ItemStatus, Operation, RunId,
    Scope, SyncSink, UnitOfWork,
};

use super::act::Act;
use super::check::Known;
use super::line::{RunLine, entity_name};
use super::stage::Stage;
use crate::app::AppStore;
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::{Entity, with_entity};

/// Edited records of each CRM that are shown, by entity.
const SHOWN: [(Entity, usize); 3] = [(Entity::Account, 1), (Entity::Contact, 1), (Entity::Opportunity, 2)];
/// How many of a run's items are looked through for them.
const LOOKED_AT: u32 = 500;
/// The field of an opportunity that people ask for first.
const STAGE: &str = "stage";
/// Parked records that are shown.
const PARKED: u32 = 100;

/// What is shown.
#[derive(Default, Serialize)]
pub(super) struct Story {
    pub(super) field_changes: Vec<Edited>,
    pub(super) histories: Vec<History>,
    pub(super) merges: Vec<Merged>,
    pub(super) parked: Vec<Parked>,
}

/// What a run changed in a record.
#[derive(Serialize)]
pub(super) struct Edited {
    pub(super) crm: Crm,
    #[serde(serialize_with = "entity_name")]
    pub(super) entity: Entity,
    external_id: ExternalId,
    pub(super) title: Option<Box<str>>,
    pub(super) changed_fields: ChangedFields,
}

/// All that ever happened to a record.
#[derive(Serialize)]
pub(super) struct History {
    pub(super) crm: Crm,
    pub(super) entity: &'static str,
    pub(super) external_id: ExternalId,
    pub(super) steps: Vec<Step>,
}

/// One thing that happened.
#[derive(Serialize)]
pub(super) struct Step {
    pub(super) at: DateTime<Utc>,
    pub(super) act: Option<Act>,
    pub(super) run: RunId,
    pub(super) operation: Operation,
    pub(super) title: Option<Box<str>>,
    pub(super) changed_fields: ChangedFields,
}

/// Two records that became one.
#[derive(Serialize)]
pub(super) struct Merged {
    pub(super) crm: Crm,
    pub(super) entity: &'static str,
    pub(super) loser: ExternalId,
    pub(super) winner: ExternalId,
    /// The survivor's name here.
    pub(super) title: Option<Box<str>>,
}

/// A record that could not be applied.
#[derive(Serialize)]
pub(super) struct Parked {
    pub(super) crm: Crm,
    pub(super) entity: &'static str,
    pub(super) external_id: ExternalId,
    /// As it is here.
    pub(super) title: Option<Box<str>>,
    pub(super) class: String,
    pub(super) reason: String,
    attempts: u32,
    next_attempt_at: DateTime<Utc>,
}

impl Story {
    /// Picks the records.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(super) async fn gather<S: AppStore>(
        stage: &Stage<S>,
        runs: &[RunLine],
        known: &[Known],
    ) -> Result<Self, CliError> {
        let mut story = Self::default();
        for known in known {
            for (entity, n) in SHOWN {
                let is_it =
                    |run: &&RunLine| (run.act, run.crm, run.entity) == (Act::Delta, known.crm, entity);
                if let Some(run) = runs.iter().find(is_it) {
                    story.field_changes.extend(edited(stage, run, n).await?);
                }
            }
            if let Some(hero) = known.second.hero.as_ref().or(known.first.hero.as_ref()) {
                story.histories.push(history(stage, runs, known.crm, hero).await?);
            }
            for merge in known.merges() {
                let scope = stage.scope(known.crm, merge.entity)?;
                let ids = [merge.winner.clone()];
                let titles = with_entity!(merge.entity, T => titles::<T, S>(stage, &scope, &ids).await)?;
                story.merges.push(Merged {
                    crm: known.crm,
                    entity: merge.entity.name(),
                    loser: merge.loser.clone(),
                    winner: merge.winner.clone(),
                    title: titles.into_iter().next().flatten(),
                });
            }
        }
        for feed in stage.feeds() {
            let parked =
                with_entity!(feed.entity, T => parked_of::<T, S>(stage, feed.crm, feed.entity).await)?;
            story.parked.extend(parked);
        }
        Ok(story)
    }
}

/// Edits of a run; those that moved a deal on first.
async fn edited<S: AppStore>(stage: &Stage<S>, run: &RunLine, n: usize) -> Result<Vec<Edited>, CliError> {
    let store = stage.store();
    let mut tx = UnitOfWork::begin(store).await?;
    let items = store.items(&mut tx, &stage.scope(run.crm, run.entity)?, run.run, 0, LOOKED_AT).await?;
    UnitOfWork::rollback(store, tx).await?;
    let is_edit = |operation, status| (operation, status) == (Operation::Updated, ItemStatus::Success);
    let mut edits: Vec<Edited> = items
        .into_iter()
        .filter(|recorded| is_edit(recorded.item.operation, recorded.item.status))
        .map(|recorded| Edited {
            crm: run.crm,
            entity: run.entity,
            external_id: recorded.item.external_id,
            title: recorded.item.title,
            changed_fields: recorded.item.changed_fields,
        })
        .collect();
    edits.sort_by_key(|edit| edit.changed_fields.get(STAGE).is_none());
    edits.truncate(n);
    Ok(edits)
}

async fn history<S: AppStore>(
    stage: &Stage<S>,
    runs: &[RunLine],
    crm: Crm,
    hero: &ExternalId,
) -> Result<History, CliError> {
    let (store, entity) = (stage.store(), Entity::Opportunity);
    let mut tx = UnitOfWork::begin(store).await?;
    let items = store.history(&mut tx, &stage.scope(crm, entity)?, hero).await?;
    UnitOfWork::rollback(store, tx).await?;
    let act = |id| runs.iter().find(|run| run.run == id).map(|run| run.act);
    let steps = items.into_iter().map(|recorded| Step {
        at: recorded.recorded_at,
        act: act(recorded.run),
        run: recorded.run,
        operation: recorded.item.operation,
        title: recorded.item.title,
        changed_fields: recorded.item.changed_fields,
    });
    Ok(History { crm, entity: entity.name(), external_id: hero.clone(), steps: steps.collect() })
}

async fn parked_of<T: Canonical, S: AppStore + EntityStore<T>>(
    stage: &Stage<S>,
    crm: Crm,
    entity: Entity,
) -> Result<Vec<Parked>, CliError> {
    let (store, scope) = (stage.store(), stage.scope(crm, entity)?);
    let mut tx = UnitOfWork::begin(store).await?;
    let mut letters =
        DeadLetterStore::list(store, &mut tx, &scope, &DeadLetterFilter::default(), PARKED).await?;
    UnitOfWork::rollback(store, tx).await?;
    // They were parked at one instant; the order of their ids is chance.
    letters.sort_by(|a, b| a.external_id.cmp(&b.external_id));
    let ids: Vec<ExternalId> = letters.iter().map(|letter| letter.external_id.clone()).collect();
    let titles = titles::<T, S>(stage, &scope, &ids).await?;
    let parked = letters.into_iter().zip(titles).map(|(letter, title)| Parked {
        crm,
        entity: entity.name(),
        external_id: letter.external_id,
        title,
        class: letter.error_class,
        reason: letter.error,
        attempts: letter.attempts,
        next_attempt_at: letter.next_attempt_at,
    });
    Ok(parked.collect())
}

/// The names of records here.
async fn titles<T: Canonical, S: AppStore + EntityStore<T>>(
    stage: &Stage<S>,
    scope: &Scope,
    ids: &[ExternalId],
) -> Result<Vec<Option<Box<str>>>, CliError> {
    let store = stage.store();
    let mut tx = UnitOfWork::begin(store).await?;
    let rows = EntityStore::<T>::sink(store).find_many(&mut tx, scope, ids).await?;
    UnitOfWork::rollback(store, tx).await?;
    Ok(rows.into_iter().map(|row| row.and_then(|row| row.record.title().map(Box::from))).collect())
}
