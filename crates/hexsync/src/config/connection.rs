//! `[[connections]]`: the CRM accounts.

use std::time::Duration;

use sync_wiring::core::{ConnectionId, TenantId};
use toml::Spanned;
use url::Url;

use super::reader::{Reader, Section, one_of};
use super::secret::{Secret, required_secret, secret};
use crate::generated::Entity;

/// One CRM account.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// What subscriptions call it.
    pub(crate) id: ConnectionId,
    /// Whose account it is, where tenants are told apart.
    pub(crate) tenant: Option<TenantId>,
    /// How a token is had.
    pub(crate) auth: Auth,
    /// The share of the daily API calls left to other tools, percent.
    pub(crate) api_reserve_percent: Option<u8>,
    /// How far behind the CRM's clock a run stops reading.
    pub(crate) settle_lag: Option<Duration>,
    /// How far behind its cursor a run reads again.
    pub(crate) overlap: Option<Duration>,
    /// What is synced.
    pub(crate) entities: Vec<Entity>,
}

/// How a token is had.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// A user's grant.
    RefreshToken { token_url: Url, client_id: String, client_secret: Option<Secret>, refresh_token: Secret },
    /// The application signs in as itself.
    ClientCredentials { token_url: Url, client_id: String, client_secret: Secret },
    /// The application vouches for a user.
    JwtBearer { token_url: Url, client_id: String, username: String, audience: String, private_key: Secret },
    /// A token made elsewhere, good while it lasts.
    AccessToken { instance_url: Url, access_token: Secret },
}

#[derive(Clone, Copy, PartialEq)]
enum AuthKind {
    RefreshToken,
    ClientCredentials,
    JwtBearer,
    AccessToken,
}

const AUTHS: [(&str, AuthKind); 4] = [
    ("refresh_token", AuthKind::RefreshToken),
    ("client_credentials", AuthKind::ClientCredentials),
    ("jwt_bearer", AuthKind::JwtBearer),
    ("access_token", AuthKind::AccessToken),
];

/// Keys that only some of the ways to sign in use.
const AUTH_KEYS: [(&str, &[AuthKind]); 14] = {
    use AuthKind::{AccessToken as A, ClientCredentials as C, JwtBearer as J, RefreshToken as R};
    [
        ("login_url", &[R, C, J]),
        ("token_url", &[R, C, J]),
        ("client_id", &[R, C, J]),
        ("client_secret_env", &[R, C]),
        ("client_secret_file", &[R, C]),
        ("refresh_token_env", &[R]),
        ("refresh_token_file", &[R]),
        ("username", &[J]),
        ("audience", &[J]),
        ("private_key_env", &[J]),
        ("private_key_file", &[J]),
        ("instance_url", &[A]),
        ("access_token_env", &[A]),
        ("access_token_file", &[A]),
    ]
};

const PROVIDERS: [(&str, ()); 1] = [("salesforce", ())];
const PRODUCTION: &str = "https://login.salesforce.com";

/// Reads one section. Everything in it is looked at before it is given up.
pub(super) fn read(
    reader: &mut Reader<'_>,
    mut section: Section<'_, '_>,
    multi_tenant: bool,
    earlier: &mut Vec<String>,
) -> Option<Connection> {
    let id = section.required_text(reader, "id", "a short name of your own, e.g. id = \"main\"");
    if let Some(id) = &id {
        if earlier.contains(id.get_ref()) {
            let help = "every connection has a name of its own".to_owned();
            reader.problem(id.span(), "an earlier connection has this `id`", Some(help));
        }
        earlier.push(id.get_ref().clone());
    }
    let tenant = tenant(reader, &mut section, multi_tenant);
    if section.required_text(reader, "provider", "allowed: salesforce").is_some() {
        section.choice(reader, "provider", &PROVIDERS);
    }
    let auth_help = "allowed: refresh_token, client_credentials, jwt_bearer, access_token";
    let kind = section.required_text(reader, "auth", auth_help);
    let kind = kind.and_then(|text| one_of(reader, "auth", &text, &AUTHS));
    let auth = auth(reader, &mut section, kind);
    let api_reserve = section.int(reader, "api_reserve_percent", 0..=100);
    let settle_lag = section.duration(reader, "settle_lag");
    let overlap = section.duration(reader, "overlap");
    let entities = match section.texts(reader, "entities") {
        Some(names) => entities(reader, &names),
        None => Entity::by_default("salesforce"),
    };
    section.finish(reader);
    Some(Connection {
        id: ConnectionId::from(id?.into_inner()),
        tenant,
        auth: auth?,
        api_reserve_percent: api_reserve.and_then(|percent| u8::try_from(percent).ok()),
        settle_lag,
        overlap,
        entities,
    })
}

fn tenant(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, multi_tenant: bool) -> Option<TenantId> {
    if multi_tenant {
        let help = "multi_tenant is on: say whose account this is, e.g. tenant = \"acme\"";
        return section.required_text(reader, "tenant", help).map(|text| TenantId::from(text.into_inner()));
    }
    if let Some(text) = section.text(reader, "tenant") {
        let help = "set multi_tenant = true in [engine], or leave `tenant` out";
        reader.problem(
            text.span(),
            "`tenant` is given, but tenants are not told apart",
            Some(help.to_owned()),
        );
    }
    None
}

fn entities(reader: &mut Reader<'_>, names: &[Spanned<String>]) -> Vec<Entity> {
    let choices = Entity::ALL.map(|entity| (entity.name(), entity));
    let mut entities: Vec<Entity> =
        names.iter().filter_map(|name| one_of(reader, "entities", name, &choices)).collect();
    entities.sort_unstable();
    entities.dedup();
    entities
}

fn auth(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, kind: Option<AuthKind>) -> Option<Auth> {
    let Some(kind) = kind else {
        // Which of these keys are needed is not known, but that they exist is.
        for (key, _) in AUTH_KEYS {
            section.text(reader, key);
        }
        return None;
    };
    let login = login_urls(reader, section, kind);
    match kind {
        AuthKind::RefreshToken => {
            let client_id = client_id(reader, section);
            let client_secret = secret(reader, section, "client_secret_env", "client_secret_file");
            let help = "where the grant of the connected user is kept";
            let refresh_token =
                required_secret(reader, section, "refresh_token_env", "refresh_token_file", help);
            Some(Auth::RefreshToken {
                token_url: login?.token_url,
                client_id: client_id?,
                client_secret,
                refresh_token: refresh_token?,
            })
        }
        AuthKind::ClientCredentials => {
            let client_id = client_id(reader, section);
            let help = "where the consumer secret of the connected app is kept";
            let client_secret =
                required_secret(reader, section, "client_secret_env", "client_secret_file", help);
            Some(Auth::ClientCredentials {
                token_url: login?.token_url,
                client_id: client_id?,
                client_secret: client_secret?,
            })
        }
        AuthKind::JwtBearer => {
            let client_id = client_id(reader, section);
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
        AuthKind::AccessToken => {
            let help = "the address of the org, e.g. https://acme.my.salesforce.com";
            let instance_url = section.required_text(reader, "instance_url", help);
            let instance_url = instance_url.and_then(|text| url(reader, "instance_url", &text));
            let help = "where the token is kept";
            let access_token =
                required_secret(reader, section, "access_token_env", "access_token_file", help);
            Some(Auth::AccessToken { instance_url: instance_url?, access_token: access_token? })
        }
    }
}

/// Notes keys that belong to another way of signing in, so that nobody believes they have an effect.
fn foreign_keys(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, kind: AuthKind) {
    let name = |kind| AUTHS.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| *name);
    for (key, users) in AUTH_KEYS {
        let Some(at) = section.key_at(key).filter(|_| !users.contains(&kind)) else { continue };
        section.text(reader, key);
        let users: Vec<_> = users.iter().map(|kind| name(*kind)).collect();
        let help = format!("it belongs to auth = {}; remove it", users.join(" | "));
        reader.problem(at, format!("`{key}` has no effect with auth = {}", name(kind)), Some(help));
    }
}

struct Login {
    host: String,
    token_url: Url,
}

fn login_urls(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, kind: AuthKind) -> Option<Login> {
    foreign_keys(reader, section, kind);
    if kind == AuthKind::AccessToken {
        return None;
    }
    let login = section.text(reader, "login_url");
    let token = section.text(reader, "token_url");
    let login = match login {
        Some(text) => url(reader, "login_url", &text)?,
        None => Url::parse(PRODUCTION).ok()?,
    };
    let token_url = match token {
        Some(text) => url(reader, "token_url", &text)?,
        None => login.join("/services/oauth2/token").ok()?,
    };
    Some(Login { host: login.as_str().trim_end_matches('/').to_owned(), token_url })
}

fn client_id(reader: &mut Reader<'_>, section: &mut Section<'_, '_>) -> Option<String> {
    let help = "the consumer key of the connected app; it is no secret";
    section.required_text(reader, "client_id", help).map(Spanned::into_inner)
}

fn url(reader: &mut Reader<'_>, key: &str, text: &Spanned<String>) -> Option<Url> {
    let parsed = Url::parse(text.get_ref()).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    match parsed {
        Some(url) if url.password().is_none() && url.username().is_empty() => Some(url),
        Some(_) => {
            let help = "sign in by `auth` and its keys instead".to_owned();
            reader.problem(text.span(), format!("`{key}` must not hold a user or a password"), Some(help));
            None
        }
        None => {
            let help = "write a whole address, e.g. https://login.salesforce.com".to_owned();
            reader.problem(text.span(), format!("`{key}` is not an address of the web"), Some(help));
            None
        }
    }
}
