//! Writes records (reference/salesforce.md, Writes).

mod body;
mod calls;
mod made;
mod outcome;
#[cfg(test)]
mod roundtrip;
mod send;

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use provider_http::{Delivery, DeliveryRow};
use sync_core::{
    ExternalId, FieldSet, Jitter, LocalId, RandomJitter, RemoteOp, RemoteWrite, RemoteWriter, SourceError,
    Subscription, Version, Written,
};

use crate::ToSalesforce;
use crate::client::SalesforceClient;
use crate::describe::ObjectDescription;
use crate::id::SalesforceId;
use crate::to::{mapped, parent};
use body::Body;
use send::Sending;

/// Rows of one call (reference/salesforce.md, sObject Collections).
const ROWS: usize = 200;
/// Rows of one call in which each has a precondition of its own (reference/salesforce.md, Composite).
const GUARDED_ROWS: usize = 25;

/// Writes an entity's records to one org: up to 200 in a call, and up to 25 where versions are expected.
///
/// - Records are made through the entity's key field ([`ToSalesforce::KEY`]), by an upsert: one that is tried again
///   finds what the first try made. Where the org lacks the field, creates are refused with what to add; updates and
///   deletions go on without it.
/// - A version that is expected is compared by Salesforce itself, record by record, in the moment of writing: such
///   updates are the parts of a composite call, each with its own `If-Unmodified-Since`. Salesforce compares the last
///   change with it in whole seconds: another change within the same second as the one that is expected is not noticed.
/// - Rows of one parent go in one call, one call after the other. Rows that meet a lock are sent again a few times
///   ([`lock_tries`](crate::SalesforceConfig::lock_tries)), and then come back as [`Written::Later`].
/// - Fields that the connected user can't write are left out, custom ones too; a write of which nothing is left is
///   refused.
/// - Calls carry `Sforce-Call-Options: client=…` ([`client_name`](crate::SalesforceConfig::client_name)), by which
///   change events name their origin.
/// - Reasons hold names of fields and codes, and of Salesforce's words only those that hold no values.
pub struct SalesforceWriter<T> {
    client: SalesforceClient,
    jitter: Arc<dyn Jitter>,
    entity: PhantomData<fn() -> T>,
}

impl<T: ToSalesforce> SalesforceWriter<T> {
    /// Writes to this org.
    #[must_use]
    pub fn new(client: SalesforceClient) -> Self {
        Self { client, jitter: Arc::new(RandomJitter), entity: PhantomData }
    }

    /// Chance, for pauses between tries. Default [`RandomJitter`].
    #[must_use]
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.jitter = jitter;
        self
    }
}

/// A write that is ready to be sent.
pub(crate) struct Row {
    /// Its place among the writes.
    pub(crate) at: usize,
    pub(crate) action: Action,
    /// The parent's id, by which rows are sorted.
    parent: String,
}

/// What is to be done with a row.
pub(crate) enum Action {
    Create { key: String, body: Body },
    Update { id: SalesforceId, body: Body, expected: Option<Version> },
    Archive { id: SalesforceId },
}

impl Row {
    /// The order of sending: creates before updates before deletions, each by parent.
    fn order(&self) -> (u8, &str, usize) {
        (self.kind(), &self.parent, self.at)
    }

    /// The record, unless it has to be made first.
    fn id(&self) -> Option<SalesforceId> {
        match &self.action {
            Action::Update { id, .. } | Action::Archive { id } => Some(*id),
            Action::Create { .. } => None,
        }
    }

    /// Whether a version is expected.
    fn is_guarded(&self) -> bool {
        matches!(self.action, Action::Update { expected: Some(_), .. })
    }
}

impl DeliveryRow for Row {
    fn at(&self) -> usize {
        self.at
    }

    fn kind(&self) -> u8 {
        match self.action {
            Action::Create { .. } => 0,
            Action::Update { expected: None, .. } => 1,
            Action::Update { expected: Some(_), .. } => 2,
            Action::Archive { .. } => 3,
        }
    }

    fn per_call(&self) -> usize {
        if self.is_guarded() { GUARDED_ROWS } else { ROWS }
    }
}

/// A row to be sent, or its answer where there is nothing to send.
fn prepare<T: ToSalesforce>(
    object: &ObjectDescription,
    at: usize,
    write: &RemoteWrite<T>,
) -> Result<Row, Written> {
    let refuse_id = || Written::Refused {
        code: "MALFORMED_ID".to_owned(),
        reason: "this is no salesforce id of this object".to_owned(),
    };
    let own = |id: &ExternalId| SalesforceId::parse(id.as_str()).ok_or_else(refuse_id);
    let (action, parent) = match &write.op {
        RemoteOp::Create { key, record, fields } => {
            key_field::<T>(object)?;
            let body = Body::of(object, record, *fields, true)?;
            (Action::Create { key: key.as_str().to_owned(), body }, parent(record))
        }
        RemoteOp::Update { id, record, fields, expected } => {
            let own_id = own(id)?;
            let body = Body::of(object, record, *fields, false)?;
            if body.is_empty() {
                return Err(Written::Done { id: own_id.into(), version: None, created: false });
            }
            (Action::Update { id: own_id, body, expected: *expected }, parent(record))
        }
        RemoteOp::Archive { id } => (Action::Archive { id: own(id)? }, String::new()),
    };
    Ok(Row { at, action, parent })
}

/// Whether the org has the field by which records are made.
fn key_field<T: ToSalesforce>(object: &ObjectDescription) -> Result<(), Written> {
    let Some(key) = T::KEY else { return Ok(()) };
    let problem = match object.field(key) {
        None => "has no field",
        Some(field) if !field.external_id => "does not mark as external id the field",
        Some(field) if !field.createable => "does not let this user write the field",
        Some(_) => return Ok(()),
    };
    let name = &object.name;
    Err(Written::Refused {
        code: "NO_KEY_FIELD".to_owned(),
        reason: format!(
            "{name} {problem} `{key}`, by which records are made; add it to {name} as text of 36 characters, unique, external id, \
             writable for the connected user, and try again"
        ),
    })
}

#[async_trait]
impl<T: ToSalesforce> RemoteWriter<T> for SalesforceWriter<T> {
    fn label(&self) -> String {
        format!("salesforce-write-{}", T::ENTITY)
    }

    fn writable(&self) -> FieldSet {
        match self.client.known_object(T::OBJECT) {
            Some(object) => body::writable::<T>(&object),
            None => mapped::<T>(),
        }
    }

    fn creates_by_key(&self) -> bool {
        T::KEY.is_some()
    }

    async fn find_made(
        &self,
        _: &Subscription,
        keys: &[LocalId],
    ) -> Result<Vec<Option<ExternalId>>, SourceError> {
        made::find::<T>(&self.client, keys).await
    }

    async fn write_many(
        &self,
        _: &Subscription,
        writes: &[RemoteWrite<T>],
    ) -> Result<Vec<Written>, SourceError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let mut object = self.client.described(T::OBJECT).await?;
        let creates = writes.iter().any(|write| matches!(write.op, RemoteOp::Create { .. }));
        if creates && key_field::<T>(&object).is_err() {
            // It may have been added since.
            object = self.client.describe(T::OBJECT).await?;
        }
        let (mut delivery, mut rows) = Delivery::prepare(writes, |at, write| prepare(&object, at, write));
        rows.sort_by(|a, b| a.order().cmp(&b.order()));
        delivery.queue(rows);
        let mut sending =
            Sending { client: &self.client, jitter: &*self.jitter, object: &object, key: T::KEY, delivery };
        sending.all().await?;
        Ok(sending.delivery.into_answers())
    }
}
