//! The receiver's process, put together as `hexsync serve` does it.

use std::sync::Arc;

use anyhow::Result;
use entity_opportunity::Opportunity;
use sync_core::{ConnectionKey, Subscription};
use sync_wiring::webhooks::{
    Counters, DrainFeed, DrainOptions, Drainer, HubspotReceiver, Limits, Receiver, Recipient, Stager,
    StagerOptions, StaticRecipients, Wake, serve,
};
use sync_wiring::{SyncModule, hubspot};
use tokio_util::sync::CancellationToken;

use super::{Ended, Listening, PUBLIC_URL, SECRET};
use crate::door::Door;
use crate::engine::{hubspot_client, store};
use crate::measure::peak_mib;

/// Receives and applies until the standard input ends.
pub(crate) async fn receive(door: &Door, database_url: &str, schema: &str) -> Result<()> {
    let store = store(database_url, schema).await?;
    store.migrate().await?;
    let module = SyncModule::builder().store(Arc::unwrap_or_clone(store)).build()?;
    let deals = module.subscribe(&Subscription::new("hubspot", hubspot::POLL_ADAPTER, "opportunity")).await?;
    let crm = hubspot_client(door)?;

    let (counters, wake) = (Arc::new(Counters::default()), Arc::new(Wake::default()));
    let store = Arc::clone(module.store());
    let (stager, staging) =
        Stager::start(Arc::clone(&store), StagerOptions::default(), Arc::clone(&counters), Arc::clone(&wake));
    let key = ConnectionKey::new(None, deals.connection.clone());
    let recipients = StaticRecipients::new().with("hubspot", "9001", Recipient::new(key, deals.id, "deals"));
    // As many calls as come: what is measured is not to be paced.
    let limits = Limits { calls_per_account: 1_000_000, calls_per_remote: 1_000_000, ..Limits::default() };
    let receiver = Receiver::builder(stager, Arc::new(recipients), Arc::clone(&counters))
        .limits(limits.clone())
        .hubspot(HubspotReceiver::new(PUBLIC_URL, SECRET.into()))
        .build();
    let feed: Arc<dyn DrainFeed> = Arc::new(hubspot::drain::<Opportunity, _>(&module, &crm, deals)?);
    let drained = CancellationToken::new();
    let drainer =
        tokio::spawn(Drainer::new(store, wake, [feed], DrainOptions::default()).run(drained.clone()));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", serde_json::to_string(&Listening { url: format!("http://{}", listener.local_addr()?) })?);
    let stop = CancellationToken::new();
    let end = stop.clone();
    tokio::task::spawn_blocking(move || {
        // To its end, whatever comes.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        end.cancel();
    });
    serve(listener, receiver.router(), &limits, stop).await;
    staging.finished().await;
    drained.cancel();
    drainer.await?;
    let seen = counters.seen();
    let ended = Ended { peak_mib: peak_mib(), n_staged: seen.notices_staged, n_put_off: seen.calls_put_off };
    println!("{}", serde_json::to_string(&ended)?);
    Ok(())
}
