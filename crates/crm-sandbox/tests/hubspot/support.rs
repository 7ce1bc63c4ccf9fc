//! A running account and a client for it.

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::hubspot::{HubspotControl, HubspotSettings, Properties, Running, SandboxBuilder};
use reqwest::Method;
pub(crate) use serde_json::{Value as Json, json};

pub(crate) const V3: &str = "/crm/v3/objects";
/// Rows of every object, some of them archived.
pub(crate) const SMALL: AccountSpec =
    AccountSpec { owners: 12, companies: 40, contacts: 420, deals: 850, tickets: 5, projects: 30 };

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

impl World {
    /// An account with these rows and without burst limits, and its private app's token.
    pub(crate) async fn with(spec: AccountSpec) -> Self {
        let settings = HubspotSettings::without_bursts();
        Self::start(HubspotSandbox::builder().account(spec).settings(settings)).await
    }

    pub(crate) async fn empty() -> Self {
        Self::with(AccountSpec::default()).await
    }

    pub(crate) async fn start(builder: SandboxBuilder) -> Self {
        let running = builder.start().await.unwrap();
        let token = running.credentials().private_app_token.clone();
        Self { running, http: reqwest::Client::new(), token }
    }

    pub(crate) fn control(&self) -> &HubspotControl {
        self.running.control()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.base_url())).bearer_auth(&self.token)
    }

    /// Status and body of a call; null when there is no body.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Json) {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Json) -> (u16, Json) {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Json) -> (u16, Json) {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Json) {
        self.call(Method::DELETE, path, None).await
    }

    /// Inserts a row by hand and returns its id.
    pub(crate) fn insert(&self, object: &str, properties: Json) -> u64 {
        self.control().insert(object, &props(properties)).unwrap()
    }

    /// All pages of a list.
    pub(crate) async fn list(&self, path: &str) -> Vec<Json> {
        let (mut rows, mut after) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.get(&format!("{path}&after={after}")).await;
            assert_eq!(status, 200, "{page}");
            rows.extend(page["results"].as_array().unwrap().iter().cloned());
            match page["paging"]["next"]["after"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => return rows,
            }
        }
    }

    pub(crate) async fn search(&self, object: &str, body: Json) -> (u16, Json) {
        self.post(&format!("{V3}/{object}/search"), body).await
    }

    /// Ids that a search finds on its first page.
    pub(crate) async fn found(&self, object: &str, body: Json) -> Vec<u64> {
        let (status, page) = self.search(object, body).await;
        assert_eq!(status, 200, "{page}");
        ids(&page)
    }

    /// Posts a form.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (u16, Json) {
        let url = format!("{}/oauth/{path}", self.running.base_url());
        read(self.http.post(url).form(fields).send().await.unwrap()).await
    }
}

pub(crate) async fn read(response: reqwest::Response) -> (u16, Json) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    let json = if body.is_empty() { Json::Null } else { serde_json::from_slice(&body).unwrap() };
    (status, json)
}

pub(crate) fn props(json: Json) -> Properties {
    match json {
        Json::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// Ids of a page's results.
pub(crate) fn ids(page: &Json) -> Vec<u64> {
    page["results"].as_array().unwrap().iter().map(id).collect()
}

pub(crate) fn id(row: &Json) -> u64 {
    row["id"].as_str().unwrap().parse().unwrap()
}

/// The category of a refusal.
pub(crate) fn category(body: &Json) -> &str {
    body["category"].as_str().unwrap_or("")
}
