//! The application's own view of an opportunity.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sync_core::{Canonical, CustomFields, ExternalId};

/// A deal: what may be sold, to whom, for how much and by when.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "opportunity", title = "name")]
pub struct Opportunity {
    /// Name.
    pub name: Option<String>,
    /// Stage, as the CRM spells it; values that are new there are kept as they come.
    pub stage: Option<String>,
    /// Expected value in the org's currency, exact.
    pub amount: Option<Decimal>,
    /// Likelihood of winning, percent.
    pub probability: Option<Decimal>,
    /// Expected or actual day of closing.
    pub close_date: Option<NaiveDate>,
    /// Whether the deal is decided.
    pub closed: Option<bool>,
    /// Whether it was won.
    pub won: Option<bool>,
    /// New or existing business, as the CRM spells it.
    pub kind: Option<String>,
    /// Where the deal came from, as the CRM spells it.
    pub lead_source: Option<String>,
    /// What comes next.
    pub next_step: Option<String>,
    /// The account's external id.
    pub account: Option<ExternalId>,
    /// The owning user's external id.
    pub owner: Option<ExternalId>,
    /// Fields that the customer added, by the CRM's name.
    #[canonical(custom)]
    pub custom: CustomFields,
}
