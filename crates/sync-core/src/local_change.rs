//! Changes that the application made to its own rows, on their way to the CRM.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::run::names;
use crate::{ChangedFields, ExternalId, FieldValue, IntentId, UserId, Version};

names! {
    /// What the application did to its row.
    EditOperation {
        /// Made one that the CRM does not have.
        Create = "create",
        /// Changed it.
        Update = "update",
        /// Deleted it.
        Delete = "delete",
    }
}

/// An edit's place among all edits: of two edits of a record the later has the larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EditId(pub i64);

/// An edit to be appended, in the transaction that writes the row.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEdit {
    /// Which record; one the CRM does not have yet is named by [`placeholder`].
    pub external_id: ExternalId,
    /// What was done.
    pub operation: EditOperation,
    /// The fields from what to what; of a deletion, the whole record to null.
    pub fields: ChangedFields,
    /// Who did it.
    pub user: UserId,
    /// When.
    pub at: DateTime<Utc>,
}

/// An edit that waits to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalEdit {
    /// Its place.
    pub id: EditId,
    /// What it is.
    pub edit: NewEdit,
}

/// What begins the external id of a record that the CRM does not have yet.
pub const PLACEHOLDER_PREFIX: &str = "local:";

/// The external id of a record that the CRM does not have yet: `local:` and the id.
#[must_use]
pub fn placeholder(id: uuid::Uuid) -> ExternalId {
    format!("{PLACEHOLDER_PREFIX}{id}").into()
}

/// Whether an external id stands for a record that the CRM does not have yet.
#[must_use]
pub fn is_placeholder(id: &ExternalId) -> bool {
    id.as_str().starts_with(PLACEHOLDER_PREFIX)
}

/// The id that the CRM gave to a record of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// What it was called before.
    pub placeholder: ExternalId,
    /// What the CRM calls it.
    pub external_id: ExternalId,
}

/// What is sent to the CRM, noted before it is sent. While it stands, it is not known whether the CRM took it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The same however often the write is tried.
    pub id: IntentId,
    /// What is done there.
    pub operation: EditOperation,
    /// The fields that are sent, from what the CRM held to what it is to hold.
    pub fields: ChangedFields,
    /// The edits that it carries out.
    pub edits: Vec<EditId>,
    /// The version of the record it was decided upon.
    pub version: Option<Version>,
    /// When it was noted.
    pub at: DateTime<Utc>,
}

/// How the sending of a record's edits stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Which record.
    pub external_id: ExternalId,
    /// A write whose outcome is not known.
    pub intent: Option<Intent>,
    /// The last edit that was considered. A later one makes the record due at once.
    pub seen: EditId,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it is tried again.
    pub next_attempt_at: DateTime<Utc>,
    /// The kind of the last failure, e.g. the CRM's code.
    pub error_class: Option<String>,
    /// The last failure in words, without field values.
    pub error: Option<String>,
}

/// The edits of one record as one.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedEdit {
    /// Which record.
    pub external_id: ExternalId,
    /// What they amount to; `None` when they cancel each other out.
    pub operation: Option<EditOperation>,
    /// Each field once. Fields that are as they were before are left out.
    pub fields: Vec<FoldedField>,
    /// The edits, in order.
    pub edits: Vec<EditId>,
}

/// One field over several edits.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedField {
    /// Its name; custom fields are `custom.<name>`.
    pub field: Cow<'static, str>,
    /// What both sides last agreed on: what it held before the first edit.
    pub from: FieldValue,
    /// What the last edit made of it.
    pub to: FieldValue,
    /// When the last edit was made.
    pub at: DateTime<Utc>,
}

/// Folds edits, in order, into one per record; records in the order of their first edit.
///
/// First `from`, last `to`; equal ones vanish. Create and update are a create, create and delete are nothing, update
/// and delete are a delete; a record that is made again before its deletion was sent is an update.
#[must_use]
pub fn fold_edits<'a>(edits: impl IntoIterator<Item = &'a LocalEdit>) -> Vec<FoldedEdit> {
    let mut records: Vec<(FoldedEdit, Stage)> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    for LocalEdit { id, edit } in edits {
        let position = *positions.entry(edit.external_id.clone()).or_insert_with(|| {
            let folded = FoldedEdit {
                external_id: edit.external_id.clone(),
                operation: None,
                fields: Vec::new(),
                edits: Vec::new(),
            };
            records.push((folded, Stage::Untouched));
            records.len() - 1
        });
        let (folded, stage) = &mut records[position];
        *stage = stage.after(edit.operation);
        folded.edits.push(*id);
        for change in edit.fields.iter() {
            match folded.fields.iter_mut().find(|field| field.field == change.field) {
                Some(field) => {
                    field.to.clone_from(&change.to);
                    field.at = edit.at;
                }
                None => folded.fields.push(FoldedField {
                    field: change.field.clone(),
                    from: change.from.clone(),
                    to: change.to.clone(),
                    at: edit.at,
                }),
            }
        }
    }
    records.into_iter().map(|(folded, stage)| finish(folded, stage)).collect()
}

fn finish(mut folded: FoldedEdit, stage: Stage) -> FoldedEdit {
    folded.operation = match stage {
        Stage::Created => Some(EditOperation::Create),
        Stage::Deleted => Some(EditOperation::Delete),
        Stage::Updated => Some(EditOperation::Update),
        Stage::Untouched | Stage::Vanished => None,
    };
    folded.fields.retain(|field| !field.from.as_ref().same(field.to.as_ref()));
    if stage == Stage::Updated && folded.fields.is_empty() {
        folded.operation = None;
    }
    folded
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Untouched,
    Created,
    Updated,
    Deleted,
    /// Made and deleted before the CRM heard of it.
    Vanished,
}

impl Stage {
    fn after(self, operation: EditOperation) -> Self {
        match (self, operation) {
            (Self::Created | Self::Vanished, EditOperation::Delete) => Self::Vanished,
            (Self::Vanished, EditOperation::Update) => Self::Vanished,
            (Self::Created, EditOperation::Update) => Self::Created,
            (Self::Deleted, EditOperation::Create) => Self::Updated,
            (_, EditOperation::Create) => Self::Created,
            (_, EditOperation::Update) => Self::Updated,
            (_, EditOperation::Delete) => Self::Deleted,
        }
    }
}

impl FoldedEdit {
    /// One field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FoldedField> {
        self.fields.iter().find(|field| field.field == name)
    }
}

/// What has to be written to a store so that some fields of a record's edits wait no longer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remainder {
    /// Edits of which nothing is left.
    pub gone: Vec<EditId>,
    /// Edits that shrink to these fields.
    pub shrunk: Vec<(EditId, ChangedFields)>,
}

impl Remainder {
    /// Of these edits only fields for which `keep` says yes go on waiting.
    #[must_use]
    pub fn of<'a>(
        edits: impl IntoIterator<Item = &'a LocalEdit>,
        mut keep: impl FnMut(&str) -> bool,
    ) -> Self {
        let mut remainder = Self::default();
        for LocalEdit { id, edit } in edits {
            let mut fields = edit.fields.clone();
            fields.retain(|change| keep(&change.field));
            if fields.is_empty() {
                remainder.gone.push(*id);
            } else if fields.len() < edit.fields.len() {
                remainder.shrunk.push((*id, fields));
            }
        }
        remainder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EditOperation::{Create, Delete, Update};

    fn edit(n: i64, operation: EditOperation, fields: &[(&'static str, i64, i64)]) -> LocalEdit {
        let mut changed = ChangedFields::default();
        for (field, from, to) in fields {
            changed.push(*field, FieldValue::Int(*from), FieldValue::Int(*to));
        }
        let at = DateTime::from_timestamp(n, 0).unwrap();
        let edit = NewEdit { external_id: "r".into(), operation, fields: changed, user: "u".into(), at };
        LocalEdit { id: EditId(n), edit }
    }

    fn folded(edits: &[LocalEdit]) -> FoldedEdit {
        fold_edits(edits).remove(0)
    }

    #[test]
    fn first_from_and_last_to_count() {
        let folded = folded(&[edit(1, Update, &[("a", 1, 2), ("b", 1, 2)]), edit(2, Update, &[("a", 2, 3)])]);
        let a = folded.field("a").unwrap();
        assert_eq!((&a.from, &a.to, a.at.timestamp()), (&FieldValue::Int(1), &FieldValue::Int(3), 2));
        assert_eq!(folded.field("b").unwrap().at.timestamp(), 1);
        assert_eq!(folded.edits, [EditId(1), EditId(2)]);
    }

    #[test]
    fn changes_that_were_taken_back_vanish() {
        let back = folded(&[edit(1, Update, &[("a", 1, 2)]), edit(2, Update, &[("a", 2, 1)])]);
        assert_eq!((back.operation, back.fields.len()), (None, 0));
    }

    #[test]
    fn operations_fold() {
        let table = [
            (vec![Create, Update], Some(Create)),
            (vec![Create, Delete], None),
            (vec![Create, Update, Delete], None),
            (vec![Create, Delete, Create], Some(Create)),
            (vec![Update, Delete], Some(Delete)),
            (vec![Delete, Create], Some(Update)),
            (vec![Update, Create], Some(Create)),
            (vec![Delete, Delete], Some(Delete)),
        ];
        for (operations, expected) in table {
            let edits: Vec<_> =
                (1..).zip(&operations).map(|(n, operation)| edit(n, *operation, &[("a", 0, n)])).collect();
            assert_eq!(folded(&edits).operation, expected, "{operations:?}");
        }
    }

    #[test]
    fn remainder_keeps_what_waits() {
        let edits = [edit(1, Update, &[("a", 1, 2)]), edit(2, Update, &[("a", 2, 3), ("b", 0, 1)])];
        let remainder = Remainder::of(&edits, |field| field == "b");
        assert_eq!(remainder.gone, [EditId(1)]);
        assert_eq!(remainder.shrunk.len(), 1);
        assert!(remainder.shrunk[0].1.get("b").is_some());
    }
}
