//! What of a call may be shown.

use std::fmt;

use http::{HeaderMap, HeaderName};
use url::Url;

/// Headers whose values say nothing about a customer. All others show their names only: a list of what to hide
/// would miss the next provider's secret.
const HARMLESS: &[&str] = &[
    "accept",
    "accept-encoding",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "retry-after",
    "server",
    "transfer-encoding",
    "user-agent",
    "vary",
];

/// Headers for a log: names, and the values of harmless ones.
#[must_use]
pub fn headers(headers: &HeaderMap) -> RedactedHeaders<'_> {
    RedactedHeaders(headers)
}

/// Headers whose `Debug` is fit for a log.
#[derive(Clone, Copy)]
pub struct RedactedHeaders<'a>(&'a HeaderMap);

impl fmt::Debug for RedactedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &HeaderName| HARMLESS.contains(&name.as_str());
        let mut map = f.debug_map();
        for (name, value) in self.0 {
            match value.to_str() {
                Ok(value) if shown(name) => map.entry(&name.as_str(), &value),
                _ => map.entry(&name.as_str(), &"[redacted]"),
            };
        }
        map.finish()
    }
}

/// The names of a URL's query parameters, e.g. `limit,q`: the values may be filters on customers' data.
#[must_use]
pub fn query_keys(url: &Url) -> String {
    let keys: Vec<_> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
    keys.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_headers_show_their_values() {
        let mut map = HeaderMap::new();
        for (name, value) in
            [("authorization", "Bearer s3cr3t"), ("x-new-key", "s3cr3t"), ("content-type", "text/csv")]
        {
            map.insert(name, value.parse().unwrap());
        }
        let shown = format!("{:?}", headers(&map));
        assert!(!shown.contains("s3cr3t"), "{shown}");
        assert!(
            shown.contains("authorization") && shown.contains("x-new-key") && shown.contains("text/csv"),
            "{shown}"
        );
    }

    #[test]
    fn query_shows_its_keys_only() {
        let url = Url::parse("https://x.test/p?q=SELECT+Email&limit=5").unwrap();
        assert_eq!(query_keys(&url), "q,limit");
        assert_eq!(query_keys(&Url::parse("https://x.test/p").unwrap()), "");
    }
}
