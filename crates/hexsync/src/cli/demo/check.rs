//! The proof: every local row beside the org's record, every record's audit beside its row, every count.

use std::collections::HashSet;

use crm_sandbox::salesforce::model::{Formula, RecordId};
use serde::Serialize;
use serde_json::Value as Json;
use sync_wiring::EntityStore;
use sync_wiring::core::history::{fold, image};
use sync_wiring::core::{
    AuditLog, Canonical, ExternalId, LocalListing, LocalRow, RunStatus, Scope, SyncSink, UnitOfWork,
};
use sync_wiring::salesforce::FromSalesforce;

use super::act::Act;
use super::compare::differences;
use super::crm::{Census, Crm, FirstChanges, SecondChanges};
use super::stage::{CAST, RunLine, Stage};
use crate::app::AppStore;
use crate::error::CliError;
use crate::generated::{Entity, salesforce_entity};
use crate::output::{Task, thousands};

/// Rows that are compared in one transaction.
const PAGE: u32 = 2_000;
/// Records of an entity whose audit is folded; of more, so many are picked, evenly spread.
const FOLDED: u64 = 20_000;
/// Problems that are told of each check.
const TOLD: usize = 10;

/// What was checked.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Checks(pub(super) Vec<Check>);

/// One promise, and whether it was kept.
#[derive(Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) holds: bool,
    pub(super) found: String,
    /// The first few things that are wrong.
    pub(super) problems: Vec<String>,
}

impl Check {
    fn new(name: &'static str, found: String, mut problems: Vec<String>) -> Self {
        let holds = problems.is_empty();
        problems.truncate(TOLD);
        Self { name, holds, found, problems }
    }
}

/// What is known of the org without asking the database.
type Expected<'a> = (&'a Census, &'a FirstChanges, &'a SecondChanges);

impl Checks {
    pub(super) fn hold(&self) -> bool {
        self.0.iter().all(|check| check.holds)
    }

    /// Compares everything.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(super) async fn carry_out<S: AppStore>(
        stage: &Stage<S>,
        crm: &Crm,
        runs: &[RunLine],
        expected: Expected<'_>,
        task: &Task,
    ) -> Result<Self, CliError> {
        let mut tally = Tally::default();
        let (_, first, second) = expected;
        let gone: Vec<RecordId> =
            first.deleted().iter().filter(|id| !second.restored.contains(id)).copied().collect();
        for entity in CAST {
            let inspection = Inspection { stage, crm, entity, task };
            salesforce_entity!(
                entity,
                T => inspection.carry_out::<T>(&gone, &mut tally).await?,
                else continue
            );
        }
        let mut checks = tally.checks();
        checks.push(counts(runs, expected));
        checks.push(quiet(runs));
        Ok(Self(checks))
    }
}

/// What the comparison of rows amounts to.
#[derive(Default)]
struct Tally {
    /// Rows that equal their records.
    equal: u64,
    /// Of those, the ones in which a field that is calculated from another record is older.
    older: u64,
    parked: u64,
    deleted: u64,
    /// Rows whose audit could have been folded.
    rows: u64,
    /// Rows whose audit was folded, with the right result.
    folded: u64,
    unequal: Vec<String>,
    lost: Vec<String>,
    unfolded: Vec<String>,
}

impl Tally {
    fn checks(self) -> Vec<Check> {
        let Self { equal, older, parked, deleted, rows, folded, unequal, lost, unfolded } = self;
        let but_for = match older {
            0 => String::new(),
            n => format!(
                " ({} but for one that another record's edit changed, which moves no stamp)",
                thousands(n)
            ),
        };
        let compared = format!(
            "{} rows equal the org's records in every field{but_for}; {parked} parked ones keep their last good values",
            thousands(equal)
        );
        let deletions = format!("{} records deleted in the org are marked as deleted", thousands(deleted));
        let of = if folded == rows { String::new() } else { format!(" of {}", thousands(rows)) };
        let history = format!("the audit of {}{of} records folds to exactly their rows", thousands(folded));
        vec![
            Check::new("rows", compared, unequal),
            Check::new("deletions", deletions, lost),
            Check::new("history", history, unfolded),
        ]
    }
}

/// The comparison of one entity.
struct Inspection<'a, S: AppStore> {
    stage: &'a Stage<S>,
    crm: &'a Crm,
    entity: Entity,
    task: &'a Task,
}

impl<S: AppStore> Inspection<'_, S> {
    async fn carry_out<T: FromSalesforce>(&self, gone: &[RecordId], tally: &mut Tally) -> Result<(), CliError>
    where
        S: EntityStore<T>,
    {
        let store = self.stage.store();
        let (sink, scope) = (EntityStore::<T>::sink(store), self.stage.scope(self.entity)?);
        let there = self.crm.census().of(self.entity).live;
        let calculated = self.calculated_elsewhere(T::OBJECT);
        let every = there.div_ceil(FOLDED).max(1);
        let (mut seen, mut last): (u64, Option<ExternalId>) = (0, None);
        loop {
            let mut tx = UnitOfWork::begin(store).await?;
            let listed = sink.list_live(&mut tx, &scope, last.as_ref(), PAGE).await?;
            let ids: Vec<ExternalId> = listed.into_iter().map(|row| row.external_id).collect();
            let rows = sink.find_many(&mut tx, &scope, &ids).await?;
            let parked: HashSet<ExternalId> = store
                .open_letters(&mut tx, &scope, &ids)
                .await?
                .into_iter()
                .map(|letter| letter.external_id)
                .collect();
            for (id, row) in ids.iter().zip(&rows) {
                let Some(row) = row else { continue };
                self.compare(id, row, parked.contains(id), &calculated, tally);
                if seen % every == 0 {
                    self.fold(&mut tx, &scope, id, row, tally).await?;
                }
                seen += 1;
                tally.rows += 1;
            }
            UnitOfWork::rollback(store, tx).await?;
            self.task.say(tally.equal, format!("{} rows compared", thousands(tally.equal)));
            last = ids.last().cloned();
            if last.is_none() {
                break;
            }
        }
        // Every local row was found in the org; with as many of them as there, none is missing here.
        if seen != there {
            let name = self.entity.name();
            tally.unequal.push(format!("{name}: {seen} rows here, {there} records in the org"));
        }
        let object = T::OBJECT;
        let gone = gone.iter().filter(|id| {
            self.crm.control().read(|org| org.table_of(id).is_some_and(|table| &*table.def.name == object))
        });
        self.deleted::<T>(gone.map(|id| ExternalId::from(id.as_str())).collect(), tally).await
    }

    /// The fields whose values come from another record: they change without a sign on this one.
    fn calculated_elsewhere(&self, object: &str) -> Vec<String> {
        self.crm.control().read(|org| {
            let fields = org.table(object).map(|table| table.def.fields()).unwrap_or_default();
            let elsewhere =
                fields.iter().filter(|field| matches!(field.formula, Some(Formula::Parent { .. })));
            elsewhere.map(|field| field.name.to_string()).collect()
        })
    }

    /// One live row beside the org's record.
    fn compare<T: FromSalesforce>(
        &self,
        id: &ExternalId,
        ours: &LocalRow<T>,
        parked: bool,
        calculated: &[String],
        tally: &mut Tally,
    ) {
        let theirs = RecordId::parse(id.as_str()).and_then(|id| self.crm.control().row(id));
        let theirs = theirs.filter(|record| record.get("IsDeleted") != Some(&Json::Bool(true)));
        let label = || format!("{} {id}", self.entity.name());
        let Some(theirs) = theirs else {
            return tally.unequal.push(format!("{} is not in the org", label()));
        };
        let (older, fields): (Vec<_>, Vec<_>) =
            differences(&theirs, &ours.record).into_iter().partition(|field| calculated.contains(field));
        match (fields.is_empty(), parked) {
            (true, false) => {
                tally.equal += 1;
                tally.older += u64::from(!older.is_empty());
            }
            (false, true) => tally.parked += 1,
            (false, false) => tally.unequal.push(format!("{}: {}", label(), fields.join(", "))),
            (true, true) => tally.unequal.push(format!("{} is parked, but equals the org's record", label())),
        }
    }

    /// A record's audit beside its row (R16).
    async fn fold<T: Canonical>(
        &self,
        tx: &mut S::Tx,
        scope: &Scope,
        id: &ExternalId,
        row: &LocalRow<T>,
        tally: &mut Tally,
    ) -> Result<(), CliError> {
        let items = AuditLog::history(self.stage.store(), tx, scope, id).await?;
        let row = image(&row.record, row.deleted);
        match fold(&items, None).map(|folded| folded.differences(&row)) {
            Some(fields) if fields.is_empty() => tally.folded += 1,
            Some(fields) => {
                tally.unfolded.push(format!("{} {id}: {}", self.entity.name(), fields.join(", ")));
            }
            None => tally.unfolded.push(format!("{} {id} has no history", self.entity.name())),
        }
        Ok(())
    }

    /// The rows of records that are deleted in the org.
    async fn deleted<T: FromSalesforce>(
        &self,
        gone: Vec<ExternalId>,
        tally: &mut Tally,
    ) -> Result<(), CliError>
    where
        S: EntityStore<T>,
    {
        let store = self.stage.store();
        let (sink, scope) = (EntityStore::<T>::sink(store), self.stage.scope(self.entity)?);
        for ids in gone.chunks(PAGE as usize) {
            let mut tx = UnitOfWork::begin(store).await?;
            let rows: Vec<Option<LocalRow<T>>> = sink.find_many(&mut tx, &scope, ids).await?;
            for (id, row) in ids.iter().zip(rows) {
                match row {
                    Some(row) if row.deleted => {
                        tally.deleted += 1;
                        tally.rows += 1;
                        self.fold(&mut tx, &scope, id, &row, tally).await?;
                    }
                    _ => tally.lost.push(format!("{} {id}", self.entity.name())),
                }
            }
            UnitOfWork::rollback(store, tx).await?;
        }
        Ok(())
    }
}

/// Whether every change that was made arrived, once, and is accounted for (R19).
fn counts(runs: &[RunLine], (census, first, second): Expected<'_>) -> Check {
    let mut problems = Vec::new();
    for RunLine { act, entity, counts, .. } in runs {
        let changes = match act {
            Act::Load => census.of(*entity).all(),
            Act::Delta => first.of(*entity),
            Act::SecondDelta => second.of(*entity),
            Act::Quiet => 0,
        };
        let unfit = match act {
            Act::Delta => first.unfit(*entity),
            _ => 0,
        };
        if !counts.conserved() || counts.found != changes || counts.parked != unfit {
            let what = format!("{} of {changes} found, {} of {unfit} parked", counts.found, counts.parked);
            problems.push(format!("{} {}: {what}", act.name(), entity.name()));
        }
    }
    let found: u64 = runs.iter().map(|run| run.counts.found).sum();
    let text = format!(
        "all {} changes of the org arrived once, and found = applied + noop + skipped + parked in {} runs",
        thousands(found),
        runs.len()
    );
    Check::new("counts", text, problems)
}

/// Whether a sync without changes does nothing.
fn quiet(runs: &[RunLine]) -> Check {
    let quiet = runs.iter().filter(|run| run.act == Act::Quiet);
    let loud = quiet.filter(|run| run.status != RunStatus::NoChanges);
    let problems = loud.map(|run| format!("{}: {}", run.entity.name(), run.status.as_str())).collect();
    Check::new("quiet", "the last runs found nothing to do".to_owned(), problems)
}

#[cfg(test)]
mod tests;
