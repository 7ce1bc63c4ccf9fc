#![doc = include_str!("../README.md")]

mod authenticator;
mod classify;
#[cfg(feature = "contract-tests")]
pub mod contract;
mod endpoint;
mod error;
mod flight;
mod retry;
mod store;
mod strategy;
mod token;

pub use authenticator::{Authenticator, AuthenticatorBuilder};
pub use endpoint::{ClientCredential, CredentialPlacement, EndpointOptions, TokenEndpoint};
pub use error::{AuthError, DeadGrant, SharedError};
pub use retry::{Unauthorised, with_auth_retry};
pub use secrecy::{ExposeSecret, SecretString};
pub use store::{MemoryTokenStore, StoredToken, TokenStore, TokenStoreError};
pub use strategy::{
    AuthStrategy, ClientCredentials, Grant, JwtBearer, JwtBearerConfig, RefreshToken, StaticToken,
    TokenRequest,
};
pub use token::AccessToken;
#[cfg(feature = "mocks")]
pub use {store::MockTokenStore, strategy::MockAuthStrategy};
