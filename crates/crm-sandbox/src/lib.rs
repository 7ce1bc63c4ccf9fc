#![doc = include_str!("../README.md")]

pub mod clock;
mod csv_rows;
pub mod faults;
pub mod hubspot;
pub mod salesforce;
mod wire;
mod words;

pub use clock::SimClock;
pub use faults::{Fault, FaultRule};
pub use hubspot::HubspotSandbox;
pub use salesforce::SalesforceSandbox;
