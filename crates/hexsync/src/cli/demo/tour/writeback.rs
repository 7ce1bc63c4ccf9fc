//! The fourth screen: what is edited here reaches the CRM, and its echo is no change.

use std::time::Instant;

use chrono::Utc;
use serde_json::json;
use sync_wiring::account::Account;
use sync_wiring::core::{
    Choice, Conflict, ExternalId, FieldValue, LocalChangeStore, RunReport, StoreError, Subscription,
    SubscriptionStore, UnitOfWork, UserId,
};
use sync_wiring::opportunity::Opportunity;

use super::cast::Cast;
use super::events::Heard;
use super::records::DEALS;
use super::screen::{Screen, ms};
use super::{PLAYERS, Player};
use crate::app::AppStore;
use crate::cli::demo::upstream::Key;
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::Entity;

/// What is typed here.
const NEXT_STEP: &str = "Call on Monday, bring the new offer";
/// What is typed on both sides of the deal that is disputed: here, there.
const DISPUTED: [i64; 2] = [500_000, 600_000];
const CREATED: &str = "Made Here Limited";

/// The three stories, in both CRMs.
///
/// # Errors
/// When a run fails, or the store can't be asked.
pub(super) async fn show<S: AppStore>(cast: &Cast<S>, heard: &Heard) -> Result<Screen, CliError> {
    let mut screen = Screen::new(4, "Writeback");
    for player in PLAYERS {
        // The first deal played before.
        let deals = cast.deals(player, 3).await?;
        let [_, edited, disputed] = deals.as_slice() else {
            return Err(CliError::text(format!("{} has too few deals", player.tenant)));
        };
        edit(cast, heard, player, edited, &mut screen).await?;
        dispute(cast, player, disputed, &mut screen).await?;
        create(cast, player, &mut screen).await?;
    }
    Ok(screen)
}

/// An edit here: it is there after one run, and comes back as nothing new.
async fn edit<S: AppStore>(
    cast: &Cast<S>,
    heard: &Heard,
    player: Player,
    deal: &ExternalId,
    screen: &mut Screen,
) -> Result<(), CliError> {
    let began = Instant::now();
    change(cast, player, deal, |deal| deal.next_step = Some(NEXT_STEP.to_owned())).await?;
    let feed = cast.feed(player, DEALS)?;
    let sent = cast.send(feed).await?;
    let took = ms(began);
    let there = held(cast, player, deal, "next_step") == Some(FieldValue::Text(NEXT_STEP.to_owned()));
    let found =
        format!("{}: next step of {deal} edited here, {took} ms later the CRM holds it", player.tenant);
    screen.expect("written", there && sent.counts.updated == 1, found);

    heard.settled(cast).await?;
    let (told, before) = (heard.n_heard_of(deal), cursor(cast, feed).await?);
    cast.pass_time(player);
    let echo = cast.poll(feed).await?;
    heard.settled(cast).await?;
    let events = heard.n_heard_of(deal) - told;
    let moved = cursor(cast, feed).await? != before;
    let counts = echo.counts;
    let found = format!(
        "{}: the next poll brings {} back as it was: {} skipped as the echo, {} noop, {} applied; the cursor moved on, {events} events of it",
        player.tenant,
        counts.found,
        counts.skipped,
        counts.noop,
        counts.applied()
    );
    let silent = counts.skipped == 1 && counts.applied() == 0 && counts.parked == 0 && events == 0;
    screen.expect("echo", silent && moved, found);
    let facts = json!({
        "record": deal, "ms": took, "sent": sent.counts, "echo": counts, "cursor_moved": moved, "events": events,
    });
    screen.fact(&format!("edit_{}", player.tenant), facts)
}

/// The same field is changed on both sides: a person decides, as the entity's YAML says of amounts.
async fn dispute<S: AppStore>(
    cast: &Cast<S>,
    player: Player,
    deal: &ExternalId,
    screen: &mut Screen,
) -> Result<(), CliError> {
    let [ours, theirs] = DISPUTED;
    let value = FieldValue::from_json(json!(ours));
    change(cast, player, deal, |deal| deal.amount = ours.to_string().parse().ok()).await?;
    let fields = match player.crm {
        Crm::Salesforce => json!({"Amount": theirs}),
        Crm::Hubspot => json!({"amount": theirs.to_string()}),
    };
    cast.upstream(player).edit(&Key { entity: DEALS, id: deal.clone() }, &fields);
    let feed = cast.feed(player, DEALS)?;
    cast.send(feed).await?;
    let asked = conflicts(cast, player).await?;
    let question =
        asked.iter().find(|one| one.external_id == *deal && one.field.as_deref() == Some("amount"));
    let Some(question) = question else {
        screen.expect("conflict", false, format!("{}: nobody was asked about {deal}", player.tenant));
        return Ok(());
    };
    decide(cast, player, deal, question).await?;
    let sent: RunReport = cast.send(feed).await?;
    let there = held(cast, player, deal, "amount").is_some_and(|held| held.as_ref().same(value.as_ref()));
    let left = conflicts(cast, player).await?.len();
    let found = format!(
        "{}: amount of {deal} set to {ours} here and {theirs} there: a person is asked and takes ours; the CRM has it",
        player.tenant
    );
    screen.expect("conflict", there && left == 0 && sent.counts.updated == 1, found);
    let facts = json!({"record": deal, "here": ours, "there": theirs, "asked": asked.len(), "left": left});
    screen.fact(&format!("conflict_{}", player.tenant), facts)
}

/// A new row here becomes one record there, however often the run is repeated.
async fn create<S: AppStore>(cast: &Cast<S>, player: Player, screen: &mut Screen) -> Result<(), CliError> {
    let before = cast.upstream(player).census().of(Entity::Account).live;
    let (scope, store) = (cast.scope(player, Entity::Account)?, &**cast.app.store());
    let record = Account { name: Some(CREATED.to_owned()), ..Account::default() };
    let mut tx = UnitOfWork::begin_for(store, scope.tenant.as_ref()).await?;
    let made = cast.app.editor::<Account>().create(&mut tx, &scope, record).await.map_err(CliError::new)?;
    UnitOfWork::commit(store, tx).await?;
    cast.edited();
    let feed = cast.feed(player, Entity::Account)?;
    let sent = cast.send(feed).await?;
    let again = cast.send(feed).await?;
    let n_there = cast.upstream(player).census().of(Entity::Account).live - before;
    let adopted = cast
        .app
        .transact(scope.tenant.as_ref(), async |store, tx| {
            store.adopted_ids(tx, &scope, std::slice::from_ref(&made)).await
        })
        .await?;
    let id = adopted.into_iter().next().map(|adoption| adoption.external_id);
    let row = match &id {
        Some(id) => cast.row::<Account>(player, Entity::Account, id).await?,
        None => None,
    };
    let shown = id.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let found = format!(
        "{}: an account made here became {shown} in the CRM, once; the row goes by that id",
        player.tenant
    );
    screen.expect("created", n_there == 1 && row.is_some() && sent.counts.created == 1, found);
    let facts = json!({"made": made, "id": id, "records_there": n_there, "sent_again": again.counts});
    screen.fact(&format!("created_{}", player.tenant), facts)
}

async fn change<S: AppStore>(
    cast: &Cast<S>,
    player: Player,
    deal: &ExternalId,
    change: impl FnOnce(&mut Opportunity) + Send,
) -> Result<(), CliError> {
    let (scope, store) = (cast.scope(player, DEALS)?, &**cast.app.store());
    let mut tx = UnitOfWork::begin_for(store, scope.tenant.as_ref()).await?;
    cast.app.editor::<Opportunity>().edit(&mut tx, &scope, deal, change).await.map_err(CliError::new)?;
    UnitOfWork::commit(store, tx).await?;
    cast.edited();
    Ok(())
}

/// What the CRM's memory holds, in our form and by our name.
fn held<S: AppStore>(cast: &Cast<S>, player: Player, deal: &ExternalId, ours: &str) -> Option<FieldValue> {
    let expected = cast.upstream(player).expected(&Key { entity: DEALS, id: deal.clone() })?;
    expected.own.into_iter().find(|held| held.ours == ours).map(|held| held.value)
}

async fn cursor<S: AppStore>(cast: &Cast<S>, feed: &Subscription) -> Result<Option<String>, CliError> {
    let tenant = feed.tenant.as_ref();
    let now = cast
        .app
        .transact(tenant, async |store, tx| SubscriptionStore::subscription(store, tx, tenant, feed.id).await)
        .await?;
    Ok(now.and_then(|feed| feed.cursor).map(|cursor| format!("{cursor:?}")))
}

async fn conflicts<S: AppStore>(cast: &Cast<S>, player: Player) -> Result<Vec<Conflict>, CliError> {
    let scope = cast.scope(player, DEALS)?;
    let tenant = scope.tenant.as_ref();
    Ok(cast.app.transact(tenant, async |store, tx| store.list_conflicts(tx, &scope, 100).await).await?)
}

/// Our value counts.
async fn decide<S: AppStore>(
    cast: &Cast<S>,
    player: Player,
    deal: &ExternalId,
    question: &Conflict,
) -> Result<(), CliError> {
    let (scope, now) = (cast.scope(player, DEALS)?, Utc::now());
    let user = UserId::from("operator");
    cast.app
        .transact(scope.tenant.as_ref(), async |store, tx| {
            store.decide_conflict(tx, &scope, question.id, Choice::Local, &user, now).await?;
            store.make_edits_due(tx, &scope, std::slice::from_ref(deal), now).await?;
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(())
}

/// Records whose edits wait to be sent, of both players.
pub(super) async fn unsent<S: AppStore>(cast: &Cast<S>) -> Result<u64, CliError> {
    let mut waiting = 0;
    // What is due by then is all that is to be sent.
    let far = Utc::now() + chrono::TimeDelta::days(3_650);
    for player in PLAYERS {
        for feed in cast.feeds_of(player) {
            let scope = cast.app.scope(feed, crate::app::entity_of(feed)?);
            let found = cast
                .app
                .transact(scope.tenant.as_ref(), async |store, tx| {
                    let due = LocalChangeStore::due_edits(store, tx, &scope, far, 100).await?;
                    let records = LocalChangeStore::waiting_records(store, tx, &scope, 100).await?;
                    Ok(due.len() + records.len())
                })
                .await?;
            waiting += found as u64;
        }
    }
    Ok(waiting)
}
