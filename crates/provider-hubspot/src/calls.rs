//! The calls that read records, one method each.

use provider_http::ApiRequest;
use serde::Serialize;

use crate::client::HubspotClient;
use crate::error::CallError;
use crate::id::HubspotId;
use crate::plan::Plan;
use crate::search::Search;
use crate::wire::{Batch, Page, Row};

/// Ids that one batch read takes.
const BATCH: usize = 100;
/// Owners per page.
const OWNERS: &str = "500";

/// What a list shows of its records.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown<'a> {
    /// These properties.
    Properties(&'a [&'a str]),
    /// Everything that a plan asks for, and inline which records are associated.
    All(&'a Plan),
}

impl HubspotClient {
    /// A page of an object's records, live or archived ones, in the order of their ids.
    pub(crate) async fn list(
        &self,
        path: &str,
        shown: Shown<'_>,
        after: Option<&str>,
        archived: bool,
    ) -> Result<Page, CallError> {
        let call = if archived { "list archived records" } else { "list records" };
        let (properties, links) = match shown {
            Shown::Properties(names) => (names.join(","), String::new()),
            Shown::All(plan) => (plan.properties.join(","), plan.link_paths.join(",")),
        };
        // Names of properties need no escaping, and a comma that is escaped takes three characters of the address.
        let mut target = format!("{}/{path}?properties={properties}", self.crm("objects"));
        if !links.is_empty() {
            target = format!("{target}&associations={links}");
        }
        let mut request = ApiRequest::get(call, target)
            .query("limit", self.config().page_size.clamp(1, 100).to_string())
            .query("archived", archived.to_string());
        if let Some(after) = after {
            request = request.query("after", after);
        }
        self.read(request, Page::parse).await
    }

    /// A page of a search.
    pub(crate) async fn search(&self, path: &str, search: &Search<'_>) -> Result<Page, CallError> {
        let request = ApiRequest::post("search records", format!("{}/{path}/search", self.crm("objects")))
            .limiter(self.searches.clone())
            .json(search)
            .map_err(CallError::Http)?;
        self.read(request, Page::parse).await
    }

    /// Records by id. What is not there is not in the answer; a record that was merged may be there under the
    /// survivor's id.
    pub(crate) async fn batch_read(
        &self,
        path: &str,
        properties: &[String],
        ids: &[HubspotId],
    ) -> Result<Vec<Row>, CallError> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        self.batch_read_by("read records by id", path, properties, None, &ids).await
    }

    /// Records by a property with unique values, which is sent along. What is not there is not in the answer.
    pub(crate) async fn batch_read_by_key(
        &self,
        path: &str,
        property: &str,
        keys: &[String],
    ) -> Result<Vec<Row>, CallError> {
        let properties = [property.to_owned()];
        self.batch_read_by("read records by key", path, &properties, Some(property), keys).await
    }

    async fn batch_read_by(
        &self,
        call: &'static str,
        path: &str,
        properties: &[String],
        id_property: Option<&str>,
        ids: &[String],
    ) -> Result<Vec<Row>, CallError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Inputs<'a> {
            properties: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            id_property: Option<&'a str>,
            inputs: Vec<Input<'a>>,
        }
        #[derive(Serialize)]
        struct Input<'a> {
            id: &'a str,
        }

        let mut rows = Vec::with_capacity(ids.len());
        for ids in ids.chunks(BATCH) {
            let inputs = ids.iter().map(|id| Input { id }).collect();
            let request = ApiRequest::post(call, format!("{}/{path}/batch/read", self.crm("objects")))
                .json(&Inputs { properties, id_property, inputs })
                .map_err(CallError::Http)?;
            rows.extend(self.read(request, Batch::parse).await?.rows);
        }
        Ok(rows)
    }

    /// All owners, live or archived ones.
    pub(crate) async fn owners(&self, archived: bool) -> Result<Vec<Row>, CallError> {
        let mut rows = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut request = ApiRequest::get("list owners", self.crm("owners"))
                .query("limit", OWNERS)
                .query("archived", archived.to_string());
            if let Some(after) = &after {
                request = request.query("after", after);
            }
            let page = self.read(request, Page::parse).await?;
            rows.extend(page.rows);
            match page.next {
                None => return Ok(rows),
                Some(next) if after.as_ref() == Some(&next) => return Err(stands_still("list owners")),
                next => after = next,
            }
        }
    }
}

/// A list that names the same page again would be read for ever.
pub(crate) fn stands_still(call: &'static str) -> CallError {
    CallError::Garbled { call, what: "a page names itself as the next one".to_owned() }
}
