//! A provider's fetcher that is left out, or whose name is misspelt, is the compiler's error and says what is meant.

#[test]
fn mistakes_with_providers_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
