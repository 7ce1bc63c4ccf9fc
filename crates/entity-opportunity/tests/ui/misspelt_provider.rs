//! A provider's key is misspelt where its source is taken.

use entity_opportunity::OpportunityProvider;

fn main() {
    let _ = OpportunityProvider::Hubsport.detection();
}
