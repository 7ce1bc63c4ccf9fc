//! What a query selects, from the entity's mapping and what the object is made of today.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sync_core::SourceError;
use sync_detection::Filter;

use crate::FromSalesforce;
use crate::config::{CustomFieldSelection, SalesforceConfig};
use crate::describe::{FieldType, ObjectDescription};
use crate::filter;
use crate::soql::{Condition, FieldPath, LONGEST_URL, Select, encoded, encoded_len};

pub(crate) const ID: &str = "Id";
pub(crate) const STAMP: &str = "SystemModstamp";
pub(crate) const IS_DELETED: &str = "IsDeleted";
pub(crate) const MASTER: &str = "MasterRecordId";

/// What is left of an address for what changes from query to query: a position, or some ids.
const CONDITION_BYTES: usize = 1_024;

/// One object as one entity reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    object: FieldPath,
    fields: Vec<FieldPath>,
    condition: Option<Condition>,
    /// The customer's own fields.
    pub(crate) custom: Vec<(Arc<str>, FieldType)>,
    pub(crate) tells_deleted: bool,
    pub(crate) tells_merged: bool,
}

impl Plan {
    /// # Errors
    /// [`SourceError::Permanent`] naming the mapped, chosen or filtered field that is not there, or saying how
    /// many custom fields have to be left out because the query would be too long.
    pub(crate) fn new<T: FromSalesforce>(
        object: &ObjectDescription,
        config: &SalesforceConfig,
        filters: &[Filter],
    ) -> Result<Self, SourceError> {
        let plan = Self::of_any_length::<T>(object, config, filters)?;
        plan.check_length()?;
        Ok(plan)
    }

    /// As [`new`](Self::new), also where the query would be too long.
    pub(crate) fn of_any_length<T: FromSalesforce>(
        object: &ObjectDescription,
        config: &SalesforceConfig,
        filters: &[Filter],
    ) -> Result<Self, SourceError> {
        let has = |name| object.field(name).is_some();
        let mut plan = Self {
            object: FieldPath::new(T::OBJECT).map_err(|bad| refuse("BAD_NAME", bad.to_string()))?,
            fields: Vec::new(),
            condition: filter::condition(filters, object)?,
            custom: Vec::new(),
            tells_deleted: has(IS_DELETED),
            tells_merged: has(MASTER),
        };
        for name in [ID, STAMP, IS_DELETED, MASTER] {
            if has(name) {
                plan.select(name)?;
            } else if matches!(name, ID | STAMP) {
                return Err(refuse(
                    "NO_STAMP",
                    format!("{} has no `{name}` and can't be read incrementally", object.name),
                ));
            }
        }
        for mapping in T::mapping() {
            plan.select(selected(&mapping.source, object)?)?;
        }
        // An entity without a place for them has no use for them.
        if T::default().custom().is_some() {
            plan.add_custom(object, &config.custom_fields)?;
        }
        Ok(plan)
    }

    fn select(&mut self, path: &str) -> Result<(), SourceError> {
        let path = FieldPath::new(path).map_err(|bad| refuse("BAD_NAME", bad.to_string()))?;
        if !self.fields.contains(&path) {
            self.fields.push(path);
        }
        Ok(())
    }

    fn add_custom(
        &mut self,
        object: &ObjectDescription,
        selection: &CustomFieldSelection,
    ) -> Result<(), SourceError> {
        if let CustomFieldSelection::Only(names) = selection
            && let Some(gone) = names.iter().find(|name| object.field(name).is_none())
        {
            return Err(refuse(
                "UNKNOWN_FIELD",
                format!(
                    "`{gone}` of {} is chosen as a custom field and is not there or not readable",
                    object.name
                ),
            ));
        }
        for field in &object.fields {
            let chosen = match selection {
                CustomFieldSelection::All => field.custom,
                CustomFieldSelection::Only(names) => names.contains(&field.name),
                CustomFieldSelection::None => false,
            };
            let readable = !field.deprecated_and_hidden
                && !field.field_type.is_compound()
                && field.field_type != FieldType::Base64;
            if chosen && readable && !self.fields.iter().any(|path| path.as_str() == field.name) {
                self.select(&field.name)?;
                self.custom.push((field.name.as_str().into(), field.field_type));
            }
        }
        Ok(())
    }

    fn check_length(&self) -> Result<(), SourceError> {
        let length = encoded_len(&self.query().to_string()) + CONDITION_BYTES;
        let Some(mut excess) = length.checked_sub(LONGEST_URL + 1).map(|over| over + 1) else {
            return Ok(());
        };
        let mut sizes: Vec<_> = self.custom.iter().map(|(name, _)| encoded(name).len() + 1).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut leave_out = 0;
        for size in sizes {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(size);
            leave_out += 1;
        }
        let advice = if excess == 0 {
            format!(
                "leave out at least {leave_out} of the {} custom fields with `CustomFieldSelection::Only`",
                self.custom.len()
            )
        } else {
            "shorten the mapping or the filters".to_owned()
        };
        Err(refuse(
            "QUERY_TOO_LONG",
            format!(
                "the query for {} takes {length} bytes of an address, {LONGEST_URL} fit: {advice}",
                self.object
            ),
        ))
    }

    /// Every selected field of the records that pass the filters.
    pub(crate) fn query(&self) -> Select {
        let select = self.every_record();
        match &self.condition {
            Some(condition) => select.and(condition.clone()),
            None => select,
        }
    }

    /// These fields only, of the records that pass the filters; `Err` with how many bytes of the address are too many.
    pub(crate) fn query_of(
        &self,
        fields: Vec<FieldPath>,
        condition: Option<Condition>,
    ) -> Result<Select, usize> {
        let mut select = Select::of(self.object.clone(), fields);
        for condition in self.condition.iter().cloned().chain(condition) {
            select = select.and(condition);
        }
        match (encoded_len(&select.to_string()) + CONDITION_BYTES).checked_sub(LONGEST_URL) {
            None | Some(0) => Ok(select),
            Some(excess) => Err(excess),
        }
    }

    /// Ids and stamps of the records that pass the filters; `None` where there are no filters.
    pub(crate) fn passing(&self) -> Option<Select> {
        let condition = self.condition.clone()?;
        Some(Select::of(self.object.clone(), [ID, STAMP].map(FieldPath::known).to_vec()).and(condition))
    }

    /// Every selected field, of records that don't pass the filters as well.
    pub(crate) fn every_record(&self) -> Select {
        Select::of(self.object.clone(), self.fields.clone())
    }
}

/// What to select for a mapped source: the field itself, the whole compound for one of its parts, or a path
/// through a relationship, whose further steps only Salesforce can check.
fn selected<'a>(source: &'a str, object: &ObjectDescription) -> Result<&'a str, SourceError> {
    let usable = |name: &str| object.field(name).filter(|field| !field.deprecated_and_hidden);
    let found = match source.split_once('.') {
        None => usable(source).map(|_| source),
        Some((first, _)) if usable(first).is_some_and(|field| field.field_type.is_compound()) => Some(first),
        Some((first, _)) => object.relationship(first).map(|_| source),
    };
    found.ok_or_else(|| {
        refuse(
            "UNKNOWN_FIELD",
            format!(
                "`{source}` of {} is mapped and is not there or not readable; restore it, grant access, or take it out of the mapping",
                object.name
            ),
        )
    })
}

fn refuse(code: &str, reason: String) -> SourceError {
    SourceError::Permanent { call: "plan the query", code: code.to_owned(), reason }
}
