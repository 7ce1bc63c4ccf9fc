//! Why a value can't be changed. Never holds the value.

/// Why a value can't be changed. Completes "field `X` …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TransformError {
    reason: &'static str,
}

impl TransformError {
    pub(crate) const fn new(reason: &'static str) -> Self {
        Self { reason }
    }

    /// What is wrong, to be written after the field's name: `is no date of the configured form`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}
