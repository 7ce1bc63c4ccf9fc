#![doc = include_str!("../README.md")]

mod authenticator;
mod classify;
pub mod connect;
#[cfg(feature = "contract-tests")]
pub mod contract;
mod endpoint;
mod error;
mod flight;
mod hosts;
mod known;
mod retry;
mod store;
mod strategy;
mod token;
mod turns;
mod vault;

pub use authenticator::{Authenticator, AuthenticatorBuilder};
pub use endpoint::{ClientCredential, CredentialPlacement, EndpointOptions, TokenEndpoint};
pub use error::{AuthError, DeadGrant, SharedError, next_step};
pub use hosts::HostRule;
pub use retry::{Unauthorised, with_auth_retry};
pub use secrecy::{ExposeSecret, SecretString};
pub use store::{
    Crowding, HeldTurn, MemoryTokenStore, Saved, StoredToken, TokenStore, TokenStoreError, Turn,
};
pub use strategy::{
    AuthStrategy, ClientCredentials, Grant, JwtBearer, JwtBearerConfig, RefreshToken, StaticToken,
    TokenRequest,
};
pub use token::AccessToken;
pub use vault::{
    Envelope, EnvelopeError, KeyError, KeyRing, Purpose, Rotation, Vault, VaultError, VaultTokenStore,
    VaultTokenStoreBuilder, new_key, rotate,
};
#[cfg(feature = "mocks")]
pub use {store::MockTokenStore, strategy::MockAuthStrategy};
