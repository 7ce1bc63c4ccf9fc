//! Outbound messages as a receiver meets them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crm_sandbox::SalesforceSandbox;
use crm_sandbox::salesforce::outbound::{OutboundOutcome, OutboundRule};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{V, World, json};

const TAKEN: &str = "<notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse>";
const NOT_TAKEN: &str = "<notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>false</Ack></notificationsResponse>";

/// A receiver that notes bodies and answers as it is told; otherwise it takes everything.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<(u16, &'static str)>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/soap", listener.local_addr().unwrap());
        let (got, answers): (Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<_>>>) = Default::default();
        let (noted, told) = (Arc::clone(&got), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let body = read_body(&mut stream).await;
                noted.lock().unwrap().push(body);
                let next = told.lock().unwrap().pop();
                let (status, text) = next.unwrap_or((200, TAKEN));
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n",
                    text.len()
                );
                stream.write_all(format!("{head}{text}").as_bytes()).await.ok();
            }
        });
        Self { url, got, answers }
    }

    fn bodies(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

async fn read_body(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 65_536];
        let n = stream.read(&mut part).await.unwrap();
        assert!(n > 0, "a request has an end");
        bytes.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() >= length.unwrap() {
            assert!(head.starts_with("post /soap http/1.1"), "{head}");
            assert!(head.contains("content-type: text/xml") && head.contains("soapaction:"), "{head}");
            return body.to_owned();
        }
    }
}

fn rule(url: &str) -> OutboundRule {
    let fields = ["Name", "Phone", "AnnualRevenue", "SystemModstamp"].map(str::to_owned).to_vec();
    OutboundRule { object: "account".to_owned(), fields, url: url.to_owned() }
}

async fn world() -> (World, Receiver) {
    let receiver = Receiver::start().await;
    let world = World::start(SalesforceSandbox::builder()).await;
    world.control().add_outbound_message(rule(&receiver.url)).unwrap();
    (world, receiver)
}

async fn settle(world: &World) {
    assert!(world.control().outbound_settled(Duration::from_secs(20)).await);
}

/// Lets the clock run and the sender see it.
async fn later(world: &World, seconds: u64) {
    world.control().advance(Duration::from_secs(seconds));
    tokio::time::sleep(Duration::from_millis(60)).await;
    settle(world).await;
}

#[tokio::test]
async fn a_message_tells_the_chosen_fields_of_a_row() {
    let (world, receiver) = world().await;
    let id = world.create("Account", json!({"Name": "Söhne & <Co>", "AnnualRevenue": 12_500})).await;
    world.create("Contact", json!({"LastName": "Nobody asked"})).await;
    settle(&world).await;
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), 1);
    let org = world.control().read(|org| org.org_id).to_string();
    for part in [
        format!("<OrganizationId>{org}</OrganizationId>"),
        "<ActionId>04kDn".to_owned(),
        "<SessionId xsi:nil=\"true\"/>".to_owned(),
        format!(
            "<EnterpriseUrl>{}/services/Soap/c/66.0/{}</EnterpriseUrl>",
            world.running.base_url(),
            &org[..15]
        ),
        "<sObject xsi:type=\"sf:Account\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">".to_owned(),
        format!("<sf:Id>{id}</sf:Id>"),
        "<sf:Name>Söhne &amp; &lt;Co&gt;</sf:Name>".to_owned(),
        "<sf:AnnualRevenue>12500.0</sf:AnnualRevenue>".to_owned(),
        "<sf:SystemModstamp>2026-01-05T08:00:00.000Z</sf:SystemModstamp>".to_owned(),
    ] {
        assert!(bodies[0].contains(&part), "{part} in {}", bodies[0]);
    }
    assert!(!bodies[0].contains("sf:Phone"), "nulls are left out");
    assert_eq!(world.control().outbound_deliveries()[0].rows, [id.parse().unwrap()]);
}

#[tokio::test]
async fn deletions_and_what_was_undone_are_not_told() {
    let (world, receiver) = world().await;
    let id = world.create("Account", json!({"Name": "A"})).await;
    settle(&world).await;
    world.delete(&format!("{V}/sobjects/Account/{id}")).await;
    let record = |name: &str| json!({"attributes": {"type": "Account"}, "Name": name});
    let body =
        json!({"allOrNone": true, "records": [record("B"), json!({"attributes": {"type": "Account"}})]});
    assert_eq!(world.post(&format!("{V}/composite/sobjects"), body).await.0, 200);
    let part = |path: &str, reference: &str, body| json!({"method": "POST", "url": format!("{V}/{path}"), "referenceId": reference, "body": body});
    let parts = json!([
        part("sobjects/Account", "a", json!({"Name": "C"})),
        part("sobjects/Account", "b", json!({}))
    ]);
    let body = json!({"allOrNone": true, "compositeRequest": parts});
    assert_eq!(world.post(&format!("{V}/composite"), body).await.0, 200);
    settle(&world).await;
    assert_eq!(receiver.bodies().len(), 1);
}

#[tokio::test]
async fn what_is_not_taken_comes_again_with_the_latest_data() {
    let (world, receiver) = world().await;
    // The last one is answered first.
    receiver.answers.lock().unwrap().extend([(200, "<Ack>true</Ack>"), (500, TAKEN), (200, NOT_TAKEN)]);
    let id = world.create("Account", json!({"Name": "First"})).await;
    settle(&world).await;
    later(&world, 14).await;
    assert_eq!(receiver.bodies().len(), 1, "not before its time");
    let late = json!({"Name": "Second"}).as_object().cloned().unwrap();
    world.control().update(id.parse().unwrap(), &late).unwrap();
    settle(&world).await;
    for seconds in [15, 30, 60, 120] {
        later(&world, seconds).await;
    }
    let deliveries = world.control().outbound_deliveries();
    let first = deliveries[0].notifications.clone();
    let tries: Vec<_> = deliveries.iter().filter(|one| one.notifications == first).collect();
    assert!(tries[0].body.contains("First") && tries[1].body.contains("Second"));
    let outcomes: Vec<_> = tries.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes[0], OutboundOutcome::Declined(200));
    assert_eq!(outcomes.last(), Some(&OutboundOutcome::Acknowledged));
    let declined =
        deliveries.iter().filter(|one| matches!(one.outcome, OutboundOutcome::Declined(_))).count();
    assert_eq!(declined, 3, "false, a status, and an answer that is none");
}

#[tokio::test]
async fn a_message_is_given_up_after_a_day() {
    let (world, receiver) = world().await;
    receiver.answers.lock().unwrap().extend([(503, ""); 40]);
    world.create("Account", json!({"Name": "A"})).await;
    settle(&world).await;
    for _ in 0..30 {
        later(&world, 3_600).await;
    }
    assert_eq!(world.control().outbound_given_up(), 1);
    let tries = receiver.bodies().len();
    assert!((13..24).contains(&tries), "{tries} tries, two hours apart at most");
}

#[tokio::test]
async fn many_rows_come_in_hundreds_and_some_twice() {
    let (world, _receiver) = world().await;
    world.control().edit_outbound_settings(|settings| settings.duplicate_percent = 100);
    let record = |n: usize| json!({"attributes": {"type": "Account"}, "Name": format!("A{n}")});
    let body = json!({"records": (0..60).map(record).collect::<Vec<_>>()});
    assert_eq!(world.post(&format!("{V}/composite/sobjects"), body).await.0, 200);
    settle(&world).await;
    let mut ids = Vec::new();
    for delivery in world.control().outbound_deliveries() {
        assert!(delivery.notifications.len() <= 100);
        ids.extend(delivery.notifications);
    }
    assert_eq!(ids.len(), 120);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 60, "a notification keeps its id");
}

#[tokio::test]
async fn a_lost_acknowledgement_brings_the_same_message_again() {
    let (world, receiver) = world().await;
    world.control().lose_outbound_answers(1);
    world.create("Account", json!({"Name": "A"})).await;
    settle(&world).await;
    later(&world, 15).await;
    let bodies = receiver.bodies();
    assert_eq!((bodies.len(), &bodies[0]), (2, &bodies[1]));
    let outcomes: Vec<_> = world.control().outbound_deliveries().iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [OutboundOutcome::Lost, OutboundOutcome::Acknowledged]);
}

#[tokio::test]
async fn rules_are_made_over_the_control_api_and_lead_to_this_machine_only() {
    let receiver = Receiver::start().await;
    let world = World::start(SalesforceSandbox::builder()).await;
    let path = "/_sandbox/outbound-messages";
    for bad in [
        rule("http://example.com/"),
        OutboundRule { object: "Nope".into(), ..rule(&receiver.url) },
        OutboundRule { fields: vec!["Nope__c".into()], ..rule(&receiver.url) },
    ] {
        assert_eq!(world.post(path, json!(bad)).await.0, 400);
    }
    assert_eq!(world.post(path, json!(rule(&receiver.url))).await.0, 201);
    world.create("Account", json!({"Name": "A"})).await;
    settle(&world).await;
    let (_, log) = world.get(&format!("{path}/deliveries")).await;
    assert_eq!((log.as_array().unwrap().len(), &log[0]["outcome"]), (1, &json!("acknowledged")));
    assert_eq!(world.call(Method::DELETE, path, None).await.0, 204);
    world.create("Account", json!({"Name": "B"})).await;
    settle(&world).await;
    assert_eq!(receiver.bodies().len(), 1);
}
