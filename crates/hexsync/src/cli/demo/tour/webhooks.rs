//! The third screen: a user edits in each CRM, the CRM calls, the row follows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crm_sandbox::salesforce::outbound::OutboundRule;
use serde_json::{Value as Json, json};
use sync_wiring::core::{AuditLog, ExternalId, FieldValue, Operation, UnitOfWork};
use sync_wiring::webhooks::{Counters, Seen};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::cast::Cast;
use super::records::DEALS;
use super::screen::{Screen, ms};
use super::{PLAYERS, Player};
use crate::app::AppStore;
use crate::cli::demo::upstream::Key;
use crate::cli::serve::Serving;
use crate::crm::Crm;
use crate::error::CliError;

/// How long is waited for calls that are on their way.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What the users type.
const AMOUNTS: [i64; 2] = [12_345, 67_890];

/// What receives calls, and applies what they say, while the tour goes on.
pub(super) struct Receiving {
    counters: Arc<Counters>,
    stop: CancellationToken,
    server: JoinHandle<Result<(), CliError>>,
}

impl Receiving {
    /// Begins to receive, and tells both CRMs whom to call.
    ///
    /// # Errors
    /// When a part can't be made.
    pub(super) async fn begin<S: AppStore>(cast: &mut Cast<S>) -> Result<Self, CliError> {
        let missing = || CliError::text("there is nowhere to receive calls");
        let listener = cast.hooks.take().ok_or_else(missing)?;
        let settings = cast.app.config.serve.clone().ok_or_else(missing)?;
        let serving = Serving::prepare(&cast.app, &settings, cast.app.accounts().await?).await?;
        let (counters, stop) = (Arc::clone(&serving.counters), CancellationToken::new());
        let server = tokio::spawn(serving.serve(listener, stop.clone()));

        let account = cast.account.control();
        account.set_webhook_target(&hubspot_url(cast)).map_err(CliError::new)?;
        for (kind, property) in [
            ("deal.creation", None),
            ("deal.propertyChange", Some("amount")),
            ("deal.propertyChange", Some("hs_next_step")),
        ] {
            account.subscribe(kind, None, property).map_err(CliError::new)?;
        }
        let rule = OutboundRule {
            object: "Opportunity".to_owned(),
            fields: vec!["Name".to_owned(), "Amount".to_owned(), "NextStep".to_owned()],
            url: salesforce_url(cast, &cast.token),
        };
        cast.org.control().add_outbound_message(rule).map_err(CliError::new)?;
        Ok(Self { counters, stop, server })
    }

    /// What was received so far.
    fn seen(&self) -> Seen {
        self.counters.seen()
    }

    /// Answers what is in hand, and ends.
    ///
    /// # Errors
    /// When a part of it broke before.
    pub(super) async fn end(self) -> Result<(), CliError> {
        self.stop.cancel();
        self.server.await.map_err(CliError::new)?
    }
}

fn hubspot_url<S: AppStore>(cast: &Cast<S>) -> String {
    format!("{}/webhooks/hubspot", cast.public_url)
}

fn salesforce_url<S: AppStore>(cast: &Cast<S>, token: &str) -> String {
    format!("{}/webhooks/salesforce/{token}", cast.public_url)
}

/// A call as it was made: address, headers, body.
struct Call {
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Edits in both, a forged call and a repeated one.
///
/// # Errors
/// When a part can't be asked.
pub(super) async fn show<S: AppStore>(cast: &Cast<S>, receiving: &Receiving) -> Result<Screen, CliError> {
    let mut screen = Screen::new(3, "Webhooks");
    let mut latencies = serde_json::Map::new();
    for (player, amount) in PLAYERS.into_iter().zip(AMOUNTS) {
        let deal = first(cast, player).await?;
        let began = Instant::now();
        edit(cast, player, &deal, amount)?;
        let value = FieldValue::from_json(json!(amount));
        let took = cast.until(player, &deal, "amount", &value, began).await?;
        let found = match took {
            Some(took) => format!(
                "{}: a user sets the amount of {deal} to {amount}; {} ms later the row has it",
                player.tenant, took
            ),
            None => format!("{}: the amount of {deal} was set to {amount} and never arrived", player.tenant),
        };
        screen.expect("arrives", took.is_some(), found);
        latencies.insert(player.tenant.to_owned(), json!(took));
    }
    screen.fact("latency_ms", latencies)?;
    calm(cast, receiving).await?;
    for player in PLAYERS {
        forged(cast, receiving, player, &mut screen).await?;
        repeated(cast, receiving, player, &mut screen).await?;
    }
    let seen = receiving.seen();
    screen.say(format!(
        "calls so far: {} accepted, {} refused; notices: {} staged, {} repeated",
        seen.calls_accepted, seen.calls_refused, seen.notices_staged, seen.notices_repeated
    ));
    screen.fact("calls", seen)?;
    Ok(screen)
}

async fn first<S: AppStore>(cast: &Cast<S>, player: Player) -> Result<ExternalId, CliError> {
    let first = cast.deals(player, 1).await?.into_iter().next();
    first.ok_or_else(|| CliError::text(format!("{} has no deals", player.tenant)))
}

/// What a user does in the CRM.
fn edit<S: AppStore>(cast: &Cast<S>, player: Player, deal: &ExternalId, amount: i64) -> Result<(), CliError> {
    let fields = match player.crm {
        Crm::Salesforce => json!({"Amount": amount}),
        Crm::Hubspot => json!({"amount": amount.to_string()}),
    };
    let key = Key { entity: DEALS, id: deal.clone() };
    match cast.upstream(player).edit(&key, &fields) {
        true => Ok(()),
        false => Err(CliError::text(format!("{deal} can't be edited in the simulated CRM"))),
    }
}

/// Until all calls were made and all notices settled.
async fn calm<S: AppStore>(cast: &Cast<S>, receiving: &Receiving) -> Result<(), CliError> {
    cast.account.control().webhooks_settled(PATIENCE).await;
    cast.org.control().outbound_settled(PATIENCE).await;
    let began = Instant::now();
    while backlog(cast).await? > 0 && began.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    tracing::debug!(seen = ?receiving.seen(), ms = ms(began), "nothing waits");
    Ok(())
}

/// Notices that wait for anybody.
pub(super) async fn backlog<S: AppStore>(cast: &Cast<S>) -> Result<u64, CliError> {
    let mut waiting = 0;
    for player in PLAYERS {
        let tenant = player.tenant_id();
        let found = cast
            .app
            .transact(Some(&tenant), async |store, tx| store.backlog(tx, Some(&tenant)).await)
            .await?;
        waiting += found.iter().map(|feed| feed.n_waiting).sum::<u64>();
    }
    Ok(waiting)
}

/// The newest call that was acknowledged.
fn newest<S: AppStore>(cast: &Cast<S>, player: Player) -> Result<Call, CliError> {
    let found = match player.crm {
        Crm::Hubspot => cast.account.control().deliveries().pop().map(|call| {
            let url = hubspot_url(cast);
            Call { url, headers: call.headers, body: call.body }
        }),
        Crm::Salesforce => cast.org.control().outbound_deliveries().pop().map(|call| {
            let headers = vec![("content-type".to_owned(), "text/xml; charset=utf-8".to_owned())];
            Call { url: call.url, headers, body: call.body }
        }),
    };
    found.ok_or_else(|| CliError::text(format!("{} made no call", player.crm.product())))
}

async fn post(call: &Call) -> Result<u16, CliError> {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(CliError::new)?;
    let mut request = client.post(&call.url).body(call.body.clone());
    for (name, value) in &call.headers {
        // What belongs to a connection is the client's own.
        if !["host", "content-length", "connection"].contains(&name.as_str()) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.map_err(|error| CliError::new(error.without_url()))?;
    Ok(answer.status().as_u16())
}

/// A call that the CRM did not make: its body was changed after it was signed, or it comes to another door.
async fn forged<S: AppStore>(
    cast: &Cast<S>,
    receiving: &Receiving,
    player: Player,
    screen: &mut Screen,
) -> Result<(), CliError> {
    let mut call = newest(cast, player)?;
    let how = match player.crm {
        Crm::Hubspot => {
            let mut events: Json = serde_json::from_str(&call.body)?;
            events[0]["eventId"] = json!(999_999_999_u64);
            call.body = events.to_string();
            "a call whose body was changed after it was signed"
        }
        Crm::Salesforce => {
            call.url = salesforce_url(cast, &"0".repeat(cast.token.len()));
            "a message with a wrong token"
        }
    };
    let before = receiving.seen();
    let status = post(&call).await?;
    let after = receiving.seen();
    let staged = after.notices_staged - before.notices_staged + backlog(cast).await?;
    let is_refused = match player.crm {
        Crm::Hubspot => status == 401,
        Crm::Salesforce => (400..500).contains(&status),
    };
    let found = format!("{}: {how} is answered by {status}, and {staged} notices are staged", player.tenant);
    screen.expect("forged", is_refused && staged == 0, found);
    screen.fact(&format!("forged_{}", player.tenant), json!({"status": status, "staged": staged}))
}

/// The same call once more, exactly as it was.
async fn repeated<S: AppStore>(
    cast: &Cast<S>,
    receiving: &Receiving,
    player: Player,
    screen: &mut Screen,
) -> Result<(), CliError> {
    let call = newest(cast, player)?;
    let deal = first(cast, player).await?;
    let (before, applied) = (receiving.seen(), applications(cast, player, &deal).await?);
    let status = post(&call).await?;
    calm(cast, receiving).await?;
    let after = receiving.seen();
    let again = applications(cast, player, &deal).await? - applied;
    let known = after.notices_repeated - before.notices_repeated;
    let found = format!(
        "{}: the same call once more is answered by {status}, known as a repeat, and changes nothing",
        player.tenant
    );
    screen.expect("repeated", (200..300).contains(&status) && known > 0 && again == 0 && applied > 0, found);
    let facts =
        json!({"status": status, "repeated": known, "applied_before": applied, "applied_again": again});
    screen.fact(&format!("repeated_{}", player.tenant), facts)
}

/// How often a deal's row was changed by runs.
async fn applications<S: AppStore>(
    cast: &Cast<S>,
    player: Player,
    deal: &ExternalId,
) -> Result<usize, CliError> {
    let scope = cast.scope(player, DEALS)?;
    let store = &**cast.app.store();
    let mut tx = UnitOfWork::begin_for(store, scope.tenant.as_ref()).await?;
    let history = AuditLog::history(store, &mut tx, &scope, deal).await?;
    UnitOfWork::rollback(store, tx).await?;
    Ok(history.iter().filter(|one| one.item.operation != Operation::Noop).count())
}
