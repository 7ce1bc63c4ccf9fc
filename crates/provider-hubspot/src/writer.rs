//! Writes records (reference/hubspot.md, CRM objects v3, Batch).

mod body;
mod calls;
mod links;
mod made;
mod outcome;
#[cfg(test)]
mod roundtrip;
mod send;

use std::marker::PhantomData;

use async_trait::async_trait;
use provider_http::{Delivery, DeliveryRow};
use sync_core::{
    ExternalId, FieldSet, LocalId, RemoteOp, RemoteWrite, RemoteWriter, SourceError, Subscription, Version,
    Written,
};

use crate::ToHubspot;
use crate::client::HubspotClient;
use crate::describe::ObjectDescription;
use crate::id::HubspotId;
use crate::object::{Remote, modified_property};
use crate::to::mapped;
use body::Body;
use links::Link;
use send::Sending;

/// Rows of one call (reference/hubspot.md, Batch).
const ROWS: usize = 100;

/// Writes an entity's records to one account, up to 100 in a call.
///
/// - Records are made through the entity's unique property ([`ToHubspot::KEY`]), by an upsert: one that is tried again
///   finds what the first try made. Where the account lacks the property, creates are refused with what to add; updates
///   and deletions go on without it. A contact that exists under the same e-mail address is changed instead of made.
/// - HubSpot has no precondition. A version that is expected is compared by a read, and the write is the very next call:
///   what remains is the time of two calls for at most 100 records (and, where HubSpot asks to wait in between, that
///   wait). A change within it is written over, property by property, only where both changed the same one; HubSpot's
///   history of the property keeps it. A merge within it is noticed.
/// - An update of a record that was merged away goes to the survivor, whose id is answered. Where a version was
///   expected, it is stale.
/// - Links are written after the values of all records of a call of the port, by calls of their own. In between a record
///   has its new values and its old links. Where a link fails, the record's values are written and the answer is
///   [`Written::Unknown`]; what is written then is the same again, and what is linked already is left alone.
/// - Properties that can't be written are left out, custom ones too; a write of which nothing is left is refused.
/// - Reasons hold names of properties and HubSpot's codes, none of its words, because those quote values.
pub struct HubspotWriter<T> {
    client: HubspotClient,
    entity: PhantomData<fn() -> T>,
}

impl<T: ToHubspot> HubspotWriter<T> {
    /// Writes to this account.
    #[must_use]
    pub fn new(client: HubspotClient) -> Self {
        Self { client, entity: PhantomData }
    }
}

/// A write that is ready to be sent.
#[derive(Clone)]
pub(crate) struct Row {
    /// Its place among the writes.
    pub(crate) at: usize,
    /// What failures of a batch name it by.
    pub(crate) trace: String,
    pub(crate) action: Action,
    /// Associations that the record is to have.
    pub(crate) links: Vec<Link>,
}

/// What is to be done with a row.
#[derive(Clone)]
pub(crate) enum Action {
    Create { key: String, body: Body },
    Update { id: HubspotId, body: Body, expected: Option<Version> },
    Archive { id: HubspotId },
}

impl DeliveryRow for Row {
    fn at(&self) -> usize {
        self.at
    }

    /// Also the order of sending: creates before updates before deletions.
    fn kind(&self) -> u8 {
        match self.action {
            Action::Create { .. } => 0,
            Action::Update { .. } => 1,
            Action::Archive { .. } => 2,
        }
    }

    fn per_call(&self) -> usize {
        ROWS
    }
}

/// A row to be sent, or its answer where there is nothing to send.
fn prepare<T: ToHubspot>(
    object: &ObjectDescription,
    at: usize,
    write: &RemoteWrite<T>,
) -> Result<Row, Written> {
    let own = |id: &ExternalId| {
        HubspotId::parse(id.as_str()).ok_or_else(|| Written::Refused {
            code: "MALFORMED_ID".to_owned(),
            reason: "this is no hubspot id".to_owned(),
        })
    };
    let trace = write.intent.to_string();
    let (action, links) = match &write.op {
        RemoteOp::Create { key, record, fields } => {
            key_property::<T>(object)?;
            let (body, links) = Body::of(object, record, *fields, true)?;
            (Action::Create { key: key.as_str().to_owned(), body }, links)
        }
        RemoteOp::Update { id, record, fields, expected } => {
            let id = own(id)?;
            let (body, links) = Body::of(object, record, *fields, false)?;
            if body.is_empty() && links.is_empty() {
                return Err(Written::Done { id: id.into(), version: None, created: false });
            }
            (Action::Update { id, body, expected: *expected }, links)
        }
        RemoteOp::Archive { id } => (Action::Archive { id: own(id)? }, Vec::new()),
    };
    Ok(Row { at, trace, action, links })
}

/// Whether the account has the property by which records are made.
fn key_property<T: ToHubspot>(object: &ObjectDescription) -> Result<(), Written> {
    let Some(key) = T::KEY else { return Ok(()) };
    let problem = match object.property(key).filter(|property| !property.archived) {
        None => "has no property",
        Some(property) if !property.has_unique_value => "does not require unique values of its property",
        Some(property) if !property.is_writable() => "does not let this app write the property",
        Some(_) => return Ok(()),
    };
    let name = &object.name;
    Err(Written::Refused {
        code: "NO_KEY_PROPERTY".to_owned(),
        reason: format!(
            "{name} {problem} `{key}`, by which records are made; add it to {name} as single-line text with unique values, \
             and try again"
        ),
    })
}

#[async_trait]
impl<T: ToHubspot> RemoteWriter<T> for HubspotWriter<T> {
    fn label(&self) -> String {
        format!("hubspot-write-{}", T::ENTITY)
    }

    fn writable(&self) -> FieldSet {
        match self.client.remembered(T::OBJECT) {
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
        let Remote::Object(name) = Remote::of(T::OBJECT) else {
            return Err(SourceError::Permanent {
                call: "write records",
                code: "NOT_WRITABLE".to_owned(),
                reason: format!("`{}` can only be read; write `direction: inbound`", T::OBJECT),
            });
        };
        let mut object = self.client.description(name, true).await?;
        let creates = writes.iter().any(|write| matches!(write.op, RemoteOp::Create { .. }));
        if creates && key_property::<T>(&object).is_err() {
            // It may have been added since.
            object = self.client.properties(name).await?;
        }
        let (mut delivery, mut rows) = Delivery::prepare(writes, |at, write| prepare(&object, at, write));
        rows.sort_by_key(DeliveryRow::kind);
        delivery.queue(rows);
        let mut sending = Sending {
            client: &self.client,
            object: &object,
            key: T::KEY,
            stamp: modified_property(name),
            delivery,
            again: Vec::new(),
            linked: Vec::new(),
        };
        sending.all().await?;
        Ok(sending.delivery.into_answers())
    }
}
