//! The application's own view of a user.

use sync_core::{Canonical, CustomFields, ExternalId};

/// A user of the CRM: the owner of accounts and deals.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "user", title = "name")]
pub struct User {
    /// Full name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Login name, unique across the provider.
    pub username: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Whether the user can log in.
    pub active: Option<bool>,
    /// IANA time zone.
    pub time_zone: Option<String>,
    /// The manager's external id.
    pub manager: Option<ExternalId>,
    /// Fields that the customer added, by the CRM's name.
    #[canonical(custom)]
    pub custom: CustomFields,
}
