//! A field of a type that the audit and the tables don't know is reported at that field.

use sync_core::Canonical;

#[derive(Clone, Debug, Default, PartialEq)]
struct Money {
    cents: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "code")]
struct Deal {
    name: String,
    amount: Money,
    probability: Option<f64>,
    lines: Vec<String>,
    code: char,
}

fn main() {}
