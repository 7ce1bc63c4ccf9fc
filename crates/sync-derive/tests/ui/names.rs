//! Names that a field can't have, and names that are taken.

use sync_core::Canonical;

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Kept {
    id: String,
    tenant_id: String,
    connection_id: String,
    external_id: String,
    provider: String,
    created_at: String,
    updated_at: String,
    deleted_at: String,
    custom_fields: String,
    remote_version: i64,
    #[canonical(rename = "id")]
    number: String,
    // Under another name the same thing is fine.
    #[canonical(rename = "remote_created_at")]
    remote: String,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Prefix {
    custom: String,
    #[canonical(rename = "custom.region")]
    region: String,
}

#[allow(non_snake_case)]
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Spelling {
    stageName: String,
    #[canonical(rename = "Close Date")]
    close_date: String,
    #[canonical(rename = "")]
    empty: String,
    _private: String,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Twice {
    stage: String,
    #[canonical(rename = "stage")]
    phase: String,
    #[canonical(rename = "kind")]
    r#type: String,
    kind: String,
}

fn main() {}
