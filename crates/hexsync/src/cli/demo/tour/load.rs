//! The second screen: everything is read for the first time.

use std::collections::BTreeMap;
use std::time::Instant;

use super::PLAYERS;
use super::cast::Cast;
use super::screen::{Screen, ms};
use crate::app::AppStore;
use crate::error::CliError;
use crate::output::thousands;

/// Polls both accounts, and counts.
///
/// # Errors
/// When a run fails.
pub(super) async fn show<S: AppStore>(cast: &Cast<S>) -> Result<Screen, CliError> {
    let mut screen = Screen::new(2, "First load");
    let (mut counts, mut problems) = (BTreeMap::new(), Vec::new());
    let (mut created, mut read_ms) = (0, 0);
    for player in PLAYERS {
        let began = Instant::now();
        let census = cast.upstream(player).census();
        let mut of_player = BTreeMap::new();
        let mut words = Vec::new();
        for (entity, report) in cast.poll_all(player).await? {
            let (here, there) = (report.counts.created, census.of(entity).live);
            words.push(format!("{} {}", thousands(here), entity.name()));
            if here != there || report.counts.parked > 0 {
                problems.push(format!("{}/{}: {here} of {there}", player.tenant, entity.name()));
            }
            created += here;
            of_player.insert(entity.name(), here);
        }
        let took = ms(began);
        read_ms += took;
        screen.say(format!(
            "{} from {}: {} in {took} ms",
            player.tenant,
            player.crm.product(),
            words.join(", ")
        ));
        counts.insert(player.tenant, of_player);
    }
    screen.fact("rows", &counts)?;
    screen.fact("created", created)?;
    screen.fact("took_ms", read_ms)?;
    screen.check("load", format!("{} rows, as many as the CRMs hold records", thousands(created)), problems);
    Ok(screen)
}
