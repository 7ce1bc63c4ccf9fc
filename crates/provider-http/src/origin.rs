//! Where a request may go: to the connection's own server and nowhere else.

use url::{Host, Url};

use crate::error::HttpError;
use crate::request::ApiRequest;

/// The URL of a request, guaranteed to lie on `base`'s origin.
pub(crate) fn resolve(base: &Url, request: &ApiRequest, plain_http: bool) -> Result<Url, HttpError> {
    let call = request.call;
    let invalid = |reason| HttpError::InvalidRequest { call, reason };
    if !(base.scheme() == "https" || base.scheme() == "http" && (plain_http || is_loopback(base))) {
        return Err(invalid("the base url is not https"));
    }
    // `join` is what a browser does, so `//host`, `\\host` and whole addresses all lead away; compared below.
    let mut url = base.join(&request.target).map_err(|_| invalid("the path or address is not a url"))?;
    if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
        let origin = |url: &Url| url.origin().ascii_serialization();
        return Err(HttpError::ForeignOrigin { call, expected: origin(base), found: origin(&url) });
    }
    url.set_fragment(None);
    for segment in &request.segments {
        // The URL standard drops these, so that an id would silently address its parent.
        if matches!(segment.as_str(), "" | "." | "..") {
            return Err(invalid("a path segment is empty or made of dots"));
        }
        url.path_segments_mut()
            .map_err(|()| invalid("the base url has no path"))?
            .pop_if_empty()
            .push(segment);
    }
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(base: &str, request: &ApiRequest) -> Result<String, HttpError> {
        resolve(&base.parse().unwrap(), request, false).map(Into::into)
    }

    fn to(target: &str) -> Result<String, HttpError> {
        go("https://acme.example.test", &ApiRequest::get("test", target))
    }

    #[test]
    fn paths_and_own_addresses_are_followed() {
        let cases = [
            (
                "/services/data/v66.0/query/01g-2000",
                "https://acme.example.test/services/data/v66.0/query/01g-2000",
            ),
            ("services/data", "https://acme.example.test/services/data"),
            ("https://acme.example.test/next?after=7", "https://acme.example.test/next?after=7"),
            ("https://acme.example.test:443/next", "https://acme.example.test/next"),
            ("/next#part", "https://acme.example.test/next"),
        ];
        for (target, expected) in cases {
            assert_eq!(to(target).unwrap(), expected, "{target}");
        }
    }

    #[test]
    fn addresses_elsewhere_are_not_followed() {
        for target in [
            "https://evil.example.test/next",
            "http://acme.example.test/next",
            "https://acme.example.test:8443/next",
            "https://acme.example.test.evil.test/next",
            "https://acme.example.test@evil.test/next",
            "https://user@acme.example.test/next",
            "//evil.example.test/next",
            r"\\evil.example.test\next",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "data:text/plain,x",
        ] {
            let outcome = to(target);
            assert!(matches!(outcome, Err(HttpError::ForeignOrigin { .. })), "{target}: {outcome:?}");
        }
    }

    #[test]
    fn refusal_names_both_servers_and_no_path() {
        let error = to("https://evil.example.test/token/s3cr3t?key=s3cr3t").unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("https://evil.example.test") && shown.contains("https://acme.example.test"),
            "{shown}"
        );
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn query_and_segments_are_escaped() {
        let request = ApiRequest::get("test", "/rows/").segment("a/b ?#é").query("q", "a&b=c d");
        assert_eq!(
            go("https://acme.example.test", &request).unwrap(),
            "https://acme.example.test/rows/a%2Fb%20%3F%23%C3%A9?q=a%26b%3Dc+d"
        );
        let request = ApiRequest::get("test", "/next?after=7").query("limit", "5");
        assert_eq!(
            go("https://acme.example.test", &request).unwrap(),
            "https://acme.example.test/next?after=7&limit=5"
        );
    }

    #[test]
    fn segment_that_would_address_the_parent_is_refused() {
        for segment in ["", ".", ".."] {
            let outcome = go("https://acme.example.test", &ApiRequest::get("test", "/rows").segment(segment));
            assert!(matches!(outcome, Err(HttpError::InvalidRequest { .. })), "{segment:?}: {outcome:?}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let request = ApiRequest::get("test", "/x");
        assert!(go("http://127.0.0.1:8080", &request).is_ok() && go("http://[::1]:8080", &request).is_ok());
        let outcome = go("http://acme.example.test", &request);
        assert!(matches!(outcome, Err(HttpError::InvalidRequest { .. })), "{outcome:?}");
        assert!(resolve(&"http://sandbox:8080".parse().unwrap(), &request, true).is_ok());
    }
}
