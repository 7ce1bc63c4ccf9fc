//! Deciding what a batch does, without doing it: find → diff → created, updated, deleted, restored or noop.
//!
//! Pure: rows in, decisions out. A record that occurs several times in a batch is decided step by step in
//! its order, each step with an item of its own, and written once, as the last step leaves it (R15).

use std::borrow::Cow;
use std::collections::HashMap;

use crate::writeback::{Pending, Reception};
use crate::{
    Canonical, Change, ChangedFields, Coverage, DeadLetter, Deletion, ExternalId, FieldDiffer, FieldSet,
    ItemStatus, LocalId, LocalRow, Operation, Payload, Provenance, Record, RunItem, Version, record_to_json,
};

/// Why a change older than its row is left out (R14).
pub(super) const STALE: &str = "older than the local row";
/// Why values of custom fields are left out.
pub(super) const NOT_HERE: &str = "the record is not here; whatever brings it brings it whole";
/// Why an echo is left out (R6).
pub(super) const ECHO: &str = "echo of our own write";

/// The distinct records of a batch, and which change is of which.
pub(super) struct Records {
    /// Each record once, in the order of its first change.
    pub ids: Vec<ExternalId>,
    /// For each change, the position of its record.
    pub of_change: Vec<usize>,
}

impl Records {
    pub(super) fn of<T>(batch: &[Change<T>]) -> Self {
        let mut positions: HashMap<&ExternalId, usize> = HashMap::with_capacity(batch.len());
        let mut ids = Vec::with_capacity(batch.len());
        let of_change = batch
            .iter()
            .map(|change| {
                *positions.entry(&change.external_id).or_insert_with(|| {
                    ids.push(change.external_id.clone());
                    ids.len() - 1
                })
            })
            .collect();
        Self { ids, of_change }
    }
}

/// What a batch will do.
pub(super) struct Plan<T> {
    /// One decision per change, in order.
    pub steps: Vec<Step>,
    /// One state per record, as the batch leaves it.
    pub slots: Vec<Slot<T>>,
    /// Records as they came, where fields were taken out of them because edits of ours wait.
    originals: Vec<(usize, Record<T>)>,
}

/// What becomes of one change.
pub(super) struct Step {
    /// Position of its record in [`Plan::slots`].
    pub slot: usize,
    pub operation: Operation,
    pub status: ItemStatus,
    pub changed_fields: ChangedFields,
    pub title: Option<Box<str>>,
    pub reason: Option<Cow<'static, str>>,
    pub failure: Option<Failure>,
    pub last_image: Option<serde_json::Map<String, serde_json::Value>>,
    /// Read again within an overlap.
    pub reread: bool,
}

/// Why a record can't be applied.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub class: Cow<'static, str>,
    pub text: String,
}

/// One record while a batch is decided.
pub(super) struct Slot<T> {
    pub external_id: ExternalId,
    /// Whether a row was found, deleted or not.
    pub exists: bool,
    pub local_id: Option<LocalId>,
    /// The values as the steps so far leave them; `None` while there is no row.
    pub image: Option<T>,
    pub deleted: bool,
    pub version: Option<Version>,
    pub write: Write,
    /// Whether the version is newer than the row's although nothing changed.
    pub touched: bool,
    /// The record it was merged into, as the last of the batch's changes tells.
    pub merged_into: Option<ExternalId>,
    /// Edits of ours that wait to be sent.
    pub pending: Option<Pending>,
    /// The change that lent its record to `image`, to get it back if the batch has to be done again.
    lender: Option<usize>,
}

/// What has to be written for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Nothing,
    /// What is derived from the image, although nothing changed: the sink wants to project it anew (R7).
    Reproject,
    Upsert,
    Delete,
    /// Written first and marked as deleted then, for the row to hold what the audit tells.
    UpsertAndDelete,
    /// No row, or one that is deleted already: only links move to the survivor of a merge.
    Redirect,
}

impl<T> Slot<T> {
    fn from_row(external_id: ExternalId, row: Option<LocalRow<T>>) -> Self {
        let (exists, local_id, image, deleted, version) = match row {
            Some(row) => (true, Some(row.local_id), Some(row.record), row.deleted, row.version),
            None => (false, None, None, false, None),
        };
        Self {
            external_id,
            exists,
            local_id,
            image,
            deleted,
            version,
            write: Write::Nothing,
            touched: false,
            merged_into: None,
            pending: None,
            lender: None,
        }
    }

    fn is_live(&self) -> bool {
        self.image.is_some() && !self.deleted
    }

    fn is_newer_than(&self, version: Option<Version>) -> bool {
        matches!((self.version, version), (Some(own), Some(other)) if own > other)
    }
}

/// Decides a batch. Records move from the changes into the plan; [`Plan::give_back`] returns them.
pub(super) fn decide<T: Canonical>(
    batch: &mut [Change<T>],
    records: &Records,
    rows: Vec<Option<LocalRow<T>>>,
    echoes: &[bool],
    mut pending: HashMap<ExternalId, Pending>,
    differ: &dyn FieldDiffer<T>,
    reprojects: bool,
) -> Plan<T> {
    let slot = |(id, row): (&ExternalId, _)| {
        let pending = pending.remove(id);
        Slot { pending, ..Slot::from_row(id.clone(), row) }
    };
    let slots = records.ids.iter().zip(rows).map(slot).collect();
    let mut plan = Plan { steps: Vec::with_capacity(batch.len()), slots, originals: Vec::new() };
    for index in 0..batch.len() {
        let position = records.of_change[index];
        let mut step = Step::noop(position, batch[index].reread);
        if echoes.get(index).copied().unwrap_or(false) {
            step.skip(ECHO.into());
        } else {
            let slot = &mut plan.slots[position];
            if let (Some(_), Payload::Upsert(record)) = (&slot.pending, &batch[index].payload) {
                plan.originals.push((index, record.clone()));
            }
            slot.take_step(&mut step, batch, index, differ, reprojects);
        }
        plan.steps.push(step);
    }
    plan
}

impl<T> Plan<T> {
    /// Returns lent records to their changes, so that the batch can be decided again.
    pub(super) fn give_back(&mut self, batch: &mut [Change<T>]) {
        for slot in &mut self.slots {
            slot.give_back(batch);
        }
        for (index, record) in self.originals.drain(..) {
            batch[index].payload = Payload::Upsert(record);
        }
    }
}

impl<T> Slot<T> {
    /// Returns a lent record to its change.
    pub(super) fn give_back(&mut self, batch: &mut [Change<T>]) {
        if let Some(lender) = self.lender.take()
            && let Some(image) = self.image.take()
        {
            return_record(&mut batch[lender], image);
        }
    }
}

impl<T: Canonical> Slot<T> {
    fn take_step(
        &mut self,
        step: &mut Step,
        batch: &mut [Change<T>],
        index: usize,
        differ: &dyn FieldDiffer<T>,
        reprojects: bool,
    ) {
        let version = batch[index].version;
        match &batch[index].payload {
            Payload::Skip(reason) => step.skip(reason.clone()),
            Payload::Unreadable(unreadable) => {
                step.operation = self.upsert_operation();
                step.fail("unreadable", unreadable.reason.clone());
            }
            _ if self.is_newer_than(version) => step.skip(STALE.into()),
            Payload::Delete(deletion) => {
                if let Some(Reception::Skip(reason)) =
                    self.pending.as_mut().map(|pending| pending.receive_deletion(&mut self.deleted))
                {
                    return step.skip(reason);
                }
                self.delete(step, deletion, version);
            }
            Payload::Upsert(record) => {
                let is_supplement = is_supplement(&batch[index], record);
                if is_supplement && !self.is_live() {
                    return step.skip(NOT_HERE.into());
                }
                let version = if is_supplement { None } else { version };
                let is_full = record.coverage == Coverage::Full;
                if let (Some(pending), Payload::Upsert(record)) =
                    (&mut self.pending, &mut batch[index].payload)
                    && let Reception::Skip(reason) = pending.receive(record, self.image.as_mut(), version)
                {
                    return step.skip(reason);
                }
                self.upsert(step, batch, index, differ);
                if step.operation != Operation::Noop {
                    self.version = version.or(self.version);
                    return;
                }
                // A partial record does not vouch for the fields that it leaves out.
                if is_full && version > self.version {
                    self.version = version;
                    self.touched = true;
                }
                if reprojects && self.write == Write::Nothing {
                    self.write = Write::Reproject;
                }
            }
        }
    }

    fn delete(&mut self, step: &mut Step, deletion: &Deletion, version: Option<Version>) {
        step.title = self.image.as_ref().and_then(title);
        if deletion.merged_into.is_some() {
            // Links move also where there is no row, or it was marked as deleted before.
            self.merged_into.clone_from(&deletion.merged_into);
            step.reason = Some(delete_reason(deletion));
            if matches!(self.write, Write::Nothing | Write::Reproject) {
                self.write = Write::Redirect;
            }
        }
        if self.is_live() {
            step.operation = Operation::Deleted;
            step.reason = Some(delete_reason(deletion));
            step.last_image = self.image.as_ref().map(record_to_json);
            self.deleted = true;
            self.write = if self.write == Write::Upsert { Write::UpsertAndDelete } else { Write::Delete };
            self.version = version.or(self.version);
        }
    }

    fn upsert(
        &mut self,
        step: &mut Step,
        batch: &mut [Change<T>],
        index: usize,
        differ: &dyn FieldDiffer<T>,
    ) {
        let hint = batch[index].changed_fields;
        let Payload::Upsert(record) = &mut batch[index].payload else { return };
        step.title = title(&record.value).or_else(|| self.image.as_ref().and_then(title));
        step.changed_fields = differ.diff(self.image.as_ref(), record, hint);
        if self.is_live() && step.changed_fields.is_empty() {
            return;
        }
        step.operation = self.upsert_operation();
        let displaced = match (record.coverage, self.image.take()) {
            (Coverage::Full, local) => {
                let mut value = std::mem::take(&mut record.value);
                if let (Some(local), Some(custom)) = (&local, value.custom_mut()) {
                    local.custom().into_iter().for_each(|older| custom.keep_unsent(older));
                }
                self.image = Some(value);
                self.lender.replace(index).zip(local)
            }
            (Coverage::Partial(fields), local) => {
                self.image = Some(merged(local.as_ref(), record, fields));
                self.lender.take().zip(local)
            }
        };
        if let Some((lender, image)) = displaced {
            return_record(&mut batch[lender], image);
        }
        self.deleted = false;
        self.merged_into = None;
        self.write = Write::Upsert;
    }

    fn upsert_operation(&self) -> Operation {
        match (&self.image, self.deleted) {
            (None, _) => Operation::Created,
            (Some(_), true) => Operation::Restored,
            (Some(_), false) => Operation::Updated,
        }
    }
}

/// Whether a change was read beside the feed, and only for custom fields (a backfill). It says nothing about how new
/// the other fields are, so it must not make a change of theirs look old that is still on its way (R14); and where there
/// is no row, there is nothing to supplement: the feed decides which records are here.
pub(super) fn is_supplement<T>(change: &Change<T>, record: &Record<T>) -> bool {
    change.source == Provenance::Poll
        && matches!(record.coverage, Coverage::Partial(fields) if fields.is_empty())
}

/// A partial record over what is there: fields that were not sent stay (R13).
fn merged<T: Canonical>(local: Option<&T>, record: &Record<T>, fields: FieldSet) -> T {
    let mut image = local.cloned().unwrap_or_default();
    image.merge_from(&record.value, fields);
    if let (Some(custom), Some(sent)) = (image.custom_mut(), record.value.custom()) {
        for (name, value) in sent.iter() {
            custom.set(name, value.clone());
        }
    }
    image
}

fn return_record<T>(change: &mut Change<T>, value: T) {
    if let Payload::Upsert(record) = &mut change.payload {
        record.value = value;
    }
}

fn title<T: Canonical>(record: &T) -> Option<Box<str>> {
    record.title().map(Box::from)
}

fn delete_reason(deletion: &Deletion) -> Cow<'static, str> {
    match &deletion.merged_into {
        Some(winner) => format!("{}; merged into {winner}", deletion.evidence.as_str()).into(),
        None => deletion.evidence.as_str().into(),
    }
}

impl Step {
    fn noop(slot: usize, reread: bool) -> Self {
        Self {
            slot,
            operation: Operation::Noop,
            status: ItemStatus::Success,
            changed_fields: ChangedFields::default(),
            title: None,
            reason: None,
            failure: None,
            last_image: None,
            reread,
        }
    }

    fn skip(&mut self, reason: Cow<'static, str>) {
        self.status = ItemStatus::Skipped;
        self.reason = Some(reason);
    }

    /// Turns the step into a failed one: nothing was changed after all.
    pub(super) fn fail(&mut self, class: impl Into<Cow<'static, str>>, text: String) {
        self.status = ItemStatus::Failed;
        self.changed_fields = ChangedFields::default();
        self.last_image = None;
        self.failure = Some(Failure { class: class.into(), text });
    }

    /// The step's line in the audit.
    pub(super) fn into_item<T>(self, seq: i64, slot: &Slot<T>) -> RunItem {
        RunItem {
            seq,
            external_id: slot.external_id.clone(),
            operation: self.operation,
            status: self.status,
            local_id: slot.local_id.clone(),
            changed_fields: self.changed_fields,
            title: self.title,
            error: self.failure.map(|failure| failure.text),
            reason: self.reason,
            last_image: self.last_image,
        }
    }
}

/// Puts a parked payload under a newer change of the same record (R11): fields that the newer one did not
/// send are taken from the parked one. A full record, a deletion or a skip needs nothing of it.
pub(super) fn fold_parked<T: Canonical>(letter: &DeadLetter, change: &mut Change<T>) {
    let Payload::Upsert(newer) = &mut change.payload else { return };
    let Coverage::Partial(sent) = newer.coverage else { return };
    let Payload::Upsert(older) = letter.payload.restore::<T>() else { return };
    newer.value.merge_from(&older.value, older.sent().without(sent));
    if let (Some(custom), Some(older)) = (newer.value.custom_mut(), older.value.custom()) {
        for (name, value) in older.iter() {
            if custom.get(name).is_none() {
                custom.set(name, value.clone());
            }
        }
    }
    newer.coverage = match older.coverage {
        Coverage::Full => Coverage::Full,
        Coverage::Partial(fields) => Coverage::Partial(sent.union(fields)),
    };
}
