//! The customer's own fields: which there are, and single ones of them for every record.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use sync_core::{
    Change, ChangeStream, CustomFieldSource, CustomFields, FieldSet, RemoteField, SourceError, Subscription,
};
use sync_detection::Filter;

use crate::FromSalesforce;
use crate::client::{SalesforceClient, Scope};
use crate::describe::{FieldDescription, FieldType, ObjectDescription};
use crate::error::CallError;
use crate::id::SalesforceId;
use crate::map::{unidentified, unreadable, version};
use crate::plan::{ID, Plan, STAMP};
use crate::record::{RecordError, SalesforceRecord};
use crate::soql::{Condition, FieldPath, Literal, Operator, Select};
use crate::walk::{Out, Stop, Walk, pages, walk};
use crate::wire::Page;

/// The custom fields of an entity's object: those the poll source reads.
///
/// A backfill asks for records that have a value in one of the fields, in the order of their ids, in as many queries
/// as it takes for their addresses to stay short enough. Of fields that can't be filtered by, or are never empty, it
/// asks for all records. Deleted records are left out, as are fields that are not there any more.
pub struct SalesforceFields<T> {
    client: SalesforceClient,
    filters: Arc<[Filter]>,
    entity: PhantomData<fn() -> T>,
}

impl<T: FromSalesforce> SalesforceFields<T> {
    /// Of all records of the object.
    #[must_use]
    pub fn new(client: SalesforceClient) -> Self {
        Self { client, filters: Arc::default(), entity: PhantomData }
    }

    /// Only of records for which all filters hold: the same ones as the poll source's.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }
}

#[async_trait]
impl<T: FromSalesforce> CustomFieldSource<T> for SalesforceFields<T> {
    async fn custom_fields(&self, _: &Subscription) -> Result<Vec<RemoteField>, SourceError> {
        let object = self.client.describe(T::OBJECT).await?;
        let plan = Plan::of_any_length::<T>(&object, self.client.config(), &self.filters)?;
        let mut fields: Vec<_> = plan
            .custom
            .into_iter()
            .map(|(name, field_type)| {
                let described = object.field(&name);
                RemoteField {
                    label: described.map(|field| field.label.clone()).filter(|label| !label.is_empty()),
                    remote_type: field_type.name(),
                    kind: field_type.kind(),
                    calculated: described.is_some_and(|field| field.calculated),
                    name,
                }
            })
            .collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(fields)
    }

    fn backfill(&self, _: &Subscription, fields: &[Arc<str>]) -> ChangeStream<T> {
        let reader = Reader::<T> {
            client: self.client.clone(),
            filters: Arc::clone(&self.filters),
            fields: fields.into(),
            entity: PhantomData,
        };
        let changes = pages(|out| reader.run(out)).map(|page| match page {
            Ok(page) => page.changes(),
            Err(error) => vec![Err(error)],
        });
        changes.flat_map(stream::iter).boxed()
    }
}

/// What to read.
struct Reader<T> {
    client: SalesforceClient,
    filters: Arc<[Filter]>,
    fields: Arc<[Arc<str>]>,
    entity: PhantomData<fn() -> T>,
}

/// A page of values.
struct ValuePage {
    page: Page,
    fields: Arc<[(Arc<str>, FieldType)]>,
}

impl<T: FromSalesforce> Reader<T> {
    async fn run(self, out: Out<ValuePage>) -> (Out<ValuePage>, Result<(), Stop>) {
        let outcome = self.read(&out).await;
        (out, outcome)
    }

    async fn read(&self, out: &Out<ValuePage>) -> Result<(), Stop> {
        let object = self.client.describe(T::OBJECT).await?;
        for query in self.queries(&object, &self.fields)? {
            walk(&mut Values { reader: self, query, after: None, out }).await?;
        }
        Ok(())
    }

    /// The queries for these fields, as far as they are there.
    fn queries(
        &self,
        object: &ObjectDescription,
        fields: &[Arc<str>],
    ) -> Result<Vec<ValueQuery>, SourceError> {
        let plan = Plan::of_any_length::<T>(object, self.client.config(), &self.filters)?;
        let (sparse, dense): (Vec<_>, Vec<_>) =
            plan.custom.iter().filter(|(name, _)| fields.contains(name)).cloned().partition(|(name, _)| {
                let can_be_asked_for =
                    |field: &FieldDescription| field.filterable && field.field_type != FieldType::Boolean;
                object.field(name).is_some_and(can_be_asked_for)
            });
        let mut queries = split(&plan, &sparse, true)?;
        queries.extend(split(&plan, &dense, false)?);
        Ok(queries)
    }
}

/// A query for some fields of every record, from the beginning.
#[derive(Debug, PartialEq)]
struct ValueQuery {
    fields: Arc<[(Arc<str>, FieldType)]>,
    select: Select,
}

/// As few queries as their length allows.
fn split(
    plan: &Plan,
    fields: &[(Arc<str>, FieldType)],
    only_with_values: bool,
) -> Result<Vec<ValueQuery>, SourceError> {
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let bad = |code: &str, reason: String| SourceError::Permanent {
        call: "plan a backfill",
        code: code.to_owned(),
        reason,
    };
    let mut paths = vec![FieldPath::known(ID), FieldPath::known(STAMP)];
    let mut condition: Option<Condition> = None;
    for (name, _) in fields {
        let path = FieldPath::new(name).map_err(|error| bad("BAD_NAME", error.to_string()))?;
        if only_with_values {
            let has_value = Condition::compare(path.clone(), Operator::Neq, Literal::Null);
            condition = Some(match condition {
                Some(others) => others.or(has_value),
                None => has_value,
            });
        }
        paths.push(path);
    }
    match plan.query_of(paths, condition) {
        Ok(select) => {
            let select = select.order_by([FieldPath::known(ID)]);
            Ok(vec![ValueQuery { fields: fields.into(), select }])
        }
        Err(_) if fields.len() > 1 => {
            let (some, others) = fields.split_at(fields.len() / 2);
            let mut queries = split(plan, some, only_with_values)?;
            queries.extend(split(plan, others, only_with_values)?);
            Ok(queries)
        }
        Err(excess) => {
            Err(bad("QUERY_TOO_LONG", format!("the filters are {excess} bytes too long for an address")))
        }
    }
}

/// The rest of a query.
struct Values<'a, T> {
    reader: &'a Reader<T>,
    query: ValueQuery,
    after: Option<SalesforceId>,
    out: &'a Out<ValuePage>,
}

impl<T: FromSalesforce> Walk for Values<'_, T> {
    const SCOPE: Scope = Scope::Live;

    fn client(&self) -> &SalesforceClient {
        &self.reader.client
    }

    fn query(&self) -> Select {
        let select = self.query.select.clone();
        match self.after {
            Some(id) => select.and(Condition::compare(FieldPath::known(ID), Operator::Gt, id.into())),
            None => select,
        }
    }

    async fn hand_over(&mut self, page: Page) -> Result<bool, Stop> {
        let id = |json| SalesforceRecord::parse(json).ok()?.id(ID).ok()?;
        let reached = page.records().rev().find_map(id).filter(|id| self.after != Some(*id));
        self.out.page(ValuePage { page, fields: Arc::clone(&self.query.fields) }).await?;
        self.after = reached.or(self.after);
        Ok(reached.is_some())
    }

    /// Fields that are gone meanwhile are left out.
    async fn describe_anew(&mut self, error: CallError) -> Result<bool, SourceError> {
        let client = &self.reader.client;
        let object = client.describe_anew(T::OBJECT).await?;
        let names: Vec<_> = self.query.fields.iter().map(|(name, _)| Arc::clone(name)).collect();
        let mut queries = self.reader.queries(&object, &names)?;
        match queries.pop() {
            None => Ok(false),
            // Fields that have to be asked for apart from now on, because of their new type, are so by the next run.
            Some(query) if queries.is_empty() && query != self.query => {
                self.query = query;
                Ok(true)
            }
            Some(_) => Err(client.source_error(error)),
        }
    }
}

impl ValuePage {
    fn changes<T: FromSalesforce>(&self) -> Vec<Result<Change<T>, SourceError>> {
        self.page.records().filter_map(|json| self.change(json)).map(Ok).collect()
    }

    /// A record's values; `None` when it has none.
    fn change<T: FromSalesforce>(&self, json: &str) -> Option<Change<T>> {
        match self.read::<T>(json) {
            Ok(change) => change,
            Err((id, error)) => {
                let id = id.map_or_else(|| unidentified(json), Into::into);
                Some(Change::new(id, unreadable(&error, json)))
            }
        }
    }

    fn read<T: FromSalesforce>(
        &self,
        json: &str,
    ) -> Result<Option<Change<T>>, (Option<SalesforceId>, RecordError)> {
        let record = SalesforceRecord::parse(json).map_err(|error| (None, error))?;
        let id =
            record.id(ID).and_then(|id| SalesforceRecord::required(ID, id)).map_err(|error| (None, error))?;
        let read = || {
            let stamp = SalesforceRecord::required(STAMP, record.instant(STAMP)?)?;
            let mut values = CustomFields::default();
            let mut is_empty = true;
            for (name, field_type) in &*self.fields {
                let value = record.custom(name, *field_type)?;
                is_empty &= value.is_null();
                values.set(Arc::clone(name), value);
            }
            let mut entity = T::default();
            let Some(custom) = entity.custom_mut().filter(|_| !is_empty) else { return Ok(None) };
            *custom = values;
            let mut change = Change::partial(id, entity, FieldSet::EMPTY);
            change.version = Some(version(stamp));
            Ok(Some(change))
        };
        read().map_err(|error| (Some(id), error))
    }
}
