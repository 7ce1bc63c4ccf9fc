//! Why an account was not connected.

use sync_core::StoreError;

use super::callback::CallbackError;
use crate::error::AuthError;
use crate::vault::VaultError;

/// Why an account was not connected. Messages are for the person at the browser or the operator; none holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No app is configured for this provider.
    #[error("no app is configured for provider `{0}`; configure one, or correct the address")]
    UnknownProvider(String),
    /// The page to go to afterwards is not one of the application's.
    #[error("the page to return to is not allowed; begin again from the application")]
    ReturnPath,
    /// The answer can't be read.
    #[error("the answer of the provider can't be used: {0}; begin again")]
    Callback(#[from] CallbackError),
    /// Nobody of this tenant began it, or long ago.
    #[error("this authorisation was not begun here, or too long ago; begin again")]
    UnknownState,
    /// It was finished before.
    #[error("this authorisation was finished already; begin again if the account is not connected")]
    UsedState,
    /// Its time is over.
    #[error("this authorisation took too long; begin again")]
    ExpiredState,
    /// Somebody else began it.
    #[error("this authorisation was begun by another user; begin again as yourself")]
    WrongUser,
    /// It was begun in another browser.
    #[error("this authorisation was begun in another browser; begin again in this one")]
    WrongBrowser,
    /// It was begun for another provider.
    #[error("this authorisation was begun for another provider; begin again")]
    WrongProvider,
    /// The provider or its user said no.
    #[error("access was not granted ({code}); begin again, or ask an administrator of the account")]
    Refused {
        /// The provider's code.
        code: String,
        /// The provider's words.
        detail: Option<String>,
    },
    /// The connection is another account's, whose records would be mixed up with this one's.
    #[error(
        "this connection belongs to account {known}, and {found} was authorised; sign in to the right account, or connect it as a connection of its own"
    )]
    OtherAccount {
        /// The account it belongs to.
        known: String,
        /// The account that was authorised.
        found: String,
    },
    /// The grant can't be refreshed.
    #[error("the provider gave no refresh token; let the app ask for offline access")]
    NoRefreshToken,
    /// The code was not exchanged.
    #[error("the provider's code could not be exchanged: {0}")]
    Exchange(#[from] AuthError),
    /// The store failed.
    #[error("the connection could not be kept; try again")]
    Store(#[from] StoreError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The tokens could not be sealed.
    #[error("the tokens could not be sealed; check the keys")]
    Sealing,
}

impl ConnectError {
    /// Whether the person at the browser can do something about it, rather than the operator.
    #[must_use]
    pub fn is_the_visitors(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Vault(_) | Self::Sealing | Self::Exchange(_))
    }
}
