//! The entities this program syncs, in the order in which they are best synced: parents first.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Entity {
    /// Users of the CRM.
    User,
    /// Companies.
    Account,
    /// People.
    Contact,
    /// Deals.
    Opportunity,
}

impl Entity {
    /// All, parents first.
    pub(crate) const ALL: [Self; 4] = [Self::User, Self::Account, Self::Contact, Self::Opportunity];

    /// The name in subscriptions, tables of the audit and the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Account => "account",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
        }
    }

    /// The inverse of [`name`](Self::name).
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }
}
