//! Values on their way in: what a property takes, and in which form it is kept.

use serde_json::Value as Json;

use super::{Access, InvalidValue, Properties, RowError};
use crate::hubspot::model::{
    Account, PropertyDef, PropertyType, Source, Value,
    time::{date_text, iso, parse_date, parse_instant},
};

/// Longer texts are refused.
const MAX_TEXT: usize = 65_536;

/// What tests may set besides stored values.
#[derive(Debug, Default)]
pub(super) struct SystemValues {
    pub(super) id: Option<u64>,
    pub(super) created_at: Option<i64>,
}

type Values = Vec<(usize, Value)>;

impl Account {
    /// Values by their place in rows, checked; all that is wrong is told at once.
    pub(super) fn read_values(
        &self,
        object: usize,
        id: Option<u64>,
        properties: &Properties,
        access: Access,
    ) -> Result<(Values, SystemValues), RowError> {
        let def = &self.tables[object].def;
        let (mut values, mut system, mut invalid) = (Values::new(), SystemValues::default(), Vec::new());
        for (name, json) in properties {
            let Some(property) = def.property(name).filter(|property| !property.archived) else {
                invalid.push(missing(name));
                continue;
            };
            let text = text_of(json);
            match (&property.source, access) {
                (Source::Stored(slot), Access::Admin) => values.push((*slot, text.map(Into::into))),
                (Source::Id, Access::Admin) => system.id = text.and_then(|text| text.parse().ok()),
                (Source::Created, Access::Admin) => {
                    system.created_at = text.as_deref().and_then(parse_instant);
                }
                (Source::Stored(slot), Access::Api) if property.writable() => {
                    match self.api_value(object, id, property, text) {
                        Ok(value) => values.push((*slot, value)),
                        Err(bad) => invalid.push(bad),
                    }
                }
                _ => invalid.push(read_only(name)),
            }
        }
        if access == Access::Api {
            self.check_stage(object, id, &values, &mut invalid);
        }
        match invalid.as_slice() {
            [] => Ok((values, system)),
            [one] if one.code == "CONFLICT" => Err(RowError::exists(one.message.clone())),
            _ => Err(RowError::invalid(self.portal_id, &invalid)),
        }
    }

    fn api_value(
        &self,
        object: usize,
        id: Option<u64>,
        property: &PropertyDef,
        text: Option<String>,
    ) -> Result<Value, InvalidValue> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            let empty = self.rules.cleared_reads_empty.then(|| "".into());
            return Ok(empty);
        };
        let refuse = |code, message: String| InvalidValue { property: property.name.clone(), code, message };
        if text.len() > MAX_TEXT {
            return Err(refuse("INVALID_STRING", format!("text is longer than {MAX_TEXT} characters")));
        }
        let kept = match property.kind {
            PropertyType::Number => number(&text)
                .ok_or_else(|| refuse("INVALID_DOUBLE", format!("{text} was not a valid number.")))?,
            PropertyType::Bool => match text.to_lowercase().as_str() {
                known @ ("true" | "false") => known.to_owned(),
                _ => return Err(refuse("INVALID_BOOLEAN", format!("{text} was not a valid boolean."))),
            },
            PropertyType::Date => parse_date(&text)
                .map(date_text)
                .ok_or_else(|| refuse("INVALID_DATE", format!("{text} is not at midnight UTC.")))?,
            PropertyType::DateTime => parse_instant(&text)
                .map(iso)
                .ok_or_else(|| refuse("INVALID_DATE", format!("{text} was not a valid date.")))?,
            PropertyType::Enumeration => self.option(object, id, property, &text)?,
            _ if property.name == "email" => {
                let text = text.trim().to_lowercase();
                if !looks_like_email(&text) {
                    let message = format!("Email address {text} is invalid");
                    return Err(refuse("INVALID_EMAIL", message));
                }
                text
            }
            _ => text,
        };
        self.check_unique(object, id, property, &kept)?;
        Ok(Some(kept.into()))
    }

    /// An enumeration takes its options' values; `;` at the start adds to what is there.
    fn option(
        &self,
        object: usize,
        id: Option<u64>,
        property: &PropertyDef,
        text: &str,
    ) -> Result<String, InvalidValue> {
        let refuse = |value: &str| InvalidValue {
            property: property.name.clone(),
            code: "INVALID_OPTION",
            message: format!("{value} was not one of the allowed options"),
        };
        if property.referenced_object_type.as_deref() == Some("OWNER") {
            let known = self.owners.iter().any(|owner| owner.id.to_string() == text);
            return if known { Ok(text.to_owned()) } else { Err(refuse(text)) };
        }
        let known = |value: &str| {
            property.external_options || property.options.iter().any(|option| option.value == value)
        };
        if !property.many_values() {
            return if known(text) { Ok(text.to_owned()) } else { Err(refuse(text)) };
        }
        let kept = text.starts_with(';').then(|| self.stored_text(object, id, property)).flatten();
        let mut all: Vec<&str> = kept.iter().flat_map(|kept| kept.split(';')).collect();
        for value in text.split(';').filter(|value| !value.is_empty()) {
            if !known(value) {
                return Err(refuse(value));
            }
            if !all.contains(&value) {
                all.push(value);
            }
        }
        Ok(all.join(";"))
    }

    fn stored_text(&self, object: usize, id: Option<u64>, property: &PropertyDef) -> Option<String> {
        let Source::Stored(slot) = property.source else { return None };
        self.tables[object].live_row(id?)?.stored(slot).map(str::to_owned)
    }

    fn check_unique(
        &self,
        object: usize,
        id: Option<u64>,
        property: &PropertyDef,
        text: &str,
    ) -> Result<(), InvalidValue> {
        let Source::Stored(slot) = property.source else { return Ok(()) };
        if !property.unique {
            return Ok(());
        }
        let table = &self.tables[object];
        let Some(other) = table.find_key(slot, text).iter().find(|other| Some(**other) != id) else {
            return Ok(());
        };
        let (code, message) = if property.name == "email" {
            ("CONFLICT", format!("Contact already exists. Existing ID: {other}"))
        } else {
            let name = &property.name;
            let message = format!("{text} is already used as {name} by the record with ID {other}");
            ("CONFLICTING_UNIQUE_VALUE", message)
        };
        Err(InvalidValue { property: property.name.clone(), code, message })
    }

    /// A stage must be one of the pipeline's.
    fn check_stage(&self, object: usize, id: Option<u64>, values: &Values, invalid: &mut Vec<InvalidValue>) {
        let pipelines = self.pipelines_of(object);
        let def = &self.tables[object].def;
        let names = if def.name == "tickets" {
            ("hs_pipeline", "hs_pipeline_stage")
        } else {
            ("pipeline", "dealstage")
        };
        let (Some(pipeline), Some(stage)) = (def.slot(names.0), def.slot(names.1)) else { return };
        let row = id.and_then(|id| self.tables[object].live_row(id));
        let written = |slot| values.iter().find(|(one, _)| *one == slot).map(|(_, value)| value.as_deref());
        if pipelines.is_empty() || (written(pipeline).is_none() && written(stage).is_none()) {
            return;
        }
        let value = |slot| written(slot).unwrap_or_else(|| row.and_then(|row| row.stored(slot)));
        let refuse = |name: &str, value: &str| InvalidValue {
            property: name.to_owned(),
            code: "INVALID_OPTION",
            message: format!("{value} was not one of the allowed options"),
        };
        let Some(pipeline) = value(pipeline) else { return };
        let Some(pipeline) = pipelines.iter().find(|one| one.id == pipeline) else {
            return invalid.push(refuse(names.0, pipeline));
        };
        if let Some(stage) = value(stage)
            && !pipeline.stages.iter().any(|one| one.id == stage)
        {
            invalid.push(refuse(names.1, stage));
        }
    }

    pub(super) fn check_required(&self, object: usize, values: &Values) -> Result<(), RowError> {
        let def = &self.tables[object].def;
        let given = |name: &String| {
            let slot = def.slot(name);
            values.iter().any(|(one, value)| Some(*one) == slot && value.is_some())
        };
        let missing: Vec<InvalidValue> = def
            .required
            .iter()
            .filter(|name| !given(name))
            .map(|name| InvalidValue {
                property: name.clone(),
                code: "REQUIRED_FIELD",
                message: format!("Property \"{name}\" is required"),
            })
            .collect();
        if !missing.is_empty() {
            return Err(RowError::invalid(self.portal_id, &missing));
        }
        if !def.required_any.is_empty() && !def.required_any.iter().any(given) {
            let message = format!("At least one of {} is required", def.required_any.join(", "));
            return Err(RowError::bad_request(message));
        }
        Ok(())
    }
}

fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn missing(name: &str) -> InvalidValue {
    InvalidValue {
        property: name.to_owned(),
        code: "PROPERTY_DOESNT_EXIST",
        message: format!("Property \"{name}\" does not exist"),
    }
}

fn read_only(name: &str) -> InvalidValue {
    InvalidValue {
        property: name.to_owned(),
        code: "READ_ONLY_VALUE",
        message: format!("\"{name}\" is a read only property; its value cannot be set."),
    }
}

/// A number is kept as it was written.
fn number(text: &str) -> Option<String> {
    let trimmed = text.trim();
    trimmed.parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| trimmed.to_owned())
}

fn looks_like_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| {
        let clean = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@');
        clean(name) && clean(host) && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
    })
}
