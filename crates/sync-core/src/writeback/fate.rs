//! What became of a record, and how the audit tells it.

use std::time::Duration;

use super::decide::{Step, What};
use super::outcome::Outcome;
use crate::{Canonical, ChangedFields, ExternalId, ItemStatus, Operation, RunItem, Version, Written};

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// The CRM has it.
    Done { id: ExternalId, version: Option<Version> },
    /// Nothing had to be sent.
    Settled,
    /// All of it waits for a person.
    Held,
    /// It changed in the CRM meanwhile.
    Again(&'static str),
    /// It did not work.
    Failed { class: String, text: String, after: Option<Duration>, doubt: bool },
}

impl Fate {
    pub(super) fn of(written: Written) -> Self {
        match written {
            Written::Done { id, version, .. } => Self::Done { id, version },
            Written::Stale => Self::Again("changed in the CRM meanwhile; decided again"),
            Written::Gone(_) => Self::Again("gone from the CRM meanwhile; decided again"),
            Written::Later { reason, after } => {
                Self::Failed { class: "later".to_owned(), text: reason, after, doubt: false }
            }
            Written::Refused { code, reason } => {
                let text = format!("the CRM refuses the values ({code}): {reason}");
                Self::Failed { class: code, text, after: None, doubt: false }
            }
            Written::Unknown { reason } => {
                let text = format!("the answer was lost, the next run looks what the CRM holds: {reason}");
                Self::Failed { class: "in_doubt".to_owned(), text, after: None, doubt: true }
            }
        }
    }
}

/// What a record waits for a person to decide.
pub(super) fn waits_for<T>(step: &Step<T>) -> String {
    match step.held.is_empty() {
        true => "waits for a decision about the record".to_owned(),
        false => {
            format!("waits for a decision about {}", step.held.iter().cloned().collect::<Vec<_>>().join(", "))
        }
    }
}

/// The record's line in the audit.
pub(super) fn item<T: Canonical>(step: &Step<T>, fate: &Fate, outcome: Outcome<T>, seq: i64) -> RunItem {
    let (status, error) = match (fate, &outcome.failure) {
        (Fate::Failed { text, .. }, _) => (ItemStatus::Failed, Some(text.clone())),
        (_, Some((_, text))) => (ItemStatus::Failed, Some(text.clone())),
        (Fate::Again(_), _) => (ItemStatus::Skipped, None),
        (Fate::Held, _) if outcome.changed.is_empty() => (ItemStatus::Skipped, None),
        _ => (ItemStatus::Success, None),
    };
    let mut notes = step.notes.clone();
    match fate {
        Fate::Again(reason) => notes.push((*reason).to_owned()),
        Fate::Settled if outcome.operation == Operation::Updated && step.taken.is_empty() => {
            notes.push("the CRM holds it already".to_owned());
        }
        _ => {}
    }
    if let (What::DeleteHere(evidence), Fate::Settled) = (&step.what, fate) {
        notes.push(evidence.as_str().to_owned());
    }
    if !step.held.is_empty() || matches!(fate, Fate::Held) {
        notes.push(waits_for(step));
    }
    let failed = status == ItemStatus::Failed;
    RunItem {
        seq,
        external_id: outcome.id,
        operation: if status == ItemStatus::Skipped { Operation::Noop } else { outcome.operation },
        status,
        local_id: outcome.local_id,
        changed_fields: if failed { ChangedFields::default() } else { outcome.changed },
        title: outcome.title,
        error,
        reason: (!notes.is_empty()).then(|| notes.join("; ").into()),
        last_image: if failed { None } else { outcome.last_image },
    }
}
