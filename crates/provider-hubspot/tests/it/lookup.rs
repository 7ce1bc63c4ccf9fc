//! Records by id.

use crm_sandbox::{Fault, FaultRule};
use provider_hubspot::HubspotFetcher;
use serde_json::json;
use sync_core::{DeleteEvidence, ExternalId, Fetched, RecordFetcher, SourceError};
use sync_detection::{Filter, FilterOp};

use crate::entity::Opportunity;
use crate::world::{World, id, subscription};

async fn fetch(world: &World, ids: &[ExternalId]) -> Vec<Fetched<Opportunity>> {
    let fetcher = HubspotFetcher::<Opportunity>::new(world.client.clone());
    fetcher.fetch_many(&subscription(), ids).await.unwrap()
}

/// A merged record answers under its survivor's id: to us it is gone.
#[tokio::test]
async fn each_id_gets_its_answer_in_order() {
    let world = World::new().await;
    let seeded = world.seed(6);
    let company = world.insert("companies", &json!({"name": "Acme"}));
    world.associate(("deals", seeded[0]), ("companies", company), Some("Primary"));
    world.control().archive("deals", seeded[1]).unwrap();
    world.control().purge("deals", seeded[2]).unwrap();
    world.update(seeded[3], &json!({"amount": "a lot"}));
    world.control().merge("deals", seeded[5], seeded[4]).unwrap();
    let mut ids: Vec<ExternalId> = seeded.iter().rev().copied().map(id).collect();
    ids.push(id(seeded[0]));
    ids.push("unidentified:0123".into());
    let answers = fetch(&world, &ids).await;
    let [survivor, merged, unreadable, purged, archived, first, again, stranger] = &answers[..] else {
        panic!("{answers:?}")
    };
    for (found, deal) in [(survivor, seeded[5]), (first, seeded[0]), (again, seeded[0])] {
        let Fetched::Found { record, version } = found else { panic!("{found:?}") };
        assert_eq!(*version, Some(world.truth()[&id(deal)]));
        assert!(record.name.as_deref().is_some_and(|name| name.starts_with("Deal")));
        assert!(record.custom.get("score").is_some());
        assert_eq!(record.account, (deal == seeded[0]).then(|| id(company)));
    }
    assert!(
        matches!(unreadable, Fetched::Unreadable(why) if why.reason.contains("`amount`")),
        "{unreadable:?}"
    );
    for gone in [merged, purged, archived] {
        assert_eq!(gone, &Fetched::Gone(DeleteEvidence::LookedUp));
    }
    assert!(matches!(stranger, Fetched::Unreadable(_)), "what can't be asked for is not known to be gone");
}

/// What is left out is told from what is gone.
#[tokio::test]
async fn filters_leave_records_out_that_are_there() {
    let world = World::new().await;
    let seeded = world.seed(3);
    world.update(seeded[1], &json!({"dealname": "Other"}));
    world.control().archive("deals", seeded[2]).unwrap();
    let filter = Filter::new("dealname", FilterOp::Neq, "Other").unwrap();
    let fetcher = HubspotFetcher::<Opportunity>::new(world.client.clone()).filters([filter]);
    let ids = seeded.into_iter().map(id).collect::<Vec<_>>();
    let answers = fetcher.fetch_many(&subscription(), &ids).await.unwrap();
    assert!(matches!(answers[0], Fetched::Found { .. }), "{answers:?}");
    assert_eq!(answers[1..], [Fetched::Outside, Fetched::Gone(DeleteEvidence::LookedUp)]);
}

#[tokio::test]
async fn thousands_of_ids_are_asked_for_by_the_hundred() {
    let world = World::new().await;
    let ids: Vec<ExternalId> = world.seed(1_050).into_iter().map(id).collect();
    let answers = fetch(&world, &ids).await;
    assert!(answers.iter().all(|answer| matches!(answer, Fetched::Found { .. })));
    assert_eq!((world.asked("batch_read"), world.asked("association_read")), (11, 2));
}

#[tokio::test]
async fn answer_that_fails_makes_nobody_gone() {
    let world = World::new().await;
    let ids: Vec<ExternalId> = world.seed(3).into_iter().map(id).collect();
    for fault in [Fault::InternalError, Fault::Garbage, Fault::Drop] {
        world.control().set_faults(vec![FaultRule::new(fault).on("batch_read")]);
        let fetcher = HubspotFetcher::<Opportunity>::new(world.client.clone());
        let error = fetcher.fetch_many(&subscription(), &ids).await.unwrap_err();
        assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn one_record_is_got_and_nothing_asks_nothing() {
    let world = World::new().await;
    let deal = id(world.seed(1)[0]);
    let fetcher = HubspotFetcher::<Opportunity>::new(world.client.clone());
    assert!(matches!(fetcher.get(&deal).await.unwrap(), Fetched::Found { .. }));
    world.control().reset_request_counts();
    fetcher.get(&deal).await.unwrap();
    assert_eq!(world.asked("properties"), 0, "a fresh description serves look-ups");
    world.control().reset_request_counts();
    assert!(fetch(&world, &[]).await.is_empty());
    assert!(world.control().request_counts().is_empty());
}
