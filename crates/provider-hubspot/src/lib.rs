#![doc = include_str!("../README.md")]

mod archive;
mod associations;
mod calls;
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
mod object;
mod plan;
mod poll;
mod reader;
mod record;
mod rows;
mod search;
mod wire;

pub use carried::carried;
pub use client::{HubspotClient, HubspotClientBuilder};
pub use config::{CustomFieldSelection, HubspotConfig};
pub use custom_fields::HubspotFields;
pub use fetch::HubspotFetcher;
pub use id::HubspotId;
pub use listing::HubspotListing;
pub use map::FromHubspot;
pub use object::{STANDARD_OBJECTS, StandardObject, modified_property, standard_object};
pub use poll::HubspotPollSource;
pub use record::{HubspotRecord, RecordError};
