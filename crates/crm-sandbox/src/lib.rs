#![doc = include_str!("../README.md")]

pub mod clock;
pub mod faults;
pub mod salesforce;

pub use clock::SimClock;
pub use faults::{Fault, FaultRule};
pub use salesforce::SalesforceSandbox;
