//! A provider's key is misspelt where its fetcher is handed in.

use entity_opportunity::{Opportunity, OpportunityPollFetchers, opportunity_change_sources};
use sync_detection::PollFetch;

fn sources(salesforce: Box<dyn PollFetch<Opportunity>>, hubspot: Box<dyn PollFetch<Opportunity>>) {
    let _ = opportunity_change_sources(OpportunityPollFetchers { salesforce, hubspott: hubspot });
}

fn main() {}
