//! The calls to __Product__. This is what is still to be written.

use std::sync::Arc;

use chrono::{DateTime, Utc};
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

    /// Up to when all changes can be seen: __Product__'s own time, less what it takes to show a change.
    pub(crate) async fn now(&self) -> Result<DateTime<Utc>, SourceError> {
        Err(not_written("__Provider__Client::now", "learn the time from an answer, not from this machine"))
    }

    /// Records, as JSON, that changed after a position and up to `until`, in the order of stamp and id; deleted ones
    /// with `deleted` true.
    pub(crate) async fn changed(
        &self,
        ask: &Ask<'_>,
        _after: Option<&Position>,
        until: DateTime<Utc>,
    ) -> Result<Page<String, Position>, SourceError> {
        let Ask { object, mapping, filters } = ask;
        let (fields, filters) = (mapping.len(), filters.len());
        let what = format!(
            "ask for {object} with {fields} fields and {filters} filters up to {until}, ordered by stamp and id"
        );
        Err(not_written("__Provider__Client::changed", &what))
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
