//! Keeping a refresh token that the provider replaces.

use std::io::Write;
use std::path::Path;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sync_wiring::auth::{MemoryTokenStore, StoredToken, TokenStore, TokenStoreError};
use sync_wiring::core::ConnectionKey;

use crate::config::Secret;

/// The grant of the configuration. One that came from a file is written back to it when the provider replaces
/// it, before the new access token is used; one from the environment can't be, and is told of.
pub(super) struct GrantStore {
    origin: Secret,
    kept: MemoryTokenStore,
}

impl GrantStore {
    /// The grant named by `origin`.
    pub(super) fn new(origin: Secret) -> Self {
        Self { origin, kept: MemoryTokenStore::default() }
    }

    /// What is kept, unless the file has another refresh token by now: then another process replaced it, or an
    /// operator connected anew.
    async fn known(&self, key: &ConnectionKey) -> Result<Option<StoredToken>, TokenStoreError> {
        let kept = self.kept.load(key).await?;
        if kept.is_some() && matches!(self.origin, Secret::Env(_)) {
            return Ok(kept);
        }
        let token = self
            .origin
            .read("refresh token")
            .map_err(|error| TokenStoreError::new("the refresh token can't be read").caused_by(error))?;
        let is_newest = |kept: &StoredToken| {
            let known = kept.refresh_token.as_ref();
            known.is_some_and(|known| known.expose_secret() == token.expose_secret())
        };
        let kept = kept.filter(is_newest);
        Ok(Some(kept.unwrap_or_else(|| StoredToken::from_refresh_token(token))))
    }

    fn write_back(&self, new: &SecretString) -> Result<(), TokenStoreError> {
        match &self.origin {
            // Gone with this process, as the configuration is.
            Secret::Held(_) => Ok(()),
            Secret::Env(name) => {
                tracing::error!(
                    variable = name,
                    "the provider replaced the refresh token; the one in the environment is spent now: connect again and keep the token by refresh_token_file, or turn rotation off"
                );
                Ok(())
            }
            Secret::File(path) => replace(path, new.expose_secret()).map_err(|error| {
                TokenStoreError::new("the refresh token can't be written back").caused_by(error)
            }),
        }
    }
}

#[async_trait]
impl TokenStore for GrantStore {
    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredToken>, TokenStoreError> {
        self.known(key).await
    }

    async fn save(&self, key: &ConnectionKey, token: &StoredToken) -> Result<(), TokenStoreError> {
        if let Some(new) = &token.refresh_token {
            let old = self.known(key).await?.and_then(|known| known.refresh_token);
            if old.is_none_or(|old| old.expose_secret() != new.expose_secret()) {
                self.write_back(new)?;
            }
        }
        self.kept.save(key, token).await
    }
}

/// Replaces a file's content in one step, readable by its owner only, safe against a crash at any instant.
fn replace(path: &Path, content: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".hexsync-new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&beside)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&beside, path)?;
    // The new name is durable once its directory is.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(dir)?.sync_all()
}
