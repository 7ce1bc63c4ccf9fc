//! Starting and stopping a simulated account.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::auth::Credentials;
use super::control::HubspotControl;
use super::generate::{AccountSpec, generate};
use super::model::Account;
use super::schema::PropertySpec;
use super::settings::HubspotSettings;
use super::state::State;
use super::webhooks;
use super::write::RowError;
use crate::clock::SimClock;
use crate::faults::FaultRule;
use crate::wire::serve_connections;

/// A simulated HubSpot account behind a loopback HTTP server.
#[derive(Debug)]
pub struct HubspotSandbox;

impl HubspotSandbox {
    /// Starts describing an account.
    #[must_use]
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder {
            seed: 1,
            source: AccountSource::Generated(AccountSpec::default()),
            clock: SimClock::default(),
            faults: Vec::new(),
            settings: HubspotSettings::default(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            properties: Vec::new(),
        }
    }
}

/// What the account holds when it starts.
#[derive(Debug)]
pub enum AccountSource {
    /// Rows made up from the seed.
    Generated(AccountSpec),
    /// An account made beforehand; its clock replaces the builder's.
    Ready(Box<Account>),
}

impl From<AccountSpec> for AccountSource {
    fn from(spec: AccountSpec) -> Self {
        Self::Generated(spec)
    }
}

impl From<Account> for AccountSource {
    fn from(account: Account) -> Self {
        Self::Ready(Box::new(account))
    }
}

/// Describes an account before it starts.
#[derive(Debug)]
pub struct SandboxBuilder {
    seed: u64,
    source: AccountSource,
    clock: SimClock,
    faults: Vec<FaultRule>,
    settings: HubspotSettings,
    address: SocketAddr,
    properties: Vec<(String, PropertySpec)>,
}

/// The account could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is taken, or none of this machine's.
    #[error("could not listen on {address}; choose a free address of this machine")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A property could not be added.
    #[error("could not add a property to {object}; name an object of the account and a free property name")]
    Property {
        /// The object.
        object: String,
        /// Why.
        #[source]
        source: RowError,
    },
}

impl SandboxBuilder {
    /// What all made-up data, tokens and chances depend on. Default 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the account holds: sizes for made-up data, or a ready account. Default: one owner only.
    #[must_use]
    pub fn account(mut self, source: impl Into<AccountSource>) -> Self {
        self.source = source.into();
        self
    }

    /// The clock of a generated account. Default: stands still at 2026-01-05T08:00:00Z.
    #[must_use]
    pub fn clock(mut self, clock: SimClock) -> Self {
        self.clock = clock;
        self
    }

    /// Faults in force from the start. Default: none.
    #[must_use]
    pub fn faults(mut self, rules: impl IntoIterator<Item = FaultRule>) -> Self {
        self.faults = rules.into_iter().collect();
        self
    }

    /// Settings at the start; see [`HubspotSettings`] for defaults.
    #[must_use]
    pub fn settings(mut self, settings: HubspotSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Where to listen. Default: a free port on 127.0.0.1.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Adds a property that the customer made; may be called several times.
    #[must_use]
    pub fn property(mut self, object: impl Into<String>, spec: PropertySpec) -> Self {
        self.properties.push((object.into(), spec));
        self
    }

    /// Makes the account and serves it until the result is shut down or dropped. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the address can't be listened on, or a property can't be added.
    pub async fn start(self) -> Result<Running, StartError> {
        let failed = |source| StartError::Listen { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut account = match self.source {
            AccountSource::Generated(spec) => generate(self.seed, &spec, self.clock),
            AccountSource::Ready(account) => *account,
        };
        for (object, spec) in &self.properties {
            let failed = |source| StartError::Property { object: object.clone(), source };
            account.add_property(object, spec).map_err(failed)?;
        }
        let state = Arc::new(State::new(self.seed, account, self.settings, self.faults));
        state.set_base_url(format!("http://{address}"));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve_connections(listener, Arc::clone(&state), stopped.clone()));
        let sender = tokio::spawn(webhooks::run(Arc::clone(&state), stopped));
        Ok(Running {
            base_url: format!("http://{address}"),
            control: HubspotControl::new(state),
            stop,
            tasks: [server, sender],
        })
    }
}

/// A running account. Dropping it closes the server and ends the webhook sender.
#[derive(Debug)]
pub struct Running {
    base_url: String,
    control: HubspotControl,
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

impl Running {
    /// `http://127.0.0.1:port`, without a slash at the end: stands for `https://api.hubapi.com`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What a client logs in with.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        self.control.credentials()
    }

    /// Changes the account while it runs.
    #[must_use]
    pub fn control(&self) -> &HubspotControl {
        &self.control
    }

    /// Closes the server and its connections, and sends nothing any more.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for task in &mut self.tasks {
            if let Err(error) = task.await {
                tracing::warn!(%error, "the simulated account stopped badly");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
