//! A simulated Salesforce org.

use std::collections::BTreeMap;

use crm_sandbox::SalesforceSandbox;
use crm_sandbox::salesforce::generate::{OrgSpec, load_pipeline};
use crm_sandbox::salesforce::outbound::OutboundRule;
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::salesforce::{Credentials, Running, SalesforceSettings};

use super::{Sizes, Start, Told};
use crate::crm::Crm;
use crate::error::CliError;

const API_CALLS: u64 = 100_000;
/// Objects that get a key.
const KEYED: [&str; 5] = ["Account", "Contact", "Opportunity", "Case", "Project__c"];
/// Objects whose changes are sent, with the fields that go along.
const TOLD: [(&str, &[&str]); 3] = [
    ("Account", &["Name", "SystemModstamp"]),
    ("Contact", &["LastName", "Email", "SystemModstamp"]),
    ("Opportunity", &["Name", "StageName", "Amount", "SystemModstamp"]),
];

pub(super) async fn start(start: Start<'_>) -> Result<Running, CliError> {
    let default = SalesforceSettings::default();
    let settings = SalesforceSettings {
        api_max: start.api_calls.unwrap_or(API_CALLS),
        redirect_uris: start.app.redirect_uris(default.redirect_uris.clone()),
        consent: start.app.consent(),
        rotate_refresh_tokens: start.app.rotate_refresh_tokens,
        ..default
    };
    let mut builder = SalesforceSandbox::builder()
        .seed(start.seed)
        .clock(start.clock.clone())
        .settings(settings)
        .address(start.address);
    if start.app.key_fields {
        for object in KEYED {
            builder = builder.field(object, FieldSpec::key("Hexsync_Key__c"));
        }
    }
    let builder = match start.data {
        Some(folder) => builder.org(load_pipeline(folder, start.clock).map_err(CliError::new)?),
        None => builder.org(spec(&start.sizes)),
    };
    let org = builder.start().await.map_err(CliError::new)?;
    if let Some(url) = start.outbound_target {
        for (object, fields) in TOLD {
            let fields = fields.iter().map(|field| (*field).to_owned()).collect();
            let rule = OutboundRule { object: object.to_owned(), fields, url: url.to_owned() };
            org.control().add_outbound_message(rule).map_err(CliError::new)?;
        }
    }
    Ok(org)
}

fn spec(sizes: &Sizes) -> OrgSpec {
    let Sizes { users, accounts, contacts, deals, requests, projects } = *sizes;
    OrgSpec {
        users,
        accounts,
        contacts,
        opportunities: deals,
        contact_roles: deals,
        cases: requests,
        projects,
    }
}

/// What is told, a connection for it, and the secrets that this names.
pub(super) fn told(org: &Running) -> (Told, String, [(&'static str, String); 2]) {
    let Credentials { client_id, client_secret, refresh_token, username } = org.credentials();
    let base_url = org.base_url();
    let config = format!(
        r#"
[[connections]]
id = "salesforce"
provider = "salesforce"
login_url = "{base_url}"
auth = "refresh_token"
client_id = "{client_id}"
client_secret_env = "SANDBOX_SALESFORCE_CLIENT_SECRET"
refresh_token_env = "SANDBOX_SALESFORCE_REFRESH_TOKEN"
"#
    );
    let credentials = BTreeMap::from([
        ("client_id", client_id.clone()),
        ("client_secret", client_secret.clone()),
        ("refresh_token", refresh_token.clone()),
        ("username", username.clone()),
    ]);
    let env = [
        ("SANDBOX_SALESFORCE_CLIENT_SECRET", client_secret.clone()),
        ("SANDBOX_SALESFORCE_REFRESH_TOKEN", refresh_token.clone()),
    ];
    (Told { crm: Crm::Salesforce, base_url: base_url.to_owned(), credentials }, config, env)
}
