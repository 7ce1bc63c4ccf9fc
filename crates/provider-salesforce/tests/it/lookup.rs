//! Records by id.

use provider_salesforce::SalesforceFetcher;
use serde_json::json;
use sync_core::{DeleteEvidence, ExternalId, Fetched, RecordFetcher};
use sync_detection::{Filter, FilterOp};

use crate::entity::Opportunity;
use crate::world::{World, config, fields, subscription};

async fn fetch(world: &World, ids: &[ExternalId]) -> Vec<Fetched<Opportunity>> {
    let fetcher = SalesforceFetcher::<Opportunity>::new(world.client.clone());
    fetcher.fetch_many(&subscription(), ids).await.unwrap()
}

#[tokio::test]
async fn each_id_gets_its_answer_in_order() {
    let world = World::with(config(), 2).await;
    let seeded = world.seed(5);
    let control = world.control();
    control.delete(seeded[1]).unwrap();
    control.purge(seeded[2]).unwrap();
    control.update(seeded[3], &fields(&json!({"Amount": 1e30}))).unwrap();
    let mut ids: Vec<ExternalId> = seeded.iter().rev().map(|id| id.as_str().into()).collect();
    ids.push(seeded[0].as_str()[..15].into());
    ids.push("unidentified:0123".into());
    let answers = fetch(&world, &ids).await;
    let [e, unreadable, purged, deleted, a, again, stranger] = &answers[..] else { panic!("{answers:?}") };
    for (found, id) in [(e, seeded[4]), (a, seeded[0]), (again, seeded[0])] {
        let Fetched::Found { record, version } = found else { panic!("{found:?}") };
        assert_eq!(*version, Some(world.truth()[&ExternalId::new(id.as_str())].0));
        assert!(record.name.as_deref().is_some_and(|name| name.starts_with("Deal")));
        assert!(record.custom.get("Score__c").is_some());
    }
    assert!(
        matches!(unreadable, Fetched::Unreadable(why) if why.reason.contains("`Amount`")),
        "{unreadable:?}"
    );
    assert_eq!(deleted, &Fetched::Gone(DeleteEvidence::LookedUp));
    assert_eq!(purged, &Fetched::Gone(DeleteEvidence::LookedUp));
    assert!(matches!(stranger, Fetched::Unreadable(_)), "what can't be asked for is not known to be gone");
}

/// What is left out is told from what is gone, and what can't be read from both.
#[tokio::test]
async fn filters_leave_records_out_that_are_there() {
    let world = World::new().await;
    let seeded = world.seed(4);
    world.rename(seeded[1], "Other");
    world.control().delete(seeded[2]).unwrap();
    world.control().update(seeded[3], &fields(&json!({"Amount": 1e30, "Name": "Other"}))).unwrap();
    let filter = Filter::new("Name", FilterOp::Neq, "Other").unwrap();
    let fetcher = SalesforceFetcher::<Opportunity>::new(world.client.clone()).filters([filter]);
    let ids: Vec<ExternalId> = seeded.iter().map(|id| id.as_str().into()).collect();
    let answers = fetcher.fetch_many(&subscription(), &ids).await.unwrap();
    let [passes, left_out, gone, unreadable] = &answers[..] else { panic!("{answers:?}") };
    assert!(matches!(passes, Fetched::Found { .. }), "{answers:?}");
    assert_eq!((left_out, gone), (&Fetched::Outside, &Fetched::Gone(DeleteEvidence::LookedUp)));
    assert!(matches!(unreadable, Fetched::Unreadable(_)), "{answers:?}");
    world.control().reset_request_counts();
    fetch(&world, &ids).await;
    assert_eq!(world.asked("query"), 1, "without filters nothing more is asked");
}

#[tokio::test]
async fn thousands_of_ids_are_asked_for_in_queries_that_fit_an_address() {
    let world = World::new().await;
    let ids: Vec<ExternalId> = world.seed(2_000).iter().map(|id| id.as_str().into()).collect();
    let answers = fetch(&world, &ids).await;
    assert_eq!(answers.len(), 2_000);
    assert!(answers.iter().all(|answer| matches!(answer, Fetched::Found { .. })));
    assert!((4..=6).contains(&world.asked("query")), "{}", world.asked("query"));
}

#[tokio::test]
async fn one_record_is_got_and_nothing_asks_nothing() {
    let world = World::new().await;
    let id: ExternalId = world.seed(1)[0].as_str().into();
    let fetcher = SalesforceFetcher::<Opportunity>::new(world.client.clone());
    assert!(matches!(fetcher.get(&id).await.unwrap(), Fetched::Found { .. }));
    world.control().reset_request_counts();
    assert!(fetch(&world, &[]).await.is_empty());
    assert_eq!(world.asked("query") + world.asked("describe"), 0);
}
