//! The calls to __Product__. This is what is still to be written.

use std::sync::Arc;

use sync_auth::Authenticator;
use sync_core::{ExternalId, RemoteField, SourceError};
use sync_detection::{FieldMapping, Filter};

use crate::cursor::Position;

/// An account of __Product__; cloning shares it.
#[derive(Clone)]
pub struct __Provider__Client {
    authenticator: Arc<Authenticator>,
}

/// What is asked for: an object, its fields, and which of its records count.
pub(crate) struct Ask<'a> {
    pub(crate) object: &'static str,
    pub(crate) mapping: &'static [FieldMapping],
    pub(crate) filters: &'a [Filter],
}

/// A page of an answer.
pub(crate) struct Page<I, P> {
    pub(crate) items: Vec<I>,
    /// Where the next page begins; `None` after the last.
    pub(crate) next: Option<P>,
}

impl __Provider__Client {
    /// An account that is signed in to by this.
    #[must_use]
    pub fn new(authenticator: Authenticator) -> Self {
        Self { authenticator: Arc::new(authenticator) }
    }

    /// Signs in.
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Records, as JSON, that changed after a position, in the order of stamp and id, up to __Product__'s own time
    /// when the run began.
    pub(crate) async fn changed(
        &self,
        ask: &Ask<'_>,
        _after: Option<&Position>,
    ) -> Result<Page<String, Position>, SourceError> {
        let Ask { object, mapping, filters } = ask;
        Err(not_written(
            "__Provider__Client::changed",
            &format!(
                "ask for {object} with {} fields and {} filters, ordered by stamp and id",
                mapping.len(),
                filters.len()
            ),
        ))
    }

    /// Records, as JSON, by their ids; ids that are gone are left out.
    pub(crate) async fn by_ids(&self, ask: &Ask<'_>, ids: &[ExternalId]) -> Result<Vec<String>, SourceError> {
        let what = format!("fetch {} records of {} by id", ids.len(), ask.object);
        Err(not_written("__Provider__Client::by_ids", &what))
    }

    /// A page of all live records, as JSON with `id` and `updated_at`.
    pub(crate) async fn ids(
        &self,
        object: &str,
        _filters: &[Filter],
        _after: Option<&str>,
    ) -> Result<Page<String, String>, SourceError> {
        Err(not_written("__Provider__Client::ids", &format!("list the ids of {object}")))
    }

    /// The fields that customers added to an object.
    pub(crate) async fn custom_fields(&self, object: &str) -> Result<Vec<RemoteField>, SourceError> {
        Err(not_written("__Provider__Client::custom_fields", &format!("read what {object} is made of")))
    }
}

/// What a function answers that is still to be written.
pub(crate) fn not_written(function: &'static str, what: &str) -> SourceError {
    SourceError::Permanent { call: function, code: "NOT_WRITTEN".to_owned(), reason: format!("write it: {what}") }
}
