//! How a token is had.

use toml::Spanned;
use url::Url;

use super::keys::AuthKind;
use super::url;
use crate::config::reader::{Reader, Section};
use crate::config::secret::{Secret, required_secret, secret};
use crate::crm::Crm;

const SALESFORCE: &str = "https://login.salesforce.com";
pub(super) const HUBSPOT: &str = "https://api.hubapi.com";
const HUBSPOT_APP: &str = "https://app.hubspot.com";

/// How a token is had.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// A user's grant.
    RefreshToken { token_url: Url, client_id: String, client_secret: Option<Secret>, refresh_token: Secret },
    /// The application signs in as itself.
    ClientCredentials { token_url: Url, client_id: String, client_secret: Secret },
    /// The application vouches for a user.
    JwtBearer { token_url: Url, client_id: String, username: String, audience: String, private_key: Secret },
    /// A token made elsewhere, good while it lasts; with the org's address where each org has one of its own.
    AccessToken { instance_url: Option<Url>, access_token: Secret },
    /// Granted in a browser; the tokens are in the database, sealed.
    Connected(ConnectedApp),
}

/// An app that users grant access to.
#[derive(Clone, Debug)]
pub(crate) struct ConnectedApp {
    /// Where users sign in.
    pub(crate) login_url: Url,
    /// The app.
    pub(crate) client_id: String,
    /// Its secret, where it has one.
    pub(crate) client_secret: Option<Secret>,
    /// Where the browser is sent back to.
    pub(crate) redirect_url: Url,
    /// What has to be granted, where it is said.
    pub(crate) scopes: Vec<String>,
}

/// Reads the keys of one way to sign in to one CRM, whose API lives at `base_url` if that is given.
pub(super) fn read(
    reader: &mut Reader<'_>,
    section: &mut Section<'_, '_>,
    way: Option<(Crm, AuthKind)>,
    base_url: Option<&Url>,
) -> Option<Auth> {
    let (crm, kind) = way?;
    match kind {
        AuthKind::RefreshToken => refresh_token(reader, section, crm, base_url),
        AuthKind::ClientCredentials => {
            let login = login(reader, section);
            let client_id = client_id(reader, section, crm);
            let help = "where the consumer secret of the connected app is kept";
            let client_secret =
                required_secret(reader, section, "client_secret_env", "client_secret_file", help);
            Some(Auth::ClientCredentials {
                token_url: login?.token_url,
                client_id: client_id?,
                client_secret: client_secret?,
            })
        }
        AuthKind::JwtBearer => jwt_bearer(reader, section),
        AuthKind::AccessToken => access_token(reader, section, crm),
        AuthKind::Connected => connected(reader, section, crm),
    }
}

fn refresh_token(
    reader: &mut Reader<'_>,
    section: &mut Section<'_, '_>,
    crm: Crm,
    base_url: Option<&Url>,
) -> Option<Auth> {
    let token_url = match crm {
        Crm::Salesforce => login(reader, section).map(|login| login.token_url),
        Crm::Hubspot => hubspot_token_url(reader, section, base_url),
    };
    let client_id = client_id(reader, section, crm);
    let client_secret = match crm {
        Crm::Salesforce => Some(secret(reader, section, "client_secret_env", "client_secret_file")),
        Crm::Hubspot => {
            let help = "where the client secret of the app is kept";
            required_secret(reader, section, "client_secret_env", "client_secret_file", help).map(Some)
        }
    };
    let help = "where the grant of the connected user is kept";
    let refresh_token = required_secret(reader, section, "refresh_token_env", "refresh_token_file", help);
    Some(Auth::RefreshToken {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        refresh_token: refresh_token?,
    })
}

fn jwt_bearer(reader: &mut Reader<'_>, section: &mut Section<'_, '_>) -> Option<Auth> {
    let login = login(reader, section);
    let client_id = client_id(reader, section, Crm::Salesforce);
    let username = section.required_text(reader, "username", "the user to act as");
    let audience = section.text(reader, "audience");
    let help = "where the private key of the certificate (PEM) is kept";
    let private_key = required_secret(reader, section, "private_key_env", "private_key_file", help);
    let login = login?;
    Some(Auth::JwtBearer {
        audience: audience.map_or(login.host, Spanned::into_inner),
        token_url: login.token_url,
        client_id: client_id?,
        username: username?.into_inner(),
        private_key: private_key?,
    })
}

fn access_token(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, crm: Crm) -> Option<Auth> {
    let instance_url = match crm {
        Crm::Salesforce => {
            let help = "the address of the org, e.g. https://acme.my.salesforce.com";
            let text = section.required_text(reader, "instance_url", help);
            text.and_then(|text| url(reader, "instance_url", &text, SALESFORCE)).map(Some)
        }
        // All accounts share one address.
        Crm::Hubspot => Some(None),
    };
    let help = match crm {
        Crm::Salesforce => "where the token is kept",
        Crm::Hubspot => "where the token of the private app is kept",
    };
    let access_token = required_secret(reader, section, "access_token_env", "access_token_file", help);
    Some(Auth::AccessToken { instance_url: instance_url?, access_token: access_token? })
}

fn connected(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, crm: Crm) -> Option<Auth> {
    let (key, usual) = match crm {
        Crm::Salesforce => ("login_url", SALESFORCE),
        Crm::Hubspot => ("app_url", HUBSPOT_APP),
    };
    let login_url = match section.text(reader, key) {
        Some(text) => url(reader, key, &text, usual),
        None => Url::parse(usual).ok(),
    };
    let client_id = client_id(reader, section, crm);
    let client_secret = secret(reader, section, "client_secret_env", "client_secret_file");
    let way_back = format!("/connect/{}/callback", crm.key());
    let usual = format!("http://127.0.0.1:8910{way_back}");
    let redirect_url = match section.text(reader, "redirect_url") {
        Some(text) => url(reader, "redirect_url", &text, &usual).filter(|url| {
            let fits = url.path() == way_back;
            if !fits {
                let help = Some(format!("its path is {way_back}, e.g. {usual}"));
                reader.problem(text.span(), "`redirect_url` does not lead back here", help);
            }
            fits
        }),
        None => Url::parse(&usual).ok(),
    };
    let scopes = section.texts(reader, "scopes").unwrap_or_default();
    Some(Auth::Connected(ConnectedApp {
        login_url: login_url?,
        client_id: client_id?,
        client_secret,
        redirect_url: redirect_url?,
        scopes: scopes.into_iter().map(Spanned::into_inner).collect(),
    }))
}

/// Where users of Salesforce sign in.
struct Login {
    host: String,
    token_url: Url,
}

fn login(reader: &mut Reader<'_>, section: &mut Section<'_, '_>) -> Option<Login> {
    let login = section.text(reader, "login_url");
    let token = section.text(reader, "token_url");
    let login = match login {
        Some(text) => url(reader, "login_url", &text, SALESFORCE)?,
        None => Url::parse(SALESFORCE).ok()?,
    };
    let token_url = match token {
        Some(text) => url(reader, "token_url", &text, SALESFORCE)?,
        None => login.join("/services/oauth2/token").ok()?,
    };
    Some(Login { host: login.as_str().trim_end_matches('/').to_owned(), token_url })
}

fn hubspot_token_url(
    reader: &mut Reader<'_>,
    section: &mut Section<'_, '_>,
    base_url: Option<&Url>,
) -> Option<Url> {
    match section.text(reader, "token_url") {
        Some(text) => url(reader, "token_url", &text, HUBSPOT),
        None => match base_url {
            Some(base) => base.join("/oauth/v1/token").ok(),
            None => Url::parse(HUBSPOT).ok()?.join("/oauth/v1/token").ok(),
        },
    }
}

fn client_id(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, crm: Crm) -> Option<String> {
    let help = match crm {
        Crm::Salesforce => "the consumer key of the connected app; it is no secret",
        Crm::Hubspot => "the client id of the app; it is no secret",
    };
    section.required_text(reader, "client_id", help).map(Spanned::into_inner)
}
