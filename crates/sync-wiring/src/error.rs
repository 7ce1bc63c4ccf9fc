//! What can be wrong with the wiring.

use sync_core::BuildError;

/// The parts don't make a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WiringError {
    /// Parts are missing.
    #[error("{what} can't be built, these parts are missing: {}", missing.join(", "))]
    Missing {
        /// Of what.
        what: &'static str,
        /// Every missing part.
        missing: Vec<&'static str>,
    },
    /// An entity's engine lacks parts.
    #[error(transparent)]
    Engine(#[from] BuildError),
}
