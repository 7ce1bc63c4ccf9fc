//! Salesforce's outbound messages: sent again for a day until somebody takes them, by anybody who knows where to.

use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::salesforce::SalesforceControl;
use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::outbound::OutboundRule;
use e2e::store::Backend;
use entity_opportunity::Opportunity;
use provider_salesforce::FromSalesforce;
use serde_json::json;
use sync_core::ConnectionKey;
use sync_wiring::salesforce;
use sync_wiring::webhooks::{
    Counters, DrainFeed, Drained, Limits, Receiver, Recipient, SalesforceReceiver, Stager, StagerOptions,
    StaticRecipients, Wake, serve,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::PATIENCE;
use super::naive_messages::NaiveMessages;
use crate::contender::{Contender, Said, scenarios};
use crate::hexsync::Hexsync;
use crate::salesforce::{OnSalesforce, Stage, bulk_edit, deals, queries};
use crate::verdict::{Finding, Rows, Truth, Verdict};

scenarios! { Listening vs NaiveMessages;
    /// A message whose acknowledgement is lost comes again: once is enough.
    hexsync_survives_a_doubled_message, naive_handler_fails_a_doubled_message = doubled => Doubled;
    /// After a day Salesforce gives up: whatever the message had said is found out by asking.
    hexsync_survives_a_lost_message, naive_handler_fails_a_lost_message = lost => Stale;
    /// Messages are not signed: whoever does not know the secret part of the address is nobody.
    hexsync_survives_a_forged_message, naive_handler_fails_a_forged_message = forged => Forged;
}

/// A contender that is told by messages which of an org's opportunities changed.
pub(super) trait TakesMessages: Contender {
    /// Starts before an org, whose opportunities it has already.
    async fn enter(stage: Stage) -> Self;

    /// Changes the org.
    fn crm(&self) -> &SalesforceControl;

    /// Where messages are to be sent.
    fn address(&self) -> String;

    /// The same as far as it is no secret.
    fn guessed(&self) -> String;

    /// Applies what messages have said so far.
    async fn apply(&mut self) -> Said;

    /// How often the application was told of a record since the start.
    async fn told_of(&self, id: RecordId) -> usize;
}

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1/salesforce";

async fn enter<C: TakesMessages>() -> C {
    C::enter(Stage { opportunities: 20, ..Stage::default() }).await
}

/// From now on the org tells of edits.
fn tell(crm: &SalesforceControl, url: String) {
    let fields = ["SystemModstamp", "NextStep"].map(str::to_owned).to_vec();
    crm.add_outbound_message(OutboundRule { object: Opportunity::OBJECT.to_owned(), fields, url }).unwrap();
}

async fn hear<C: TakesMessages>(contender: &mut C) {
    assert!(contender.crm().outbound_settled(PATIENCE).await);
    contender.later(10);
    assert_eq!(contender.apply().await, Said::Well);
}

#[tokio::test]
async fn naive_messages_do_well_on_a_good_day() {
    let mut handler = enter::<NaiveMessages>().await;
    tell(handler.crm(), handler.address());
    bulk_edit(handler.crm(), &deals(handler.crm())[..5], &json!({"NextStep": "call & write"}));
    hear(&mut handler).await;
    handler.verdict().await.is_clean();
}

async fn doubled<C: TakesMessages>() -> Verdict {
    let mut contender = enter::<C>().await;
    tell(contender.crm(), contender.address());
    contender.crm().lose_outbound_answers(1);
    let deal = deals(contender.crm())[3];
    bulk_edit(contender.crm(), &[deal], &json!({"NextStep": "call them"}));
    hear(&mut contender).await;
    contender.crm().reset_request_counts();
    for _ in 0..3 {
        contender.later(3_600);
        hear(&mut contender).await;
    }
    assert!(contender.crm().outbound_deliveries().len() > 1, "it came again");
    let requests = queries(contender.crm());
    let records = contender.told_of(deal).await;
    let missed = (records == 0).then(|| Finding::Silent("of a change".to_owned()));
    contender
        .verdict()
        .await
        .and(missed)
        .and((records > 1).then_some(Finding::Doubled { records }))
        .and((requests > 0).then_some(Finding::Repeated { requests, enough: 0 }))
}

async fn lost<C: TakesMessages>() -> Verdict {
    let mut contender = enter::<C>().await;
    tell(contender.crm(), NOWHERE.to_owned());
    let deals = deals(contender.crm());
    bulk_edit(contender.crm(), &deals[..1], &json!({"NextStep": "unseen"}));
    while contender.crm().outbound_given_up() == 0 {
        assert!(contender.crm().outbound_settled(PATIENCE).await);
        contender.later(3_600);
    }
    // Others arrive: nothing looks broken.
    contender.crm().remove_outbound_messages();
    tell(contender.crm(), contender.address());
    bulk_edit(contender.crm(), &deals[1..2], &json!({"NextStep": "seen"}));
    hear(&mut contender).await;
    contender.sync().await;
    contender.verdict().await
}

async fn forged<C: TakesMessages>() -> Verdict {
    let mut contender = enter::<C>().await;
    tell(contender.crm(), contender.address());
    let deals = deals(contender.crm());
    bulk_edit(contender.crm(), &deals[..1], &json!({"NextStep": "call them"}));
    hear(&mut contender).await;
    // Genuine but for the record, its value, and the number of the notification.
    let genuine = contender.crm().outbound_deliveries().pop().expect("there was a message");
    let forged = genuine
        .body
        .replace(deals[0].as_ref(), deals[1].as_ref())
        .replace("call them", "wire it to Mallory")
        .replace(genuine.notifications[0].as_ref(), "04lDn0000099999IAU");
    contender.crm().reset_request_counts();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(contender.guessed()).body(forged).send().await.unwrap();
    let answer = answer.text().await.unwrap();
    contender.apply().await;
    let requests = queries(contender.crm());
    let is_believed = answer.contains("<Ack>true</Ack>") || requests > 0;
    let believed = || Finding::Forged(format!("{requests} requests, and the answer {answer}"));
    contender.verdict().await.and(is_believed.then(believed))
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Hexsync on one of its stores, as it polls and as it takes messages.
pub(super) struct Listening<S: Backend> {
    polling: Hexsync<S>,
    /// Without the token.
    address: String,
    stop: CancellationToken,
    /// Events before the story began.
    n_events: usize,
}

impl<S: Backend> Listening<S> {
    async fn events(&self) -> Vec<e2e::store::Event> {
        let world = self.polling.world();
        world.store.events(&world.home, &world.scope::<Opportunity>()).await
    }
}

impl<S: Backend> Drop for Listening<S> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl<S: Backend> Contender for Listening<S> {
    fn truth(&self) -> Truth {
        self.polling.truth()
    }

    fn later(&self, seconds: u64) {
        self.polling.later(seconds);
    }

    async fn run(&mut self) -> Said {
        self.polling.run().await
    }

    async fn tend(&mut self) -> Said {
        self.polling.tend().await
    }

    async fn restart(&mut self) {
        self.polling.restart().await;
    }

    async fn rows(&self) -> Rows {
        self.polling.rows().await
    }

    async fn set_aside(&self) -> std::collections::BTreeSet<String> {
        self.polling.set_aside().await
    }

    async fn state_bytes(&self) -> usize {
        self.polling.state_bytes().await
    }
}

impl<S: Backend> TakesMessages for Listening<S> {
    async fn enter(stage: Stage) -> Self {
        let mut polling = Hexsync::<S>::enter(stage).await;
        assert_eq!(polling.sync().await, Said::Well);
        let world = polling.world();
        let counters = Arc::new(Counters::default());
        let (stager, _staging) = Stager::start_with(
            Arc::clone(&world.store),
            StagerOptions::default(),
            Arc::clone(&counters),
            Arc::new(Wake::default()),
            world.clock(),
        );
        let feed = world.subscription::<Opportunity>();
        let org = world.crm().read(|org| org.org_id).to_string();
        let key = ConnectionKey::new(None, feed.connection.clone());
        let recipients = StaticRecipients::new().with(
            "salesforce",
            &org,
            Recipient::new(key, feed.id, Opportunity::OBJECT),
        );
        let side = SalesforceReceiver::new().door(&TOKEN.into(), [&*org]).unwrap();
        let limits = Limits { answer_time: Duration::from_secs(60), ..Limits::default() };
        let receiver = Receiver::builder(stager, Arc::new(recipients), counters)
            .limits(limits.clone())
            .salesforce(side)
            .build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = format!("http://{}/salesforce", listener.local_addr().expect("it is bound"));
        let stop = CancellationToken::new();
        let (router, token) = (receiver.router(), stop.clone());
        tokio::spawn(async move { serve(listener, router, &limits, token).await });
        let mut listening = Self { polling, address, stop, n_events: 0 };
        listening.n_events = listening.events().await.len();
        listening
    }

    fn crm(&self) -> &SalesforceControl {
        self.polling.crm()
    }

    fn address(&self) -> String {
        format!("{}/{TOKEN}", self.address)
    }

    fn guessed(&self) -> String {
        format!("{}/{}", self.address, TOKEN.replace('0', "1"))
    }

    async fn apply(&mut self) -> Said {
        let world = self.polling.world();
        let feed = world.subscription::<Opportunity>().clone();
        let feed = salesforce::drain::<Opportunity, S>(&world.module(), &world.crm, feed).unwrap();
        loop {
            match feed.drain(CancellationToken::new()).await {
                Ok(Drained::Applied { .. }) => {}
                Ok(Drained::Nothing) => return Said::Well,
                Ok(held) => return Said::Paused(format!("{held:?}")),
                Err(error) => return Said::Failed(error.to_string()),
            }
        }
    }

    async fn told_of(&self, id: RecordId) -> usize {
        let events = self.events().await.into_iter().skip(self.n_events);
        events.filter(|event| event.external_id == id.as_str()).count()
    }
}
