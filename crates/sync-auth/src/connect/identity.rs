//! Which account was connected, and by whom.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::error::AuthError;
use crate::token::AccessToken;

/// What a token endpoint said beside the tokens.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The new access token, for a question to the provider.
    pub access: &'a AccessToken,
    /// The answer without its secrets.
    pub fields: &'a Map<String, Value>,
    /// Now.
    pub now: DateTime<Utc>,
}

impl Answer<'_> {
    /// A field as text; numbers too, because some ids are numbers.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        match self.fields.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// An account of a CRM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The account's id: what the CRM's notifications name it by.
    pub id: String,
    /// What people call it.
    pub label: Option<String>,
    /// The user who granted access.
    pub user_id: Option<String>,
    /// What people call that user.
    pub user_label: Option<String>,
}

/// Finds out which account a fresh grant is for.
#[async_trait]
pub trait AccountIdentity: Send + Sync {
    /// The account.
    ///
    /// # Errors
    /// [`AuthError`] when neither the answer nor the provider tells.
    async fn identify(&self, answer: &Answer<'_>) -> Result<Account, AuthError>;
}
