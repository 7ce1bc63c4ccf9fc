//! `hexsync serve`

mod health;
mod part;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use serde::Serialize;
use sync_wiring::webhooks::{
    Counters, DrainOptions, Drainer, HubspotReceiver, Limits, Receiver, SalesforceReceiver, Stager,
    StagerOptions, Wake,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::health::Watched;
use self::part::Part;
use crate::app::{Accounts, App, AppStore, StoreCommand};
use crate::config::Serve as Settings;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style};
use crate::signals;

/// Receive calls from the CRMs and apply what they say, until Ctrl-C or SIGTERM.
///
/// HubSpot calls /webhooks/hubspot, Salesforce's outbound messages /webhooks/salesforce/TOKEN, both at the public
/// address of [serve]; /healthz tells how it goes. The first signal ends it in order: what is in hand is answered,
/// what was acknowledged is stored. It ends by itself, in the same order and as a failure, when a part of it broke:
/// have it started again then.
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
    serving.serve(listener, stop).await
}

/// What receives calls and applies what they say, ready to begin.
pub(super) struct Serving {
    pub(super) counters: Arc<Counters>,
    paths: Vec<&'static str>,
    n_subscriptions: usize,
    router: Router,
    limits: Limits,
    staging: Part,
    drained: CancellationToken,
    draining: Part,
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
        let default = DrainOptions::default();
        let options = DrainOptions {
            poll_every: settings.poll_every.unwrap_or(default.poll_every),
            keep_settled: settings.keep_settled.unwrap_or(default.keep_settled),
            ..default
        };
        let drained = CancellationToken::new();
        let drainer = Drainer::of(Arc::clone(&store), wake, Arc::clone(&feeds) as _, options)
            .listen(Arc::clone(&store) as _)
            .run(drained.clone());
        let (staging, draining) = (Part::new(staging.into_handle()), Part::new(tokio::spawn(drainer)));
        let watched = Watched {
            store,
            feeds,
            counters: Arc::clone(&counters),
            staging: staging.pulse(),
            draining: draining.pulse(),
        };
        let router = routes(receiver.build().router(), health::route(watched));
        Ok(Self { counters, paths, n_subscriptions, router, limits, staging, drained, draining })
    }

    /// Receives until `stop` is cancelled, and ends in order.
    ///
    /// # Errors
    /// When a part ended before; then it has ended in order as well.
    pub(super) async fn serve(self, listener: TcpListener, stop: CancellationToken) -> Result<(), CliError> {
        let Self { router, limits, mut staging, drained, mut draining, .. } = self;
        let stop = stop.child_token();
        let server = sync_wiring::webhooks::serve(listener, router, &limits, stop.clone());
        tokio::pin!(server);
        let broken = tokio::select! {
            // With the server goes the last who stages, and with that the task that does: look at it first.
            biased;
            () = &mut server => None,
            () = staging.ended() => Some("the task that stores calls"),
            () = draining.ended() => Some("the loop that applies what calls say"),
        };
        if broken.is_some() {
            stop.cancel();
            server.await;
        }
        // Nobody calls any more: what was queued is stored, then the runs in hand end.
        staging.ended().await;
        drained.cancel();
        draining.ended().await;
        match broken {
            None => Ok(()),
            Some(part) => Err(CliError::text(format!("{part} broke, so that nothing more was received"))
                .next("start it again: what was acknowledged is stored, and applied then")),
        }
    }
}

/// Everything this program answers. The one place to mount more.
fn routes(webhooks: Router, health: Router) -> Router {
    Router::new().nest("/webhooks", webhooks).merge(health)
}
