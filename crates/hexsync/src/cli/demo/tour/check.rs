//! The last screen: the rows of both tenants beside the CRMs' memory, and nothing that waits.

use std::collections::BTreeMap;

use serde_json::json;
use sync_wiring::EntityStore;
use sync_wiring::core::history::image;
use sync_wiring::core::{Canonical, ExternalId, LocalListing, Subscription, SyncSink, UnitOfWork};

use super::cast::Cast;
use super::events::Heard;
use super::screen::Screen;
use super::{PLAYERS, Player, webhooks, writeback};
use crate::app::{AppStore, entity_of};
use crate::cli::demo::compare::{Fates, differences};
use crate::cli::demo::upstream::Key;
use crate::error::CliError;
use crate::generated::{Entity, with_entity};
use crate::output::thousands;

/// Rows that are compared in one transaction.
const PAGE: u32 = 500;

/// Compares everything, and lets everything run once more.
///
/// # Errors
/// When a run fails, or the store can't be asked.
pub(super) async fn show<S: AppStore>(cast: &Cast<S>, heard: &Heard) -> Result<Screen, CliError> {
    let mut screen = Screen::new(7, "Check");
    // What the CRMs' own rules made of what was written comes with this round.
    for player in PLAYERS {
        cast.poll_all(player).await?;
    }
    let (mut equal, mut problems) = (BTreeMap::new(), Vec::new());
    for player in PLAYERS {
        let mut of_player = 0;
        for feed in cast.feeds_of(player) {
            let entity = entity_of(feed)?;
            of_player +=
                with_entity!(entity, T => compare::<T, S>(cast, player, feed, entity, &mut problems).await)?;
        }
        equal.insert(player.tenant, of_player);
    }
    let all = equal.values().sum::<u64>();
    let words: Vec<String> =
        equal.iter().map(|(tenant, rows)| format!("{} of {tenant}", thousands(*rows))).collect();
    let found =
        format!("{} rows equal the CRMs' memory in every field: {}", thousands(all), words.join(", "));
    screen.check("rows", found, problems);

    let (inbox, edits) = (webhooks::backlog(cast).await?, writeback::unsent(cast).await?);
    let outbox = heard.settled(cast).await?;
    let found = format!("waiting: {inbox} notices, {edits} local changes, {outbox} events");
    screen.expect("nothing_waits", inbox + edits + outbox == 0, found);

    let told = heard.n_heard();
    let mut loud = Vec::new();
    let mut n_runs = 0;
    for player in PLAYERS {
        for (entity, report) in cast.poll_all(player).await? {
            n_runs += 1;
            if report.counts.applied() + report.counts.parked > 0 {
                loud.push(format!("{}/{}: {:?}", player.tenant, entity.name(), report.counts));
            }
        }
        let feed = cast.feed(player, super::records::DEALS)?;
        let sent = cast.send(feed).await?;
        n_runs += 1;
        if sent.counts.found > 0 {
            loud.push(format!("{}: {} records were sent again", player.tenant, sent.counts.found));
        }
    }
    heard.settled(cast).await?;
    if heard.n_heard() != told {
        loud.push(format!("{} events came of nothing", heard.n_heard() - told));
    }
    screen.check("quiet", format!("{n_runs} more runs, in and out, changed nothing"), loud);
    screen.fact("equal", &equal)?;
    screen.fact("waiting", json!({"inbox": inbox, "local_changes": edits, "outbox": outbox}))?;
    screen.fact("quiet_runs", n_runs)?;
    Ok(screen)
}

/// Every live row of a feed beside the CRM's record; answers how many are equal.
async fn compare<T: Canonical, S: AppStore + EntityStore<T>>(
    cast: &Cast<S>,
    player: Player,
    feed: &Subscription,
    entity: Entity,
    problems: &mut Vec<String>,
) -> Result<u64, CliError> {
    let (upstream, store) = (cast.upstream(player), &**cast.app.store());
    let (sink, scope) = (EntityStore::<T>::sink(store), cast.app.scope(feed, entity));
    let fates = Fates::default();
    let (mut seen, mut equal, mut last): (u64, u64, Option<ExternalId>) = (0, 0, None);
    loop {
        let mut tx = UnitOfWork::begin_for(store, scope.tenant.as_ref()).await?;
        let listed = sink.list_live(&mut tx, &scope, last.as_ref(), PAGE).await?;
        let ids: Vec<ExternalId> = listed.into_iter().map(|row| row.external_id).collect();
        let rows = sink.find_many(&mut tx, &scope, &ids).await?;
        UnitOfWork::rollback(store, tx).await?;
        for (id, row) in ids.iter().zip(&rows) {
            seen += 1;
            let expected = upstream.expected(&Key { entity, id: id.clone() });
            let (Some(row), Some(expected)) = (row, expected) else {
                problems.push(format!("{}/{} {id} is not in the CRM", player.tenant, entity.name()));
                continue;
            };
            let fields = image(&row.record, row.deleted).fields;
            let found = differences(&expected, &fields, row.record.custom().is_some(), &fates);
            if found.wrong.is_empty() {
                equal += 1;
            } else {
                problems.push(format!(
                    "{}/{} {id}: {}",
                    player.tenant,
                    entity.name(),
                    found.wrong.join(", ")
                ));
            }
        }
        last = ids.last().cloned();
        if last.is_none() {
            break;
        }
    }
    let there = upstream.census().of(entity).live;
    if seen != there {
        problems.push(format!(
            "{}/{}: {seen} rows here, {there} records there",
            player.tenant,
            entity.name()
        ));
    }
    Ok(equal)
}
