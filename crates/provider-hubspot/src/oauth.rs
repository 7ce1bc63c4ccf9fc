//! What the authorisation-code flow has to know of HubSpot.

use async_trait::async_trait;
use sync_auth::connect::{Account, AccountIdentity, Answer, OAuthProvider, OptionalScopes};
use sync_auth::{AuthError, ClientCredential, ExposeSecret, TokenEndpoint};
use url::{ParseError, Url};

/// HubSpot: people sign in at `app_url` (`https://app.hubspot.com`), programs call `api_url`
/// (`https://api.hubapi.com`). Users choose the account there. `scopes` have to be granted; `optional` are where the
/// account has what they are for.
///
/// # Errors
/// When an address can't be the base of another.
pub fn oauth_provider(
    app_url: &Url,
    api_url: &Url,
    scopes: &[&str],
    optional: &[&str],
) -> Result<OAuthProvider, ParseError> {
    let owned = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
    Ok(OAuthProvider {
        provider: "hubspot".into(),
        label: "HubSpot".to_owned(),
        authorise_url: app_url.join("/oauth/authorize")?,
        token_url: api_url.join("/oauth/v3/token")?,
        revoke_url: Some(api_url.join("/oauth/v3/token/revoke")?),
        scopes: owned(scopes),
        optional_scopes: Some(OptionalScopes {
            parameter: "optional_scope".to_owned(),
            scopes: owned(optional),
        }),
        extra: Vec::new(),
        instance_hosts: None,
        grant_limit: None,
    })
}

/// Reads the account's number out of a token answer; an older answer lacks it, and HubSpot is asked.
#[derive(Debug, Clone)]
pub struct HubspotIdentity {
    introspection: TokenEndpoint,
    client: ClientCredential,
}

impl HubspotIdentity {
    /// Asks at `api_url`, as the app.
    ///
    /// # Errors
    /// [`AuthError::Configuration`] when the address can't be used.
    pub fn new(api_url: &Url, client: ClientCredential) -> Result<Self, AuthError> {
        let wrong = |_| AuthError::Configuration { code: "endpoint_url".to_owned(), detail: None };
        let url = api_url.join("/oauth/v3/token/introspect").map_err(wrong)?;
        Ok(Self { introspection: TokenEndpoint::new(url)?, client })
    }
}

#[async_trait]
impl AccountIdentity for HubspotIdentity {
    async fn identify(&self, answer: &Answer<'_>) -> Result<Account, AuthError> {
        let asked;
        let answer = if answer.text("hub_id").is_some() {
            answer
        } else {
            let token = answer.access.secret.expose_secret();
            let form = [("token", token), ("token_type_hint", "access_token")];
            asked = self.introspection.ask(&form, Some(&self.client), answer.now).await?;
            &Answer { fields: &asked, ..*answer }
        };
        let Some(id) = answer.text("hub_id") else {
            return Err(AuthError::Configuration { code: "no_hub_id".to_owned(), detail: None });
        };
        Ok(Account {
            id,
            label: answer.text("hub_domain"),
            user_id: answer.text("user_id"),
            user_label: answer.text("user"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_auth::AccessToken;
    use wiremock::matchers::{body_string_contains, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn identify(server: &MockServer, fields: serde_json::Value) -> Result<Account, AuthError> {
        let now = chrono::DateTime::UNIX_EPOCH;
        let access =
            AccessToken { secret: "s3cr3t".into(), instance_url: None, issued_at: now, expires_at: None };
        let fields = serde_json::from_value(fields).unwrap();
        let client = ClientCredential::new("app", Some("hush".into()));
        let identity = HubspotIdentity::new(&server.uri().parse().unwrap(), client).unwrap();
        identity.identify(&Answer { access: &access, fields: &fields, now }).await
    }

    #[tokio::test]
    async fn new_answers_name_the_account() {
        let server = MockServer::start().await;
        let account = identify(&server, json!({"hub_id": 9001, "user_id": 77})).await.unwrap();
        assert_eq!((account.id.as_str(), account.user_id.as_deref()), ("9001", Some("77")));
        assert!(server.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn hubspot_is_asked_where_the_answer_lacks_it() {
        let server = MockServer::start().await;
        let known = json!({"active": true, "hub_id": 9001, "user_id": 77, "user": "ann@example.test",
            "hub_domain": "demo.example.test"});
        Mock::given(method("POST"))
            .and(path("/oauth/v3/token/introspect"))
            .and(body_string_contains("token=s3cr3t"))
            .respond_with(ResponseTemplate::new(200).set_body_json(known))
            .mount(&server)
            .await;
        let account = identify(&server, json!({})).await.unwrap();
        assert_eq!((account.id.as_str(), account.label.as_deref()), ("9001", Some("demo.example.test")));
        assert_eq!(account.user_label.as_deref(), Some("ann@example.test"));
    }

    #[tokio::test]
    async fn account_that_nobody_names_is_an_error() {
        let server = MockServer::start().await;
        let inactive = ResponseTemplate::new(200).set_body_json(json!({"active": false}));
        Mock::given(method("POST")).respond_with(inactive).mount(&server).await;
        let error = identify(&server, json!({})).await.unwrap_err();
        assert!(matches!(error, AuthError::Configuration { code, .. } if code == "no_hub_id"));
    }
}
