//! The floor's own way to the simulated org: plain requests with a session that never ends.

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Where the simulated org is, and how to get in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Door {
    /// `http://127.0.0.1:…`.
    pub(crate) url: String,
    /// An access token.
    pub(crate) token: String,
    /// Opportunities that are not in the recycle bin.
    pub(crate) n_live: usize,
}

/// Fetches pages.
#[derive(Clone)]
pub(crate) struct Feed {
    door: Door,
    client: reqwest::Client,
}

impl Feed {
    pub(crate) fn new(door: Door) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { door, client })
    }

    /// The path of a query's first page.
    pub(crate) fn query_path(&self, soql: &str) -> String {
        let encoded: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        format!("/services/data/v66.0/queryAll?q={encoded}")
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Bytes> {
        let url = format!("{}{path}", self.door.url);
        let answer = self.client.get(url).bearer_auth(&self.door.token).send().await?;
        answer.error_for_status().context("the simulated org")?.bytes().await.context("a page")
    }
}
