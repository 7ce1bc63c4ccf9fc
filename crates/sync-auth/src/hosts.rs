//! Which addresses may be called.

use url::{Host, Url};

/// The hosts that a provider's addresses have, by the end of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostRule {
    /// `example.com` allows itself and every host below it.
    pub suffixes: Vec<String>,
    /// Whether this machine is allowed as well, also by plain `http` and at any port: for tests and simulated
    /// providers. Default no.
    pub loopback: bool,
}

impl HostRule {
    /// A rule for these ends of names.
    #[must_use]
    pub fn new(suffixes: &[&str]) -> Self {
        Self { suffixes: suffixes.iter().map(|suffix| (*suffix).to_owned()).collect(), loopback: false }
    }

    /// The same, and this machine.
    #[must_use]
    pub fn or_loopback(self) -> Self {
        Self { loopback: true, ..self }
    }

    /// Whether an address is one of the provider's: `https` at the usual port, without a user, at an allowed host.
    ///
    /// ```
    /// let rule = sync_auth::HostRule::new(&["example.com"]);
    /// assert!(rule.allows(&"https://acme.example.com/services".parse().unwrap()));
    /// assert!(!rule.allows(&"https://acme.example.com.evil.test/".parse().unwrap()));
    /// assert!(!rule.allows(&"http://169.254.169.254/latest".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn allows(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        if self.loopback && is_loopback(url) {
            return matches!(url.scheme(), "http" | "https");
        }
        let Some(Host::Domain(host)) = url.host() else { return false };
        let is_below = |suffix: &String| {
            host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        url.scheme() == "https" && url.port().is_none() && self.suffixes.iter().any(is_below)
    }
}

/// Whether an address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
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

    fn allows(rule: &HostRule, url: &str) -> bool {
        rule.allows(&url.parse().unwrap())
    }

    #[test]
    fn only_the_providers_own_hosts_are_allowed() {
        let rule = HostRule::new(&["salesforce.example", "force.example"]);
        for good in
            ["https://salesforce.example", "https://a.b.force.example/x?y", "https://A.Force.Example/"]
        {
            assert!(allows(&rule, good), "{good}");
        }
        for bad in [
            "http://acme.force.example",
            "https://acme.force.example:8443",
            "https://evilforce.example",
            "https://force.example.evil.test",
            "https://user@acme.force.example",
            "https://:pass@acme.force.example",
            "https://127.0.0.1",
            "https://[::1]/",
            "https://localhost/",
            "https://10.0.0.1/",
            "ftp://acme.force.example",
            "https://evil.test/acme.force.example",
            "https://evil.test#acme.force.example",
        ] {
            assert!(!allows(&rule, bad), "{bad}");
        }
    }

    #[test]
    fn this_machine_is_allowed_only_on_request() {
        let rule = HostRule::new(&["force.example"]).or_loopback();
        assert!(allows(&rule, "http://127.0.0.1:8080/") && allows(&rule, "http://localhost:1/"));
        assert!(allows(&rule, "https://acme.force.example/"));
        assert!(!allows(&rule, "http://acme.force.example/") && !allows(&rule, "http://10.0.0.1/"));
        assert!(!allows(&rule, "file://localhost/etc/passwd"));
    }
}
