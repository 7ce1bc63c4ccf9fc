//! Both ways with CRMs that answer late, or do what they are told twice: each record is there once, and both sides and
//! the audit agree.

use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::{Fault, FaultRule};
use e2e::on_stores;
use e2e::pair::{Pair, Product, TwoWay};
use entity_account::Account;
use futures_util::{StreamExt, stream};
use sync_core::{Change, ChangeMiddleware, ChangeStream, Counts, RunReport, RunStatus, Subscription};

on_stores! { [sqlite, postgres]
    /// R9, INV-WRI-3: the answer to a creation, an edit and a deletion comes after nobody waits for it any more, in
    /// Salesforce; the next outbound run finds out what was done.
    #[tokio::test]
    async fn late_answers_of_salesforce_are_found_out_by_sending() = late_salesforce;
    /// The same in HubSpot.
    #[tokio::test]
    async fn late_answers_of_hubspot_are_found_out_by_sending() = late_hubspot;
    /// R9, INV-WRI-3: the same, found out by an inbound run that comes first.
    #[tokio::test]
    async fn late_answers_are_found_out_by_following() = late_followed;
    /// INV-WRI-3: what is sent is carried out twice, and the second answer comes.
    #[tokio::test]
    async fn writes_that_are_carried_out_twice_are_there_once() = twice;
    /// R9, INV-REC-2: each page of changes comes twice.
    #[tokio::test]
    async fn pages_that_come_twice_are_applied_once() = pages_twice;
}

/// What the CRM is waited for, in runs in which it does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
const MADE: [&str; 2] = ["Made here", "Made here as well"];
const PHONE: &str = "+1 555 0100";

/// What is edited here: two companies each are made, changed and deleted.
struct Edited {
    changed: Vec<String>,
    deleted: Vec<String>,
    n_before: usize,
}

async fn edited<S: TwoWay>(pair: &Pair<S>) -> Edited {
    let module = pair.module();
    let loaded = pair.follow(&module).await;
    assert_eq!(loaded.status, RunStatus::Success, "{:?}", loaded.failure);
    let ids: Vec<String> = pair.remote.companies().into_keys().collect();
    let edited = Edited { changed: ids[..2].to_vec(), deleted: ids[2..4].to_vec(), n_before: ids.len() };
    for name in MADE {
        pair.make(name).await;
    }
    for id in &edited.changed {
        pair.edit(id, PHONE).await;
    }
    for id in &edited.deleted {
        pair.delete(id).await;
    }
    edited
}

/// What the CRM holds, once all of it was sent.
fn is_in_the_crm<S: TwoWay>(pair: &Pair<S>, edited: &Edited) {
    let companies = pair.remote.companies();
    assert_eq!(companies.len(), edited.n_before, "two more, two less");
    for name in MADE {
        assert_eq!(companies.values().filter(|company| company.name == name).count(), 1, "{name}");
    }
    assert!(edited.changed.iter().all(|id| companies[id].phone == PHONE));
    assert!(!edited.deleted.iter().any(|id| companies.contains_key(id)));
}

/// When the changed ones were last written. What was made may be written once more: that is how it is found.
fn stamps<S: TwoWay>(pair: &Pair<S>, edited: &Edited) -> Vec<String> {
    edited.changed.iter().map(|id| pair.remote.written_at(id)).collect()
}

fn ended_well(report: &RunReport) -> Counts {
    assert!(report.failure.is_none() && report.counts.conserved(), "{report:?}");
    report.counts
}

/// The answers to all that is sent are late; then the CRM is itself again.
async fn sent_too_late<S: TwoWay>(pair: &mut Pair<S>) -> Edited {
    let edited = edited(pair).await;
    pair.patience(PATIENCE);
    // One call each; deletions are repeated, for that does no harm.
    pair.write_faults([FaultRule::new(Fault::LateAnswer { ms: 60_000 }).times(3)]);
    let sent = pair.send(&pair.module()).await;
    let counts = sent.counts;
    assert!(sent.failure.is_none() && counts.conserved(), "{sent:?}");
    assert_eq!((counts.found, counts.parked, counts.deleted, counts.applied()), (6, 4, 2, 2), "{counts:?}");
    is_in_the_crm(pair, &edited);
    pair.write_faults([]);
    edited
}

async fn late<S: TwoWay>(product: Product) {
    let Some(mut pair) = Pair::<S>::start(product).await else { return };
    let edited = sent_too_late(&mut pair).await;
    let (module, stamps_then) = (pair.module(), stamps(&pair, &edited));
    pair.later(Duration::from_secs(3_600));
    let counts = ended_well(&pair.send(&module).await);
    assert_eq!((counts.found, counts.created, counts.updated, counts.applied()), (4, 2, 2, 4), "{counts:?}");
    is_in_the_crm(&pair, &edited);
    assert_eq!(stamps(&pair, &edited), stamps_then, "nothing is written again");
    rest(&pair).await;
    is_in_the_crm(&pair, &edited);
}

async fn late_salesforce<S: TwoWay>() {
    late::<S>(Product::Salesforce).await;
}

async fn late_hubspot<S: TwoWay>() {
    late::<S>(Product::Hubspot).await;
}

async fn late_followed<S: TwoWay>() {
    for product in Product::ALL {
        let Some(mut pair) = Pair::<S>::start(product).await else { return };
        let edited = sent_too_late(&mut pair).await;
        let module = pair.module();
        let counts = ended_well(&pair.follow(&module).await);
        assert_eq!((counts.created, counts.deleted), (2, 0), "{product:?}: {counts:?}");
        pair.later(Duration::from_secs(3_600));
        let counts = ended_well(&pair.send(&module).await);
        assert_eq!((counts.created, counts.deleted), (0, 0), "{product:?}: {counts:?}");
        rest(&pair).await;
        is_in_the_crm(&pair, &edited);
    }
}

async fn twice<S: TwoWay>() {
    for product in Product::ALL {
        let Some(pair) = Pair::<S>::start(product).await else { return };
        let edited = edited(&pair).await;
        pair.write_faults([FaultRule::new(Fault::Twice)]);
        let module = pair.module();
        let first = ended_well(&pair.send(&module).await);
        pair.write_faults([]);
        is_in_the_crm(&pair, &edited);
        pair.later(Duration::from_secs(3_600));
        let second = ended_well(&pair.send(&module).await);
        let sum = |of: fn(&Counts) -> u64| of(&first) + of(&second);
        assert_eq!(
            (sum(|c| c.created), sum(|c| c.updated), sum(|c| c.deleted), sum(|c| c.parked)),
            (2, 2, 2, 0),
            "{product:?}: {first:?} {second:?}"
        );
        rest(&pair).await;
        is_in_the_crm(&pair, &edited);
    }
}

/// The key by which records were made comes back with the first poll; after that nothing is left to do on either side.
async fn rest<S: TwoWay>(pair: &Pair<S>) {
    let module = pair.module();
    let counts = ended_well(&pair.follow(&module).await);
    assert_eq!((counts.created, counts.deleted, counts.restored, counts.parked), (0, 0, 0, 0), "{counts:?}");
    pair.later(Duration::from_secs(3_600));
    assert_eq!(ended_well(&pair.send(&module).await).found, 0);
    assert_eq!(ended_well(&pair.follow(&module).await).applied(), 0);
    pair.check().await;
}

/// So many changes come, then the same ones again with their cursors, as of a page that was asked for twice.
struct Again(usize);

impl ChangeMiddleware<Account> for Again {
    fn wrap(&self, _: &Subscription, changes: ChangeStream<Account>) -> ChangeStream<Account> {
        let pages = changes.chunks(self.0).flat_map(|page| {
            let first = |change: &Change<Account>| Ok(Change { cursor: None, ..change.clone() });
            let first: Vec<_> = page.iter().filter_map(|change| change.as_ref().ok()).map(first).collect();
            stream::iter(first.into_iter().chain(page))
        });
        pages.boxed()
    }
}

async fn pages_twice<S: TwoWay>() {
    for product in Product::ALL {
        let Some(pair) = Pair::<S>::start(product).await else { return };
        let module = pair.module();
        // Pages that fill batches, and pages that begin in one and end in another.
        let loaded = ended_well(&pair.follow_through(&module, Arc::new(Again(5))).await);
        let ids: Vec<String> = pair.remote.companies().into_keys().collect();
        assert_eq!(loaded.created as usize, ids.len(), "{product:?}: {loaded:?}");
        assert!(loaded.found as usize >= 2 * ids.len() && loaded.updated == 0, "{product:?}: {loaded:?}");
        for id in &ids[..7] {
            pair.remote.edit(id, PHONE);
        }
        let edited = ended_well(&pair.follow_through(&module, Arc::new(Again(3))).await);
        assert_eq!((edited.updated, edited.applied()), (7, 7), "{product:?}: {edited:?}");
        assert!(edited.found >= 14, "{product:?}: {edited:?}");
        pair.check().await;
    }
}
