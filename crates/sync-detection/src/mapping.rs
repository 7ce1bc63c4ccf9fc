//! Which remote field fills which field of the entity.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One remote field and the canonical field it fills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMapping {
    /// The provider's name of the field; a path through relationships where the provider has them, such as
    /// `Account.Name`.
    pub source: Cow<'static, str>,
    /// The canonical field's name.
    pub target: Cow<'static, str>,
    /// What happens to text on its way. Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
}

impl FieldMapping {
    /// A mapping that changes nothing on the way.
    #[must_use]
    pub const fn new(source: &'static str, target: &'static str) -> Self {
        Self { source: Cow::Borrowed(source), target: Cow::Borrowed(target), transform: None }
    }

    /// With this change on the way.
    #[must_use]
    pub const fn with(mut self, transform: Transform) -> Self {
        self.transform = Some(transform);
        self
    }
}

/// A change of text between the provider's field and ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transform {
    /// Without white space at both ends.
    Trim,
    /// In small letters, e.g. for e-mail addresses.
    Lowercase,
    /// Empty text counts as no value.
    EmptyToNull,
}

impl Transform {
    /// The text after the change; `None` when it counts as no value.
    #[must_use]
    pub fn apply(self, text: String) -> Option<String> {
        match self {
            Self::Trim if text.trim().len() == text.len() => Some(text),
            Self::Trim => Some(text.trim().to_owned()),
            Self::Lowercase => Some(text.to_lowercase()),
            Self::EmptyToNull => Some(text).filter(|text| !text.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapping_is_read_from_a_file() {
        let mapping: FieldMapping =
            serde_json::from_str(r#"{"source": "Email", "target": "email", "transform": "lowercase"}"#)
                .unwrap();
        assert_eq!(mapping, FieldMapping::new("Email", "email").with(Transform::Lowercase));
    }

    #[test]
    fn misspelt_key_is_refused() {
        let error =
            serde_json::from_str::<FieldMapping>(r#"{"source": "A", "target": "a", "transfrom": "trim"}"#);
        assert!(error.unwrap_err().to_string().contains("transfrom"));
    }

    #[test]
    fn transforms_change_text() {
        assert_eq!(Transform::Trim.apply("  Ann \n".into()).as_deref(), Some("Ann"));
        assert_eq!(Transform::Lowercase.apply("ANN@Example.COM".into()).as_deref(), Some("ann@example.com"));
        assert_eq!(Transform::EmptyToNull.apply(String::new()), None);
        assert_eq!(Transform::EmptyToNull.apply(" ".into()).as_deref(), Some(" "));
    }
}
