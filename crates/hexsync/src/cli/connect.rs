//! `hexsync connections connect`

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sync_wiring::auth::connect::ConnectFlow;
use sync_wiring::auth::connect::router::{Principal, RouterOptions, Visitors, routes};
use sync_wiring::core::{ConnectionKey, TenantId};
use tokio::net::TcpListener;

use super::connections::configured;
use crate::app::{App, AppStore, key_of, oauth_app};
use crate::config::{Auth, ConnectedApp, Connection};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::note;
use crate::signals;

/// How long is waited for somebody at the browser.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Connect an account.
#[derive(Debug, clap::Args)]
pub(super) struct Connect {
    /// The connection's id in the configuration.
    #[arg(value_name = "ID")]
    id: String,
    /// Listen here for the browser, when a proxy leads from the redirect address to this machine. By default where
    /// the redirect address points to.
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
}

/// Whoever reaches this process at this machine is who started it.
struct Operator {
    tenant: Option<TenantId>,
}

#[async_trait::async_trait]
impl Visitors for Operator {
    async fn visitor(&self, _: &axum::http::request::Parts) -> Option<Principal> {
        Some(Principal { tenant: self.tenant.clone(), user: "operator".into() })
    }
}

impl Connect {
    pub(super) async fn run<S: AppStore>(self, app: &App<S>) -> Result<ConnectionKey, CliError> {
        let connection = configured(app, &self.id)?;
        let Auth::Connected(oauth) = &connection.auth else { return Err(CliError::usage("not connected")) };
        let key = key_of(connection);
        let address = match self.listen {
            Some(address) => address,
            None => address_of(oauth)?,
        };
        let door = Door::open(app, connection, oauth, TcpListener::bind(address).await?)?;
        let before = granted_at(app, &key).await?;
        note(&format!("open in a browser and grant access: {}", door.start));
        let outcome = wait(app, &key, before).await;
        door.close().await;
        outcome.map(|()| key)
    }
}

/// Pages on this machine through which one account is connected.
pub(super) struct Door {
    /// Where a browser begins.
    pub(super) start: String,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Door {
    /// Serves them here.
    ///
    /// # Errors
    /// When a secret or a key is not where the configuration says.
    pub(super) fn open<S: AppStore>(
        app: &App<S>,
        connection: &Connection,
        oauth: &ConnectedApp,
        listener: TcpListener,
    ) -> Result<Self, CliError> {
        let secure_cookie = oauth.redirect_url.scheme() == "https";
        let apps = vec![oauth_app(connection, oauth)?];
        let flow =
            ConnectFlow::new(Arc::clone(app.store()), app.vault()?, apps, vec!["/connect/done".to_owned()]);
        let flow = Arc::new(flow.map_err(CliError::new)?);
        let visitors = Arc::new(Operator { tenant: connection.tenant.clone() });
        let router = routes(flow, visitors, RouterOptions { secure_cookie });
        let router = axum::Router::new().nest("/connect", router);
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { start: start_address(connection, oauth), server })
    }

    /// Ends it, once the last page is on its way to the browser.
    pub(super) async fn close(self) {
        tokio::time::sleep(LOOK_EVERY).await;
        self.server.abort();
    }
}

/// Until somebody has granted access, or nobody will.
pub(super) async fn wait<S: AppStore>(
    app: &App<S>,
    key: &ConnectionKey,
    before: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<(), CliError> {
    let stop = signals::stop_token();
    let granted = async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if granted_at(app, key).await? != before {
                return Ok(());
            }
        }
    };
    tokio::select! {
        granted = tokio::time::timeout(PATIENCE, granted) => granted.unwrap_or_else(|_| {
            let error = CliError::text("nobody granted access within ten minutes");
            Err(error.next("run the command again"))
        }),
        () = stop.cancelled() => Err(CliError::text("ended before access was granted").exit(Exit::Interrupted)),
    }
}

pub(super) async fn granted_at<S: AppStore>(
    app: &App<S>,
    key: &ConnectionKey,
) -> Result<Option<chrono::DateTime<chrono::Utc>>, CliError> {
    let tenant = key.tenant.as_ref();
    let row = app.transact(tenant, async |store, tx| store.connection(tx, key).await).await?;
    Ok(row.and_then(|row| row.granted_at))
}

/// Where the redirect address points to on this machine.
fn address_of(app: &ConnectedApp) -> Result<SocketAddr, CliError> {
    let port = app.redirect_url.port_or_known_default();
    let host = app.redirect_url.host_str().map(|host| if host == "localhost" { "127.0.0.1" } else { host });
    let ip = host.and_then(|host| host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok());
    match ip.filter(std::net::IpAddr::is_loopback).zip(port) {
        Some(address) => Ok(address.into()),
        None => {
            let error = CliError::usage("the redirect address does not point to this machine");
            Err(error.next("say by --listen where the proxy in front of it leads to"))
        }
    }
}

fn start_address(connection: &Connection, app: &ConnectedApp) -> String {
    let mut url = app.redirect_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(["connect", connection.crm.key(), "start", connection.id.as_str()]);
    }
    url.query_pairs_mut().append_pair("return_to", "/connect/done");
    url.into()
}
