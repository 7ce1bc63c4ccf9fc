//! Only a struct with named fields and without parameters is a record.

use sync_core::Canonical;

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "stage")]
enum Stage {
    #[default]
    Open,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "pair")]
struct Pair(String, String);

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "unit")]
struct Unit;

#[derive(Canonical)]
#[canonical(entity = "bits")]
union Bits {
    bits: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "generic")]
struct Generic<T: Default, const N: usize> {
    name: T,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "bounded")]
struct Bounded
where
    String: Clone,
{
    name: String,
}

// Both the missing entity and the shape are reported.
#[derive(Clone, Debug, Default, PartialEq, Canonical)]
struct Both(String);

fn main() {}
