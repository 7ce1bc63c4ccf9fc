//! What the authorisation-code flow has to know of Salesforce.

use async_trait::async_trait;
use sync_auth::connect::{Account, AccountIdentity, Answer, OAuthProvider};
use sync_auth::{AuthError, HostRule};
use url::{ParseError, Url};

/// Where orgs live, those of governments included.
const HOSTS: [&str; 3] = ["salesforce.com", "force.com", "salesforce.mil"];

/// Refresh tokens that a user may have per connected app; the oldest goes first.
const GRANT_LIMIT: u64 = 5;

/// Salesforce, signed in to at `login_url`: `https://login.salesforce.com`, `https://test.salesforce.com` for
/// sandboxes, or an org's own address. A login at this machine, as a simulated one has, allows instances there too.
///
/// # Errors
/// When `login_url` can't be the base of an address.
///
/// ```
/// let provider = provider_salesforce::oauth_provider(&"https://test.salesforce.com".parse().unwrap()).unwrap();
/// assert_eq!(provider.token_url.as_str(), "https://test.salesforce.com/services/oauth2/token");
/// ```
pub fn oauth_provider(login_url: &Url) -> Result<OAuthProvider, ParseError> {
    let hosts = HostRule::new(&HOSTS);
    let is_here = hosts.clone().or_loopback().allows(login_url) && !hosts.allows(login_url);
    Ok(OAuthProvider {
        provider: "salesforce".into(),
        label: "Salesforce".to_owned(),
        authorise_url: login_url.join("/services/oauth2/authorize")?,
        token_url: login_url.join("/services/oauth2/token")?,
        revoke_url: Some(login_url.join("/services/oauth2/revoke")?),
        scopes: ["api", "refresh_token", "id"].map(str::to_owned).to_vec(),
        optional_scopes: None,
        extra: Vec::new(),
        instance_hosts: Some(if is_here { hosts.or_loopback() } else { hosts }),
        grant_limit: Some(GRANT_LIMIT),
    })
}

/// Reads org and user out of the identity URL that every token answer has, `…/id/ORG/USER`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SalesforceIdentity;

#[async_trait]
impl AccountIdentity for SalesforceIdentity {
    async fn identify(&self, answer: &Answer<'_>) -> Result<Account, AuthError> {
        let url = answer.text("id").and_then(|text| Url::parse(&text).ok());
        let ids = url.as_ref().and_then(|url| {
            let mut segments = url.path_segments()?.rev().filter(|segment| !segment.is_empty());
            let (user, org) = (segments.next()?, segments.next()?);
            (is_id(org, "00D") && is_id(user, "005")).then(|| (org.to_owned(), user.to_owned()))
        });
        let Some((id, user)) = ids else {
            let code = "no_identity_url".to_owned();
            return Err(AuthError::Configuration { code, detail: None });
        };
        let host = answer.access.instance_url.as_ref().and_then(Url::host_str);
        Ok(Account { id, label: host.map(str::to_owned), user_id: Some(user), user_label: None })
    }
}

fn is_id(text: &str, prefix: &str) -> bool {
    matches!(text.len(), 15 | 18)
        && text.starts_with(prefix)
        && text.bytes().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use sync_auth::AccessToken;

    use super::*;

    async fn identify(id: &str) -> Result<Account, AuthError> {
        let access = AccessToken {
            secret: "x".into(),
            instance_url: Some("https://acme.my.salesforce.com".parse().unwrap()),
            issued_at: chrono::DateTime::UNIX_EPOCH,
            expires_at: None,
        };
        let fields = serde_json::from_value(serde_json::json!({ "id": id })).unwrap();
        let answer = Answer { access: &access, fields: &fields, now: access.issued_at };
        SalesforceIdentity.identify(&answer).await
    }

    #[tokio::test]
    async fn identity_url_names_org_and_user() {
        let url = "https://login.salesforce.com/id/00DDn000000ZyXwMAK/005Dn000001ABcdIAG";
        let account = identify(url).await.unwrap();
        assert_eq!(
            (account.id.as_str(), account.user_id.as_deref()),
            ("00DDn000000ZyXwMAK", Some("005Dn000001ABcdIAG"))
        );
        assert_eq!(account.label.as_deref(), Some("acme.my.salesforce.com"));
    }

    #[tokio::test]
    async fn what_is_no_identity_url_is_refused() {
        for wrong in [
            "",
            "not a url",
            "https://login.salesforce.com/id/00DDn000000ZyXwMAK",
            "https://login.salesforce.com/id/005Dn000001ABcdIAG/00DDn000000ZyXwMAK",
            "https://login.salesforce.com/id/00D/005",
        ] {
            identify(wrong).await.unwrap_err();
        }
    }

    #[test]
    fn instances_are_salesforces_own_unless_the_login_is_here() {
        let rule = |login: &str| oauth_provider(&login.parse().unwrap()).unwrap().instance_hosts.unwrap();
        let here: Url = "http://127.0.0.1:9/".parse().unwrap();
        assert!(!rule("https://login.salesforce.com").allows(&here));
        assert!(rule("https://login.salesforce.com").allows(&"https://a.my.salesforce.com".parse().unwrap()));
        assert!(rule("http://127.0.0.1:1234").allows(&here));
    }
}
