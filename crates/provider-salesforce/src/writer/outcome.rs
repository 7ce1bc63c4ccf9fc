//! What became of a row (reference/salesforce.md, Row-level failures).

use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::Written;

use super::{Action, Row};

/// Salesforce's words are kept up to this many characters.
const LONGEST_REASON: usize = 300;

/// One row of a collection's answer.
#[derive(Debug, Deserialize)]
pub(crate) struct RowResult {
    #[serde(default)]
    pub(crate) id: Option<String>,
    pub(crate) success: bool,
    #[serde(default)]
    pub(crate) errors: Vec<RowError>,
    #[serde(default)]
    pub(crate) created: bool,
}

/// Why a row failed. A collection calls the code `statusCode`, a single row `errorCode`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct RowError {
    #[serde(alias = "errorCode", rename = "statusCode")]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) fields: Vec<String>,
}

/// The answer to one part of a composite call: a status and a body as of a call of its own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartAnswer {
    pub(crate) reference_id: String,
    #[serde(rename = "httpStatusCode")]
    status: u16,
    #[serde(default)]
    body: Json,
}

impl PartAnswer {
    /// What became of the row.
    ///
    /// # Errors
    /// What kept it from being written, and Salesforce's error about it.
    pub(crate) fn outcome(self, row: &Row, key: Option<&str>) -> Result<(), (Failure, RowError)> {
        let told = Vec::<RowError>::deserialize(self.body).ok().and_then(|errors| errors.into_iter().next());
        let error =
            told.unwrap_or_else(|| RowError { code: format!("http_{}", self.status), ..RowError::default() });
        let failure = match self.status {
            200..=299 => return Ok(()),
            412 => Failure::Changed,
            // A part that broke off may have been carried out.
            500.. if !error.is_for_later() => {
                Failure::Answer(Written::Unknown { reason: error.code.clone() })
            }
            _ => error.meaning(row, key),
        };
        Err((failure, error))
    }
}

/// What an error means for its row.
#[derive(Debug, PartialEq)]
pub(crate) enum Failure {
    /// Another change holds a lock: send it again.
    Locked,
    /// The key was taken between looking and writing: send it again, and it is found.
    KeyTaken,
    /// The record is in the recycle bin.
    Deleted,
    /// The record, or one that it points to, is not there or not visible: look which.
    Missing,
    /// The record is not as expected. A deletion changes it as well: look which.
    Changed,
    /// Anything else.
    Answer(Written),
}

impl RowError {
    /// `key` is the field by which records are made.
    pub(crate) fn meaning(&self, row: &Row, key: Option<&str>) -> Failure {
        match self.code.as_str() {
            "UNABLE_TO_LOCK_ROW" => Failure::Locked,
            "DUPLICATE_VALUE" if matches!(row.action, Action::Create { .. }) && self.is_about(key) => {
                Failure::KeyTaken
            }
            "ENTITY_IS_DELETED" => Failure::Deleted,
            "NOT_FOUND" | "INVALID_CROSS_REFERENCE_KEY" if !matches!(row.action, Action::Create { .. }) => {
                Failure::Missing
            }
            // Whether it was written shows when it is read.
            "UNKNOWN_EXCEPTION" => Failure::Answer(Written::Unknown { reason: self.code.clone() }),
            _ if self.is_for_later() => {
                Failure::Answer(Written::Later { reason: self.code.clone(), after: None })
            }
            _ => Failure::Answer(self.refused()),
        }
    }

    /// Whether nothing was written, and the same may succeed later.
    fn is_for_later(&self) -> bool {
        matches!(
            self.code.as_str(),
            "TXN_SECURITY_METERING_ERROR"
                | "ConcurrentPerOrgLongTxn"
                | "REQUEST_LIMIT_EXCEEDED"
                | "SERVER_UNAVAILABLE"
                // Of a composite call, a part that was not begun.
                | "PROCESSING_HALTED"
        )
    }

    fn is_about(&self, key: Option<&str>) -> bool {
        key.is_some_and(|key| self.fields.iter().any(|field| field == key) || self.message.contains(key))
    }

    pub(crate) fn refused(&self) -> Written {
        Written::Refused { code: self.code.clone(), reason: self.reason() }
    }

    /// What is wrong, in words without values. Salesforce's own are kept only where they are an admin's fixed text or
    /// a list of field names; others quote what was sent.
    fn reason(&self) -> String {
        let fixed = match self.code.as_str() {
            "FIELD_CUSTOM_VALIDATION_EXCEPTION"
            | "REQUIRED_FIELD_MISSING"
            | "INVALID_FIELD_FOR_INSERT_UPDATE"
            | "INSUFFICIENT_ACCESS_OR_READONLY" => return self.printable(),
            "DUPLICATE_VALUE" => "another record has this value, which has to be unique",
            "DUPLICATES_DETECTED" => {
                "a duplicate rule of the org found records that are alike; merge them there, or change the rule"
            }
            "DUPLICATE_EXTERNAL_ID" => "several records have this key; make its field unique, and merge them",
            "STRING_TOO_LONG" => "the text is longer than the field",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" => "the value is not in the field's picklist",
            "INVALID_CROSS_REFERENCE_KEY" => "it points to a record that is not there or not visible",
            "INVALID_EMAIL_ADDRESS" => "this is no e-mail address",
            "NUMBER_OUTSIDE_VALID_RANGE" => "the number is out of the field's range",
            "INVALID_FIELD" => "a field is not there or not visible to this user",
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => "a trigger of the org refused it",
            "FIELD_INTEGRITY_EXCEPTION" => "the value does not go with the record's other values",
            _ => "salesforce refuses these values",
        };
        if self.fields.is_empty() {
            return fixed.to_owned();
        }
        let fields: Vec<_> = self.fields.iter().map(|field| format!("`{field}`")).collect();
        format!("{}: {fixed}", fields.join(", "))
    }

    fn printable(&self) -> String {
        let clean = self.message.chars().map(|c| if c.is_control() { ' ' } else { c });
        clean.take(LONGEST_REASON).collect::<String>().trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SalesforceId;
    use crate::writer::body::Body;

    fn row(create: bool) -> Row {
        let action = if create {
            Action::Create { key: "k-1".to_owned(), body: Body::default() }
        } else {
            Action::Archive { id: SalesforceId::parse("0065e00000QwErT").unwrap() }
        };
        Row { at: 0, action, parent: String::new() }
    }

    fn error(code: &str, message: &str, fields: &[&str]) -> RowError {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        RowError { code: code.to_owned(), message: message.to_owned(), fields }
    }

    #[test]
    fn every_documented_failure_has_its_meaning() {
        let key = Some("Hexsync_Key__c");
        let taken =
            "duplicate value found: Hexsync_Key__c duplicates value on record with id: 0065e00000QwErT";
        for (error, create, expected) in [
            (error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", &[]), false, Failure::Locked),
            (error("DUPLICATE_VALUE", taken, &[]), true, Failure::KeyTaken),
            (error("ENTITY_IS_DELETED", "entity is deleted", &[]), false, Failure::Deleted),
            (
                error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]),
                false,
                Failure::Missing,
            ),
        ] {
            assert_eq!(error.meaning(&row(create), key), expected, "{error:?}");
        }
        for (code, create) in [
            ("REQUIRED_FIELD_MISSING", false),
            ("STRING_TOO_LONG", false),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", false),
            ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", false),
            ("INVALID_CROSS_REFERENCE_KEY", true),
            ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", false),
            ("INSUFFICIENT_ACCESS_OR_READONLY", false),
            ("FIELD_INTEGRITY_EXCEPTION", false),
            ("DUPLICATES_DETECTED", false),
            ("DUPLICATE_VALUE", false),
            ("SOMETHING_NEW", false),
        ] {
            let meaning = error(code, "x", &[]).meaning(&row(create), key);
            assert!(
                matches!(&meaning, Failure::Answer(Written::Refused { code: told, .. }) if told == code),
                "{meaning:?}"
            );
        }
        for code in [
            "TXN_SECURITY_METERING_ERROR",
            "ConcurrentPerOrgLongTxn",
            "REQUEST_LIMIT_EXCEEDED",
            "SERVER_UNAVAILABLE",
            "PROCESSING_HALTED",
        ] {
            let later = error(code, "x", &[]).meaning(&row(false), key);
            assert!(matches!(later, Failure::Answer(Written::Later { .. })), "{later:?}");
        }
        let unclear = error("UNKNOWN_EXCEPTION", "x", &[]).meaning(&row(false), key);
        assert!(matches!(unclear, Failure::Answer(Written::Unknown { .. })), "{unclear:?}");
    }

    #[test]
    fn duplicate_of_another_field_is_no_duplicate_key() {
        let email =
            error("DUPLICATE_VALUE", "duplicate value found: Email duplicates value on record", &["Email"]);
        assert!(matches!(email.meaning(&row(true), Some("Hexsync_Key__c")), Failure::Answer(_)));
    }

    #[test]
    fn reasons_hold_no_values() {
        for (code, message) in [
            ("STRING_TOO_LONG", "Name: data value too large: s3cr3t (max length=120)"),
            ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field: s3cr3t"),
            ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: s3cr3t"),
            ("DUPLICATE_VALUE", "duplicate value found: s3cr3t"),
            ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Trig: execution of AfterUpdate caused by s3cr3t"),
            ("SOMETHING_NEW", "s3cr3t"),
        ] {
            let Written::Refused { reason, .. } = error(code, message, &["Name"]).refused() else { panic!() };
            assert!(!reason.contains("s3cr3t") && reason.contains("`Name`"), "{reason}");
        }
        let rule = error("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A deal needs a next step.", &["NextStep"]);
        let Written::Refused { reason, .. } = rule.refused() else { panic!() };
        assert_eq!(reason, "A deal needs a next step.");
    }
}
