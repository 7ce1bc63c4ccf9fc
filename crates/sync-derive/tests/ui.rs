//! What the compiler says to somebody who wrote a record wrongly: each message is at its cause and says
//! what to do.
//!
//! The golden messages are in `tests/ui/*.stderr`; after a change of wording, `TRYBUILD=overwrite` writes
//! them anew, and the difference is to be read.

#[test]
fn mistakes_are_explained_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
