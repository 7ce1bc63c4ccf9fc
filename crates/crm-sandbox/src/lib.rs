#![doc = include_str!("../README.md")]

mod authorize;
pub mod clock;
mod csv_rows;
pub mod faults;
pub mod hubspot;
mod push;
mod requests;
mod row_rules;
pub mod salesforce;
mod wire;
mod words;

pub use authorize::Consent;
pub use clock::SimClock;
pub use faults::{Fault, FaultRule};
pub use hubspot::HubspotSandbox;
pub use requests::LoggedRequest;
pub use row_rules::{Rewrite, RowRule, Workflow};
pub use salesforce::SalesforceSandbox;
