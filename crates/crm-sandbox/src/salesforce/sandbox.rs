//! Starting and stopping a simulated org.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::auth::{Credentials, KeyError};
use super::control::SalesforceControl;
use super::generate::{OrgSpec, generate};
use super::model::Org;
use super::outbound;
use super::schema::FieldSpec;
use super::settings::SalesforceSettings;
use super::state::State;
use super::write::RowError;
use crate::clock::SimClock;
use crate::faults::FaultRule;
use crate::wire::serve_connections;

/// A simulated Salesforce org behind a loopback HTTP server.
#[derive(Debug)]
pub struct SalesforceSandbox;

impl SalesforceSandbox {
    /// Starts describing an org.
    #[must_use]
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder {
            seed: 1,
            source: OrgSource::Generated(OrgSpec::default()),
            clock: SimClock::default(),
            faults: Vec::new(),
            settings: SalesforceSettings::default(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            fields: Vec::new(),
        }
    }
}

/// What the org holds when it starts.
#[derive(Debug)]
pub enum OrgSource {
    /// Rows made up from the seed.
    Generated(OrgSpec),
    /// An org made beforehand; its clock replaces the builder's.
    Ready(Box<Org>),
}

impl From<OrgSpec> for OrgSource {
    fn from(spec: OrgSpec) -> Self {
        Self::Generated(spec)
    }
}

impl From<Org> for OrgSource {
    fn from(org: Org) -> Self {
        Self::Ready(Box::new(org))
    }
}

/// Describes an org before it starts.
#[derive(Debug)]
pub struct SandboxBuilder {
    seed: u64,
    source: OrgSource,
    clock: SimClock,
    faults: Vec<FaultRule>,
    settings: SalesforceSettings,
    address: SocketAddr,
    fields: Vec<(String, FieldSpec)>,
}

/// The org could not start.
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
    /// A field could not be added.
    #[error("could not add a field to {object}; name an object of the org and a free field name")]
    Field {
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

    /// What the org holds: sizes for made-up data, or a ready org. Default: the API user only.
    #[must_use]
    pub fn org(mut self, source: impl Into<OrgSource>) -> Self {
        self.source = source.into();
        self
    }

    /// The clock of a generated org. Default: stands still at 2026-01-05T08:00:00Z.
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

    /// Settings at the start; see [`SalesforceSettings`] for defaults.
    #[must_use]
    pub fn settings(mut self, settings: SalesforceSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Where to listen. Default: a free port on 127.0.0.1.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Adds a custom field; may be called several times.
    #[must_use]
    pub fn field(mut self, object: impl Into<String>, spec: FieldSpec) -> Self {
        self.fields.push((object.into(), spec));
        self
    }

    /// Makes the org and serves it until the result is shut down or dropped. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the address can't be listened on, or a field can't be added.
    pub async fn start(self) -> Result<Running, StartError> {
        let failed = |source| StartError::Listen { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut org = match self.source {
            OrgSource::Generated(spec) => generate(self.seed, &spec, self.clock),
            OrgSource::Ready(org) => *org,
        };
        for (object, spec) in &self.fields {
            let failed = |source| StartError::Field { object: object.clone(), source };
            org.add_field(object, spec).map_err(failed)?;
        }
        let state = Arc::new(State::new(self.seed, org, self.settings, self.faults));
        state.set_base_url(format!("http://{address}"));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve_connections(listener, Arc::clone(&state), stopped.clone()));
        let sender = tokio::spawn(outbound::run(Arc::clone(&state), stopped));
        Ok(Running {
            base_url: format!("http://{address}"),
            control: SalesforceControl::new(state),
            stop,
            tasks: [server, sender],
        })
    }
}

/// A running org. Dropping it closes the server and ends the sender of outbound messages.
#[derive(Debug)]
pub struct Running {
    base_url: String,
    control: SalesforceControl,
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

impl Running {
    /// `http://127.0.0.1:port`, without a slash at the end: login host and instance URL at once.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What a client logs in with.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        self.control.credentials()
    }

    /// The private key of JWT logins, PKCS#8 in PEM. Made when first asked for.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn jwt_private_key(&self) -> Result<&str, KeyError> {
        self.control.jwt_private_key()
    }

    /// Changes the org while it runs.
    #[must_use]
    pub fn control(&self) -> &SalesforceControl {
        &self.control
    }

    /// Closes the server and its connections, and sends nothing any more.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for task in &mut self.tasks {
            if let Err(error) = task.await {
                tracing::warn!(%error, "the simulated org stopped badly");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
