//! Which keys belong to which CRM and which way to sign in. One that has no effect is told, so that nobody believes
//! it has one.

use url::Url;

use super::url;
use crate::config::reader::{Reader, Section, one_of};
use crate::crm::Crm;

/// A way to sign in.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum AuthKind {
    RefreshToken,
    ClientCredentials,
    JwtBearer,
    AccessToken,
    Connected,
}

const AUTHS: [(&str, AuthKind); 5] = [
    ("refresh_token", AuthKind::RefreshToken),
    ("client_credentials", AuthKind::ClientCredentials),
    ("jwt_bearer", AuthKind::JwtBearer),
    ("access_token", AuthKind::AccessToken),
    ("connected", AuthKind::Connected),
];

/// The ways to sign in to a CRM.
const fn ways(crm: Crm) -> &'static [AuthKind] {
    use AuthKind::{AccessToken, ClientCredentials, Connected, JwtBearer, RefreshToken};
    match crm {
        Crm::Salesforce => &[RefreshToken, ClientCredentials, JwtBearer, AccessToken, Connected],
        Crm::Hubspot => &[RefreshToken, AccessToken, Connected],
    }
}

/// A key that only some CRMs, or some ways to sign in to them, use.
struct Key {
    name: &'static str,
    salesforce: &'static [AuthKind],
    hubspot: &'static [AuthKind],
}

const fn key(name: &'static str, salesforce: &'static [AuthKind], hubspot: &'static [AuthKind]) -> Key {
    Key { name, salesforce, hubspot }
}

const KEYS: [Key; 18] = {
    use AuthKind::{
        AccessToken as A, ClientCredentials as C, Connected as O, JwtBearer as J, RefreshToken as R,
    };
    [
        key("login_url", &[R, C, J, O], &[]),
        key("token_url", &[R, C, J], &[R]),
        key("client_id", &[R, C, J, O], &[R, O]),
        key("client_secret_env", &[R, C, O], &[R, O]),
        key("client_secret_file", &[R, C, O], &[R, O]),
        key("refresh_token_env", &[R], &[R]),
        key("refresh_token_file", &[R], &[R]),
        key("username", &[J], &[]),
        key("audience", &[J], &[]),
        key("private_key_env", &[J], &[]),
        key("private_key_file", &[J], &[]),
        key("instance_url", &[A], &[]),
        key("access_token_env", &[A], &[A]),
        key("access_token_file", &[A], &[A]),
        key("base_url", &[], &[R, A, O]),
        key("app_url", &[], &[O]),
        key("redirect_url", &[O], &[O]),
        key("scopes", &[O], &[O]),
    ]
};

impl Key {
    fn users(&self, crm: Crm) -> &'static [AuthKind] {
        match crm {
            Crm::Salesforce => self.salesforce,
            Crm::Hubspot => self.hubspot,
        }
    }
}

fn name(kind: AuthKind) -> &'static str {
    AUTHS.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| *name)
}

/// The way to sign in that a section names. Makes all keys of [`KEYS`] known, and notes those without an effect.
pub(super) fn kind(
    reader: &mut Reader<'_>,
    section: &mut Section<'_, '_>,
    crm: Option<Crm>,
) -> Option<AuthKind> {
    let offered = crm.map_or(AUTHS.map(|(_, kind)| kind).to_vec(), |crm| ways(crm).to_vec());
    let choices: Vec<_> = offered.into_iter().map(|kind| (name(kind), kind)).collect();
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    let text = section.required_text(reader, "auth", &format!("allowed: {}", names.join(", ")));
    let kind = text.and_then(|text| match (crm, AUTHS.iter().find(|(name, _)| name == text.get_ref())) {
        (Some(crm), Some((word, kind))) if !ways(crm).contains(kind) => {
            let message = format!("there is no auth = {word} for {}", crm.product());
            reader.problem(text.span(), message, Some(format!("allowed: {}", names.join(", "))));
            None
        }
        _ => one_of(reader, "auth", &text, &choices),
    });
    for key in &KEYS {
        match crm {
            Some(crm) if key.users(crm).is_empty() => foreign(reader, section, key, crm),
            Some(crm) => useless(reader, section, key, crm, kind),
            // What is needed is not known, but that these keys exist is.
            None => section.know(key.name),
        }
    }
    kind
}

/// A key of another CRM.
fn foreign(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, key: &Key, crm: Crm) {
    let Some(at) = section.key_at(key.name) else { return };
    section.know(key.name);
    let users = Crm::ALL.into_iter().filter(|other| !key.users(*other).is_empty()).map(Crm::key);
    let help = format!("it belongs to provider = {}; remove it", users.collect::<Vec<_>>().join(" | "));
    let message = format!("`{}` has no effect with provider = {}", key.name, crm.key());
    reader.problem(at, message, Some(help));
}

/// A key of another way to sign in.
fn useless(
    reader: &mut Reader<'_>,
    section: &mut Section<'_, '_>,
    key: &Key,
    crm: Crm,
    kind: Option<AuthKind>,
) {
    section.know(key.name);
    let users = key.users(crm);
    let (Some(at), Some(kind)) = (section.key_at(key.name), kind) else { return };
    if users.contains(&kind) {
        return;
    }
    let users: Vec<_> = users.iter().map(|kind| name(*kind)).collect();
    let help = format!("it belongs to auth = {}; remove it", users.join(" | "));
    reader.problem(at, format!("`{}` has no effect with auth = {}", key.name, name(kind)), Some(help));
}

/// Where the API lives.
pub(super) fn base_url(
    reader: &mut Reader<'_>,
    section: &mut Section<'_, '_>,
    crm: Option<Crm>,
) -> Option<Url> {
    if crm != Some(Crm::Hubspot) {
        return None;
    }
    let text = section.text(reader, "base_url")?;
    url(reader, "base_url", &text, super::auth::HUBSPOT)
}
