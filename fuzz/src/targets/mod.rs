//! What is fed.

mod callback;
mod entity_yaml;
mod sealed;
mod soql;
mod webhooks;

/// A function that reads what comes from outside.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Panics where something does not hold.
    pub(crate) run: fn(&[u8]),
    pub(crate) seeds: &'static [&'static [u8]],
    /// Words that mean something to it.
    pub(crate) words: &'static [&'static [u8]],
}

/// All of them, by name.
pub(crate) const ALL: &[Target] = &[
    callback::TARGET,
    entity_yaml::TARGET,
    webhooks::HUBSPOT_BODY,
    webhooks::HUBSPOT_SIGNATURE,
    webhooks::SALESFORCE_MESSAGE,
    sealed::TARGET,
    soql::TARGET,
];

/// A second of a target, for its test.
#[cfg(test)]
fn fed(target: &Target) {
    let outcome = crate::runner::run(target, 1, std::time::Duration::from_secs(1));
    if let Some(failure) = outcome.failure {
        panic!("{}: {}", failure.why, failure.shown());
    }
    assert!(outcome.inputs > 10, "only {} inputs", outcome.inputs);
}
