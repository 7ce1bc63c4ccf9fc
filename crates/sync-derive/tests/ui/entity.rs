//! An entity has a name in lower snake case.

use sync_core::Canonical;

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
struct Missing {
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "LineItem")]
struct Camel {
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "")]
struct Empty {
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "2nd_deal")]
struct Digit {
    name: String,
}

fn main() {}
