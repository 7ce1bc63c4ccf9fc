//! Calls of one account.

mod builder;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use provider_http::{ApiRequest, ApiResponse, Budget, HttpClient, RateLimiter};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sync_core::SourceError;
use sync_detection::Filter;
use tokio::time::Instant;

use crate::FromHubspot;
use crate::config::HubspotConfig;
use crate::describe::{ObjectDescription, ObjectSchema, ObjectSummary, PropertyDescription};
use crate::error::{CallError, into_source, is_forbidden};
use crate::object::{HS_LAST_MODIFIED, Remote, STANDARD_OBJECTS, is_path_name, standard_object};
use crate::plan::{Known, Plan, linked};
use crate::wire::unreadable;
pub use builder::HubspotClientBuilder;

/// A description this fresh serves look-ups by id without asking again.
const FRESH: Duration = Duration::from_secs(300);

/// Calls one HubSpot account. Clones share connections, tokens, pace, budget and descriptions.
#[derive(Clone)]
pub struct HubspotClient {
    http: HttpClient,
    config: Arc<HubspotConfig>,
    /// Searches are counted on their own.
    pub(crate) searches: RateLimiter,
    known: Arc<Mutex<Learnt>>,
}

/// What was learnt of the account.
#[derive(Default)]
struct Learnt {
    described: HashMap<String, (Arc<ObjectDescription>, Instant)>,
    /// The names of custom objects in paths.
    paths: HashMap<String, String>,
}

impl HubspotClient {
    /// The settings.
    #[must_use]
    pub fn config(&self) -> &HubspotConfig {
        &self.config
    }

    /// The account's budget of daily calls, to look at.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        self.http.budget()
    }

    /// What time it is in HubSpot; never ahead of it.
    #[must_use]
    pub fn server_now(&self) -> DateTime<Utc> {
        self.http.server_clock().server_now()
    }

    /// What an object is made of: its properties, as they are now.
    ///
    /// # Errors
    /// [`SourceError`]; [`SourceError::Permanent`] when there is no such object.
    pub async fn properties(&self, object: &str) -> Result<Arc<ObjectDescription>, SourceError> {
        self.describe(object).await.map_err(|error| self.source_error(error))
    }

    /// The account's custom objects; none where its plan or the token's scopes lack them.
    ///
    /// # Errors
    /// [`SourceError`] when HubSpot can't be asked.
    pub async fn schemas(&self) -> Result<Vec<ObjectSchema>, SourceError> {
        self.custom_objects().await.map_err(|error| self.source_error(error))
    }

    /// The type id of a custom object that is read by its name: what events of it are told by. `None` for HubSpot's own
    /// objects, for type ids, and for names that nobody there knows. Asked once.
    ///
    /// # Errors
    /// As [`schemas`](Self::schemas).
    pub async fn custom_object_id(&self, name: &str) -> Result<Option<String>, SourceError> {
        if name == "owners" || name.contains('/') || is_path_name(name) {
            return Ok(None);
        }
        let path = self.path_of(name).await.map_err(|error| self.source_error(error))?;
        Ok(Some(path).filter(|path| path != name))
    }

    /// What can be read: HubSpot's own objects, owners, and the customer's own objects.
    ///
    /// # Errors
    /// As [`schemas`](Self::schemas).
    pub async fn describe_global(&self) -> Result<Vec<ObjectSummary>, SourceError> {
        let standard = STANDARD_OBJECTS.iter().map(|object| ObjectSummary {
            name: object.name.to_owned(),
            label: object.name.replace('_', " "),
            type_id: Some(object.type_id.to_owned()),
            custom: false,
            modified_property: object.modified.to_owned(),
            title_property: None,
        });
        let owners = ObjectSummary {
            name: "owners".to_owned(),
            label: "owners".to_owned(),
            type_id: None,
            custom: false,
            modified_property: "updatedAt".to_owned(),
            title_property: Some("email".to_owned()),
        };
        let custom = self.schemas().await?.into_iter().filter(|schema| !schema.archived);
        let custom = custom.map(|schema| ObjectSummary {
            label: schema.labels.plural.or(schema.labels.singular).unwrap_or_else(|| schema.name.clone()),
            name: schema.name,
            type_id: Some(schema.object_type_id),
            custom: true,
            modified_property: HS_LAST_MODIFIED.to_owned(),
            title_property: schema.primary_display_property,
        });
        Ok(standard.chain([owners]).chain(custom).collect())
    }

    /// What to ask for, from the metadata as it is now.
    pub(crate) async fn plan<T: FromHubspot>(&self, filters: &[Filter]) -> Result<Plan, SourceError> {
        self.plan_with::<T>(filters, false).await
    }

    /// The same, from memory if that is fresh: for look-ups that come one by one.
    pub(crate) async fn known_plan<T: FromHubspot>(&self, filters: &[Filter]) -> Result<Plan, SourceError> {
        self.plan_with::<T>(filters, true).await
    }

    async fn plan_with<T: FromHubspot>(
        &self,
        filters: &[Filter],
        from_memory: bool,
    ) -> Result<Plan, SourceError> {
        let of = |error| self.source_error(error);
        match Remote::of(T::OBJECT) {
            Remote::Owners => Plan::new::<T>(Known::Owners, &self.config, filters),
            Remote::Links { from, to } => {
                let (parent, to) =
                    (self.description(from, from_memory).await?, self.path_of(to).await.map_err(of)?);
                Plan::new::<T>(Known::Links { parent: &parent, to }, &self.config, filters)
            }
            Remote::Object(object) => {
                let description = self.description(object, from_memory).await?;
                let mut link_paths = Vec::new();
                for link in linked::<T>() {
                    link_paths.push(self.path_of(&link).await.map_err(of)?);
                }
                let known = Known::Object { description: &description, link_paths };
                Plan::new::<T>(known, &self.config, filters)
            }
        }
    }

    pub(crate) async fn description(
        &self,
        object: &str,
        from_memory: bool,
    ) -> Result<Arc<ObjectDescription>, SourceError> {
        match self.remembered(object).filter(|_| from_memory) {
            Some(description) => Ok(description),
            None => self.properties(object).await,
        }
    }

    pub(crate) fn remembered(&self, object: &str) -> Option<Arc<ObjectDescription>> {
        let known = self.known();
        let (description, asked_at) = known.described.get(object)?;
        (asked_at.elapsed() < FRESH).then(|| Arc::clone(description))
    }

    async fn describe(&self, object: &str) -> Result<Arc<ObjectDescription>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            results: Vec<PropertyDescription>,
        }

        let path = self.path_of(object).await?;
        let request = ApiRequest::get("describe an object", self.crm("properties")).segment(path.as_str());
        let answer: Answer = self.read(request.query("archived", "false"), json).await?;
        let description = Arc::new(ObjectDescription::new(object, &path, answer.results));
        self.known().described.insert(object.to_owned(), (Arc::clone(&description), Instant::now()));
        Ok(description)
    }

    async fn custom_objects(&self) -> Result<Vec<ObjectSchema>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            results: Vec<ObjectSchema>,
        }

        let path = format!("/crm-object-schemas/{}/schemas", self.config.api_version);
        let request = ApiRequest::get("list custom objects", path);
        match self.read(request, json::<Answer>).await {
            Ok(answer) => Ok(answer.results),
            Err(error) if is_forbidden(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The name by which paths know an object. Custom objects have a type id, another one in every account.
    /// What nobody knows is left to HubSpot, which may have objects that this release has not heard of.
    pub(crate) async fn path_of(&self, name: &str) -> Result<String, CallError> {
        if is_path_name(name) {
            return Ok(standard_object(name).map_or(name, |object| object.name).to_owned());
        }
        if let Some(path) = self.known().paths.get(name) {
            return Ok(path.clone());
        }
        let schemas = self.custom_objects().await?;
        let Some(schema) = schemas.into_iter().find(|schema| !schema.archived && schema.is_named(name))
        else {
            return Ok(name.to_owned());
        };
        self.known().paths.insert(name.to_owned(), schema.object_type_id.clone());
        Ok(schema.object_type_id)
    }

    /// Makes a call that changes nothing, and reads its answer. One that can't be read is asked for again, a
    /// set number of times.
    pub(crate) async fn read<V>(
        &self,
        request: ApiRequest,
        parse: impl Fn(&Bytes) -> Result<V, String> + Send,
    ) -> Result<V, CallError> {
        let (call, request) = (request.name(), request.repeatable(true));
        let mut stuck = 0;
        loop {
            let answer = self.http.send(request.clone()).await.map_err(CallError::Http)?;
            match parse(answer.bytes()) {
                Ok(value) => return Ok(value),
                Err(what) if stuck >= self.config.restarts => return Err(CallError::Garbled { call, what }),
                Err(what) => tracing::info!(call, what, "the answer can't be read, asking again"),
            }
            tokio::time::sleep(self.config.restart_pause * 2_u32.saturating_pow(stuck)).await;
            stuck += 1;
        }
    }

    /// Makes a call once, as far as its answer goes.
    pub(crate) async fn send(&self, request: ApiRequest) -> Result<ApiResponse, CallError> {
        self.http.send(request).await.map_err(CallError::Http)
    }

    /// The path of one of the CRM's resources.
    pub(crate) fn crm(&self, resource: &str) -> String {
        versioned(resource, &self.config.api_version)
    }

    pub(crate) fn source_error(&self, error: CallError) -> SourceError {
        into_source(error, self.budget())
    }

    fn known(&self) -> MutexGuard<'_, Learnt> {
        // Entries are replaced whole, so a poisoned lock is as good as any.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `/crm/v3/objects`, or `/crm/objects/2026-03`: versions named by date come last.
pub(crate) fn versioned(resource: &str, version: &str) -> String {
    if version.starts_with('v') {
        format!("/crm/{version}/{resource}")
    } else {
        format!("/crm/{resource}/{version}")
    }
}

/// Reads a whole answer as JSON.
pub(crate) fn json<V: DeserializeOwned>(body: &Bytes) -> Result<V, String> {
    serde_json::from_slice(body).map_err(|error| unreadable(&String::from_utf8_lossy(body), &error))
}

impl fmt::Debug for HubspotClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubspotClient")
            .field("http", &self.http)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
