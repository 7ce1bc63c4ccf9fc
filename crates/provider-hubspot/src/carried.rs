//! Records that HubSpot's calls carry: none.

use std::sync::Arc;

use sync_core::CarriedRecords;

use crate::{FromHubspot, HubspotClient};

/// How what calls of this account carry is read: not at all. An event holds one property's value, `REDACTED` where it
/// is sensitive, and no version of the record (reference/hubspot.md, Webhooks): it is a hint.
#[must_use]
pub fn carried<T: FromHubspot>(_: &HubspotClient) -> Option<Arc<dyn CarriedRecords<T>>> {
    None
}
