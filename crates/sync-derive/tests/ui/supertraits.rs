//! The traits that every record needs beside the derived one.

use sync_core::Canonical;

#[derive(Canonical)]
#[canonical(entity = "deal")]
struct Deal {
    name: String,
}

fn main() {}
