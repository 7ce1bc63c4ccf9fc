//! Rows beside records, and rows beside their audit.

use std::collections::HashSet;

use sync_wiring::EntityStore;
use sync_wiring::core::history::{Folded, fold, image};
use sync_wiring::core::{
    AuditLog, Canonical, ExternalId, LocalListing, LocalRow, Scope, SyncSink, UnitOfWork,
};

use super::Check;
use crate::app::AppStore;
use crate::cli::demo::compare::{Fates, differences};
use crate::cli::demo::stage::Stage;
use crate::cli::demo::upstream::{Key, Upstream};
use crate::error::CliError;
use crate::generated::Entity;
use crate::output::{Task, thousands};

/// Rows that are compared in one transaction.
const PAGE: u32 = 2_000;
/// Records of a feed whose audit is folded; of more, so many are picked, evenly spread.
const FOLDED: u64 = 20_000;

/// What the comparison of rows amounts to.
#[derive(Default)]
pub(super) struct Tally {
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
    pub(super) fn checks(self) -> Vec<Check> {
        let Self { equal, older, parked, deleted, rows, folded, unequal, lost, unfolded } = self;
        let but_for = match older {
            0 => String::new(),
            n => format!(
                " ({} apart from a value that depends on another record, whose change leaves no sign on theirs)",
                thousands(n)
            ),
        };
        let compared = format!(
            "{} rows equal the CRM's records in every field{but_for}; {parked} parked ones keep their last good values",
            thousands(equal)
        );
        let deletions =
            format!("{} records deleted or merged in the CRM are marked as deleted", thousands(deleted));
        let of = if folded == rows { String::new() } else { format!(" of {}", thousands(rows)) };
        let history = format!("the audit of {}{of} records folds to exactly their rows", thousands(folded));
        vec![
            Check::new("rows", compared, unequal),
            Check::new("deletions", deletions, lost),
            Check::new("history", history, unfolded),
        ]
    }
}

/// The comparison of one feed.
pub(super) struct Inspection<'a, S: AppStore> {
    pub(super) stage: &'a Stage<S>,
    pub(super) upstream: &'a dyn Upstream,
    pub(super) entity: Entity,
    pub(super) fates: &'a Fates,
    pub(super) task: &'a Task,
}

impl<S: AppStore> Inspection<'_, S> {
    /// Compares every live row, and looks for those of `gone`, which must not be live.
    pub(super) async fn carry_out<T: Canonical>(
        &self,
        gone: &[Key],
        tally: &mut Tally,
    ) -> Result<(), CliError>
    where
        S: EntityStore<T>,
    {
        let store = self.stage.store();
        let sink = EntityStore::<T>::sink(store);
        let scope = self.stage.scope(self.upstream.crm(), self.entity)?;
        let there = self.upstream.census().of(self.entity).live;
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
                self.compare(id, row, parked.contains(id), tally);
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
        // Every local row was found in the CRM; with as many of them as there, none is missing here.
        if seen != there {
            tally.unequal.push(format!("{}: {seen} rows here, {there} records in the CRM", self.name()));
        }
        self.deleted::<T>(gone, tally).await
    }

    fn name(&self) -> String {
        format!("{}/{}", self.upstream.crm().key(), self.entity.name())
    }

    /// One live row beside the CRM's record.
    fn compare<T: Canonical>(&self, id: &ExternalId, ours: &LocalRow<T>, parked: bool, tally: &mut Tally) {
        let label = || format!("{} {id}", self.name());
        let Some(expected) = self.upstream.expected(&Key { entity: self.entity, id: id.clone() }) else {
            return tally.unequal.push(format!("{} is not in the CRM", label()));
        };
        let Folded { fields, .. } = image(&ours.record, ours.deleted);
        let found = differences(&expected, &fields, ours.record.custom().is_some(), self.fates);
        match (found.wrong.is_empty(), parked) {
            (true, false) => {
                tally.equal += 1;
                tally.older += u64::from(!found.older.is_empty());
            }
            (false, true) => tally.parked += 1,
            (false, false) => tally.unequal.push(format!("{}: {}", label(), found.wrong.join(", "))),
            (true, true) => tally.unequal.push(format!("{} is parked, but equals the CRM's record", label())),
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
            Some(fields) => tally.unfolded.push(format!("{} {id}: {}", self.name(), fields.join(", "))),
            None => tally.unfolded.push(format!("{} {id} has no history", self.name())),
        }
        Ok(())
    }

    /// The rows of records that are gone from the CRM.
    async fn deleted<T: Canonical>(&self, gone: &[Key], tally: &mut Tally) -> Result<(), CliError>
    where
        S: EntityStore<T>,
    {
        let store = self.stage.store();
        let sink = EntityStore::<T>::sink(store);
        let scope = self.stage.scope(self.upstream.crm(), self.entity)?;
        let gone: Vec<ExternalId> = gone.iter().map(|key| key.id.clone()).collect();
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
                    _ => tally.lost.push(format!("{} {id}", self.name())),
                }
            }
            UnitOfWork::rollback(store, tx).await?;
        }
        Ok(())
    }
}
