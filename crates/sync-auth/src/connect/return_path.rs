//! Where a browser may be sent afterwards.

/// Whether a browser may be sent to `path`: a path of this application, at or below one of `allowed`. No other host
/// can be reached by it, however it is read.
///
/// ```
/// use sync_auth::connect::check_return_path;
/// let allowed = ["/settings".to_owned()];
/// assert!(check_return_path("/settings/crm?tab=2", &allowed));
/// assert!(!check_return_path("//evil.test/settings", &allowed));
/// ```
#[must_use]
pub fn check_return_path(path: &str, allowed: &[String]) -> bool {
    const LONGEST: usize = 1024;
    // Browsers drop tabs and line ends, and read a backslash as a slash.
    let plain = |c: char| !c.is_control() && c != '\\' && !c.is_whitespace();
    if path.len() > LONGEST || !path.starts_with('/') || path.starts_with("//") || !path.chars().all(plain) {
        return false;
    }
    let place = path.split(['?', '#']).next().unwrap_or_default();
    // Dots and slashes in disguise have no business here: what they mean is for others to decide.
    let lower = place.to_ascii_lowercase();
    let disguised = ["%2e", "%2f", "%5c"].iter().any(|hidden| lower.contains(hidden));
    if disguised || place.split('/').any(|segment| segment == ".." || segment == ".") || place.contains("//")
    {
        return false;
    }
    allowed.iter().any(|prefix| {
        let prefix = prefix.trim_end_matches('/');
        place.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_an_allowed_one_pass() {
        let allowed = ["/settings".to_owned(), "/app/".to_owned()];
        for good in
            ["/settings", "/settings/", "/settings/crm", "/settings?x=//evil.test", "/app", "/app/x#y"]
        {
            assert!(check_return_path(good, &allowed), "{good}");
        }
        for bad in [
            "",
            "settings",
            "/",
            "/settingsx",
            "/other",
            "//evil.test",
            "//evil.test/settings",
            "/\\evil.test",
            "\\\\evil.test",
            "https://evil.test/settings",
            "javascript:alert(1)",
            "/settings/../admin",
            "/settings/./x",
            "/settings/%2e%2e/admin",
            "/settings/%2E./admin",
            "/settings/..%2fadmin",
            "/settings//evil.test",
            "/settings\r\nset-cookie: a=b",
            "/\t/evil.test",
            " /settings",
            "/settings/\u{85}x",
        ] {
            assert!(!check_return_path(bad, &allowed), "{bad:?}");
        }
        assert!(!check_return_path(&format!("/settings/{}", "x".repeat(1024)), &allowed));
        assert!(!check_return_path("/settings", &[]));
        assert!(check_return_path("/anything", &["/".to_owned()]));
    }
}
