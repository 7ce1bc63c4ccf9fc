//! Configured transforms as constants.

use std::borrow::Cow;

use super::{Literal, Otherwise, Transform, TruthWords, ValueMap, Words};

/// A word in a constant.
#[must_use]
pub const fn word(word: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(word)
}

/// The provider's word and ours, in a constant.
#[must_use]
pub const fn pair(theirs: &'static str, ours: &'static str) -> (Cow<'static, str>, Cow<'static, str>) {
    (Cow::Borrowed(theirs), Cow::Borrowed(ours))
}

impl Otherwise {
    /// It becomes this.
    #[must_use]
    pub const fn value(value: &'static str) -> Self {
        Self::Value(Cow::Borrowed(value))
    }
}

/// The variants with content, for constants.
///
/// ```
/// use sync_detection::transform::{Otherwise, pair};
/// use sync_detection::{FieldMapping, Transform};
///
/// const STAGE: FieldMapping = FieldMapping::through(
///     "dealstage",
///     "stage",
///     const { &[Transform::map(const { &[pair("closedwon", "Won")] }, Otherwise::Keep)] },
/// );
/// assert_eq!(STAGE.transforms[0].name(), "map");
/// ```
impl Transform {
    /// [`Transform::Truncate`].
    #[must_use]
    pub const fn truncate(characters: u32) -> Self {
        Self::Truncate(characters)
    }

    /// [`Transform::Map`].
    #[must_use]
    pub const fn map(
        values: &'static [(Cow<'static, str>, Cow<'static, str>)],
        otherwise: Otherwise,
    ) -> Self {
        Self::Map(ValueMap { values: Words(Cow::Borrowed(values)), otherwise })
    }

    /// [`Transform::Boolean`].
    #[must_use]
    pub const fn boolean(
        truths: &'static [Cow<'static, str>],
        falsehoods: &'static [Cow<'static, str>],
    ) -> Self {
        Self::Boolean(TruthWords { truths: Cow::Borrowed(truths), falsehoods: Cow::Borrowed(falsehoods) })
    }

    /// [`Transform::Date`].
    #[must_use]
    pub const fn date(form: &'static str) -> Self {
        Self::Date(Cow::Borrowed(form))
    }

    /// [`Transform::Instant`].
    #[must_use]
    pub const fn instant(form: &'static str) -> Self {
        Self::Instant(Cow::Borrowed(form))
    }

    /// [`Transform::Scale`].
    #[must_use]
    pub const fn scale(factor: &'static str) -> Self {
        Self::Scale(Literal::new(factor))
    }

    /// [`Transform::Round`].
    #[must_use]
    pub const fn round(decimals: u32) -> Self {
        Self::Round(decimals)
    }

    /// [`Transform::Split`].
    #[must_use]
    pub const fn split(separator: &'static str) -> Self {
        Self::Split(Cow::Borrowed(separator))
    }

    /// [`Transform::Default`].
    #[must_use]
    pub const fn default(value: &'static str) -> Self {
        Self::Default(Literal::new(value))
    }
}
