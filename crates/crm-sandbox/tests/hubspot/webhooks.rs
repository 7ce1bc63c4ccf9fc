//! Webhooks as a receiver meets them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crm_sandbox::hubspot::webhooks::{DeliveryOutcome, OldSignature};
use crm_sandbox::hubspot::{ChangeSource, HubspotSettings, LinkSpec, RowChange, RowChanges};
use crm_sandbox::{HubspotSandbox, Workflow};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Json, V3, World, category, id, ids, json, props};

/// A receiver that notes what it gets and answers as it is told.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Vec<Json>>>>,
    answers: Arc<Mutex<Vec<(u16, Duration)>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks?from=hubspot", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Vec<Json>>>> = Arc::default();
        let answers: Arc<Mutex<Vec<(u16, Duration)>>> = Arc::default();
        let (noted, told) = (Arc::clone(&got), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (noted, told) = (Arc::clone(&noted), Arc::clone(&told));
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    let body = loop {
                        let mut part = [0; 65_536];
                        let n = stream.read(&mut part).await.unwrap();
                        assert!(n > 0, "a request has an end");
                        bytes.extend_from_slice(&part[..n]);
                        let text = String::from_utf8_lossy(&bytes);
                        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                        let length = head.lines().find_map(|line| {
                            line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
                        });
                        if body.len() >= length.unwrap() {
                            assert!(head.starts_with("POST /hooks?from=hubspot HTTP/1.1"), "{head}");
                            break body.to_owned();
                        }
                    };
                    noted.lock().unwrap().push(serde_json::from_str(&body).unwrap());
                    let next = {
                        let mut told = told.lock().unwrap();
                        if told.is_empty() { (204, Duration::ZERO) } else { told.remove(0) }
                    };
                    tokio::time::sleep(next.1).await;
                    let answer = format!("HTTP/1.1 {} x\r\ncontent-length: 0\r\n\r\n", next.0);
                    stream.write_all(answer.as_bytes()).await.ok();
                });
            }
        });
        Self { url, got, answers }
    }

    fn answer(&self, answers: &[(u16, u64)]) {
        let answers = answers.iter().map(|(status, ms)| (*status, Duration::from_millis(*ms)));
        self.answers.lock().unwrap().extend(answers);
    }

    fn requests(&self) -> Vec<Vec<Json>> {
        self.got.lock().unwrap().clone()
    }

    fn events(&self) -> Vec<Json> {
        self.requests().concat()
    }
}

async fn world() -> (World, Receiver) {
    let receiver = Receiver::start().await;
    let world = World::start(HubspotSandbox::builder().settings(HubspotSettings::without_bursts())).await;
    world.control().set_webhook_target(&receiver.url).unwrap();
    (world, receiver)
}

async fn settle(world: &World) {
    assert!(world.control().webhooks_settled(Duration::from_secs(20)).await);
}

fn kinds(events: &[Json]) -> Vec<(String, String)> {
    let kind = |one: &Json| {
        (
            one["subscriptionType"].as_str().unwrap().to_owned(),
            one["propertyName"].as_str().unwrap_or("").to_owned(),
        )
    };
    events.iter().map(kind).collect()
}

/// What the two sides of an event say of each other.
fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

#[tokio::test]
async fn an_app_subscribes_over_the_api_and_is_told_what_it_asked_for() {
    let receiver = Receiver::start().await;
    let mut world = World::start(HubspotSandbox::builder().settings(HubspotSettings::without_bursts())).await;
    let key = world.running.credentials().developer_api_key.clone();
    let path = |rest: &str| format!("/webhooks/v3/42/{rest}?hapikey={key}");
    world.token = "none".to_owned();
    assert_eq!(world.get(&path("settings")).await.0, 404);
    assert_eq!(world.put(&path("settings"), json!({"targetUrl": "https://example.com/"})).await.0, 400);
    let few = json!({"targetUrl": receiver.url, "throttling": {"maxConcurrentRequests": 5}});
    assert_eq!(world.put(&path("settings"), few).await.0, 400);
    let settings = json!({"targetUrl": receiver.url, "throttling": {"maxConcurrentRequests": 8}});
    let (status, shown) = world.put(&path("settings"), settings).await;
    assert_eq!((status, &shown["throttling"]["maxConcurrentRequests"]), (200, &json!(8)));
    for (body, status) in [
        (json!({"eventType": "deal.propertyChange", "propertyName": "amount", "active": true}), 201),
        (json!({"eventType": "deal.propertyChange", "propertyName": "amount", "active": true}), 409),
        (json!({"eventType": "deal.creation", "active": true}), 201),
        (json!({"eventType": "deal.deletion", "active": false}), 201),
        (json!({"eventType": "deal.propertyChange", "active": true}), 400),
        (json!({"eventType": "deal.propertyChange", "propertyName": "nope", "active": true}), 400),
        (json!({"eventType": "deal.creation", "propertyName": "amount", "active": true}), 400),
        (json!({"eventType": "product.associationChange", "active": true}), 400),
        (json!({"eventType": "object.creation", "active": true}), 400),
    ] {
        assert_eq!(world.post(&path("subscriptions"), body.clone()).await.0, status, "{body}");
    }
    let (_, list) = world.get(&path("subscriptions")).await;
    assert_eq!(ids(&list), [25, 26, 27]);
    assert_eq!(world.get("/webhooks/v3/42/subscriptions").await.0, 401);
    assert_eq!(world.get(&format!("/webhooks/v3/43/subscriptions?hapikey={key}")).await.0, 404);

    world.token = world.running.credentials().private_app_token.clone();
    let body = json!({"properties": {"dealname": "A", "amount": "1", "dealstage": "appointmentscheduled", "pipeline": "default"}});
    let (_, deal) = world.post(&format!("{V3}/deals"), body).await;
    world.delete(&format!("{V3}/deals/{}", id(&deal))).await;
    settle(&world).await;
    assert_eq!(kinds(&receiver.events()), texts(&[("deal.creation", ""), ("deal.propertyChange", "amount")]));
    let creation = &receiver.events()[0];
    assert_eq!(
        (&creation["objectId"], &creation["portalId"], &creation["appId"]),
        (&json!(id(&deal)), &json!(9_000_001), &json!(42))
    );
    assert_eq!((&creation["subscriptionId"], &creation["changeFlag"]), (&json!(26), &json!("NEW")));
    assert_eq!((&creation["changeSource"], &creation["sourceId"]), (&json!("INTEGRATION"), &json!("42")));
    assert_eq!(
        (&creation["occurredAt"], &creation["attemptNumber"]),
        (&json!(1_767_600_000_000_u64), &json!(0))
    );

    let batch = json!({"inputs": [{"id": 27, "active": true}, {"id": "26", "active": false}, {"id": 99, "active": true}]});
    let (status, body) = world.post(&path("subscriptions/batch/update"), batch).await;
    assert_eq!((status, body["results"].as_array().unwrap().len()), (207, 2));
    assert_eq!(world.patch(&path("subscriptions/25"), json!({"active": false})).await.1["active"], false);
    let id = world.insert("deals", json!({"dealname": "B", "amount": "1"}));
    world.control().archive("deals", id).unwrap();
    settle(&world).await;
    assert_eq!(kinds(&receiver.events()[2..]), texts(&[("deal.deletion", "")]));
    assert_eq!(world.delete(&path("subscriptions/27")).await.0, 204);
    assert_eq!(world.delete(&path("subscriptions/27")).await.0, 404);
    assert_eq!(world.delete(&path("settings")).await.0, 204);
}

#[tokio::test]
async fn every_kind_of_change_has_its_event() {
    let (world, receiver) = world().await;
    let control = world.control();
    for (kind, property) in [
        ("contact.creation", None),
        ("contact.propertyChange", Some("lastname")),
        ("contact.deletion", None),
        ("contact.restore", None),
        ("contact.merge", None),
        ("contact.associationChange", None),
        ("contact.privacyDeletion", None),
    ] {
        control.subscribe(kind, None, property).unwrap();
    }
    let first = world.insert("contacts", json!({"email": "a@example.test", "lastname": "A"}));
    let second = world.insert("contacts", json!({"email": "b@example.test", "phone": "1"}));
    let company = world.insert("companies", json!({"name": "C"}));
    settle(&world).await;
    receiver.got.lock().unwrap().clear();
    control.update("contacts", first, &props(json!({"lastname": ""}))).unwrap();
    control.update("contacts", first, &props(json!({"lastname": ""}))).unwrap();
    control.archive("contacts", first).unwrap();
    control.restore("contacts", first).unwrap();
    control.associate(LinkSpec::new(("contacts", first), ("companies", company)).label("Primary")).unwrap();
    control.disassociate(LinkSpec::new(("contacts", first), ("companies", company))).unwrap();
    control.merge("contacts", first, second).unwrap();
    control.purge("contacts", first).unwrap();
    settle(&world).await;
    let events = receiver.events();
    assert_eq!(
        kinds(&events),
        texts(&[
            ("contact.propertyChange", "lastname"),
            ("contact.deletion", ""),
            ("contact.restore", ""),
            ("contact.associationChange", ""),
            ("contact.associationChange", ""),
            ("contact.merge", ""),
            ("contact.deletion", ""),
            ("contact.privacyDeletion", ""),
        ])
    );
    assert_eq!((&events[0]["propertyValue"], &events[0]["changeSource"]), (&json!(""), &json!("CRM_UI")));
    for (event, removed) in [(&events[3], false), (&events[4], true)] {
        let seen = (
            &event["associationType"],
            &event["fromObjectId"],
            &event["toObjectId"],
            &event["associationRemoved"],
        );
        assert_eq!(seen, (&json!("CONTACT_TO_COMPANY"), &json!(first), &json!(company), &json!(removed)));
        assert_eq!(event["isPrimaryAssociation"], true);
        assert_eq!(event.get("objectId"), None);
    }
    let merge = &events[5];
    let seen =
        (&merge["objectId"], &merge["primaryObjectId"], &merge["mergedObjectIds"], merge.get("newObjectId"));
    assert_eq!(seen, (&json!(first), &json!(first), &json!([second]), None));
    assert_eq!(merge["numberOfPropertiesMoved"], 1, "the phone");
    assert_eq!(events[6]["objectId"], json!(second));
}

#[tokio::test]
async fn custom_objects_are_told_of_in_general_terms() {
    let (world, receiver) = world().await;
    let control = world.control();
    control.subscribe("object.propertyChange", Some("2-4200042"), Some("hs_name")).unwrap_err();
    let name = control.read(|account| {
        let def = account.object_def("projects").unwrap();
        (def.type_id.clone(), def.primary_display.clone())
    });
    control.subscribe("object.propertyChange", Some(&name.0), Some(&name.1)).unwrap();
    control.subscribe("object.associationChange", Some("0-3"), None).unwrap();
    let project = world.insert("projects", json!({name.1.clone(): "P"}));
    let deal = world.insert("deals", json!({"dealname": "D"}));
    let company = world.insert("companies", json!({"name": "C"}));
    control.associate(LinkSpec::new(("companies", company), ("deals", deal))).unwrap();
    settle(&world).await;
    let events = receiver.events();
    assert_eq!(
        kinds(&events),
        texts(&[("object.propertyChange", &name.1), ("object.associationChange", "")])
    );
    let seen = (&events[0]["objectId"], &events[0]["objectTypeId"], &events[0]["isSensitive"]);
    assert_eq!(seen, (&json!(project), &json!(name.0), &json!(false)));
    let link = &events[1];
    assert_eq!((&link["fromObjectTypeId"], &link["toObjectTypeId"]), (&json!("0-3"), &json!("0-2")));
    assert_eq!(
        (&link["associationCategory"], &link["fromObjectId"]),
        (&json!("HUBSPOT_DEFINED"), &json!(deal))
    );
}

#[tokio::test]
async fn what_was_undone_is_not_told() {
    let (world, receiver) = world().await;
    world.control().subscribe("company.creation", None, None).unwrap();
    let inputs = json!([{"properties": {"name": "A"}}, {"properties": {"name": "B", "nope": "1"}}]);
    let (status, body) = world.post(&format!("{V3}/companies/batch/create"), json!({"inputs": inputs})).await;
    assert_eq!((status, category(&body)), (400, "VALIDATION_ERROR"));
    let bad_link = json!({"properties": {"name": "A"}, "associations": [
        {"to": {"id": "1"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 9999}]},
    ]});
    assert_eq!(world.post(&format!("{V3}/companies"), bad_link).await.0, 400);
    settle(&world).await;
    assert_eq!(receiver.events(), Vec::<Json>::new());
}

#[tokio::test]
async fn sources_tell_users_from_apps_and_automations() {
    let (world, receiver) = world().await;
    let control = world.control();
    control.subscribe("company.propertyChange", None, Some("name")).unwrap();
    control.set_workflows(vec![Workflow::append("companies", "name", "!").times(1)]);
    let row = world.insert("companies", json!({"name": "A"}));
    world.patch(&format!("{V3}/companies/{row}"), json!({"properties": {"name": "B"}})).await;
    for source in [ChangeSource::Integration(7), ChangeSource::Import] {
        let properties = props(json!({"name": format!("{source:?}")}));
        let ops = vec![RowChange::Update { object: "companies".into(), id: row, properties }];
        assert!(control.apply(&RowChanges { source, ops, ..RowChanges::default() })[0].is_ok());
    }
    settle(&world).await;
    let seen: Vec<_> = receiver
        .events()
        .iter()
        .map(|one| (one["propertyValue"].clone(), one["changeSource"].clone(), one["sourceId"].clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (json!("A"), json!("CRM_UI"), json!("userId:77")),
            (json!("B"), json!("INTEGRATION"), json!("42")),
            (json!("B!"), json!("AUTOMATION_PLATFORM"), json!("workflowId:1")),
            (json!("Integration(7)"), json!("INTEGRATION"), json!("7")),
            (json!("Import"), json!("IMPORT"), Json::Null),
        ]
    );
}

#[tokio::test]
async fn many_events_come_in_hundreds() {
    let (world, receiver) = world().await;
    world.control().subscribe("company.creation", None, None).unwrap();
    let insert = |n: u32| RowChange::Insert {
        object: "companies".into(),
        properties: props(json!({"name": n.to_string()})),
    };
    let changes = RowChanges { ops: (0..250).map(insert).collect(), ..RowChanges::default() };
    assert_eq!(world.control().apply(&changes).len(), 250);
    settle(&world).await;
    let mut sizes: Vec<usize> = receiver.requests().iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
    assert_eq!(world.control().acknowledged_events().len(), 250);
}

#[tokio::test]
async fn what_is_not_taken_comes_again_with_the_clock() {
    let (world, receiver) = world().await;
    let control = world.control();
    control.subscribe("company.creation", None, None).unwrap();
    control.edit_webhook_settings(|settings| settings.timeout_ms = 200);
    receiver.answer(&[(500, 0), (404, 0), (200, 2_000)]);
    let row = world.insert("companies", json!({"name": "A"}));
    settle(&world).await;
    for n in 1..=3 {
        assert_eq!(receiver.requests().len(), n, "no retry before its time");
        control.advance(Duration::from_secs(3 * 3600));
        tokio::time::sleep(Duration::from_millis(60)).await;
        settle(&world).await;
    }
    let attempts: Vec<_> = receiver.events().iter().map(|one| one["attemptNumber"].clone()).collect();
    assert_eq!(attempts, [0, 1, 2, 3]);
    assert!(receiver.events().iter().all(|one| one["objectId"] == json!(row)));
    let outcomes: Vec<_> = control.deliveries().iter().map(|one| one.outcome).collect();
    assert_eq!(
        outcomes,
        [
            DeliveryOutcome::Refused(500),
            DeliveryOutcome::Refused(404),
            DeliveryOutcome::Unanswered("timed out"),
            DeliveryOutcome::Acknowledged(204),
        ]
    );
    control.advance(Duration::from_secs(86_400));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(receiver.requests().len(), 4, "taken is taken");
}

#[tokio::test]
async fn ten_retries_are_all() {
    let (world, receiver) = world().await;
    let control = world.control();
    control.subscribe("company.creation", None, None).unwrap();
    receiver.answer(&[(503, 0); 20]);
    world.insert("companies", json!({"name": "A"}));
    settle(&world).await;
    for _ in 0..14 {
        control.advance(Duration::from_secs(8 * 3600));
        tokio::time::sleep(Duration::from_millis(50)).await;
        settle(&world).await;
    }
    assert_eq!((receiver.requests().len(), control.webhooks_given_up()), (11, 1));
}

#[tokio::test]
async fn a_lost_answer_brings_the_same_events_again() {
    let (world, receiver) = world().await;
    let control = world.control();
    control.subscribe("company.creation", None, None).unwrap();
    control.lose_webhook_answers(1);
    world.insert("companies", json!({"name": "A"}));
    settle(&world).await;
    assert_eq!(control.acknowledged_events(), Vec::<Json>::new());
    control.advance(Duration::from_secs(86_400));
    tokio::time::sleep(Duration::from_millis(60)).await;
    settle(&world).await;
    let outcomes: Vec<_> = control.deliveries().iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [DeliveryOutcome::Lost(204), DeliveryOutcome::Acknowledged(204)]);
    let events = receiver.events();
    let same = |one: &Json| {
        let mut one = one.clone();
        one.as_object_mut().unwrap().remove("attemptNumber");
        one
    };
    assert_eq!(same(&events[0]), same(&events[1]));
}

#[tokio::test]
async fn events_come_twice_late_and_in_any_order() {
    let (world, receiver) = world().await;
    let control = world.control();
    control.subscribe("company.creation", None, None).unwrap();
    control.edit_webhook_settings(|settings| {
        settings.duplicate_percent = 100;
        settings.delay_ms = 30_000;
        settings.same_event_ids = true;
    });
    world.insert("companies", json!({"name": "A"}));
    settle(&world).await;
    assert_eq!(receiver.events().len(), 0, "not yet");
    control.advance(Duration::from_secs(30));
    tokio::time::sleep(Duration::from_millis(60)).await;
    settle(&world).await;
    let events = receiver.events();
    assert_eq!((events.len(), &events[0]), (2, &events[1]));
    assert_eq!(events[0]["eventId"], 100);
    control.edit_webhook_settings(|settings| {
        (settings.duplicate_percent, settings.delay_ms, settings.shuffled) = (0, 0, true);
    });
    let insert = |n: u32| RowChange::Insert {
        object: "companies".into(),
        properties: props(json!({"name": n.to_string()})),
    };
    assert_eq!(
        control.apply(&RowChanges { ops: (0..60).map(insert).collect(), ..RowChanges::default() }).len(),
        60
    );
    settle(&world).await;
    let ids: Vec<u64> = receiver.events()[2..].iter().map(|one| one["objectId"].as_u64().unwrap()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert_ne!(ids, sorted);
    sorted.dedup();
    assert_eq!(sorted.len(), 60);
}

#[tokio::test]
async fn signatures_come_as_configured() {
    let (world, _receiver) = world().await;
    let control = world.control();
    control.subscribe("company.creation", None, None).unwrap();
    for (old, v3, headers) in [
        (OldSignature::V1, true, [Some("v1"), Some("1767600000000")]),
        (OldSignature::V2, false, [Some("v2"), None]),
        (OldSignature::None, true, [None, Some("1767600000000")]),
    ] {
        control.forget_deliveries();
        control.edit_webhook_settings(|settings| (settings.old_signature, settings.signature_v3) = (old, v3));
        world.insert("companies", json!({"name": "A"}));
        settle(&world).await;
        let sent = control.deliveries().remove(0);
        assert_eq!(
            ["x-hubspot-signature-version", "x-hubspot-request-timestamp"].map(|name| sent.header(name)),
            headers
        );
        assert_eq!(sent.header("x-hubspot-signature").is_some(), old != OldSignature::None);
        assert_eq!(sent.header("x-hubspot-signature-v3").is_some(), v3);
        assert_eq!(sent.body, Json::from(sent.events()).to_string(), "these very bytes");
    }
}

#[tokio::test]
async fn an_uninstalled_app_is_told_of_nothing() {
    let (world, receiver) = world().await;
    world.control().subscribe("company.creation", None, None).unwrap();
    world.control().uninstall();
    world.insert("companies", json!({"name": "A"}));
    settle(&world).await;
    assert_eq!(receiver.requests().len(), 0);
}

#[tokio::test]
async fn deliveries_are_seen_over_the_control_api() {
    let (world, receiver) = world().await;
    let patch = json!({"webhooks": {"batch_max": 1}});
    assert_eq!(
        world.call(Method::PATCH, "/_sandbox/settings", Some(patch)).await.1["webhooks"]["batch_max"],
        1
    );
    for n in 0..2 {
        let event = json!({"subscriptionType": "conversation.creation", "objectId": n});
        assert_eq!(world.post("/_sandbox/webhooks/send", event).await.0, 204);
    }
    settle(&world).await;
    let (_, log) = world.get("/_sandbox/deliveries").await;
    assert_eq!(log.as_array().unwrap().len(), 2);
    assert_eq!(log[0]["outcome"], json!({"acknowledged": 204}));
    assert_eq!(receiver.events().len(), 2);
    assert_eq!(world.post("/_sandbox/webhooks/lose-answers", json!({"times": 1})).await.0, 204);
    assert_eq!(world.delete("/_sandbox/deliveries").await.0, 204);
    assert_eq!(world.get("/_sandbox/deliveries").await.1, json!([]));
}

#[tokio::test]
async fn nothing_is_sent_after_the_end() {
    let (world, receiver) = world().await;
    world.control().subscribe("company.creation", None, None).unwrap();
    let control = world.control().clone();
    world.running.shutdown().await;
    control.insert("companies", &props(json!({"name": "A"}))).unwrap();
    assert!(!control.webhooks_settled(Duration::from_millis(150)).await);
    assert_eq!(receiver.requests().len(), 0);
}
