//! The application's own view of an account.

use rust_decimal::Decimal;
use sync_core::{Canonical, CustomFields, ExternalId};

/// A company.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "account", title = "name")]
pub struct Account {
    /// Name.
    pub name: Option<String>,
    /// What the company is to us, as the CRM spells it: prospect, customer, partner, ….
    pub kind: Option<String>,
    /// Industry, as the CRM spells it.
    pub industry: Option<String>,
    /// Yearly revenue in the org's currency.
    pub annual_revenue: Option<Decimal>,
    /// Number of employees.
    pub employees: Option<i64>,
    /// Telephone number as written.
    pub phone: Option<String>,
    /// Web address as written.
    pub website: Option<String>,
    /// Street of the billing address; may hold line breaks.
    pub billing_street: Option<String>,
    /// City of the billing address.
    pub billing_city: Option<String>,
    /// State or province of the billing address.
    pub billing_state: Option<String>,
    /// Postal code of the billing address.
    pub billing_postal_code: Option<String>,
    /// Country of the billing address.
    pub billing_country: Option<String>,
    /// The parent account's external id.
    pub parent: Option<ExternalId>,
    /// The owning user's external id.
    pub owner: Option<ExternalId>,
    /// Fields that the customer added, by the CRM's name.
    #[canonical(custom)]
    pub custom: CustomFields,
}
