//! Which remote field fills which field of the entity.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Transform;

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
        }
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
    }

    #[test]
    fn misspelt_key_is_refused() {
        let error =
            serde_json::from_str::<FieldMapping>(r#"{"source": "A", "target": "a", "transfrom": "trim"}"#);
        assert!(error.unwrap_err().to_string().contains("transfrom"));
    }
}
