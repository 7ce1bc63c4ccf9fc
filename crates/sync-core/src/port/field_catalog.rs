//! The custom fields that are known.

use async_trait::async_trait;

use crate::{KnownField, Scope, StoreError};

/// Keeps what is known of the custom fields of each connection and entity.
///
/// - **INV-FLD-1** There is one entry per tenant, connection, entity and name. Saving it again replaces it, except
///   for when the field was first seen.
/// - **INV-FLD-2** Holders of the same fields take turns: what one reads after it holds them stays true until its
///   transaction ends.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait FieldCatalog<Tx: Send + Sync + 'static>: Send + Sync {
    /// Every field of the scope's entity, those that are gone as well, by name; `None` before anything was saved,
    /// be it that there are none.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn known_fields(&self, tx: &mut Tx, scope: &Scope) -> Result<Option<Vec<KnownField>>, StoreError>;

    /// Waits until no other transaction holds the fields of the scope's entity, and holds them for this one.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn hold_fields(&self, tx: &mut Tx, scope: &Scope) -> Result<(), StoreError>;

    /// Saves fields of the scope's entity; with none, that there are none so far. Names are distinct.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn save_fields(&self, tx: &mut Tx, scope: &Scope, fields: &[KnownField]) -> Result<(), StoreError>;
}
