//! Connecting an account: the authorisation-code flow with proof keys (RFC 6749 section 4.1, RFC 7636), without any
//! provider's name. A provider is a value, [`OAuthProvider`]; how a browser gets here is the feature `router`.

mod callback;
mod error;
mod flow;
mod identity;
mod provider;
mod return_path;
#[cfg(feature = "router")]
pub mod router;
mod state;

pub use callback::{Callback, CallbackError, CallbackOutcome, parse_callback};
pub use error::ConnectError;
pub use flow::{ConnectApp, ConnectFlow, Connected, StartRequest, Started, Visitor};
pub use identity::{Account, AccountIdentity, Answer};
pub use provider::{OAuthProvider, OptionalScopes, give_back};
pub use return_path::check_return_path;
