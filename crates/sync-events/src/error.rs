//! What is wrong with a dispatcher's settings.

/// Why a dispatcher can't be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Nothing to deliver to.
    #[error(
        "the dispatcher has no lane; name at least one, e.g. .lane(Lane::Change, LaneOptions::default())"
    )]
    NoLane,
    /// A lane without workers or with empty batches.
    #[error("a lane needs at least one worker and batches of at least one event")]
    EmptyLane,
    /// A claim that ends at once.
    #[error("a claim has to last at least a second, or it ends while its events are delivered")]
    ShortClaim,
    /// Nothing is ever tried.
    #[error("events are to be tried at least once before they are parked")]
    NoAttempt,
}
