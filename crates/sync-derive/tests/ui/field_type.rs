//! A field of a type that the audit and the tables don't know is reported at that field.

use sync_core::Canonical;

#[derive(Clone, Debug, Default, PartialEq)]
struct Money {
    cents: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "amount")]
struct Unknown {
    name: String,
    amount: Money,
    lines: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal")]
struct Numbers {
    probability: Option<f64>,
    seats: std::option::Option<u32>,
    score: f32,
    size: i32,
}

fn main() {}
