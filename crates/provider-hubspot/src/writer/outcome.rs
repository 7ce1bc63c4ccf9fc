//! What became of a row (reference/hubspot.md, Batch and Errors).

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::value::parse_instant;
use sync_core::{Version, Written};

use super::{Action, Row};
use crate::client::json;
use crate::id::HubspotId;
use crate::map::version;

/// Failures of a row are told by at most so many of their parts.
const MOST_CAUSES: usize = 5;

/// The answer to a batch that writes.
#[derive(Debug, Deserialize)]
pub(crate) struct BatchAnswer {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    pub(crate) results: Vec<RowResult>,
    #[serde(default)]
    pub(crate) errors: Vec<RowError>,
}

impl BatchAnswer {
    /// # Errors
    /// What is wrong with it; also one that is not finished.
    pub(crate) fn parse(body: &Bytes) -> Result<Self, String> {
        let answer: Self = json(body)?;
        crate::wire::finished(answer.status.as_deref(), &[])?;
        Ok(answer)
    }
}

/// One written row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RowResult {
    id: Json,
    #[serde(default)]
    pub(crate) properties: HashMap<String, Option<String>>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    pub(crate) new: Option<bool>,
    #[serde(default)]
    pub(crate) object_write_trace_id: Option<String>,
}

impl RowResult {
    /// Its id, as text or as a number.
    pub(crate) fn id(&self) -> Option<HubspotId> {
        match &self.id {
            Json::String(text) => HubspotId::parse(text),
            Json::Number(number) => HubspotId::parse(&number.to_string()),
            _ => None,
        }
    }

    /// Its version afterwards.
    pub(crate) fn version(&self, stamp: &str) -> Option<Version> {
        let text = self.properties.get(stamp).and_then(Option::as_deref).or(self.updated_at.as_deref());
        text.and_then(parse_instant).map(version)
    }

    /// Whether it holds all that was sent.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        let Action::Create { body, .. } = &row.action else { return false };
        body.iter().all(|(name, value)| {
            self.properties.get(name).is_some_and(|found| found.as_deref().unwrap_or_default() == value)
        })
    }
}

/// Why a row, or a call, failed. Every key is optional on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct RowError {
    #[serde(default)]
    pub(crate) category: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    context: HashMap<String, Json>,
    #[serde(default)]
    errors: Vec<Cause>,
}

/// One of the things that are wrong with a row.
#[derive(Clone, Debug, Deserialize)]
struct Cause {
    #[serde(default, alias = "error")]
    code: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    context: HashMap<String, Json>,
}

/// What an error means for its row.
#[derive(Debug, PartialEq)]
pub(crate) enum Failure {
    /// The record is not there.
    Missing,
    /// The key was taken between looking and writing: send it again, and it is found.
    KeyTaken,
    /// A record with the same address is there: change that one.
    Exists(HubspotId),
    /// Anything else.
    Answer(Written),
}

impl RowError {
    /// The error of a call that was refused as a whole.
    pub(crate) fn of_call(body: &Bytes) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Whether it is about this row.
    pub(crate) fn is_of(&self, row: &Row) -> bool {
        let names = |key: &str, name: &str| match self.context.get(key) {
            Some(Json::Array(all)) => all.iter().any(|one| one.as_str() == Some(name)),
            Some(Json::String(one)) => one == name,
            _ => false,
        };
        names("objectWriteTraceId", &row.trace)
            || match &row.action {
                Action::Update { id, .. } | Action::Archive { id } => names("ids", &id.to_string()),
                Action::Create { key, .. } => names("ids", key),
            }
    }

    /// `key` is the property by which records are made.
    pub(crate) fn meaning(&self, row: &Row, key: Option<&str>) -> Failure {
        let creates = matches!(row.action, Action::Create { .. });
        match self.category.as_str() {
            "OBJECT_NOT_FOUND" if !creates => Failure::Missing,
            "CONFLICT" if creates => match self.existing() {
                Some(id) => Failure::Exists(id),
                None => Failure::Answer(self.refused()),
            },
            "RATE_LIMITS" | "LOCKED" => {
                Failure::Answer(Written::Later { reason: self.category.clone(), after: None })
            }
            "INTERNAL_ERROR" => Failure::Answer(Written::Unknown { reason: self.category.clone() }),
            _ if creates && self.is_about_key(key) => Failure::KeyTaken,
            _ => Failure::Answer(self.refused()),
        }
    }

    /// `Contact already exists. Existing ID: 512`
    fn existing(&self) -> Option<HubspotId> {
        let (_, id) = self.message.rsplit_once("Existing ID:")?;
        HubspotId::parse(id.trim().trim_end_matches('.'))
    }

    fn is_about_key(&self, key: Option<&str>) -> bool {
        let taken = |(property, code): &(String, String)| {
            code == "CONFLICTING_UNIQUE_VALUE" && Some(property.as_str()) == key
        };
        self.causes().iter().any(taken)
    }

    pub(crate) fn refused(&self) -> Written {
        let causes = self.causes();
        let code = match causes.first() {
            Some((_, code)) if !code.is_empty() => code.clone(),
            _ if !self.category.is_empty() => self.category.clone(),
            _ => "REFUSED".to_owned(),
        };
        let told: Vec<_> = causes
            .iter()
            .take(MOST_CAUSES)
            .map(|(property, code)| format!("property `{property}`: {code}"))
            .collect();
        let reason = if !told.is_empty() {
            told.join(", ")
        } else if self.category == "CONFLICT" {
            "another record has a value that has to be unique".to_owned()
        } else {
            "hubspot refuses these values".to_owned()
        };
        Written::Refused { code, reason }
    }

    /// Properties and codes: from the list of errors, or from the JSON that older answers hold in their message.
    fn causes(&self) -> Vec<(String, String)> {
        let embedded = || {
            let json = self.message.split_once('[').map(|(_, rest)| format!("[{rest}"))?;
            serde_json::from_str::<Vec<Cause>>(&json).ok()
        };
        let causes =
            if self.errors.is_empty() { embedded().unwrap_or_default() } else { self.errors.clone() };
        let one = |cause: Cause| {
            let named = cause.context.get("propertyName").and_then(|names| names.get(0)?.as_str());
            let property = cause.name.clone().or_else(|| named.map(str::to_owned))?;
            Some((plain(&property), plain(&cause.code.unwrap_or_default())))
        };
        causes.into_iter().filter_map(one).collect()
    }
}

/// A name or a code, in which no value hides.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::body::Body;

    fn create() -> Row {
        let action =
            Action::Create { key: "k-1".to_owned(), body: Body::default().with("email", "ann@x.test") };
        Row { at: 0, trace: "t-1".to_owned(), action, links: Vec::new() }
    }

    fn update() -> Row {
        let action =
            Action::Update { id: HubspotId::parse("5551").unwrap(), body: Body::default(), expected: None };
        Row { at: 0, trace: "t-2".to_owned(), action, links: Vec::new() }
    }

    fn error(json: Json) -> RowError {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn error_finds_its_row_by_trace_or_id() {
        let traced = error(serde_json::json!({"context": {"objectWriteTraceId": ["t-1"]}}));
        assert!(traced.is_of(&create()) && !traced.is_of(&update()));
        let missing =
            error(serde_json::json!({"category": "OBJECT_NOT_FOUND", "context": {"ids": ["5551"]}}));
        assert!(missing.is_of(&update()) && !missing.is_of(&create()));
        assert_eq!(missing.meaning(&update(), None), Failure::Missing);
    }

    #[test]
    fn existing_contact_is_named() {
        let exists = serde_json::json!({"category": "CONFLICT", "message": "Contact already exists. Existing ID: 512"});
        let existing = HubspotId::parse("512").unwrap();
        assert_eq!(error(exists.clone()).meaning(&create(), None), Failure::Exists(existing));
        assert!(
            matches!(error(exists).meaning(&update(), None), Failure::Answer(Written::Refused { code, .. }) if code == "CONFLICT")
        );
    }

    #[test]
    fn taken_key_is_told_from_other_taken_values() {
        let taken = |name: &str| {
            error(serde_json::json!({"category": "VALIDATION_ERROR", "errors": [
                {"message": "k-1 is already used", "code": "CONFLICTING_UNIQUE_VALUE", "context": {"propertyName": [name]}}]}))
        };
        assert_eq!(taken("hexsync_key").meaning(&create(), Some("hexsync_key")), Failure::KeyTaken);
        assert!(matches!(taken("vat_id").meaning(&create(), Some("hexsync_key")), Failure::Answer(_)));
    }

    #[test]
    fn reasons_name_properties_and_codes_and_no_values() {
        let listed = serde_json::json!({"category": "VALIDATION_ERROR", "message": "Email address s3cr3t is invalid",
            "errors": [{"message": "Email address s3cr3t is invalid", "code": "INVALID_EMAIL", "context": {"propertyName": ["email"]}}]});
        let embedded = serde_json::json!({"category": "VALIDATION_ERROR", "message":
            "Property values were not valid: [{\"isValid\":false,\"message\":\"s3cr3t was not one of the allowed options\",\"error\":\"INVALID_OPTION\",\"name\":\"dealstage\"}]"});
        for (json, property, told) in
            [(listed, "email", "INVALID_EMAIL"), (embedded, "dealstage", "INVALID_OPTION")]
        {
            let Written::Refused { code, reason } = error(json).refused() else { panic!() };
            assert_eq!(code, told);
            assert_eq!(reason, format!("property `{property}`: {told}"));
        }
    }
}
