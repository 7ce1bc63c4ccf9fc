//! One field, marked and of the right type, holds the custom fields.

use sync_core::{Canonical, CustomFields};

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Two {
    #[canonical(custom)]
    custom: CustomFields,
    #[canonical(custom)]
    more: CustomFields,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Renamed {
    #[canonical(custom, rename = "extras")]
    custom: CustomFields,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct WrongType {
    #[canonical(custom)]
    custom: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Unmarked {
    extras: CustomFields,
    more: Option<sync_core::CustomFields>,
}

fn main() {}
