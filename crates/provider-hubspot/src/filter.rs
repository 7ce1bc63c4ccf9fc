//! Filters of an entity's configuration: checked on every record, and sent along with searches where that
//! loses nothing.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use sync_core::SourceError;
use sync_core::value::parse_instant;
use sync_detection::{Filter, FilterOp, FilterValue};

use crate::describe::PropertyType;
use crate::record::{HubspotRecord, RecordError};

/// One filter, with its values of the property's type.
///
/// Lists take no filters, and a search compares text without regard to case and leaves out records that lack a
/// property; so it is this check that decides, and the search's answer may only be wider.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) property: String,
    property_type: PropertyType,
    op: FilterOp,
    /// Empty stands for null.
    values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Value {
    Bool(bool),
    Number(Decimal),
    Date(NaiveDate),
    Instant(DateTime<Utc>),
    Text(String),
}

/// A filter as a search takes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchFilter {
    pub(crate) property_name: String,
    pub(crate) operator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<String>,
}

impl Condition {
    /// # Errors
    /// [`SourceError::Permanent`] naming the property whose type does not fit the filter's value.
    pub(crate) fn new(
        filter: &Filter,
        property_type: PropertyType,
        object: &str,
    ) -> Result<Self, SourceError> {
        let values = match filter.value() {
            FilterValue::Null => Ok(Vec::new()),
            FilterValue::List(values) => values.iter().map(|value| typed(value, property_type)).collect(),
            value => typed(value, property_type).map(|value| vec![value]),
        };
        let values = values.map_err(|reason| bad_filter(filter, object, reason))?;
        Ok(Self { property: filter.field().to_owned(), property_type, op: filter.op(), values })
    }

    /// Whether a record passes. An empty property is equal to null and to nothing else, and neither smaller nor
    /// greater than anything.
    ///
    /// # Errors
    /// [`RecordError`] if the property is missing or of another kind.
    pub(crate) fn holds(&self, record: &HubspotRecord<'_>) -> Result<bool, RecordError> {
        use FilterOp as O;
        let Some(found) = self.read(record)? else {
            return Ok(match self.op {
                O::Eq => self.values.is_empty(),
                O::Neq => !self.values.is_empty(),
                O::Nin => true,
                O::In | O::Gt | O::Gte | O::Lt | O::Lte => false,
            });
        };
        let order = self.values.first().and_then(|value| found.partial_cmp(value));
        Ok(match self.op {
            O::Eq | O::In => self.values.contains(&found),
            O::Neq | O::Nin => !self.values.contains(&found),
            O::Gt => order.is_some_and(std::cmp::Ordering::is_gt),
            O::Gte => order.is_some_and(std::cmp::Ordering::is_ge),
            O::Lt => order.is_some_and(std::cmp::Ordering::is_lt),
            O::Lte => order.is_some_and(std::cmp::Ordering::is_le),
        })
    }

    fn read(&self, record: &HubspotRecord<'_>) -> Result<Option<Value>, RecordError> {
        use PropertyType as P;
        let name = &self.property;
        Ok(match self.property_type {
            P::Bool => record.boolean(name)?.map(Value::Bool),
            P::Number => record.decimal(name)?.map(Value::Number),
            P::Date => record.date(name)?.map(Value::Date),
            P::Datetime => record.instant(name)?.map(Value::Instant),
            _ => record.text(name)?.map(Value::Text),
        })
    }

    /// The same for a search, if its answer then lacks no record that passes.
    pub(crate) fn for_search(&self) -> Option<SearchFilter> {
        use FilterOp as O;
        let is_ordered =
            matches!(self.property_type, PropertyType::Number | PropertyType::Date | PropertyType::Datetime);
        let (operator, single) = match (self.op, self.values.is_empty()) {
            (O::Eq, true) => ("NOT_HAS_PROPERTY", false),
            (O::Neq, true) => ("HAS_PROPERTY", false),
            (O::Eq, false) => ("EQ", true),
            (O::In, _) => ("IN", false),
            (O::Gt, _) if is_ordered => ("GT", true),
            (O::Gte, _) if is_ordered => ("GTE", true),
            (O::Lt, _) if is_ordered => ("LT", true),
            (O::Lte, _) if is_ordered => ("LTE", true),
            // These would leave out records that lack the property.
            _ => return None,
        };
        let texts: Vec<String> = self.values.iter().map(|value| self.text(value)).collect();
        let property_name = self.property.clone();
        Some(if single {
            SearchFilter { property_name, operator, value: texts.into_iter().next(), values: Vec::new() }
        } else {
            SearchFilter { property_name, operator, value: None, values: texts }
        })
    }

    fn text(&self, value: &Value) -> String {
        match value {
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::Date(value) => value.and_time(NaiveTime::MIN).and_utc().timestamp_millis().to_string(),
            Value::Instant(value) => value.timestamp_millis().to_string(),
            // Lists of text match only in small letters.
            Value::Text(value) if self.op == FilterOp::In && self.property_type == PropertyType::String => {
                value.to_lowercase()
            }
            Value::Text(value) => value.clone(),
        }
    }
}

fn typed(value: &FilterValue, property_type: PropertyType) -> Result<Value, &'static str> {
    use PropertyType as P;
    match (value, property_type) {
        (FilterValue::Bool(value), P::Bool) => Ok(Value::Bool(*value)),
        (FilterValue::Text(_), P::Bool) => Err("needs true or false"),
        (FilterValue::Number(value), P::Number) => Ok(Value::Number(*value)),
        (FilterValue::Text(_), P::Number) => Err("needs a number"),
        (FilterValue::Text(text), P::Date) => {
            text.parse().map(Value::Date).map_err(|_| "needs a date such as 2026-03-01")
        }
        (FilterValue::Text(text), P::Datetime) => {
            parse_instant(text).map(Value::Instant).ok_or("needs an instant such as 2026-03-01T09:30:00Z")
        }
        (FilterValue::Text(text), P::String | P::Enumeration | P::PhoneNumber | P::Other) => {
            Ok(Value::Text(text.clone()))
        }
        // Internal values may well be numbers or truths; to HubSpot they are text.
        (FilterValue::Number(value), P::String | P::Enumeration | P::PhoneNumber) => {
            Ok(Value::Text(value.to_string()))
        }
        (FilterValue::Bool(value), P::String | P::Enumeration) => Ok(Value::Text(value.to_string())),
        _ => Err("has a value of another kind than the property"),
    }
}

pub(crate) fn bad_filter(filter: &Filter, object: &str, reason: &str) -> SourceError {
    SourceError::Permanent {
        call: "filter records",
        code: "BAD_FILTER".to_owned(),
        reason: format!("the filter on `{}` of {object} {reason}", filter.field()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"id":"1","properties":{"stage":"Won","amount":"1,200","closedate":"2026-03-01","at":"2026-03-01T09:00:00Z",
        "open":"true","none":""}}"#;

    fn condition(filter: &str, property_type: PropertyType) -> Result<Condition, SourceError> {
        Condition::new(&serde_json::from_str(filter).unwrap(), property_type, "deals")
    }

    #[test]
    fn records_pass_by_the_propertys_type() {
        use PropertyType as P;
        let record = HubspotRecord::parse(RECORD).unwrap();
        for (filter, property_type, expected) in [
            (r#"{"field":"stage","op":"eq","value":"Won"}"#, P::String, true),
            (r#"{"field":"stage","op":"eq","value":"won"}"#, P::String, false),
            (r#"{"field":"stage","op":"neq","value":"Lost"}"#, P::String, true),
            (r#"{"field":"stage","op":"in","value":["Lost","Won"]}"#, P::Enumeration, true),
            (r#"{"field":"stage","op":"nin","value":["Lost","Won"]}"#, P::Enumeration, false),
            (r#"{"field":"amount","op":"gte","value":1200}"#, P::Number, true),
            (r#"{"field":"amount","op":"gt","value":1200.0}"#, P::Number, false),
            (r#"{"field":"closedate","op":"lt","value":"2026-03-02"}"#, P::Date, true),
            (r#"{"field":"at","op":"lte","value":"2026-03-01T10:00:00+01:00"}"#, P::Datetime, true),
            (r#"{"field":"open","op":"eq","value":true}"#, P::Bool, true),
            (r#"{"field":"none","op":"eq","value":null}"#, P::String, true),
            (r#"{"field":"none","op":"neq","value":null}"#, P::String, false),
            (r#"{"field":"none","op":"neq","value":"x"}"#, P::String, true),
            (r#"{"field":"none","op":"nin","value":["x"]}"#, P::String, true),
            (r#"{"field":"none","op":"eq","value":"x"}"#, P::String, false),
            (r#"{"field":"none","op":"lt","value":7}"#, P::Number, false),
        ] {
            assert_eq!(condition(filter, property_type).unwrap().holds(&record), Ok(expected), "{filter}");
        }
        let missing = condition(r#"{"field":"gone","op":"eq","value":"x"}"#, P::String).unwrap();
        assert!(missing.holds(&record).is_err());
    }

    #[test]
    fn searches_get_what_widens_nothing_away() {
        use PropertyType as P;
        for (filter, property_type, expected) in [
            (
                r#"{"field":"stage","op":"eq","value":"Won"}"#,
                P::String,
                Some(r#""operator":"EQ","value":"Won""#),
            ),
            (
                r#"{"field":"stage","op":"in","value":["Lost","Won"]}"#,
                P::String,
                Some(r#""operator":"IN","values":["lost","won"]"#),
            ),
            (
                r#"{"field":"stage","op":"in","value":["Won"]}"#,
                P::Enumeration,
                Some(r#""operator":"IN","values":["Won"]"#),
            ),
            (
                r#"{"field":"amount","op":"gte","value":0.1}"#,
                P::Number,
                Some(r#""operator":"GTE","value":"0.1""#),
            ),
            (
                r#"{"field":"closedate","op":"lt","value":"2026-03-01"}"#,
                P::Date,
                Some(r#""operator":"LT","value":"1772323200000""#),
            ),
            (
                r#"{"field":"open","op":"eq","value":true}"#,
                P::Bool,
                Some(r#""operator":"EQ","value":"true""#),
            ),
            (
                r#"{"field":"none","op":"eq","value":null}"#,
                P::String,
                Some(r#""operator":"NOT_HAS_PROPERTY""#),
            ),
            (r#"{"field":"none","op":"neq","value":null}"#, P::String, Some(r#""operator":"HAS_PROPERTY""#)),
            (r#"{"field":"stage","op":"neq","value":"Won"}"#, P::String, None),
            (r#"{"field":"stage","op":"nin","value":["Won"]}"#, P::String, None),
            (r#"{"field":"stage","op":"gt","value":"A"}"#, P::String, None),
        ] {
            let sent = condition(filter, property_type).unwrap().for_search();
            let sent = sent.map(|sent| serde_json::to_string(&sent).unwrap());
            assert_eq!(sent.is_some(), expected.is_some(), "{filter}");
            assert!(sent.unwrap_or_default().contains(expected.unwrap_or_default()), "{filter}");
        }
    }

    #[test]
    fn filters_that_can_not_work_name_the_property() {
        use PropertyType as P;
        for (filter, property_type, expected) in [
            (
                r#"{"field":"closedate","op":"eq","value":"soon"}"#,
                P::Date,
                "`closedate` of deals needs a date",
            ),
            (r#"{"field":"at","op":"eq","value":"2026-03-01"}"#, P::Datetime, "needs an instant"),
            (r#"{"field":"amount","op":"eq","value":"12"}"#, P::Number, "needs a number"),
            (r#"{"field":"open","op":"eq","value":"yes"}"#, P::Bool, "true or false"),
            (r#"{"field":"open","op":"eq","value":1}"#, P::Bool, "another kind"),
        ] {
            let error = condition(filter, property_type).unwrap_err().to_string();
            assert!(error.contains(expected), "{filter}: {error}");
        }
    }
}
