//! One fetcher is left out.

use entity_opportunity::{Opportunity, OpportunityPollFetchers, opportunity_change_sources};
use sync_detection::PollFetch;

fn sources(salesforce: Box<dyn PollFetch<Opportunity>>) {
    let _ = opportunity_change_sources(OpportunityPollFetchers { salesforce });
}

fn main() {}
