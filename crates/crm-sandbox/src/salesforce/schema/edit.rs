//! Changing the schema while the org runs. Stamps of rows never move.

use serde::{Deserialize, Serialize};

use crate::salesforce::model::{FieldDef, FieldType, Formula, Org, PicklistValue, Value};
use crate::salesforce::write::RowError;

/// A custom field, as the control API takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// API name; ends in `__c`.
    pub name: String,
    /// Type, spelt as in describe.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Characters of a text field; the type's usual length when absent.
    #[serde(default)]
    pub length: Option<u32>,
    /// Decimals of a number field; 2 when absent.
    #[serde(default)]
    pub scale: Option<u32>,
    /// A unique key for upserts.
    #[serde(default)]
    pub external_id: bool,
    /// Several rows may hold the same key: an upsert then answers 300.
    #[serde(default)]
    pub not_unique: bool,
    /// Picklist entries.
    #[serde(default)]
    pub values: Vec<String>,
}

impl FieldSpec {
    /// A field of this name and type without anything special.
    #[must_use]
    pub fn new(name: impl Into<String>, field_type: FieldType) -> Self {
        let (length, scale, external_id, values) = (None, None, false, Vec::new());
        Self { name: name.into(), field_type, length, scale, external_id, not_unique: false, values }
    }

    /// A text field that rows can be upserted by: an external id, unique, case ignored.
    #[must_use]
    pub fn key(name: impl Into<String>) -> Self {
        Self { external_id: true, length: Some(255), ..Self::new(name, FieldType::String) }
    }

    fn def(&self) -> FieldDef {
        let mut def = FieldDef::new(&self.name, self.field_type);
        if self.external_id {
            def = def.external_key();
            def.unique = !self.not_unique;
        }
        def.length = self.length.unwrap_or(def.length);
        def.scale = self.scale.unwrap_or(def.scale);
        def.picklist = self.values.iter().map(|value| PicklistValue::active(value)).collect();
        def
    }
}

/// Schema changes.
impl Org {
    /// Adds a custom field; rows hold null (false for a boolean) in it.
    ///
    /// # Errors
    /// When the object is unknown, the name does not end in `__c`, or it is taken.
    pub fn add_field(&mut self, object: &str, spec: &FieldSpec) -> Result<(), RowError> {
        let custom = spec.name.strip_suffix("__c").is_some_and(|stem| {
            !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        let table = self.table_mut(object).ok_or_else(|| RowError::unknown_object(object))?;
        if !custom || table.def.field_index(&spec.name).is_some() {
            let message = format!("{}: not a free custom field name", spec.name);
            return Err(RowError::new("DUPLICATE_DEVELOPER_NAME", message, &[]));
        }
        let index = table.def.push_field(spec.def());
        table.reindex_field(index);
        self.schema_changed_at = self.now_ms();
        Ok(())
    }

    /// Removes a field with its values.
    ///
    /// # Errors
    /// When the object or field is unknown, or the field is not a custom one.
    pub fn remove_field(&mut self, object: &str, name: &str) -> Result<(), RowError> {
        let index = self.custom_field(object, name)?;
        if let Some(table) = self.table_mut(object) {
            table.def.edit_field(index, |field| field.hidden = true);
            table.edit_column(index, |value| *value = Value::Null);
        }
        self.schema_changed_at = self.now_ms();
        Ok(())
    }

    /// Gives a custom field another type. Values that don't read as the new type are lost, as in a real org.
    ///
    /// # Errors
    /// As [`Org::remove_field`].
    pub fn retype_field(&mut self, object: &str, spec: &FieldSpec) -> Result<(), RowError> {
        let index = self.custom_field(object, &spec.name)?;
        let new = spec.def();
        if let Some(table) = self.table_mut(object) {
            table.def.edit_field(index, |field| *field = new);
            table.edit_column(index, |value| *value = convert(value, spec.field_type));
        }
        self.schema_changed_at = self.now_ms();
        Ok(())
    }

    /// Changes the constant in a product formula: every row's value changes, and no stamp moves.
    ///
    /// # Errors
    /// When the field is unknown or not such a formula.
    pub fn set_formula_factor(&mut self, object: &str, name: &str, new: f64) -> Result<(), RowError> {
        let index = self.custom_field(object, name)?;
        let mut found = false;
        if let Some(table) = self.table_mut(object) {
            table.def.edit_field(index, |field| {
                if let Some(Formula::Product { factor, .. }) = &mut field.formula {
                    *factor = new;
                    found = true;
                }
            });
        }
        if found {
            Ok(())
        } else {
            Err(RowError::new("INVALID_FIELD", format!("{name}: not a product formula"), &[]))
        }
    }

    /// Gives rows values of a custom field as if they had had them all along: no stamp moves. `value` is asked for each
    /// row in the order of ids, from 0; rows for which it has none stay as they are.
    ///
    /// # Errors
    /// As [`Org::remove_field`].
    pub fn fill_field(
        &mut self,
        object: &str,
        name: &str,
        mut value: impl FnMut(usize) -> Option<Value>,
    ) -> Result<(), RowError> {
        let index = self.custom_field(object, name)?;
        if let Some(table) = self.table_mut(object) {
            let ids: Vec<_> = table.all().map(|(id, _)| *id).collect();
            for (n, id) in ids.into_iter().enumerate() {
                if let (Some(value), Some(mut row)) = (value(n), table.newest(&id).cloned()) {
                    row.set(index, value);
                    table.put(id, row, None);
                }
            }
        }
        Ok(())
    }

    fn custom_field(&self, object: &str, name: &str) -> Result<usize, RowError> {
        let table = self.table(object).ok_or_else(|| RowError::unknown_object(object))?;
        let index = table.def.field_index(name).filter(|index| table.def.fields()[*index].custom);
        index.ok_or_else(|| RowError::no_column(name, object))
    }
}

fn convert(value: &Value, to: FieldType) -> Value {
    let mut json = Vec::new();
    match value {
        Value::Null => return Value::Null,
        Value::Text(text) => json.extend_from_slice(text.as_bytes()),
        other => other.write_json(&mut json),
    }
    let text = String::from_utf8_lossy(&json);
    let text = text.trim_matches('"');
    let read = match to {
        FieldType::Boolean => text.parse().ok().map(Value::Bool),
        FieldType::Int | FieldType::Long => text.parse().ok().map(Value::Int),
        FieldType::Currency => text.parse::<f64>().ok().map(|_| Value::Decimal(text.into())),
        FieldType::Double | FieldType::Percent => text.parse().ok().map(Value::Double),
        FieldType::Date => text.parse().ok().map(Value::Date),
        FieldType::DateTime => crate::salesforce::write::parse_instant(text).map(Value::DateTime),
        other if other.is_text() => Some(Value::text(text)),
        _ => None,
    };
    read.unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_new_type_when_they_read_as_it() {
        assert_eq!(convert(&Value::Double(1.5), FieldType::String), Value::text("1.5"));
        assert_eq!(convert(&Value::text("12"), FieldType::Int), Value::Int(12));
        assert_eq!(convert(&Value::text("twelve"), FieldType::Int), Value::Null);
        assert_eq!(convert(&Value::Null, FieldType::String), Value::Null);
    }
}
