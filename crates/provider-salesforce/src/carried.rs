//! Records that outbound messages carry.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value as Json};
use sync_core::value::parse_instant;
use sync_core::{
    CarriedRecords, Change, FieldKind, FieldSet, Notice, SourceError, Subscription, field_index,
};

use crate::FromSalesforce;
use crate::client::SalesforceClient;
use crate::describe::ObjectDescription;
use crate::map::version;
use crate::plan::{IS_DELETED, Plan, STAMP};
use crate::record::SalesforceRecord;

/// Reads what outbound messages carry, by the entity's mapping, as partial records.
///
/// A message is used when it holds `SystemModstamp`, by which it is ordered: put that field into the message's set-up.
/// Any other is a hint, and so is one whose values can't be read, or one of an entity with filters, which a message
/// can't be held against: the record is fetched then.
///
/// A field that the message leaves out is left as it is here.
pub struct SalesforceNotices<T> {
    client: SalesforceClient,
    entity: PhantomData<fn() -> T>,
}

/// How what calls of this org carry is read.
#[must_use]
pub fn carried<T: FromSalesforce>(client: &SalesforceClient) -> Option<Arc<dyn CarriedRecords<T>>> {
    Some(Arc::new(SalesforceNotices::new(client.clone())))
}

impl<T: FromSalesforce> SalesforceNotices<T> {
    /// Types of fields are described by this org.
    #[must_use]
    pub fn new(client: SalesforceClient) -> Self {
        Self { client, entity: PhantomData }
    }
}

#[async_trait]
impl<T: FromSalesforce> CarriedRecords<T> for SalesforceNotices<T> {
    async fn carried(
        &self,
        _: &Subscription,
        notices: &[Notice],
    ) -> Result<Vec<Option<Change<T>>>, SourceError> {
        if T::detection().is_some_and(|detection| !detection.filters.is_empty()) {
            return Ok(notices.iter().map(|_| None).collect());
        }
        let object = self.client.described(T::OBJECT).await?;
        let plan = Plan::of_any_length::<T>(&object, self.client.config(), &[])?;
        Ok(notices.iter().map(|notice| change(notice, &object, &plan)).collect())
    }
}

fn change<T: FromSalesforce>(notice: &Notice, object: &ObjectDescription, plan: &Plan) -> Option<Change<T>> {
    let sent: Map<String, Json> = serde_json::from_str(notice.body.as_deref()?).ok()?;
    let stamp = parse_instant(sent.get(STAMP)?.as_str()?)?;
    if sent.get(IS_DELETED).is_some_and(|deleted| deleted != "false") {
        return None;
    }
    let custom = plan.custom.iter().map(|(name, _)| &**name);
    let mapped = T::mapping().iter().map(|mapping| &*mapping.source);
    let json = typed(&sent, object, mapped.chain(custom))?;
    let record = SalesforceRecord::parse(&json).ok()?;
    let mut value = T::from_record(&record).ok()?;
    if let Some(fields) = value.custom_mut() {
        for (name, field_type) in plan.custom.iter().filter(|(name, _)| sent.contains_key(&**name)) {
            fields.set(Arc::clone(name), record.custom(name, *field_type).ok()?);
        }
    }
    let mut covered = FieldSet::EMPTY;
    for mapping in T::mapping().iter().filter(|mapping| sent.contains_key(&*mapping.source)) {
        covered.insert(field_index::<T>(&mapping.target)?);
    }
    let change = Change::partial(notice.external_id.clone(), value, covered);
    Some(Change { version: Some(version(stamp)), ..change })
}

/// The record as JSON of the described types, with null for what was not sent. `None` where a value can't be told.
fn typed<'a>(
    sent: &Map<String, Json>,
    object: &ObjectDescription,
    names: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let mut record = Map::new();
    for name in names {
        let first = name.split('.').next().unwrap_or(name);
        let value = match sent.get(name) {
            Some(Json::String(text)) if !text.is_empty() => {
                json_of(text, object.field(name)?.field_type.kind())?
            }
            _ => Json::Null,
        };
        // Where a step of a path is null, so is the rest.
        record.insert(first.to_owned(), value);
    }
    serde_json::to_string(&Json::Object(record)).ok()
}

fn json_of(text: &str, kind: FieldKind) -> Option<Json> {
    match kind {
        FieldKind::Bool => text.parse().ok().map(Json::Bool),
        FieldKind::Int | FieldKind::Decimal => number(text),
        FieldKind::Json => None,
        FieldKind::Text | FieldKind::Link | FieldKind::Date | FieldKind::Instant => Some(text.into()),
    }
}

/// A number, when JSON keeps its digits: what a binary float would round is fetched instead.
fn number(text: &str) -> Option<Json> {
    let number: serde_json::Number = serde_json::from_str(text).ok()?;
    let written = sync_core::value::parse_decimal(text)?;
    (sync_core::value::parse_decimal(&number.to_string()) == Some(written)).then_some(Json::Number(number))
}

#[cfg(test)]
mod tests;
