//! SOQL queries, built so that no text from outside can change their meaning.
//!
//! ```
//! use provider_salesforce::soql::{Condition, FieldPath, Literal, Operator, Select};
//!
//! let name = FieldPath::new("Account.Name")?;
//! let query = Select::new("Opportunity", [FieldPath::new("Id")?, name.clone()])?
//!     .and(Condition::compare(name, Operator::Eq, Literal::text(r"O'Neill \ Sons")));
//! assert_eq!(query.to_string(), r"SELECT Id,Account.Name FROM Opportunity WHERE Account.Name = 'O\'Neill \\ Sons'");
//! # Ok::<(), provider_salesforce::soql::BadName>(())
//! ```

mod condition;
mod literal;
#[cfg(test)]
mod tests;
mod url;

use std::fmt;

pub use condition::{Condition, Operator};
pub use literal::Literal;
pub(crate) use url::{LONGEST_URL, encoded, encoded_len};

/// A query for records of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    fields: Vec<FieldPath>,
    object: FieldPath,
    condition: Option<Condition>,
    order: Vec<FieldPath>,
}

impl Select {
    /// These fields of every record.
    ///
    /// # Errors
    /// [`BadName`] if the object's name could not be one.
    pub fn new(object: &str, fields: impl IntoIterator<Item = FieldPath>) -> Result<Self, BadName> {
        Ok(Self::of(FieldPath::new(object)?, fields.into_iter().collect()))
    }

    pub(crate) fn of(object: FieldPath, fields: Vec<FieldPath>) -> Self {
        Self { fields, object, condition: None, order: Vec::new() }
    }

    /// Only records for which this holds as well.
    #[must_use]
    pub fn and(mut self, condition: Condition) -> Self {
        self.condition = Some(match self.condition.take() {
            Some(before) => before.and(condition),
            None => condition,
        });
        self
    }

    /// In ascending order of these fields.
    #[must_use]
    pub fn order_by(mut self, fields: impl IntoIterator<Item = FieldPath>) -> Self {
        self.order = fields.into_iter().collect();
        self
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        list(f, &self.fields)?;
        write!(f, " FROM {}", self.object)?;
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if !self.order.is_empty() {
            f.write_str(" ORDER BY ")?;
            list(f, &self.order)?;
        }
        Ok(())
    }
}

/// Values with commas between them. Without spaces: a query travels in an address of bounded length.
fn list<D: fmt::Display>(f: &mut fmt::Formatter<'_>, values: &[D]) -> fmt::Result {
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            f.write_str(",")?;
        }
        write!(f, "{value}")?;
    }
    Ok(())
}

/// The name of an object or a field, or a path through relationships such as `Account.Owner.Name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(Box<str>);

impl FieldPath {
    /// Checks that the text can be a name: letters, digits and underscores, with dots between the steps.
    ///
    /// # Errors
    /// [`BadName`] otherwise.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let is_name = |step: &str| {
            step.starts_with(|c: char| c.is_ascii_alphabetic())
                && step.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if text.split('.').all(is_name) {
            Ok(Self(text.into()))
        } else {
            Err(BadName { name: text.to_owned() })
        }
    }

    /// A name of ours, known to be one.
    pub(crate) fn known(name: &'static str) -> Self {
        debug_assert!(Self::new(name).is_ok());
        Self(name.into())
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that can't be the name of an object or a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` can't be the name of a salesforce object or field; check the mapping and the filters")]
pub struct BadName {
    /// The text.
    pub name: String,
}
