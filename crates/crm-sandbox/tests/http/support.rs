//! A running org and a client for it.

use crm_sandbox::SalesforceSandbox;
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::{Running, SalesforceControl, SandboxBuilder};
use reqwest::Method;
pub(crate) use serde_json::{Value as Json, json};

pub(crate) const V: &str = "/services/data/v66.0";

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

impl World {
    /// An org with these rows, and a session for it.
    pub(crate) async fn with(spec: OrgSpec) -> Self {
        Self::start(SalesforceSandbox::builder().org(spec)).await
    }

    pub(crate) async fn empty() -> Self {
        Self::with(OrgSpec::default()).await
    }

    pub(crate) async fn start(builder: SandboxBuilder) -> Self {
        let running = builder.start().await.unwrap();
        let token = running.control().open_session();
        Self { running, http: reqwest::Client::new(), token }
    }

    pub(crate) fn control(&self) -> &SalesforceControl {
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

    pub(crate) async fn delete(&self, path: &str) -> (u16, Json) {
        self.call(Method::DELETE, path, None).await
    }

    /// Inserts a row over the API and returns its id.
    pub(crate) async fn create(&self, object: &str, body: Json) -> String {
        let (status, made) = self.post(&format!("{V}/sobjects/{object}"), body).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn query(&self, soql: &str) -> (u16, Json) {
        self.query_at("query", soql).await
    }

    pub(crate) async fn query_at(&self, resource: &str, soql: &str) -> (u16, Json) {
        let request = self.request(Method::GET, &format!("{V}/{resource}")).query(&[("q", soql)]);
        read(request.send().await.unwrap()).await
    }

    /// Records of a query that must fit one page.
    pub(crate) async fn records(&self, soql: &str) -> Vec<Json> {
        let (status, page) = self.query(soql).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(page["done"], true);
        page["records"].as_array().unwrap().clone()
    }

    /// Posts a form to an OAuth endpoint.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (u16, Json) {
        let url = format!("{}/services/oauth2/{path}", self.running.base_url());
        read(self.http.post(url).form(fields).send().await.unwrap()).await
    }
}

pub(crate) async fn read(response: reqwest::Response) -> (u16, Json) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    let json = if body.is_empty() { Json::Null } else { serde_json::from_slice(&body).unwrap() };
    (status, json)
}

/// The code of a refusal on data calls.
pub(crate) fn code(body: &Json) -> &str {
    body[0]["errorCode"].as_str().unwrap_or("")
}
