//! A provider's fetcher that is left out, or whose name is misspelt, is the compiler's error and says what is meant.
//!
//! Only without features, which `cargo xtask test` sees to: the cases need none, and with all of them every case
//! would wait for the stores and providers to be compiled once more.

#![cfg(not(any(feature = "store-memory", feature = "store-sqlite", feature = "store-postgres")))]

#[test]
fn mistakes_with_providers_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
