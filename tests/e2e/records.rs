//! Records that don't fit.

use std::time::Duration;

use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::{RowChange, RowChanges};
use e2e::edit::{fields, live, update};
use e2e::on_stores;
use e2e::store::Backend;
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use serde_json::{Value as Json, json};
use sync_core::{FieldValue, RunFailure, RunStatus};

on_stores! { [memory, sqlite, postgres]
    /// R4, R10, R11, INV-SRC-2: what doesn't fit is parked by its own; its neighbours land in the same run, and it
    /// lands itself once it is mended.
    #[tokio::test]
    async fn unfit_records_are_parked_and_land_once_mended() = parked_and_mended;
    /// R11: a record that could not be read is fetched again by its letter, also when its stamp lies behind the cursor.
    #[tokio::test]
    async fn unreadable_record_is_fetched_again() = fetched_again;
    /// R11: without an id a record is kept by its bytes; with its id again it is a record like any other.
    #[tokio::test]
    async fn record_without_an_id_is_kept_by_its_bytes() = without_an_id;
    /// R3: a value that the picklist does not know is a value.
    #[tokio::test]
    async fn unknown_picklist_value_is_kept() = unknown_picklist_value;
    /// R4, R11: a run in which every record is unfit is failed, loses none of them and does not stop the next one.
    #[tokio::test]
    async fn run_of_unfit_records_only_is_failed() = all_unfit;
}

/// Values that an org can hand out and no store can keep, and the kind of failure each is.
fn unfit_values() -> Vec<(&'static str, Json, &'static str)> {
    let raw = |text: &str| json!({ "$raw": text });
    vec![
        ("Amount", raw(r#""a lot""#), "unreadable"),
        ("Name", raw("[1, 2]"), "unreadable"),
        ("CloseDate", raw(r#""the 31st of June""#), "unreadable"),
        ("AccountId", raw(r#""not an id""#), "unreadable"),
        ("Amount", raw("123456789012345678901234567890.12"), "unreadable"),
        ("Amount", json!(1e30), "unreadable"),
        ("Name", json!("bad\u{0}name"), "text"),
        ("NextStep", json!("x".repeat(2_000_000)), "text"),
    ]
}

fn good_value(field: &str) -> Json {
    match field {
        "Amount" => json!(12.5),
        "CloseDate" => json!("2026-06-30"),
        "AccountId" => json!(null),
        _ => json!("mended"),
    }
}

async fn parked_and_mended<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    let records = live::<Opportunity>(world.crm());
    let unfit: Vec<_> = records.iter().step_by(4).zip(unfit_values()).collect();
    for (id, (field, value, _)) in &unfit {
        update(world.crm(), **id, json!({ *field: value }));
    }
    let report = world.run::<Opportunity>().await;
    assert_eq!((report.status, report.counts.parked), (RunStatus::Success, unfit.len() as u64));
    assert_eq!(report.counts.created, (records.len() - unfit.len()) as u64, "all the others");

    let mut expected: Vec<_> = unfit.iter().map(|(id, (_, _, class))| (id.to_string(), *class)).collect();
    let letters = world.letters::<Opportunity>().await;
    let mut parked: Vec<_> =
        letters.iter().map(|one| (one.external_id.to_string(), one.error_class.as_str())).collect();
    expected.sort();
    parked.sort();
    assert_eq!(parked, expected);
    for letter in &letters {
        assert!(!letter.error.contains("a lot") && letter.error.len() < 500, "no values: {}", letter.error);
    }
    world.check_one::<Opportunity>().await;

    // An hour on they are tried again, and are what they were.
    world.later(Duration::from_secs(3_600));
    let again = world.run::<Opportunity>().await;
    assert_eq!(again.counts.applied(), 0);
    assert_eq!(world.check_one::<Opportunity>().await.len(), unfit.len());
    // The same run also read them again within its overlap, which is no attempt.
    assert!(world.letters::<Opportunity>().await.iter().all(|letter| letter.attempts == 2));

    for (id, (field, _, _)) in &unfit {
        update(world.crm(), **id, json!({ *field: good_value(field) }));
    }
    let mended = world.run::<Opportunity>().await;
    assert_eq!((mended.counts.created, mended.counts.parked), (unfit.len() as u64, 0));
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new(), "nothing is parked any more");
}

async fn fetched_again<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    let id = live::<Opportunity>(world.crm())[7];
    update(world.crm(), id, json!({"Amount": {"$raw": "{}"}}));
    world.run::<Opportunity>().await;
    assert_eq!(world.check_one::<Opportunity>().await, [id.to_string()]);

    // Mended with a stamp of last year, which no delta reads any more.
    let long_ago = world.clock().now() - chrono::TimeDelta::days(400);
    let mend = RowChange::Update { id, fields: fields(json!({"Amount": 99.5})) };
    let changes = RowChanges { stamp: Some(long_ago), ops: vec![mend], ..RowChanges::default() };
    assert!(world.crm().apply(&changes).iter().all(Result::is_ok));
    let early = world.run::<Opportunity>().await;
    assert_eq!(early.counts.applied(), 0, "a letter waits before it is tried again");
    world.later(Duration::from_secs(3_600));
    let report = world.run::<Opportunity>().await;
    assert_eq!((report.status, report.counts.created), (RunStatus::Success, 1));
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

async fn without_an_id<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    let id = live::<Opportunity>(world.crm())[5];
    update(world.crm(), id, json!({"Id": {"$raw": "null"}}));
    let report = world.run::<Opportunity>().await;
    assert_eq!((report.status, report.counts.parked), (RunStatus::Success, 1));
    let letters = world.letters::<Opportunity>().await;
    assert!(letters[0].external_id.as_str().starts_with("unidentified:"), "{letters:?}");

    update(world.crm(), id, json!({"Id": id}));
    let report = world.run::<Opportunity>().await;
    assert_eq!(report.counts.created, 1);
    // Nobody can tell that the bytes of then are this record: the letter waits for an operator.
    assert_eq!(world.check_one::<Opportunity>().await, [letters[0].external_id.to_string()]);
}

async fn unknown_picklist_value<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    let id: RecordId = live::<Opportunity>(world.crm())[3];
    update(world.crm(), id, json!({"StageName": "Handshake (beta) – näher"}));
    world.run_all().await;
    let row = world.rows::<Opportunity>().await.remove(id.as_str()).unwrap();
    assert_eq!(row.state.fields["stage"], FieldValue::Text("Handshake (beta) – näher".to_owned()));
    assert_eq!(world.check().await, Vec::<String>::new());
}

async fn all_unfit<S: Backend>() {
    let spec = OrgSpec { users: 3, ..OrgSpec::default() };
    let Some(world) = World::<S>::start(Setup { org: spec.into(), ..Setup::default() }).await else { return };
    let deal = |n: u32, name: &str| {
        fields(json!({"Name": name, "Amount": n, "StageName": "Prospecting", "CloseDate": "2026-06-30"}))
    };
    let ids: Vec<_> =
        (0..30).map(|n| world.crm().insert("Opportunity", &deal(n, "nul\u{0}")).unwrap()).collect();
    let report = world.run::<Opportunity>().await;
    assert!(matches!(report.failure, Some(RunFailure::AllFailed(30))), "{report:?}");
    assert_eq!((report.status, report.counts.parked), (RunStatus::Failed, 30));
    assert_eq!(world.check_one::<Opportunity>().await.len(), 30);
    for (n, id) in (0..).zip(&ids) {
        world.crm().update(*id, &deal(n, "fine")).unwrap();
    }
    let report = world.run::<Opportunity>().await;
    assert_eq!((report.status, report.counts.created), (RunStatus::Success, 30));
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}
