//! Unknown, misplaced, doubled and badly written keys, all reported in one go.

use sync_core::{Canonical, CustomFields};

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(enity = "deal", rename = "deals")]
struct Unknown {
    #[canonical(rname = "stage_name")]
    stage: Option<String>,
    #[canonical(skip)]
    cache: Option<String>,
    #[canonical(title)]
    name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", entity = "opportunity")]
#[canonical(title)]
struct Written {
    #[canonical(rename)]
    stage: Option<String>,
    #[canonical(rename("status"))]
    status: Option<String>,
    #[canonical(rename = 7)]
    seventh: Option<String>,
    #[canonical]
    bare: Option<String>,
    #[canonical()]
    empty: Option<String>,
    #[canonical = "name"]
    assigned: Option<String>,
    #[canonical(custom = "yes")]
    custom: CustomFields,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", crate = "not a path")]
struct Path {
    name: Option<String>,
}

fn main() {}
