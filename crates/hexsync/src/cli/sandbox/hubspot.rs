//! A simulated HubSpot account.

use std::collections::BTreeMap;

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::generate::{AccountSpec, load_pipeline};
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::hubspot::{Credentials, HubspotControl, HubspotSettings, RowError, Running};

use super::{Sizes, Start, Told};
use crate::crm::Crm;
use crate::error::CliError;

/// Objects that get a key.
const KEYED: [&str; 5] = ["companies", "contacts", "deals", "tickets", "projects"];
/// Objects whose changes are sent, with what events call them.
const TOLD: [(&str, &str); 4] =
    [("companies", "company"), ("contacts", "contact"), ("deals", "deal"), ("tickets", "ticket")];

pub(super) async fn start(start: Start<'_>) -> Result<Running, CliError> {
    let default = HubspotSettings::default();
    let settings = HubspotSettings {
        daily_max: start.api_calls.unwrap_or(default.daily_max),
        redirect_uris: start.app.redirect_uris(default.redirect_uris.clone()),
        consent: start.app.consent(),
        rotate_refresh_tokens: start.app.rotate_refresh_tokens,
        ..default
    };
    let mut builder = HubspotSandbox::builder()
        .seed(start.seed)
        .clock(start.clock.clone())
        .settings(settings)
        .address(start.address);
    if start.app.key_fields {
        for object in KEYED {
            builder = builder.property(object, PropertySpec::key("hexsync_key"));
        }
    }
    let builder = match start.data {
        Some(folder) => builder.account(load_pipeline(folder, start.clock).map_err(CliError::new)?),
        None => builder.account(spec(&start.sizes)),
    };
    let account = builder.start().await.map_err(CliError::new)?;
    if let Some(url) = start.webhook_target {
        subscribe(account.control(), url).map_err(CliError::new)?;
    }
    Ok(account)
}

/// Subscribes to everything that happens to rows of the common objects.
fn subscribe(control: &HubspotControl, url: &str) -> Result<(), RowError> {
    control.set_webhook_target(url)?;
    for (object, singular) in TOLD {
        for action in ["creation", "deletion", "merge", "restore", "associationChange"] {
            control.subscribe(&format!("{singular}.{action}"), None, None)?;
        }
        let writable: Vec<String> = control.read(|account| {
            let properties = account.object_def(object).map_or(&[][..], |def| def.properties());
            let writable = properties.iter().filter(|property| property.writable());
            writable.map(|property| property.name.clone()).collect()
        });
        for property in writable {
            control.subscribe(&format!("{singular}.propertyChange"), None, Some(&property))?;
        }
    }
    control.subscribe("contact.privacyDeletion", None, None).map(|_| ())
}

fn spec(sizes: &Sizes) -> AccountSpec {
    let Sizes { users, accounts, contacts, deals, requests, projects } = *sizes;
    AccountSpec { owners: users, companies: accounts, contacts, deals, tickets: requests, projects }
}

/// What is told, a connection for it, and the secrets that this names.
pub(super) fn told(account: &Running) -> (Told, String, [(&'static str, String); 1]) {
    let Credentials {
        client_id,
        client_secret,
        refresh_token,
        private_app_token,
        portal_id,
        app_id,
        developer_api_key,
        ..
    } = account.credentials();
    let base_url = account.base_url();
    let config = format!(
        r#"
[[connections]]
id = "hubspot"
provider = "hubspot"
base_url = "{base_url}"
auth = "access_token"
access_token_env = "SANDBOX_HUBSPOT_ACCESS_TOKEN"
"#
    );
    let credentials = BTreeMap::from([
        ("app_id", app_id.to_string()),
        ("developer_api_key", developer_api_key.clone()),
        ("portal_id", portal_id.to_string()),
        ("private_app_token", private_app_token.clone()),
        ("client_id", client_id.clone()),
        ("client_secret", client_secret.clone()),
        ("refresh_token", refresh_token.clone()),
    ]);
    let env = [("SANDBOX_HUBSPOT_ACCESS_TOKEN", private_app_token.clone())];
    (Told { crm: Crm::Hubspot, base_url: base_url.to_owned(), credentials }, config, env)
}
