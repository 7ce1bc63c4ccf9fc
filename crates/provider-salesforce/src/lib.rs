#![doc = include_str!("../README.md")]

mod carried;
mod client;
mod config;
mod cursor;
mod custom_fields;
pub mod describe;
mod error;
mod fetch;
mod filter;
mod id;
mod listing;
mod map;
mod oauth;
mod plan;
mod poll;
mod reader;
mod record;
pub mod soql;
mod span;
mod to;
mod walk;
mod wire;
mod writer;

pub use carried::{SalesforceNotices, carried};
pub use client::{SalesforceClient, SalesforceClientBuilder};
pub use config::{CustomFieldSelection, SalesforceConfig};
pub use custom_fields::SalesforceFields;
pub use fetch::SalesforceFetcher;
pub use id::SalesforceId;
pub use listing::SalesforceListing;
pub use map::FromSalesforce;
pub use oauth::{SalesforceIdentity, oauth_provider};
pub use poll::SalesforcePollSource;
pub use record::{RecordError, SalesforceRecord};
pub use to::ToSalesforce;
pub use writer::SalesforceWriter;
