//! Records that go: into the archive, for good, into another record.

use super::hexsync::Hexsync;
use super::naive::Naive;
use super::{OnHubspot, Stage, live};
use crate::contender::scenarios;
use crate::verdict::Verdict;

scenarios! { Hexsync vs Naive;
    /// 6: archived contacts leave search and list; some come back, and a privacy deletion leaves no trace at all.
    hexsync_survives_archived_contacts, naive_poller_fails_archived_contacts = archived_contacts => Ghosts;
    /// 24: the loser of a merge is nowhere any more, neither live nor archived.
    hexsync_survives_merged_contacts, naive_poller_fails_merged_contacts = merged_contacts => Ghosts;
    /// 24: nor are both when the survivor gets an id of its own.
    hexsync_survives_a_merge_into_a_new_id, naive_poller_fails_a_merge_into_a_new_id = merged_anew => Ghosts;
}

async fn archived_contacts<C: OnHubspot>() -> Verdict {
    let mut contender = C::enter(Stage::contacts(300)).await;
    contender.sync().await;
    contender.later(60);
    let all = live(contender.crm(), "contacts");
    for gone in &all[..20] {
        contender.crm().archive("contacts", *gone).unwrap();
    }
    contender.later(60);
    contender.sync().await;
    // Polling tells of archived ones without waiting for the night.
    let verdict = contender.verdict().await;
    for back in &all[..5] {
        contender.crm().restore("contacts", *back).unwrap();
    }
    for erased in &all[30..35] {
        contender.crm().purge("contacts", *erased).unwrap();
    }
    contender.later(60);
    contender.sync().await;
    contender.tend().await;
    verdict.then(contender.verdict().await)
}

async fn merged_contacts<C: OnHubspot>() -> Verdict {
    merged::<C>(false).await
}

async fn merged_anew<C: OnHubspot>() -> Verdict {
    merged::<C>(true).await
}

async fn merged<C: OnHubspot>(merge_makes_new_id: bool) -> Verdict {
    let mut contender = C::enter(Stage::contacts(300)).await;
    contender.crm().edit_settings(|settings| settings.merge_makes_new_id = merge_makes_new_id);
    contender.sync().await;
    contender.later(60);
    let all = live(contender.crm(), "contacts");
    for pair in all[..12].chunks(2) {
        contender.crm().merge("contacts", pair[0], pair[1]).unwrap();
    }
    // A survivor is merged into another one: a chain.
    let survivor = contender.crm().merge("contacts", all[20], all[21]).unwrap();
    contender.crm().merge("contacts", all[22], survivor).unwrap();
    contender.later(60);
    contender.sync().await;
    contender.verdict().await
}
