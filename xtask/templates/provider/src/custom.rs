//! The fields that customers added.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use sync_core::{ChangeStream, CustomFieldSource, RemoteField, SourceError, Subscription};

use crate::From__Provider__;
use crate::client::{__Provider__Client, not_written};

/// Lists and backfills the fields that customers added to an entity's object.
pub struct __Provider__Fields<T> {
    client: __Provider__Client,
    entity: PhantomData<fn() -> T>,
}

impl<T: From__Provider__> __Provider__Fields<T> {
    /// Asks this account.
    #[must_use]
    pub fn new(client: __Provider__Client) -> Self {
        Self { client, entity: PhantomData }
    }
}

#[async_trait]
impl<T: From__Provider__> CustomFieldSource<T> for __Provider__Fields<T> {
    async fn custom_fields(&self, _: &Subscription) -> Result<Vec<RemoteField>, SourceError> {
        self.client.custom_fields(T::OBJECT).await
    }

    fn backfill(&self, _: &Subscription, fields: &[Arc<str>]) -> ChangeStream<T> {
        let what = format!("read {} fields of every record of {}", fields.len(), T::OBJECT);
        let error = not_written("__Provider__Fields::backfill", &what);
        stream::once(async { Err(error) }).boxed()
    }
}
