//! Sealing everything anew under the active key.

use sync_core::{ConnectionKey, ConnectionStore, Resealed, StoreError, UnitOfWork};

use super::{Purpose, Vault};

const PAGE: u32 = 100;

/// What a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Sealed anew.
    pub resealed: u64,
    /// Under the active key already.
    pub current: u64,
    /// Changed by a refresh at that very moment; the refresh sealed them under the key of its process, so ask again.
    pub changed: u64,
    /// Without secrets.
    pub empty: u64,
    /// Those that can't be opened, and why: they stay as they are.
    pub unreadable: Vec<(ConnectionKey, String)>,
}

impl Rotation {
    /// Whether no other key than the active one is needed any more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.changed == 0 && self.unreadable.is_empty()
    }
}

/// Seals the secrets of all connections, of all tenants, under the active key, a page per transaction. It may be
/// stopped and repeated at any time: what is done stays done, and is not done again.
///
/// # Errors
/// [`StoreError`] of the store; what was committed before stays.
pub async fn rotate<S>(store: &S, vault: &Vault) -> Result<Rotation, StoreError>
where
    S: UnitOfWork + ConnectionStore<S::Tx>,
{
    let mut rotation = Rotation::default();
    let mut after: Option<ConnectionKey> = None;
    loop {
        let mut tx = store.begin_across_tenants().await?;
        let page = store.connections_after(&mut tx, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(rotation) };
        after = Some(last.key.clone());
        let mut wanted = Vec::new();
        for connection in page {
            let Some(sealed) = connection.sealed else {
                rotation.empty += 1;
                continue;
            };
            if sealed.key_id == vault.keys().active_id() {
                rotation.current += 1;
                continue;
            }
            let key = connection.key;
            let opened = vault.open(&key, Purpose::Tokens, &sealed.bytes);
            match opened.and_then(|secret| vault.seal(&key, Purpose::Tokens, secret)) {
                Ok(sealed) => wanted.push(Resealed { key, generation: connection.generation, sealed }),
                Err(error) => rotation.unreadable.push((key, error.to_string())),
            }
        }
        let resealed = store.reseal(&mut tx, &wanted).await?;
        store.commit(tx).await?;
        rotation.resealed += resealed;
        rotation.changed += wanted.len() as u64 - resealed;
    }
}
