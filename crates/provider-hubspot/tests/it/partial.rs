//! Batches that work in part: absence, failure, and lists that go on.

use provider_hubspot::HubspotFetcher;
use serde_json::{Value as Json, json};
use sync_core::{Fetched, Payload, SourceError};
use wiremock::matchers::{body_json, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::entity::Opportunity;
use crate::wire::{
    ASSOCIATIONS, CURSOR, LIST, PROPERTIES, SEARCH, chain, changes, client, description, ok, record, results,
};
use crate::world::subscription;

const BATCH: &str = "/crm/v3/objects/deals/batch/read";

/// A merged record answers under its survivor's id, and 207 tells what is not there.
#[tokio::test]
async fn partial_batches_are_told_from_failed_ones() {
    let error = |category: &str| {
        json!({"status": "COMPLETE", "results": [record(7, 1), record(70, 2)], "numErrors": 1, "errors": [
            {"status": "error", "category": category, "message": "Could not get some", "context": {"ids": ["8"]}}]})
    };
    for (category, expected) in [("OBJECT_NOT_FOUND", true), ("INTERNAL_ERROR", false)] {
        let server = MockServer::start().await;
        Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
        Mock::given(path(ASSOCIATIONS)).respond_with(ok(&results(&[]))).mount(&server).await;
        Mock::given(path(BATCH))
            .and(body_json(json!({
                "properties": ["hs_lastmodifieddate", "dealname", "dealstage", "amount", "closedate", "hs_merged_object_ids"],
                "inputs": [{"id": "7"}, {"id": "8"}, {"id": "9"}],
            })))
            .respond_with(ResponseTemplate::new(207).set_body_json(error(category)))
            .mount(&server)
            .await;
        let fetcher = HubspotFetcher::<Opportunity>::new(client(&server));
        let ids = ["9", "7", "8"].map(Into::into);
        let fetched = sync_core::RecordFetcher::fetch_many(&fetcher, &subscription(), &ids).await;
        match fetched {
            Ok(fetched) => {
                assert!(expected && matches!(fetched[1], Fetched::Found { .. }));
                assert!(matches!((&fetched[0], &fetched[2]), (Fetched::Gone(_), Fetched::Gone(_))));
            }
            Err(error) => assert!(!expected && matches!(error, SourceError::Transient { .. }), "{error:?}"),
        }
    }
}

/// A part of the associations that could not be read is no missing link.
#[tokio::test]
async fn associations_that_fail_in_part_empty_no_link() {
    let server = MockServer::start().await;
    Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(path(LIST)).respond_with(ok(&results(&[]))).mount(&server).await;
    Mock::given(path(SEARCH)).respond_with(ok(&results(&[record(7, 1)]))).mount(&server).await;
    let failed = json!({"status": "COMPLETE", "results": [], "errors": [{"category": "INTERNAL_ERROR"}]});
    let partial = ResponseTemplate::new(207).set_body_json(failed);
    Mock::given(path(ASSOCIATIONS)).respond_with(partial).expect(4).mount(&server).await;
    let error = changes(&server, Some(CURSOR)).await.pop().unwrap().unwrap_err();
    assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
    assert!(chain(&error).contains("part of the batch failed"), "{}", chain(&error));
}

/// Lists of associations go on page by page within one record.
#[tokio::test]
async fn long_lists_of_associations_are_read_to_the_end() {
    let server = MockServer::start().await;
    Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(path(LIST)).respond_with(ok(&results(&[]))).mount(&server).await;
    Mock::given(path(SEARCH)).respond_with(ok(&results(&[record(7, 1)]))).mount(&server).await;
    let to = |id: u64, label: Json| json!({"toObjectId": id, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 5, "label": label}]});
    let first = json!({"results": [{"from": {"id": "7"}, "to": [to(801, Json::Null)], "paging": {"next": {"after": "500"}}}]});
    let second = json!({"results": [{"from": {"id": "7"}, "to": [to(802, json!("Primary"))]}]});
    Mock::given(path(ASSOCIATIONS))
        .and(body_json(json!({"inputs": [{"id": "7", "after": "500"}]})))
        .respond_with(ok(&second))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(ASSOCIATIONS))
        .and(body_json(json!({"inputs": [{"id": "7"}]})))
        .respond_with(ok(&first))
        .expect(1)
        .mount(&server)
        .await;
    let read = changes(&server, Some(CURSOR)).await;
    let Payload::Upsert(record) = &read[0].as_ref().unwrap().payload else { panic!("{read:?}") };
    assert_eq!(record.value.account, Some("802".into()));
}
