//! The row after a batch, and how the audit tells what became of it.

use super::decide::{Step, What};
use super::editor::operation_of;
use super::fate::Fate;
use super::fields;
use super::record::Recording;
use crate::{
    Canonical, ChangedFields, Coverage, EditOperation, ExternalId, FoldedEdit, LocalEdit, LocalId, LocalRow,
    Operation, Record, UnitOfWork, Upsert, Version, fold_edits, record_to_json,
};

/// What becomes of a record's row.
pub(super) struct Outcome<T> {
    pub(super) id: ExternalId,
    pub(super) operation: Operation,
    pub(super) changed: ChangedFields,
    pub(super) write: Option<Upsert<T>>,
    pub(super) delete: bool,
    pub(super) local_id: Option<LocalId>,
    pub(super) title: Option<Box<str>>,
    pub(super) last_image: Option<serde_json::Map<String, serde_json::Value>>,
    pub(super) failure: Option<(String, String)>,
}

impl<T: Canonical, S: UnitOfWork> Recording<'_, T, S> {
    /// The row after the batch, and how the audit tells it.
    pub(super) fn outcome(
        &self,
        step: &Step<T>,
        fate: &Fate,
        id: &ExternalId,
        row: Option<&LocalRow<T>>,
        edits: &[&LocalEdit],
        renamed: bool,
    ) -> Outcome<T> {
        let mut outcome = Outcome {
            id: id.clone(),
            operation: Operation::Noop,
            changed: ChangedFields::default(),
            write: None,
            delete: false,
            local_id: row.or(step.claim.row.as_ref()).map(|row| row.local_id.clone()),
            title: row.or(step.claim.row.as_ref()).and_then(|row| row.record.title()).map(Box::from),
            last_image: None,
            failure: None,
        };
        let sent = match &step.what {
            What::Send { intent, .. } => Some(intent.operation),
            _ => None,
        };
        match (fate, &step.what) {
            (Fate::Again(_) | Fate::Failed { .. }, _) => {
                outcome.operation = step.claim.folded.operation.map_or(Operation::Noop, operation_of);
            }
            (_, What::DeleteHere(_) | What::GiveUp) => outcome.deleted(row),
            (Fate::Done { .. }, _) if sent == Some(EditOperation::Delete) => outcome.deleted(row),
            (_, What::RestoreHere) => {
                if let (Some((remote, version)), Some(row)) = (&step.remote, row) {
                    // From what both sides last agreed on: edits that came before the deletion were never sent.
                    let mut before = row.record.clone();
                    fields::take_back(&mut before, &step.claim.edits);
                    outcome.changed = self.diff(Some(&before), remote.clone());
                    outcome.operation = Operation::Restored;
                    outcome.write = Some(upsert(id, row, remote.clone(), *version, true));
                }
            }
            (Fate::Done { version, .. }, _) if sent == Some(EditOperation::Create) => {
                self.created(&mut outcome, step, row, edits, *version, renamed);
            }
            _ if matches!(step.claim.folded.operation, None | Some(EditOperation::Update)) => {
                let version = match fate {
                    Fate::Done { version, .. } => version.or(step.remote_version()),
                    _ => step.remote_version(),
                };
                self.updated(&mut outcome, step, row, edits, version);
            }
            _ => {}
        }
        outcome
    }

    fn created(
        &self,
        outcome: &mut Outcome<T>,
        step: &Step<T>,
        row: Option<&LocalRow<T>>,
        edits: &[&LocalEdit],
        version: Option<Version>,
        renamed: bool,
    ) {
        outcome.operation = Operation::Created;
        let later = later_edits(step, edits);
        let mut record = row.or(step.claim.row.as_ref()).map(|row| row.record.clone()).unwrap_or_default();
        for edited in &step.claim.folded.fields {
            fields::set(&mut record, &edited.field, &edited.to);
        }
        // Told without what was edited since: that is told once the CRM has it.
        let mut told = record.clone();
        let since = edits.iter().copied().filter(|edit| !step.claim.folded.edits.contains(&edit.id));
        fields::take_back(&mut told, since);
        for edited in &step.claim.folded.fields {
            fields::set(&mut told, &edited.field, &edited.to);
        }
        later
            .iter()
            .flat_map(|later| &later.fields)
            .for_each(|edited| fields::set(&mut record, &edited.field, &edited.to));
        outcome.changed = self.diff(None, told);
        if later.iter().any(|later| later.operation == Some(EditOperation::Delete)) {
            return; // the deletion is the next to be sent; the row stays as it is
        }
        let Some(base) = row.or(step.claim.row.as_ref()) else { return };
        let version = version.max(row.and_then(|row| row.version));
        let exists = row.is_some() && !renamed;
        outcome.write = Some(upsert(&outcome.id, base, record, version, exists));
    }

    fn updated(
        &self,
        outcome: &mut Outcome<T>,
        step: &Step<T>,
        row: Option<&LocalRow<T>>,
        edits: &[&LocalEdit],
        version: Option<Version>,
    ) {
        let (Some(row), Some((remote, fetched))) = (row, &step.remote) else { return };
        let later = later_edits(step, edits);
        if row.deleted || later.iter().any(|later| later.operation == Some(EditOperation::Delete)) {
            return;
        }
        let is_current = row.version.is_none_or(|own| fetched.is_some_and(|fetched| own <= fetched));
        let after_write = step.held_after.as_ref();
        let mut record = if is_current { after_write.unwrap_or(remote).clone() } else { row.record.clone() };
        if let (Some(custom), Some(own)) = (record.custom_mut(), row.record.custom()) {
            custom.keep_unsent(own);
        }
        let (mut before, mut after) = (row.record.clone(), record.clone());
        for edited in &step.claim.folded.fields {
            let is_taken = step.taken.contains(&*edited.field);
            let ends = match after_write {
                _ if is_taken => fields::get(remote, &edited.field),
                Some(held) if !step.held.contains(&*edited.field) => fields::get(held, &edited.field),
                _ => edited.to.clone(),
            };
            fields::set(&mut record, &edited.field, &ends);
            fields::set(&mut before, &edited.field, if is_taken { &edited.to } else { &edited.from });
            let told = if step.held.contains(&*edited.field) { &edited.from } else { &ends };
            fields::set(&mut after, &edited.field, told);
        }
        for edited in later.iter().flat_map(|later| &later.fields) {
            fields::set(&mut record, &edited.field, &edited.to);
            if step.claim.folded.field(&edited.field).is_none() {
                fields::set(&mut before, &edited.field, &edited.from);
                fields::set(&mut after, &edited.field, &edited.from);
            }
        }
        outcome.changed = self.diff(Some(&before), after);
        if !outcome.changed.is_empty() {
            outcome.operation = Operation::Updated;
        }
        let version = version.max(row.version);
        if version != row.version || !self.diff(Some(&row.record), record.clone()).is_empty() {
            outcome.write = Some(upsert(&outcome.id, row, record, version, true));
        }
    }

    fn diff(&self, before: Option<&T>, after: T) -> ChangedFields {
        self.engine.differ.diff(before, &Record { value: after, coverage: Coverage::Full }, None)
    }
}

impl<T: Canonical> Outcome<T> {
    fn deleted(&mut self, row: Option<&LocalRow<T>>) {
        self.operation = Operation::Deleted;
        self.last_image = row.map(|row| record_to_json(&row.record));
        self.delete = row.is_some();
    }
}

/// What was edited since the step was claimed.
fn later_edits<T: Canonical>(step: &Step<T>, edits: &[&LocalEdit]) -> Vec<FoldedEdit> {
    let carried = &step.claim.folded.edits;
    fold_edits(edits.iter().copied().filter(|edit| !carried.contains(&edit.id)))
}

fn upsert<T>(
    id: &ExternalId,
    row: &LocalRow<T>,
    record: T,
    version: Option<Version>,
    exists: bool,
) -> Upsert<T> {
    Upsert { external_id: id.clone(), local_id: row.local_id.clone(), record, version, exists }
}
