//! Queries as part of an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest address of a query, in bytes. Salesforce takes 16,384 for the address and all headers
/// together (414 and 431, reference/salesforce.md, Status codes); the rest is left to the headers, of which
/// an access token can take some hundred.
pub(crate) const LONGEST_URL: usize = 14_336;

/// What stands for itself in a query string: beside the unreserved characters the ones that a list of
/// fields is full of, so that addresses stay short.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b':');

/// Text as a value of a query string.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// How long [`encoded`] would be.
pub(crate) fn encoded_len(text: &str) -> usize {
    utf8_percent_encode(text, ENCODED).map(str::len).sum()
}
