//! Filters of an entity's configuration as SOQL conditions.

use sync_core::SourceError;
use sync_core::value::parse_instant;
use sync_detection::{Filter, FilterOp, FilterValue};

use crate::describe::{FieldType, ObjectDescription};
use crate::soql::{Condition, FieldPath, Literal, Operator};

/// All filters as one condition; `None` without any.
///
/// A literal has to be of the field's type, so text becomes a date where the field is one. The type of a
/// field of a related record is not known here; its text stays text.
///
/// # Errors
/// [`SourceError::Permanent`] naming the field that is missing, can't be filtered by, or does not fit its value.
pub(crate) fn condition(
    filters: &[Filter],
    object: &ObjectDescription,
) -> Result<Option<Condition>, SourceError> {
    let mut all: Option<Condition> = None;
    for filter in filters {
        let one = one(filter, object).map_err(|reason| SourceError::Permanent {
            call: "filter records",
            code: "BAD_FILTER".to_owned(),
            reason: format!("the filter on `{}` of {} {reason}", filter.field(), object.name),
        })?;
        all = Some(match all {
            Some(all) => all.and(one),
            None => one,
        });
    }
    Ok(all)
}

fn one(filter: &Filter, object: &ObjectDescription) -> Result<Condition, String> {
    let field = FieldPath::new(filter.field()).map_err(|_| "names something that can't be a field")?;
    let field_type = if let Some((relationship, _)) = filter.field().split_once('.') {
        object.relationship(relationship).ok_or("names a relationship that is not there")?;
        None
    } else {
        let described =
            object.field(filter.field()).ok_or("names a field that is not there or not readable")?;
        if !described.filterable {
            return Err("can't be used: salesforce does not filter by this field".to_owned());
        }
        Some(described.field_type)
    };
    let value = filter.value();
    let operator = match filter.op() {
        FilterOp::In | FilterOp::Nin => {
            let FilterValue::List(values) = value else { return Err("needs a list".to_owned()) };
            let literals: Result<Vec<_>, _> = values.iter().map(|value| literal(value, field_type)).collect();
            let negated = filter.op() == FilterOp::Nin;
            return Condition::any_of(field, literals?, negated).ok_or_else(|| "needs a value".to_owned());
        }
        FilterOp::Eq => Operator::Eq,
        FilterOp::Neq => Operator::Neq,
        FilterOp::Gt => Operator::Gt,
        FilterOp::Gte => Operator::Gte,
        FilterOp::Lt => Operator::Lt,
        FilterOp::Lte => Operator::Lte,
    };
    Ok(Condition::compare(field, operator, literal(value, field_type)?))
}

fn literal(value: &FilterValue, field_type: Option<FieldType>) -> Result<Literal, String> {
    use FieldType as F;
    let is_number = matches!(field_type, Some(F::Int | F::Long | F::Double | F::Currency | F::Percent));
    match (value, field_type) {
        (FilterValue::Null, _) => Ok(Literal::Null),
        (FilterValue::Bool(value), Some(F::Boolean) | None) => Ok(Literal::Bool(*value)),
        (FilterValue::Number(value), None) => Ok(Literal::Number(*value)),
        (FilterValue::Number(value), _) if is_number => Ok(Literal::Number(*value)),
        (FilterValue::Text(text), Some(F::Date)) => {
            text.parse().map(Literal::Date).map_err(|_| "needs a date such as 2026-03-01".to_owned())
        }
        (FilterValue::Text(text), Some(F::Datetime)) => parse_instant(text)
            .map(Literal::Instant)
            .ok_or_else(|| "needs an instant such as 2026-03-01T09:30:00Z".to_owned()),
        (FilterValue::Text(_), Some(F::Boolean)) => Err("needs true or false".to_owned()),
        (FilterValue::Text(_), _) if is_number => Err("needs a number".to_owned()),
        (FilterValue::Text(text), _) => Ok(Literal::text(text)),
        // A picklist may well hold numbers; to Salesforce they are text.
        (
            FilterValue::Number(value),
            Some(F::String | F::Picklist | F::Combobox | F::Phone | F::Textarea),
        ) => Ok(Literal::text(value.to_string())),
        _ => Err("has a value of another kind than the field".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soql(filters: &str) -> Result<String, String> {
        let object = serde_json::json!({"name": "Opportunity", "fields": [
            {"name": "StageName", "type": "picklist", "filterable": true},
            {"name": "Amount", "type": "currency", "filterable": true},
            {"name": "CloseDate", "type": "date", "filterable": true},
            {"name": "CreatedDate", "type": "datetime", "filterable": true},
            {"name": "IsClosed", "type": "boolean", "filterable": true},
            {"name": "Description", "type": "textarea", "filterable": false},
            {"name": "AccountId", "type": "reference", "relationshipName": "Account", "filterable": true},
        ]});
        let object: ObjectDescription = serde_json::from_value(object).unwrap();
        let filters: Vec<Filter> = serde_json::from_str(filters).unwrap();
        condition(&filters, &object)
            .map(|condition| condition.map_or_else(String::new, |condition| condition.to_string()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn literals_follow_the_described_type() {
        for (filters, expected) in [
            ("[]", ""),
            (
                r#"[{"field":"StageName","op":"in","value":["Won","O'Neill"]}]"#,
                r"StageName IN ('Won','O\'Neill')",
            ),
            (r#"[{"field":"StageName","op":"nin","value":[7]}]"#, "StageName NOT IN ('7')"),
            (r#"[{"field":"Amount","op":"gte","value":0.1}]"#, "Amount >= 0.1"),
            (r#"[{"field":"CloseDate","op":"lt","value":"2026-03-01"}]"#, "CloseDate < 2026-03-01"),
            (
                r#"[{"field":"CreatedDate","op":"gt","value":"2026-03-01T10:00:00+01:00"}]"#,
                "CreatedDate > 2026-03-01T09:00:00Z",
            ),
            (
                r#"[{"field":"IsClosed","op":"eq","value":true},{"field":"AccountId","op":"neq","value":null}]"#,
                "IsClosed = true AND AccountId != null",
            ),
            (r#"[{"field":"Account.Name","op":"lte","value":"B"}]"#, "Account.Name <= 'B'"),
        ] {
            assert_eq!(soql(filters).unwrap(), expected, "{filters}");
        }
    }

    #[test]
    fn filters_that_can_not_work_name_the_field() {
        for (filters, expected) in [
            (
                r#"[{"field":"Foo","op":"eq","value":1}]"#,
                "`Foo` of Opportunity names a field that is not there",
            ),
            (r#"[{"field":"Id = 'x' OR Id","op":"eq","value":"1"}]"#, "can't be a field"),
            (r#"[{"field":"Owner.Name","op":"eq","value":"x"}]"#, "relationship"),
            (r#"[{"field":"Description","op":"eq","value":"x"}]"#, "does not filter"),
            (r#"[{"field":"CloseDate","op":"eq","value":"soon"}]"#, "needs a date"),
            (r#"[{"field":"CreatedDate","op":"eq","value":"2026-03-01"}]"#, "needs an instant"),
            (r#"[{"field":"Amount","op":"eq","value":"12"}]"#, "needs a number"),
            (r#"[{"field":"IsClosed","op":"eq","value":1}]"#, "another kind"),
        ] {
            let error = soql(filters).unwrap_err();
            assert!(error.contains(expected), "{filters}: {error}");
        }
    }
}
