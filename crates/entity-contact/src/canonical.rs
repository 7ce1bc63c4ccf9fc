//! The application's own view of a contact.

use chrono::NaiveDate;
use sync_core::{Canonical, CustomFields, ExternalId};

/// A person, usually at an account.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "contact", title = "name")]
pub struct Contact {
    /// Full name.
    pub name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// E-mail address as written.
    pub email: Option<String>,
    /// Telephone number as written.
    pub phone: Option<String>,
    /// Mobile number as written.
    pub mobile_phone: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Where the contact came from, as the CRM spells it.
    pub lead_source: Option<String>,
    /// Day of birth.
    pub birthdate: Option<NaiveDate>,
    /// Whether the person refuses mass mail.
    pub opted_out_of_email: Option<bool>,
    /// City of the postal address.
    pub mailing_city: Option<String>,
    /// Country of the postal address.
    pub mailing_country: Option<String>,
    /// The account's external id.
    pub account: Option<ExternalId>,
    /// The owning user's external id.
    pub owner: Option<ExternalId>,
    /// Fields that the customer added, by the CRM's name.
    #[canonical(custom)]
    pub custom: CustomFields,
}
