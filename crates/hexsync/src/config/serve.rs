//! `[serve]`: where calls from the CRMs are received.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::reader::{Reader, Section};
use super::secret::{Secret, secret};

/// Where calls from the CRMs are received.
#[derive(Clone, Debug)]
pub(crate) struct Serve {
    /// The address to listen on.
    pub(crate) address: SocketAddr,
    /// What the CRMs call.
    pub(crate) public_url: Url,
    /// The client secret of the HubSpot app.
    pub(crate) hubspot_secret: Option<Secret>,
    /// The last part of the address for Salesforce.
    pub(crate) salesforce_token: Option<Secret>,
    /// How often other processes' notices are looked for.
    pub(crate) poll_every: Option<Duration>,
    /// How long settled notices are kept.
    pub(crate) keep_settled: Option<Duration>,
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, mut section: Section<'_, '_>) -> Option<Serve> {
    let address = section.required_text(reader, "address", "e.g. address = \"127.0.0.1:8080\"");
    let address = address.and_then(|text| match text.get_ref().parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let help = "write an IP address and a port, e.g. 127.0.0.1:8080".to_owned();
            reader.problem(text.span(), "`address` can't be listened on", Some(help));
            None
        }
    });
    let help = "what the CRMs call, e.g. public_url = \"https://hooks.example.com\"";
    let public_url = section.required_text(reader, "public_url", help);
    let public_url = public_url.and_then(|text| {
        let parsed = Url::parse(text.get_ref()).ok();
        let fits = |url: &Url| {
            matches!(url.scheme(), "https" | "http")
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        };
        let parsed = parsed.filter(fits);
        if parsed.is_none() {
            let help = "write scheme and host, and a path if a proxy takes one off".to_owned();
            reader.problem(text.span(), "`public_url` is not an address of the web", Some(help));
        }
        parsed
    });
    let hubspot_secret = secret(reader, &mut section, "hubspot_secret_env", "hubspot_secret_file");
    let salesforce_token = secret(reader, &mut section, "salesforce_token_env", "salesforce_token_file");
    if hubspot_secret.is_none() && salesforce_token.is_none() {
        let help = "name hubspot_secret_env, salesforce_token_env, or both (each also as _file)".to_owned();
        reader.problem(section.at(), "[serve] receives nothing without a secret", Some(help));
    }
    let poll_every = section.duration(reader, "poll_every");
    let keep_settled = section.duration(reader, "keep_settled");
    section.finish(reader);
    Some(Serve {
        address: address?,
        public_url: public_url?,
        hubspot_secret,
        salesforce_token,
        poll_every,
        keep_settled,
    })
}
