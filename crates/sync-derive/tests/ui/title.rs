//! The title is a field of the record that holds text.

use sync_core::Canonical;

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "nmae")]
struct Unknown {
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "stage")]
struct Renamed {
    #[canonical(rename = "stage_name")]
    stage: String,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "amount")]
struct NoText {
    amount: Option<i64>,
}

fn main() {}
