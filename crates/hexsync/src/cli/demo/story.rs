//! A few records picked from the audit, to show what is in it.

use chrono::{DateTime, Utc};
use crm_sandbox::salesforce::model::RecordId;
use serde::Serialize;
use sync_wiring::EntityStore;
use sync_wiring::core::{
    Canonical, ChangedFields, DeadLetterFilter, DeadLetterStore, ExternalId, ItemStatus, Operation, RunId,
    SyncSink, UnitOfWork,
};

use super::act::Act;
use super::stage::{CAST, RunLine, Stage, entity_name};
use crate::app::AppStore;
use crate::error::CliError;
use crate::generated::{Entity, with_entity};

/// Edited records that are shown, by entity.
const SHOWN: [(Entity, usize); 3] = [(Entity::Account, 1), (Entity::Contact, 1), (Entity::Opportunity, 3)];
/// How many of a run's items are looked through for them.
const LOOKED_AT: u32 = 500;
/// The field of an opportunity that people ask for first.
const STAGE: &str = "stage";
/// Parked records that are shown.
const PARKED: u32 = 100;

/// What is shown.
#[derive(Serialize)]
pub(super) struct Story {
    pub(super) field_changes: Vec<Edited>,
    pub(super) history: Option<History>,
    pub(super) parked: Vec<Parked>,
}

/// What a run changed in a record.
#[derive(Serialize)]
pub(super) struct Edited {
    #[serde(serialize_with = "entity_name")]
    pub(super) entity: Entity,
    external_id: ExternalId,
    pub(super) title: Option<Box<str>>,
    pub(super) changed_fields: ChangedFields,
}

/// All that ever happened to a record.
#[derive(Serialize)]
pub(super) struct History {
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

/// A record that could not be applied.
#[derive(Serialize)]
pub(super) struct Parked {
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
    /// Picks the records. `hero` is the one whose history is told.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(super) async fn gather<S: AppStore>(
        stage: &Stage<S>,
        runs: &[RunLine],
        hero: Option<RecordId>,
    ) -> Result<Self, CliError> {
        let mut field_changes = Vec::new();
        for (entity, n) in SHOWN {
            let run = runs.iter().find(|run| run.act == Act::Delta && run.entity == entity);
            if let Some(run) = run {
                field_changes.extend(edited(stage, run, n).await?);
            }
        }
        let history = match hero {
            Some(id) => Some(history(stage, runs, id).await?),
            None => None,
        };
        let mut parked = Vec::new();
        for entity in CAST {
            parked.extend(with_entity!(entity, T => parked_of::<T, S>(stage, entity).await?));
        }
        Ok(Self { field_changes, history, parked })
    }
}

/// Edits of a run; those that moved a deal on first.
async fn edited<S: AppStore>(stage: &Stage<S>, run: &RunLine, n: usize) -> Result<Vec<Edited>, CliError> {
    let store = stage.store();
    let mut tx = UnitOfWork::begin(store).await?;
    let items = store.items(&mut tx, &stage.scope(run.entity)?, run.run, 0, LOOKED_AT).await?;
    UnitOfWork::rollback(store, tx).await?;
    let is_edit = |operation, status| (operation, status) == (Operation::Updated, ItemStatus::Success);
    let mut edits: Vec<Edited> = items
        .into_iter()
        .filter(|recorded| is_edit(recorded.item.operation, recorded.item.status))
        .map(|recorded| Edited {
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
    hero: RecordId,
) -> Result<History, CliError> {
    let (store, entity) = (stage.store(), Entity::Opportunity);
    let external_id = ExternalId::from(hero.as_str());
    let mut tx = UnitOfWork::begin(store).await?;
    let items = store.history(&mut tx, &stage.scope(entity)?, &external_id).await?;
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
    Ok(History { entity: entity.name(), external_id, steps: steps.collect() })
}

async fn parked_of<T: Canonical, S: AppStore + EntityStore<T>>(
    stage: &Stage<S>,
    entity: Entity,
) -> Result<Vec<Parked>, CliError> {
    let (store, scope) = (stage.store(), stage.scope(entity)?);
    let mut tx = UnitOfWork::begin(store).await?;
    let mut letters =
        DeadLetterStore::list(store, &mut tx, &scope, &DeadLetterFilter::default(), PARKED).await?;
    // They were parked at one instant; the order of their ids is chance.
    letters.sort_by(|a, b| a.external_id.cmp(&b.external_id));
    let ids: Vec<ExternalId> = letters.iter().map(|letter| letter.external_id.clone()).collect();
    let rows = EntityStore::<T>::sink(store).find_many(&mut tx, &scope, &ids).await?;
    UnitOfWork::rollback(store, tx).await?;
    let parked = letters.into_iter().zip(rows).map(|(letter, row)| Parked {
        entity: entity.name(),
        external_id: letter.external_id,
        title: row.and_then(|row| row.record.title().map(Box::from)),
        class: letter.error_class,
        reason: letter.error,
        attempts: letter.attempts,
        next_attempt_at: letter.next_attempt_at,
    });
    Ok(parked.collect())
}
