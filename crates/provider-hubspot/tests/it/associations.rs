//! Associations: as links of records, and as records of their own.

use std::collections::BTreeMap;

use crm_sandbox::hubspot::LinkSpec;
use futures::StreamExt;
use provider_hubspot::{HubspotFetcher, HubspotListing};
use serde_json::json;
use sync_core::{
    Change, DeleteEvidence, ExternalId, Fetched, ListedRow, ListingPart, Payload, RecordFetcher,
    RemoteListing,
};

use crate::entity::{Opportunity, Role};
use crate::world::{World, fresh, id, last_cursor, subscription};

fn account(changes: &[Change<Opportunity>], deal: u64) -> Option<ExternalId> {
    let change = changes.iter().rfind(|change| change.external_id == id(deal)).unwrap();
    let Payload::Upsert(record) = &change.payload else { panic!("{change:?}") };
    record.value.account.clone()
}

/// Companies of a deal: the primary one, else the only one, else the first, by list and by search alike.
#[tokio::test]
async fn link_is_the_primary_record_else_the_only_else_the_lowest() {
    let world = World::new().await;
    let deals = world.seed(4);
    let companies: Vec<_> =
        (0..3).map(|n| world.insert("companies", &json!({"name": format!("C{n}")}))).collect();
    let to = |n: usize| ("companies", companies[n]);
    world.associate(("deals", deals[0]), to(2), None);
    world.associate(("deals", deals[1]), to(2), None);
    world.associate(("deals", deals[1]), to(1), None);
    world.associate(("deals", deals[2]), to(0), None);
    world.associate(("deals", deals[2]), to(2), Some("Primary"));
    world.settle();
    let expected = [Some(id(companies[2])), Some(id(companies[1])), Some(id(companies[2])), None];
    let loaded = world.read::<Opportunity>(None).await;
    for deal in &deals {
        world.update(*deal, &json!({"dealname": "Edited"}));
    }
    world.settle();
    let changes = world.read::<Opportunity>(last_cursor(&loaded).as_ref()).await;
    for (deal, expected) in deals.iter().zip(expected) {
        assert_eq!(
            (account(&loaded, *deal), account(&changes, *deal)),
            (expected.clone(), expected),
            "{deal}"
        );
    }

    world.control().disassociate(LinkSpec::new(("deals", deals[2]), to(2))).unwrap();
    world.update(deals[2], &json!({"dealname": "Left its company"}));
    world.settle();
    let changes = world.read::<Opportunity>(last_cursor(&changes).as_ref()).await;
    assert_eq!(account(&changes, deals[2]), Some(id(companies[0])));
}

/// The list tells the only company inline; a further call is needed only where there are several.
#[tokio::test]
async fn loads_ask_for_associations_only_where_the_list_is_unclear() {
    let world = World::paged(50).await;
    let deals = world.seed(100);
    let company = world.insert("companies", &json!({"name": "Acme"}));
    for deal in &deals {
        world.associate(("deals", *deal), ("companies", company), Some("Primary"));
    }
    world.control().reset_request_counts();
    let changes = world.read::<Opportunity>(None).await;
    assert!(deals.iter().all(|deal| account(&changes, *deal) == Some(id(company))));
    assert_eq!(world.asked("association_read"), 0);
}

/// Labels of each pair, as the account has them.
fn truth(world: &World) -> BTreeMap<ExternalId, Option<String>> {
    let associations = world.control().associations("deals", "contacts").into_iter();
    associations
        .map(|(from, to, labels)| {
            (format!("{from}-{to}").into(), Some(labels.join("; ")).filter(|labels| !labels.is_empty()))
        })
        .collect()
}

fn roles(changes: &[Change<Role>]) -> BTreeMap<ExternalId, Option<String>> {
    let role = |change: &Change<Role>| {
        let Payload::Upsert(record) = &change.payload else { panic!("{change:?}") };
        let pair =
            format!("{}-{}", record.value.deal.as_ref().unwrap(), record.value.contact.as_ref().unwrap());
        assert_eq!(change.external_id.as_str(), pair);
        (change.external_id.clone(), record.value.label.clone())
    };
    changes.iter().map(role).collect()
}

async fn populated() -> (World, Vec<u64>, Vec<u64>) {
    let world = World::paged(3).await;
    let deals = world.seed(10);
    let contacts: Vec<_> =
        (0..4).map(|n| world.insert("contacts", &json!({"email": format!("c{n}@example.test")}))).collect();
    for (n, deal) in deals.iter().enumerate().filter(|(n, _)| n % 3 != 2) {
        for contact in &contacts[..=n % 4] {
            world.associate(("deals", *deal), ("contacts", *contact), None);
        }
    }
    world.associate(("deals", deals[0]), ("contacts", contacts[0]), Some("Decision maker"));
    world.associate(("deals", deals[0]), ("contacts", contacts[0]), Some("Champion"));
    world.settle();
    (world, deals, contacts)
}

#[tokio::test]
async fn associations_are_records_with_their_labels() {
    let (world, deals, contacts) = populated().await;
    let changes = world.read::<Role>(None).await;
    assert_eq!(roles(&changes), truth(&world));
    let labelled = roles(&changes)[&format!("{}-{}", deals[0], contacts[0]).into()].clone();
    assert_eq!(labelled.as_deref(), Some("Champion; Decision maker"));
    let again = world.read::<Role>(last_cursor(&changes).as_ref()).await;
    assert!(fresh(&again).is_empty(), "{again:?}");

    world.associate(("deals", deals[2]), ("contacts", contacts[3]), Some("Champion"));
    world.update(deals[2], &json!({"dealname": "Edited"}));
    world.settle();
    let changes = world.read::<Role>(last_cursor(&changes).as_ref()).await;
    let [new] = fresh(&changes)[..] else { panic!("{changes:?}") };
    assert_eq!(new.external_id.as_str(), format!("{}-{}", deals[2], contacts[3]));
}

/// From any position, what comes after it is read.
#[tokio::test]
async fn association_reading_that_dies_loses_nothing() {
    let (world, ..) = populated().await;
    let everything = world.read::<Role>(None).await;
    for (n, change) in everything.iter().enumerate() {
        let Some(cursor) = &change.cursor else { continue };
        let rest = roles(&world.read::<Role>(Some(cursor)).await);
        for missed in &everything[n + 1..] {
            assert!(
                rest.contains_key(&missed.external_id),
                "{} is lost after change {n}",
                missed.external_id
            );
        }
    }
    let before = sync_core::Cursor::new(r#"{"v":1,"at":"done","until":"2026-01-05T07:00:00Z"}"#);
    let window = world.read::<Role>(Some(&before)).await;
    assert_eq!(roles(&window), truth(&world));
    for (n, change) in window.iter().enumerate() {
        let Some(cursor) = &change.cursor else { continue };
        let rest = roles(&world.read::<Role>(Some(cursor)).await);
        assert!(
            window[n + 1..].iter().all(|missed| rest.contains_key(&missed.external_id)),
            "after change {n}"
        );
    }
}

/// Removed associations and changed labels move no stamp: the listing has each association compared.
#[tokio::test]
async fn comparison_finds_removed_associations_and_changed_labels() {
    let (world, deals, contacts) = populated().await;
    let changes = world.read::<Role>(None).await;
    let read_at = changes.iter().filter_map(|change| change.version).max().unwrap();
    world.control().disassociate(LinkSpec::new(("deals", deals[1]), ("contacts", contacts[0]))).unwrap();
    world.control().advance(std::time::Duration::from_secs(60));

    let listing = HubspotListing::of::<Role>(world.client.clone());
    let parts: Vec<_> = listing.list_ids(&subscription()).map(Result::unwrap).collect().await;
    let rows: Vec<&ListedRow> = parts
        .iter()
        .filter_map(|part| match part {
            ListingPart::Ids(rows) => Some(rows),
            ListingPart::Complete { .. } => None,
        })
        .flatten()
        .collect();
    assert_eq!(parts.last(), Some(&ListingPart::Complete { total: rows.len() as u64 }));
    assert_eq!(rows.len(), truth(&world).len());
    assert!(rows.iter().all(|row| row.version.unwrap() > read_at), "so that each is fetched again");

    let removed: ExternalId = format!("{}-{}", deals[1], contacts[0]).into();
    let kept: ExternalId = format!("{}-{}", deals[0], contacts[0]).into();
    let fetcher = HubspotFetcher::<Role>::new(world.client.clone());
    world.control().reset_request_counts();
    let ids = [removed, kept, "5551".into(), "nonsense".into()];
    let fetched = fetcher.fetch_many(&subscription(), &ids).await.unwrap();
    let [gone, found, half, nonsense] = &fetched[..] else { panic!("{fetched:?}") };
    assert_eq!(gone, &Fetched::Gone(DeleteEvidence::LookedUp));
    let Fetched::Found { record, version } = found else { panic!("{found:?}") };
    assert_eq!(record.label.as_deref(), Some("Champion; Decision maker"));
    assert!(version.unwrap() > read_at);
    assert!(matches!((half, nonsense), (Fetched::Unreadable(_), Fetched::Unreadable(_))));
    assert_eq!(world.asked("association_read"), 1);
}
