//! A simulated HubSpot account, written from HubSpot's public documentation.

mod auth;
mod control;
pub mod evolve;
pub mod generate;
mod http;
mod limits;
pub mod model;
mod render;
mod sandbox;
pub mod schema;
mod search;
mod settings;
mod state;
pub mod webhooks;
mod write;

pub use auth::Credentials;
pub use control::{ChangeSource, HubspotControl, LinkSpec, RowChange, RowChanges};
pub use sandbox::{AccountSource, HubspotSandbox, Running, SandboxBuilder, StartError};
pub use settings::HubspotSettings;
pub use state::RequestKind;
pub use write::{Properties, RowError, RowFailure, RowRule};
