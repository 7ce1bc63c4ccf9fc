//! A simulated HubSpot account.

use std::collections::BTreeMap;

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::generate::{AccountSpec, load_pipeline};
use crm_sandbox::hubspot::{Credentials, HubspotSettings, Running};

use super::{Sizes, Start, Told};
use crate::crm::Crm;
use crate::error::CliError;

pub(super) async fn start(start: Start<'_>) -> Result<Running, CliError> {
    let default = HubspotSettings::default();
    let settings = HubspotSettings { daily_max: start.api_calls.unwrap_or(default.daily_max), ..default };
    let builder = HubspotSandbox::builder()
        .seed(start.seed)
        .clock(start.clock.clone())
        .settings(settings)
        .address(start.address);
    let builder = match start.data {
        Some(folder) => builder.account(load_pipeline(folder, start.clock).map_err(CliError::new)?),
        None => builder.account(spec(&start.sizes)),
    };
    builder.start().await.map_err(CliError::new)
}

fn spec(sizes: &Sizes) -> AccountSpec {
    let Sizes { users, accounts, contacts, deals, requests, projects } = *sizes;
    AccountSpec { owners: users, companies: accounts, contacts, deals, tickets: requests, projects }
}

/// What is told, a connection for it, and the secrets that this names.
pub(super) fn told(account: &Running) -> (Told, String, [(&'static str, String); 1]) {
    let Credentials { client_id, client_secret, refresh_token, private_app_token, portal_id, .. } =
        account.credentials();
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
        ("portal_id", portal_id.to_string()),
        ("private_app_token", private_app_token.clone()),
        ("client_id", client_id.clone()),
        ("client_secret", client_secret.clone()),
        ("refresh_token", refresh_token.clone()),
    ]);
    let env = [("SANDBOX_HUBSPOT_ACCESS_TOKEN", private_app_token.clone())];
    (Told { crm: Crm::Hubspot, base_url: base_url.to_owned(), credentials }, config, env)
}
