//! What refuses a row besides its own values: locks, rules of the customer, duplicates; and what automations make of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Access, Fields, RowError, WriteOptions};
use crate::row_rules::{Attempt, RowRules, Workflow};
use crate::salesforce::model::{FieldType, Org, RecordId, Row, Table};

/// Why a row is refused on purpose; the names are the provider's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation: they are the provider's own")]
pub enum RowFailure {
    UnableToLockRow,
    FieldCustomValidationException,
    DuplicatesDetected,
    DuplicateValue,
    EntityIsDeleted,
    InvalidCrossReferenceKey,
    InsufficientAccessOrReadonly,
    CannotInsertUpdateActivateEntity,
    FieldIntegrityException,
    TxnSecurityMeteringError,
    UnknownException,
}

impl RowFailure {
    /// Code and usual words.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::UnableToLockRow => {
                ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: ")
            }
            Self::FieldCustomValidationException => {
                ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "This value is not allowed here.")
            }
            Self::DuplicatesDetected => ("DUPLICATES_DETECTED", "Use one of these records?"),
            Self::DuplicateValue => {
                ("DUPLICATE_VALUE", "duplicate value found: <unknown> duplicates value on record with id: ")
            }
            Self::EntityIsDeleted => ("ENTITY_IS_DELETED", "entity is deleted"),
            Self::InvalidCrossReferenceKey => ("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
            Self::InsufficientAccessOrReadonly => {
                ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
            }
            Self::CannotInsertUpdateActivateEntity => (
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                "A trigger of this organisation failed: execution of BeforeUpdate",
            ),
            Self::FieldIntegrityException => ("FIELD_INTEGRITY_EXCEPTION", "field integrity exception"),
            Self::TxnSecurityMeteringError => {
                ("TXN_SECURITY_METERING_ERROR", "This operation can't be checked right now; try again.")
            }
            Self::UnknownException => ("UNKNOWN_EXCEPTION", "An unexpected error occurred."),
        }
    }
}

/// A row that is refused on purpose.
pub type RowRule = crate::row_rules::RowRule<RowFailure>;

/// Rows of an object that hold the same value in a field count as duplicates, unless the client insists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateRule {
    /// The object.
    pub object: String,
    /// The field that is compared, case ignored.
    pub field: String,
}

/// Everything an org has of these.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    pub(crate) rules: RowRules<RowFailure>,
    pub(crate) duplicates: Vec<DuplicateRule>,
    pub(crate) workflows: Vec<Workflow>,
    /// How long a parent stays locked for other requests after one wrote a child, in real time.
    pub(crate) parent_lock: Duration,
    locks: HashMap<RecordId, (Instant, u64)>,
}

impl Guards {
    /// Locks rows for a request; the rows that another one still holds.
    fn lock(&mut self, rows: &[RecordId], request: u64) -> Vec<RecordId> {
        let now = Instant::now();
        self.locks.retain(|_, (until, _)| *until > now);
        let taken = |row: &&RecordId| self.locks.get(*row).is_some_and(|(_, by)| *by != request);
        let taken: Vec<RecordId> = rows.iter().filter(taken).copied().collect();
        if taken.is_empty() {
            let until = now + self.parent_lock;
            self.locks.extend(rows.iter().map(|row| (*row, (until, request))));
        }
        taken
    }
}

/// Checks before an API write, and what follows it.
impl Org {
    /// Refuses a write that a rule strikes, or whose parents another request holds.
    pub(super) fn guard(
        &mut self,
        object: &str,
        id: Option<RecordId>,
        body: &Fields,
        options: WriteOptions,
    ) -> Result<(), RowError> {
        if options.access == Access::Admin {
            return Ok(());
        }
        let row = id.map_or_else(|| self.identity(object, body), |id| id.to_string());
        let attempt = Attempt { row: &row, sent: body };
        if let Some(rule) = self.guards.rules.strike(&attempt, |name| name.eq_ignore_ascii_case(object)) {
            let (code, usual) = rule.failure.words();
            let mut message = rule.message.unwrap_or_else(|| usual.to_owned());
            if message.ends_with(": ") {
                message += id.as_ref().map_or("000000000000000AAA", RecordId::as_str);
            }
            let fields: Vec<&str> = rule.with.keys().map(String::as_str).collect();
            return Err(RowError::new(code, message, &fields));
        }
        if self.guards.parent_lock.is_zero() {
            return Ok(());
        }
        let parents = self.parents(object, id, body);
        let taken = self.guards.lock(&parents, options.request.unwrap_or(0));
        if taken.is_empty() { Ok(()) } else { Err(RowError::locked(&taken)) }
    }

    /// What a row that has no id yet is known by: its key, or else all of it.
    fn identity(&self, object: &str, body: &Fields) -> String {
        let key = self.table(object).and_then(|table| {
            let mut keys = table.def.visible_fields().filter(|(_, field)| field.external_id);
            keys.find_map(|(_, field)| body.get(&*field.name))
        });
        key.map_or_else(|| Json::Object(body.clone()).to_string(), Json::to_string)
    }

    /// The rows that writing this one locks besides: its parents, before and after.
    fn parents(&self, object: &str, id: Option<RecordId>, body: &Fields) -> Vec<RecordId> {
        let Some(table) = self.table(object) else { return Vec::new() };
        let row = id.and_then(|id| table.newest(&id));
        let references = table.def.visible_fields().filter(|(_, field)| {
            field.field_type == FieldType::Reference && field.child_relationship_name.is_some()
        });
        let mut parents: Vec<RecordId> = references
            .flat_map(|(index, field)| {
                let sent = body.get(&*field.name).and_then(Json::as_str).and_then(RecordId::parse);
                [sent, row.and_then(|row| row.stored(index).as_id())]
            })
            .flatten()
            .collect();
        parents.sort();
        parents.dedup();
        parents
    }

    /// Refuses a row that looks like another one.
    pub(super) fn check_duplicates(
        &self,
        table: &Table,
        row: &Row,
        me: Option<RecordId>,
        options: WriteOptions,
    ) -> Result<(), RowError> {
        if options.access == Access::Admin || options.allow_duplicates {
            return Ok(());
        }
        for rule in &self.guards.duplicates {
            if !table.def.name.eq_ignore_ascii_case(&rule.object) {
                continue;
            }
            let Some(index) = table.def.field_index(&rule.field) else { continue };
            let Some(value) = row.stored(index).as_str() else { continue };
            let same = |other: &Row| {
                !other.is_deleted()
                    && other.stored(index).as_str().is_some_and(|text| text.eq_ignore_ascii_case(value))
            };
            let twins: Vec<RecordId> = table
                .all()
                .filter(|(id, other)| Some(**id) != me && same(other))
                .map(|(id, _)| *id)
                .collect();
            if !twins.is_empty() {
                return Err(duplicates(&table.def.name, &rule.field, &twins));
            }
        }
        Ok(())
    }

    /// Lets automations rewrite a row that an API client has just written, within the same transaction.
    pub(super) fn automate(&mut self, id: RecordId, options: WriteOptions) -> Result<(), RowError> {
        if options.access == Access::Admin || self.guards.workflows.is_empty() {
            return Ok(());
        }
        let Some(table) = self.table_of(&id) else { return Ok(()) };
        let object = table.def.name.clone();
        let mut workflows = std::mem::take(&mut self.guards.workflows);
        let present = |field: &str| {
            let table = self.table_of(&id)?;
            table.newest(&id)?.stored(table.def.field_index(field)?).as_str().map(str::to_owned)
        };
        let of_object = workflows.iter_mut().filter(|one| one.object.eq_ignore_ascii_case(&object));
        let due = of_object.filter_map(|one| one.take().then_some(&*one));
        let body: Fields =
            due.map(|one| (one.field.clone(), one.value(present(&one.field).as_deref()))).collect();
        self.guards.workflows = workflows;
        if body.is_empty() {
            return Ok(());
        }
        self.update(id, &body, WriteOptions { access: Access::Admin, ..options })
    }
}

fn duplicates(object: &str, field: &str, twins: &[RecordId]) -> RowError {
    let mut error = RowError::new("DUPLICATES_DETECTED", "Use one of these records?", &[]);
    let records: Vec<Json> = twins
        .iter()
        .map(|id| {
            json!({
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {"attributes": {"type": object}, "Id": id},
            })
        })
        .collect();
    error.duplicate_result = Some(json!({
        "allowSave": true,
        "duplicateRule": format!("Same_{field}"),
        "duplicateRuleEntityType": object,
        "errorMessage": "Use one of these records?",
        "matchResults": [{
            "entityType": object,
            "errors": [],
            "matchEngine": "ExactMatchEngine",
            "matchRecords": records,
            "rule": format!("Same_{field}"),
            "size": twins.len(),
            "success": true,
        }],
    }));
    error
}
