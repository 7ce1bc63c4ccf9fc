//! What refuses a row besides its own values, and what automations make of rows.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Access, Properties, RowError, WriteOptions};
use crate::hubspot::model::Account;
use crate::row_rules::{Attempt, RowRules, Workflow};

/// Why a row is refused on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RowFailure {
    /// 400, a value is not valid; in a batch an error entry of this row.
    ValidationError,
    /// 404: the row is gone.
    ObjectNotFound,
    /// 409: another row has a value that must be unique.
    Conflict,
    /// 423: bulk work holds the row.
    Locked,
    /// 403: this user or app may not edit the row.
    InsufficientPermissions,
    /// 500.
    InternalError,
}

impl RowFailure {
    fn words(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::ValidationError => (400, "VALIDATION_ERROR", "A rule of this account refuses the value"),
            Self::ObjectNotFound => (404, "OBJECT_NOT_FOUND", "Object not found."),
            Self::Conflict => (409, "CONFLICT", "A record with this value already exists."),
            Self::Locked => {
                (423, "LOCKED", "The resource is locked by a bulk operation; try again in two seconds.")
            }
            Self::InsufficientPermissions => {
                (403, "INSUFFICIENT_PERMISSIONS", "You don't have permission to edit this record")
            }
            Self::InternalError => (500, "INTERNAL_ERROR", "internal error"),
        }
    }
}

/// A row that is refused on purpose.
pub type RowRule = crate::row_rules::RowRule<RowFailure>;

/// Everything an account has of these.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    pub(crate) rules: RowRules<RowFailure>,
    pub(crate) workflows: Vec<Workflow>,
    /// Rows that automations still have to look at: object, id.
    pub(crate) enrolled: Vec<(usize, u64)>,
}

impl Account {
    /// Refuses a write that a rule strikes.
    pub(super) fn guard(
        &mut self,
        object: usize,
        id: Option<u64>,
        sent: &Properties,
        options: WriteOptions,
    ) -> Result<(), RowError> {
        if options.access == Access::Admin {
            return Ok(());
        }
        let def = &self.tables[object].def;
        let row = id.map_or_else(
            || {
                let mut unique = def.properties().iter().filter(|property| property.unique);
                let key = unique.find_map(|property| sent.get(&property.name));
                key.map_or_else(|| Json::Object(sent.clone()).to_string(), Json::to_string)
            },
            |id| id.to_string(),
        );
        let attempt = Attempt { row: &row, sent };
        let Some(rule) = self.guards.rules.strike(&attempt, |name| def.answers_to(name)) else {
            return Ok(());
        };
        let (status, category, usual) = rule.failure.words();
        Err(RowError {
            status,
            category,
            message: rule.message.unwrap_or_else(|| usual.to_owned()),
            errors: Vec::new(),
        })
    }

    /// Remembers a row that an API client wrote, for automations.
    pub(super) fn enrol(&mut self, object: usize, id: u64, options: WriteOptions) {
        let def = &self.tables[object].def;
        let wanted = self.guards.workflows.iter().any(|one| def.answers_to(&one.object));
        if options.access == Access::Api && wanted && !self.guards.enrolled.contains(&(object, id)) {
            self.guards.enrolled.push((object, id));
        }
    }

    /// Lets automations rewrite the rows that API clients wrote since. They run on their own, after the answer is made:
    /// the writer does not see their work in it.
    pub(crate) fn automate(&mut self) {
        let enrolled = std::mem::take(&mut self.guards.enrolled);
        let mut workflows = std::mem::take(&mut self.guards.workflows);
        for (object, id) in enrolled {
            let Some(row) = self.tables[object].live_row(id) else { continue };
            let def = &self.tables[object].def;
            let present = |name: &str| row.stored(def.slot(name)?);
            let of_object = workflows.iter_mut().filter(|one| def.answers_to(&one.object));
            let due = of_object.filter_map(|one| one.take().then_some(&*one));
            let values: Properties =
                due.map(|one| (one.field.clone(), one.value(present(&one.field)))).collect();
            // A moment later, as everything that runs on its own.
            let stamp = self.now_ms().max(row.updated_at + 1);
            let options =
                WriteOptions { source: "AUTOMATION_PLATFORM", ..WriteOptions::admin() }.stamped(stamp);
            if !values.is_empty()
                && let Err(error) = self.update(object, id, &values, options)
            {
                tracing::warn!(%error, "an automation could not rewrite a row; check its property");
            }
        }
        self.guards.workflows = workflows;
    }
}
