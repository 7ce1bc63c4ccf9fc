//! A simulated Salesforce org, written from Salesforce's public guides.

mod auth;
mod control;
pub mod evolve;
pub mod generate;
mod http;
pub mod model;
pub mod outbound;
mod sandbox;
pub mod schema;
mod settings;
pub mod soql;
mod state;
pub mod write;

pub use auth::{Credentials, KeyError};
pub use control::{RowChange, RowChanges, SalesforceControl};
pub use sandbox::{OrgSource, Running, SalesforceSandbox, SandboxBuilder, StartError};
pub use settings::SalesforceSettings;
pub use state::RequestKind;
pub use write::{DuplicateRule, RowFailure, RowRule};
