//! Which remote field fills which field of the entity.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use sync_core::{FieldValue, ValueRef};

use crate::Transform;
use crate::transform::TransformError;

/// One remote field and the canonical field it fills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FieldMapping {
    /// The provider's name of the field; a path through relationships where the provider has them, such as
    /// `Account.Name`.
    pub source: Cow<'static, str>,
    /// The canonical field or relationship.
    pub target: Cow<'static, str>,
    /// What happens to the value on its way, in this order; one transform or a list.
    #[serde(
        default,
        rename = "transform",
        deserialize_with = "one_or_several",
        skip_serializing_if = "<[Transform]>::is_empty"
    )]
    #[cfg_attr(feature = "yaml", schemars(with = "OneOrSeveral"))]
    pub transforms: Cow<'static, [Transform]>,
    /// Whether our changes of the field are sent to a provider with `direction: outbound` or `bidirectional`.
    /// Fields whose transforms can't be turned back are never sent.
    #[serde(default = "written", skip_serializing_if = "is_written")]
    #[cfg_attr(feature = "yaml", schemars(extend("default" = true)))]
    pub write: bool,
}

/// The default of [`FieldMapping::write`].
fn written() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_written(write: &bool) -> bool {
    *write
}

impl FieldMapping {
    /// A mapping that changes nothing on the way.
    #[must_use]
    pub const fn new(source: &'static str, target: &'static str) -> Self {
        Self::through(source, target, &[])
    }

    /// With these changes on the way.
    #[must_use]
    pub const fn through(
        source: &'static str,
        target: &'static str,
        transforms: &'static [Transform],
    ) -> Self {
        Self {
            source: Cow::Borrowed(source),
            target: Cow::Borrowed(target),
            transforms: Cow::Borrowed(transforms),
            write: true,
        }
    }

    /// The same, never written back.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.write = false;
        self
    }

    /// Whether the field can be written back: it is meant to be, and all its transforms have a way back.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.write && self.transforms.iter().all(Transform::is_invertible)
    }

    /// What the remote field has to hold for ours to become `value`.
    ///
    /// # Errors
    /// [`TransformError`] when no remote value becomes this one.
    ///
    /// ```
    /// use sync_core::{FieldValue, ValueRef};
    /// use sync_detection::{FieldMapping, Transform};
    ///
    /// const CLOSES: FieldMapping =
    ///     FieldMapping::through("closedate", "close_date", const { &[Transform::DateOfInstant] });
    /// let day = ValueRef::Date("2026-03-31".parse()?);
    /// let midnight = FieldValue::Instant("2026-03-31T00:00:00Z".parse()?);
    /// assert_eq!(CLOSES.write_back(day)?, midnight);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_back(&self, value: ValueRef<'_>) -> Result<FieldValue, TransformError> {
        self.transforms.iter().rev().try_fold(value.to_owned(), |value, transform| transform.invert(value))
    }
}

/// The form in a file, for its schema.
#[cfg(feature = "yaml")]
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a description only")]
enum OneOrSeveral {
    One(Transform),
    Several(Vec<Transform>),
}

/// By hand, because an untagged enum reads numbers as floats, and loses digits.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, [Transform]>, D::Error> {
    deserializer.deserialize_any(Transforms).map(Cow::Owned)
}

struct Transforms;

impl<'de> Visitor<'de> for Transforms {
    type Value = Vec<Transform>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a transform or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Vec<Transform>, E> {
        Ok(vec![Transform::deserialize(word.into_deserializer())?])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Transform>, A::Error> {
        Ok(vec![Transform::deserialize(MapAccessDeserializer::new(map))?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<Transform>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: FieldMapping =
        FieldMapping::through("Email", "email", const { &[Transform::Trim, Transform::Lowercase] });

    #[test]
    fn transforms_are_one_or_a_list() {
        let read = |json: &str| serde_json::from_str::<FieldMapping>(json).unwrap();
        assert_eq!(
            read(r#"{"source": "Email", "target": "email", "transform": ["trim", "lowercase"]}"#),
            EMAIL
        );
        let one = read(r#"{"source": "Email", "target": "email", "transform": "lowercase"}"#);
        assert_eq!(*one.transforms, [Transform::Lowercase]);
        let with_value = read(r#"{"source": "A", "target": "a", "transform": {"truncate": 5}}"#);
        assert_eq!(*with_value.transforms, [Transform::Truncate(5)]);
        assert_eq!(read(r#"{"source": "A", "target": "a"}"#), FieldMapping::new("A", "a"));
    }

    #[test]
    fn mapping_survives_being_written_and_read() {
        let json = serde_json::to_string(&EMAIL).unwrap();
        assert_eq!(serde_json::from_str::<FieldMapping>(&json).unwrap(), EMAIL);
        let plain = serde_json::to_string(&FieldMapping::new("A", "a")).unwrap();
        assert_eq!(plain, r#"{"source":"A","target":"a"}"#);
        let read_only = serde_json::to_string(&FieldMapping::new("A", "a").read_only()).unwrap();
        assert_eq!(read_only, r#"{"source":"A","target":"a","write":false}"#);
        assert!(!serde_json::from_str::<FieldMapping>(&read_only).unwrap().is_writable());
    }

    #[test]
    fn last_transform_is_turned_back_first() {
        const QUANTITY: FieldMapping = FieldMapping::through(
            "hs_quantity",
            "quantity",
            const { &[Transform::Number, Transform::ToInteger] },
        );
        assert!(QUANTITY.is_writable());
        assert_eq!(QUANTITY.write_back(ValueRef::Int(12)), Ok(FieldValue::Text("12".to_owned())));
        let rounded = FieldMapping::through("a", "a", const { &[Transform::Number, Transform::Round(0)] });
        assert!(!rounded.is_writable());
    }

    #[test]
    fn misspelt_key_is_refused() {
        let error =
            serde_json::from_str::<FieldMapping>(r#"{"source": "A", "target": "a", "transfrom": "trim"}"#);
        assert!(error.unwrap_err().to_string().contains("transfrom"));
    }
}
