//! Calls of a CRM that come twice, late, never, or from somebody else.

mod hexsync;
mod messages;
mod naive_handler;
mod naive_messages;
mod silence;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use crm_sandbox::hubspot::HubspotControl;
use serde_json::{Value as Json, json};

use crate::contender::{Contender, Said, scenarios};
use crate::hubspot::{CONTACT, Stage, asked, live, properties};
use crate::verdict::{Finding, Verdict};

use hexsync::Listening;
use naive_handler::NaiveHandler;

scenarios! { Listening vs NaiveHandler;
    /// HubSpot calls again when it hears no answer, up to a day later: once is enough.
    hexsync_survives_a_doubled_call, naive_handler_fails_a_doubled_call = doubled => Doubled;
    /// A call that found nobody comes again when later ones have come already.
    hexsync_survives_an_overtaken_call, naive_handler_fails_an_overtaken_call = overtaken => Stale;
    /// The same with a deletion that was taken back meanwhile.
    hexsync_survives_an_overtaken_deletion, naive_handler_fails_an_overtaken_deletion
        = overtaken_deletion => Killed;
    /// After a day HubSpot gives up: whatever the call had said is found out by asking.
    hexsync_survives_a_lost_call, naive_handler_fails_a_lost_call = lost => Stale;
    /// A call that was answered does not come again, whatever becomes of the process.
    hexsync_survives_death_after_the_answer, naive_handler_fails_death_after_the_answer
        = death_after_the_answer => Stale;
    /// Whoever knows the address can call it.
    hexsync_survives_a_forged_call, naive_handler_fails_a_forged_call = forged => Forged;
    /// Who has overheard a call can send it again, signature and all.
    hexsync_survives_an_overheard_call, naive_handler_fails_an_overheard_call = overheard => Forged;
}

/// A contender that is told by calls what changes in an account's contacts.
pub(crate) trait Listens: Contender {
    /// Starts before an account, whose contacts it has already.
    async fn enter(stage: Stage) -> Self;

    /// Changes the account.
    fn crm(&self) -> &HubspotControl;

    /// Where it is to be called.
    fn address(&self) -> String;

    /// Applies what calls have said so far.
    async fn apply(&mut self) -> Said;

    /// How often the application was told that a contact is new.
    async fn announced(&self) -> BTreeMap<String, usize>;

    /// Up to when it says that its rows are right, whatever calls come or don't.
    async fn right_as_of(&self) -> Option<DateTime<Utc>>;
}

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1/hubspot";

/// Real time, and only where something is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// A contender that everything is told of.
async fn enter<C: Listens>() -> C {
    let contender = C::enter(Stage::contacts(20)).await;
    let crm = contender.crm();
    crm.set_webhook_target(&contender.address()).unwrap();
    for kind in ["creation", "deletion", "restore"] {
        crm.subscribe(&format!("contact.{kind}"), None, None).unwrap();
    }
    for property in CONTACT {
        crm.subscribe("contact.propertyChange", None, Some(property)).unwrap();
    }
    crm.edit_webhook_settings(|settings| settings.timeout_ms = 60_000);
    contender
}

/// Lets what is due come, and be applied.
async fn hear<C: Listens>(contender: &mut C) {
    assert!(contender.crm().webhooks_settled(PATIENCE).await);
    let said = contender.apply().await;
    assert_eq!(said, Said::Well);
}

/// Lets everything that HubSpot still tries to tell come.
async fn hear_for_a_day<C: Listens>(contender: &mut C) {
    for _ in 0..26 {
        contender.later(3_600);
        hear(contender).await;
    }
}

fn contact(name: &str) -> Json {
    json!({"email": format!("{name}@example.com"), "firstname": name, "lastname": "Adams"})
}

fn edit<C: Listens>(contender: &C, id: u64, edit: Json) {
    contender.crm().update("contacts", id, &properties(edit)).unwrap();
}

#[tokio::test]
async fn naive_handler_does_well_on_a_good_day() {
    let mut handler = enter::<NaiveHandler>().await;
    let ids = live(handler.crm(), "contacts");
    handler.crm().insert("contacts", &properties(contact("ann"))).unwrap();
    edit(&handler, ids[3], json!({"firstname": "Bea", "phone": ""}));
    handler.crm().archive("contacts", ids[4]).unwrap();
    hear_for_a_day(&mut handler).await;
    handler.crm().restore("contacts", ids[4]).unwrap();
    handler.crm().archive("contacts", ids[5]).unwrap();
    hear(&mut handler).await;
    handler.verdict().await.is_clean();
}

async fn doubled<C: Listens>() -> Verdict {
    let mut contender = enter::<C>().await;
    contender.crm().lose_webhook_answers(1);
    let id = contender.crm().insert("contacts", &properties(contact("ann"))).unwrap();
    hear(&mut contender).await;
    contender.crm().reset_request_counts();
    hear_for_a_day(&mut contender).await;
    let requests = asked(contender.crm());
    assert!(contender.crm().deliveries().len() > 1, "it came again");
    let records = contender.announced().await.get(&id.to_string()).copied().unwrap_or(0);
    let missed = (records == 0).then(|| Finding::Silent("of a new contact".to_owned()));
    contender
        .verdict()
        .await
        .and(missed)
        .and((records > 1).then_some(Finding::Doubled { records }))
        .and((requests > 0).then_some(Finding::Repeated { requests, enough: 0 }))
}

async fn overtaken<C: Listens>() -> Verdict {
    let mut contender = enter::<C>().await;
    let id = live(contender.crm(), "contacts")[3];
    contender.crm().set_webhook_target(NOWHERE).unwrap();
    edit(&contender, id, json!({"jobtitle": "clerk"}));
    assert!(contender.crm().webhooks_settled(PATIENCE).await);
    contender.crm().set_webhook_target(&contender.address()).unwrap();
    edit(&contender, id, json!({"jobtitle": "director"}));
    hear(&mut contender).await;
    hear_for_a_day(&mut contender).await;
    contender.verdict().await
}

async fn overtaken_deletion<C: Listens>() -> Verdict {
    let mut contender = enter::<C>().await;
    let id = live(contender.crm(), "contacts")[3];
    contender.crm().set_webhook_target(NOWHERE).unwrap();
    contender.crm().archive("contacts", id).unwrap();
    assert!(contender.crm().webhooks_settled(PATIENCE).await);
    contender.crm().set_webhook_target(&contender.address()).unwrap();
    contender.crm().restore("contacts", id).unwrap();
    hear(&mut contender).await;
    hear_for_a_day(&mut contender).await;
    contender.verdict().await
}

async fn lost<C: Listens>() -> Verdict {
    let mut contender = enter::<C>().await;
    let ids = live(contender.crm(), "contacts");
    contender.crm().set_webhook_target(NOWHERE).unwrap();
    edit(&contender, ids[3], json!({"jobtitle": "director"}));
    contender.crm().archive("contacts", ids[4]).unwrap();
    while contender.crm().webhooks_given_up() == 0 {
        assert!(contender.crm().webhooks_settled(PATIENCE).await);
        contender.later(3_600);
    }
    // Others arrive: nothing looks broken.
    contender.crm().set_webhook_target(&contender.address()).unwrap();
    edit(&contender, ids[5], json!({"jobtitle": "clerk"}));
    hear(&mut contender).await;
    contender.sync().await;
    contender.verdict().await
}

async fn death_after_the_answer<C: Listens>() -> Verdict {
    let mut contender = enter::<C>().await;
    let id = live(contender.crm(), "contacts")[3];
    edit(&contender, id, json!({"jobtitle": "director"}));
    assert!(contender.crm().webhooks_settled(PATIENCE).await);
    assert!(!contender.crm().acknowledged_events().is_empty(), "it was answered");
    contender.restart().await;
    contender.crm().set_webhook_target(&contender.address()).unwrap();
    hear_for_a_day(&mut contender).await;
    contender.verdict().await
}

async fn forged<C: Listens>() -> Verdict {
    let mut contender = enter::<C>().await;
    let ids = live(contender.crm(), "contacts");
    let event = |id: u64, kind: &str| {
        json!({
            "eventId": 1, "subscriptionId": 1, "appId": 1, "attemptNumber": 0, "objectId": id,
            "portalId": contender.crm().read(|account| account.portal_id()),
            "occurredAt": contender.crm().clock().now().timestamp_millis(),
            "subscriptionType": kind, "propertyName": "email", "propertyValue": "mallory@example.com",
        })
    };
    let body = json!([event(ids[3], "contact.propertyChange"), event(ids[4], "contact.deletion")]);
    let time = contender.crm().clock().now().timestamp_millis().to_string();
    let made_up = "Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm9yZ2VkIGZvcmc=".to_owned();
    let headers = [
        vec![],
        vec![("x-hubspot-signature-v3", made_up), ("x-hubspot-request-timestamp", time)],
        vec![("x-hubspot-signature", "0".repeat(64)), ("x-hubspot-signature-version", "v1".to_owned())],
    ];
    let mut verdict = Verdict::default();
    for headers in headers {
        verdict = verdict.and(believed(&mut contender, &body.to_string(), &headers).await);
    }
    verdict.then(contender.verdict().await)
}

async fn overheard<C: Listens>() -> Verdict {
    let mut contender = enter::<C>().await;
    let id = live(contender.crm(), "contacts")[3];
    edit(&contender, id, json!({"jobtitle": "director"}));
    hear(&mut contender).await;
    let call = contender.crm().deliveries().pop().expect("there was a call");
    contender.later(3_600);
    let headers: Vec<_> = call.headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let believed = believed(&mut contender, &call.body, &headers).await;
    Verdict::default().and(believed).then(contender.verdict().await)
}

/// Calls in HubSpot's name; what was done because of it.
async fn believed<C: Listens>(contender: &mut C, body: &str, headers: &[(&str, String)]) -> Option<Finding> {
    contender.crm().reset_request_counts();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut call = client.post(contender.address()).body(body.to_owned());
    for (name, value) in headers {
        call = call.header(*name, value);
    }
    let status = call.send().await.unwrap().status();
    contender.apply().await;
    let requests = asked(contender.crm());
    let is_believed = !status.is_client_error() || requests > 0;
    is_believed.then(|| Finding::Forged(format!("{status}, and {requests} requests")))
}
