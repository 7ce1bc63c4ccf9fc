//! What is fed.

mod entity_yaml;
mod soql;

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
pub(crate) const ALL: &[Target] = &[entity_yaml::TARGET, soql::TARGET];
