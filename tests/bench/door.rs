//! The simulated CRMs as the contenders find them, and the floor's own way in: plain requests with a token that does
//! not end.

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Crm {
    /// A Salesforce org, 2,000 records a page.
    Salesforce,
    /// A HubSpot account, 100 records a page.
    Hubspot,
}

impl Crm {
    /// The provider's key; the bench names its connections after it.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::Hubspot => "hubspot",
        }
    }
}

/// Where a simulated CRM is, and how to get in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Door {
    /// Which CRM it is.
    pub(crate) crm: Crm,
    /// `http://127.0.0.1:…`.
    pub(crate) url: String,
    /// An access token.
    pub(crate) token: String,
    /// Opportunities that are neither deleted nor archived.
    pub(crate) n_live: usize,
}

/// Fetches pages.
#[derive(Clone)]
pub(crate) struct Feed {
    door: Door,
    client: reqwest::Client,
}

impl Feed {
    pub(crate) fn new(door: &Door) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { door: door.clone(), client })
    }

    /// The path of a query's first page.
    pub(crate) fn query_path(&self, soql: &str) -> String {
        let encoded: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        format!("/services/data/v66.0/queryAll?q={encoded}")
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Bytes> {
        let url = format!("{}{path}", self.door.url);
        let answer = self.client.get(url).bearer_auth(&self.door.token).send().await?;
        answer.error_for_status().context("the simulated CRM")?.bytes().await.context("a page")
    }
}
