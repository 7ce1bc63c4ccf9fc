//! `hexsync serve`

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use serde::Serialize;
use sync_wiring::core::UnitOfWork;
use sync_wiring::webhooks::{
    Counters, DrainOptions, Drainer, HubspotReceiver, Limits, Receiver, SalesforceReceiver, Seen, Stager,
    StagerOptions, StagerTask, Wake,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::{Accounts, App, AppStore, Feeds, StoreCommand};
use crate::config::Serve as Settings;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, note};
use crate::signals;

/// Receive calls from the CRMs and apply what they say, until Ctrl-C or SIGTERM.
///
/// HubSpot calls /webhooks/hubspot, Salesforce's outbound messages /webhooks/salesforce/TOKEN, both at the public
/// address of [serve]; /healthz tells how it goes. The first signal ends it in order: what is in hand is answered,
/// what was acknowledged is stored.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Listen here instead of at the configured address.
    #[arg(long, value_name = "IP:PORT")]
    address: Option<SocketAddr>,
}

/// What is told at the start.
#[derive(Serialize)]
struct Served {
    address: SocketAddr,
    /// The paths that are there; Salesforce's without its token.
    paths: Vec<&'static str>,
    n_subscriptions: usize,
}

impl Report for Served {
    fn text(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        writeln!(out, "listening on http://{}", self.address)?;
        for path in &self.paths {
            writeln!(out, "  {path}")?;
        }
        match self.n_subscriptions {
            0 => {
                writeln!(out, "no subscription hears of calls yet; those of `hexsync subscriptions add` will")
            }
            n => writeln!(out, "subscriptions that hear of calls: {n}"),
        }
    }
}

impl StoreCommand for Serve {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let Some(settings) = app.config.serve.clone() else {
            let error = CliError::usage("the section [serve] is missing in the configuration");
            return Err(error.next("see the comments that `hexsync init` writes"));
        };
        let accounts = app.accounts().await?;
        let listener = TcpListener::bind(self.address.unwrap_or(settings.address)).await?;
        let stop =
            signals::stop_token_saying("stopping: answering what is in hand; once more to stop at once");
        serve(app, &settings, accounts, listener, stop, out).await?;
        Ok(Exit::Ok)
    }
}

async fn serve<S: AppStore>(
    app: &App<S>,
    settings: &Settings,
    accounts: Accounts<S>,
    listener: TcpListener,
    stop: CancellationToken,
    out: &mut Out<'_>,
) -> Result<(), CliError> {
    let serving = Serving::prepare(app, settings, accounts).await?;
    out.show(&Served {
        address: listener.local_addr()?,
        paths: serving.paths.clone(),
        n_subscriptions: serving.n_subscriptions,
    })?;
    serving.serve(listener, stop).await;
    Ok(())
}

/// What receives calls and applies what they say, ready to begin.
pub(super) struct Serving {
    pub(super) counters: Arc<Counters>,
    paths: Vec<&'static str>,
    n_subscriptions: usize,
    router: Router,
    limits: Limits,
    staging: StagerTask,
    drained: CancellationToken,
    drainer: JoinHandle<()>,
}

impl Serving {
    /// Puts it together. Notices that wait already are applied from now on.
    ///
    /// # Errors
    /// When a secret is not where the configuration says.
    pub(super) async fn prepare<S: AppStore>(
        app: &App<S>,
        settings: &Settings,
        accounts: Accounts<S>,
    ) -> Result<Self, CliError> {
        let (counters, wake) = (Arc::new(Counters::default()), Arc::new(Wake::default()));
        let store = Arc::clone(app.store());
        let (stager, staging) = Stager::start(
            Arc::clone(&store),
            StagerOptions::default(),
            Arc::clone(&counters),
            Arc::clone(&wake),
        );
        let Accounts { recipients, feeds, organizations } = accounts;
        let n_subscriptions = feeds.count().await;
        let mut paths = vec!["/healthz"];
        let limits = Limits::default();
        let mut receiver =
            Receiver::builder(stager, Arc::new(recipients), Arc::clone(&counters)).limits(limits.clone());
        if let Some(secret) = &settings.hubspot_secret {
            let secret = secret.read("client secret of the HubSpot app")?;
            receiver = receiver.hubspot(HubspotReceiver::new(settings.public_url.as_str(), secret));
            paths.push("/webhooks/hubspot");
        }
        if let Some(token) = &settings.salesforce_token {
            let token = token.read("token for Salesforce's outbound messages")?;
            let side = SalesforceReceiver::new().door_of(&token, organizations).map_err(CliError::new)?;
            receiver = receiver.salesforce(side);
            paths.push("/webhooks/salesforce/TOKEN");
        }
        let router = routes(
            receiver.build().router(),
            health(Arc::clone(&store), Arc::clone(&feeds), Arc::clone(&counters)),
        );

        let default = DrainOptions::default();
        let options = DrainOptions {
            poll_every: settings.poll_every.unwrap_or(default.poll_every),
            keep_settled: settings.keep_settled.unwrap_or(default.keep_settled),
            ..default
        };
        let drained = CancellationToken::new();
        let drainer =
            Drainer::of(Arc::clone(&store), wake, feeds, options).listen(store).run(drained.clone());
        let drainer = tokio::spawn(drainer);

        Ok(Self { counters, paths, n_subscriptions, router, limits, staging, drained, drainer })
    }

    /// Receives until `stop` is cancelled, and ends in order.
    pub(super) async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        sync_wiring::webhooks::serve(listener, self.router, &self.limits, stop).await;
        // Nobody calls any more: what was queued is stored, then the runs in hand end.
        self.staging.finished().await;
        self.drained.cancel();
        if self.drainer.await.is_err() {
            note("the loop that applies notices ended early; what waits is applied after the next start");
        }
    }
}

/// Everything this program answers. The one place to mount more.
fn routes(webhooks: Router, health: Router) -> Router {
    Router::new().nest("/webhooks", webhooks).merge(health)
}

/// How it goes: 200 while the store answers, 503 otherwise.
fn health<S: AppStore>(store: Arc<S>, feeds: Arc<Feeds<S>>, counters: Arc<Counters>) -> Router {
    #[derive(Serialize)]
    struct Health {
        store: &'static str,
        /// That hear of calls.
        subscriptions: usize,
        calls: Seen,
    }
    let look = move || {
        let (store, feeds, counters) = (Arc::clone(&store), Arc::clone(&feeds), Arc::clone(&counters));
        async move {
            let answers = async {
                let tx = UnitOfWork::begin(&*store).await?;
                UnitOfWork::rollback(&*store, tx).await
            };
            let is_there = answers.await.is_ok();
            let (status, store) =
                if is_there { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "away") };
            let subscriptions = feeds.count().await;
            (status, Json(Health { store, subscriptions, calls: counters.seen() })).into_response()
        }
    };
    Router::new().route("/healthz", get(look))
}
