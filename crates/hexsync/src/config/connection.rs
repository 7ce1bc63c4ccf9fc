//! `[[connections]]`: the CRM accounts.

mod auth;
mod keys;

use std::time::Duration;

use sync_wiring::core::{ConnectionId, TenantId};
use toml::Spanned;
use url::Url;

use super::reader::{Reader, Section, one_of};
use crate::crm::Crm;
use crate::generated::Entity;

pub(crate) use auth::{Auth, ConnectedApp};

/// One CRM account.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// What subscriptions call it.
    pub(crate) id: ConnectionId,
    /// Whose account it is, where tenants are told apart.
    pub(crate) tenant: Option<TenantId>,
    /// Which CRM it is of.
    pub(crate) crm: Crm,
    /// Where its API lives, where that is not told by the sign-in.
    pub(crate) base_url: Option<Url>,
    /// How a token is had.
    pub(crate) auth: Auth,
    /// The share of the daily API calls left to other tools, percent.
    pub(crate) api_reserve_percent: Option<u8>,
    /// How far behind the CRM's clock a run stops reading.
    pub(crate) settle_lag: Option<Duration>,
    /// How far behind its cursor a run reads again.
    pub(crate) overlap: Option<Duration>,
    /// The account as its CRM calls it: a portal id, an organisation id. Calls are told by it.
    pub(crate) account_id: Option<String>,
    /// What is synced.
    pub(crate) entities: Vec<Entity>,
}

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
    let crm = crm(reader, &mut section);
    let kind = keys::kind(reader, &mut section, crm);
    let base_url = keys::base_url(reader, &mut section, crm);
    let auth = auth::read(reader, &mut section, crm.zip(kind), base_url.as_ref());
    let api_reserve = section.int(reader, "api_reserve_percent", 0..=100);
    let settle_lag = section.duration(reader, "settle_lag");
    let overlap = section.duration(reader, "overlap");
    let account_id = account_id(reader, &mut section, crm);
    let entities = match section.texts(reader, "entities") {
        Some(names) => entities(reader, &names, crm),
        None => crm.map(Crm::usual_entities).unwrap_or_default(),
    };
    section.finish(reader);
    Some(Connection {
        id: ConnectionId::from(id?.into_inner()),
        tenant,
        crm: crm?,
        base_url,
        auth: auth?,
        api_reserve_percent: api_reserve.and_then(|percent| u8::try_from(percent).ok()),
        settle_lag,
        overlap,
        account_id,
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

fn account_id(reader: &mut Reader<'_>, section: &mut Section<'_, '_>, crm: Option<Crm>) -> Option<String> {
    let text = section.text(reader, "account_id")?;
    let id = text.get_ref();
    let (fits, help) = match crm? {
        Crm::Salesforce => (
            matches!(id.len(), 15 | 18)
                && id.starts_with("00D")
                && id.bytes().all(|b| b.is_ascii_alphanumeric()),
            "write the organisation id, from Company Information, e.g. account_id = \"00DDn000000ZyXwMAK\"",
        ),
        Crm::Hubspot => (
            !id.is_empty() && id.len() <= 20 && id.bytes().all(|b| b.is_ascii_digit()),
            "write the portal id (Hub ID), e.g. account_id = \"9001\"",
        ),
    };
    if !fits {
        reader.problem(text.span(), "`account_id` is no id of an account of this CRM", Some(help.to_owned()));
        return None;
    }
    Some(text.into_inner())
}

fn crm(reader: &mut Reader<'_>, section: &mut Section<'_, '_>) -> Option<Crm> {
    let choices = Crm::ALL.map(|crm| (crm.key(), crm));
    let help = format!("allowed: {}", choices.map(|(key, _)| key).join(", "));
    let text = section.required_text(reader, "provider", &help)?;
    one_of(reader, "provider", &text, &choices)
}

/// The entities that are named; of a CRM that is not known, those that any has.
fn entities(reader: &mut Reader<'_>, names: &[Spanned<String>], crm: Option<Crm>) -> Vec<Entity> {
    let offered = crm.map_or_else(|| Entity::ALL.to_vec(), Crm::entities);
    let choices: Vec<_> = offered.iter().map(|entity| (entity.name(), *entity)).collect();
    let mut entities = Vec::new();
    for name in names {
        match (crm, Entity::parse(name.get_ref())) {
            (Some(crm), Some(entity)) if !crm.has(entity) => {
                let allowed: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                let message = format!("`entities`: {} has no {}", crm.product(), entity.name());
                reader.problem(name.span(), message, Some(format!("allowed: {}", allowed.join(", "))));
            }
            _ => entities.extend(one_of(reader, "entities", name, &choices)),
        }
    }
    entities.sort_unstable();
    entities.dedup();
    entities
}

fn url(reader: &mut Reader<'_>, key: &str, text: &Spanned<String>, example: &str) -> Option<Url> {
    let parsed = Url::parse(text.get_ref()).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    match parsed {
        Some(url) if url.password().is_none() && url.username().is_empty() => Some(url),
        Some(_) => {
            let help = "sign in by `auth` and its keys instead".to_owned();
            reader.problem(text.span(), format!("`{key}` must not hold a user or a password"), Some(help));
            None
        }
        None => {
            let help = format!("write a whole address, e.g. {example}");
            reader.problem(text.span(), format!("`{key}` is not an address of the web"), Some(help));
            None
        }
    }
}
