//! Calls of a CRM, from the socket to the row, on every store; and a database that goes away in between.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::salesforce::model::RecordId;
use e2e::edit::{live, update};
use e2e::on_stores;
use e2e::proxy::Cut;
use e2e::store::{Backend, PgHome};
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use serde_json::json;
use sync_core::{ConnectionKey, FieldValue, LocalEditor, Signal, WritebackStore};
use sync_postgres::PgStore;
use sync_wiring::webhooks::{
    Counters, DrainFeed, DrainOptions, Drained, Drainer, Limits, Receiver, Recipient, SalesforceReceiver,
    Stager, StagerOptions, StagerTask, StaticRecipients, Wake, serve,
};
use sync_wiring::{EntityStore, OwnFingerprints, salesforce, writeback};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

on_stores! { [memory, sqlite, postgres]
    /// INV-INB-1, INV-INB-2, R14: what a message tells is in the row, whether it carries it or not, however often it
    /// comes; and a message that was overtaken changes nothing.
    #[tokio::test]
    async fn messages_reach_rows() = messages;
    /// Woken by the call, the loop brings a record that was never polled.
    #[tokio::test]
    async fn call_wakes_the_loop() = woken;
    /// What was edited here and waits to be sent is not overwritten by a call about the same record; it is sent, and both
    /// sides agree.
    #[tokio::test]
    async fn edit_that_waits_outlives_a_call() = edited;
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const ORG: &str = "00DDn000000ZyXwMAK";

/// A receiver for a world's opportunities.
struct Door {
    url: String,
    wake: Arc<Wake>,
    stop: CancellationToken,
    server: JoinHandle<()>,
    staging: StagerTask,
}

impl Door {
    async fn open<S: Backend>(world: &World<S>) -> Self {
        Self::open_on(world, Arc::clone(&world.store)).await
    }

    /// As another process opens it, with a handle of its own on the store.
    async fn open_on<S: Backend>(world: &World<S>, store: Arc<S>) -> Self {
        let (counters, wake) = (Arc::new(Counters::default()), Arc::new(Wake::default()));
        let (stager, staging) =
            Stager::start(store, StagerOptions::default(), Arc::clone(&counters), Arc::clone(&wake));
        let feed = world.subscription::<Opportunity>();
        let key = ConnectionKey::new(feed.tenant.clone(), feed.connection.clone());
        let recipients =
            StaticRecipients::new().with("salesforce", ORG, Recipient::new(key, feed.id, "Opportunity"));
        let side = SalesforceReceiver::new().door(&TOKEN.into(), [ORG]).unwrap();
        let limits = Limits { answer_time: Duration::from_secs(60), ..Limits::default() };
        let receiver = Receiver::builder(stager, Arc::new(recipients), counters)
            .limits(limits.clone())
            .salesforce(side)
            .build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/salesforce/{TOKEN}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let (router, token) = (receiver.router(), stop.clone());
        let server = tokio::spawn(async move { serve(listener, router, &limits, token).await });
        Self { url, wake, stop, server, staging }
    }

    /// Sends a message; whether it was acknowledged.
    async fn send(&self, notifications: &[(String, String)]) -> bool {
        self.call(notifications).await.is_success()
    }

    /// Sends a message; the answer's status, which says the same as its body.
    async fn call(&self, notifications: &[(String, String)]) -> reqwest::StatusCode {
        let notification = |(id, fields): &(String, String)| {
            format!(
                r#"<Notification><Id>{id}</Id><sObject xsi:type="sf:Opportunity"
                   xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>"#
            )
        };
        let notifications: String = notifications.iter().map(notification).collect();
        let body = format!(
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
               xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
               <notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{ORG}</OrganizationId>
               <ActionId>04kDn0000004AbCIAU</ActionId>{notifications}</notifications></soapenv:Body></soapenv:Envelope>"#
        );
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(&self.url).body(body).send().await.unwrap();
        let status = answer.status();
        let acknowledged = answer.text().await.unwrap().contains("<Ack>true</Ack>");
        assert_eq!(status.is_success(), acknowledged);
        status
    }

    async fn close(self) {
        self.stop.cancel();
        self.server.await.unwrap();
        self.staging.finished().await;
    }
}

/// The n-th notification's id.
fn nth(n: usize) -> String {
    format!("04lDn00000{n:05}IAU")
}

/// A notification that only says which record.
fn hint(n: usize, record: &str) -> (String, String) {
    (nth(n), format!("<sf:Id>{record}</sf:Id>"))
}

async fn drain<S: Backend>(world: &World<S>) -> u64 {
    let feed = world.subscription::<Opportunity>().clone();
    let feed = salesforce::drain::<Opportunity, S>(&world.module(), &world.crm, feed).unwrap();
    let mut n_applied = 0;
    while let Drained::Applied { report, .. } = feed.drain(CancellationToken::new()).await.unwrap() {
        assert!(report.counts.conserved());
        n_applied += report.counts.applied();
    }
    n_applied
}

async fn n_waiting<S: Backend>(world: &World<S>) -> usize {
    let feed = world.subscription::<Opportunity>();
    let mut tx = world.store.begin().await.unwrap();
    let waiting = world.store.waiting(&mut tx, feed.tenant.as_ref(), feed.id, 10_000).await.unwrap();
    world.store.rollback(tx).await.unwrap();
    waiting.len()
}

async fn until_nothing_waits<S: Backend>(world: &World<S>) {
    for _ in 0..1_200 {
        if n_waiting(world).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("notices wait for ever");
}

async fn messages<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::opportunities(120)).await else { return };
    let door = Door::open(&world).await;
    world.settle();
    let ids = live::<Opportunity>(world.crm());
    let hints: Vec<_> = ids.iter().enumerate().map(|(n, id)| hint(n, id.as_str())).collect();
    for message in hints.chunks(100).chain([&hints[..50]]) {
        assert!(door.send(message).await);
    }
    assert_eq!(drain(&world).await, ids.len() as u64);
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());

    // One that carries what changed, with its version; the one before it comes after it.
    let id = ids[0];
    let mut carrying = Vec::new();
    for (n, amount) in [(900, "100.25"), (901, "200.50")] {
        world.later(Duration::from_secs(5));
        update(world.crm(), id, json!({"Amount": amount.parse::<f64>().unwrap(), "NextStep": amount}));
        let stamp = world.clock().now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let fields = format!(
            "<sf:Id>{id}</sf:Id><sf:SystemModstamp>{stamp}</sf:SystemModstamp><sf:Amount>{amount}</sf:Amount>\
             <sf:NextStep>{amount}</sf:NextStep>"
        );
        carrying.push((nth(n), fields));
    }
    world.settle();
    let asked = world.crm().request_counts();
    assert!(door.send(&carrying[1..]).await);
    assert_eq!(drain(&world).await, 1);
    assert!(door.send(&carrying[..1]).await);
    assert_eq!(drain(&world).await, 0, "it was overtaken");
    assert_eq!(world.crm().request_counts().get("query"), asked.get("query"), "nothing was read");
    // What the record's other fields came to is polling's to find out.
    world.run::<Opportunity>().await;
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());

    // Gone, and the message that says otherwise comes late.
    world.crm().delete(id).unwrap();
    assert!(door.send(&[hint(902, id.as_str())]).await);
    drain(&world).await;
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
    assert_eq!(n_waiting(&world).await, 0);
    door.close().await;
}

/// What a deal's row says comes next.
async fn next_step<S: Backend>(world: &World<S>, deal: RecordId) -> Option<FieldValue> {
    let (scope, ids) = (world.scope::<Opportunity>(), BTreeSet::from([deal.to_string()]));
    let mut rows = world.store.rows::<Opportunity>(&world.home, &scope, &ids).await;
    rows.remove(deal.as_str())?.state.fields.remove("next_step")
}

async fn edited<S: Backend + WritebackStore + OwnFingerprints>() {
    let Some(world) = World::<S>::start(Setup::opportunities(20)).await else { return };
    let (module, door) = (world.module(), Door::open(&world).await);
    world.run::<Opportunity>().await;
    let deals = live::<Opportunity>(world.crm());
    let drain = async || {
        let feed = world.subscription::<Opportunity>().clone();
        let feed = writeback::salesforce::drain::<Opportunity, S>(&module, &world.crm, feed).unwrap();
        assert!(matches!(feed.drain(CancellationToken::new()).await.unwrap(), Drained::Applied { .. }));
        assert_eq!(n_waiting(&world).await, 0);
    };
    // Of which nobody is told but the CRM.
    let sink = Arc::new(EntityStore::<Opportunity>::sink(&*world.store));
    let editor = LocalEditor::<_, S>::new(sink, Arc::clone(&world.store) as _).clock(world.clock());
    let ours = Some(FieldValue::from_json(json!("call them")));
    for deal in &deals[..2] {
        let mut tx = world.store.begin().await.unwrap();
        let change = |deal: &mut Opportunity| deal.next_step = Some("call them".to_owned());
        let scope = world.scope::<Opportunity>();
        editor.edit(&mut tx, &scope, &deal.as_str().into(), change).await.unwrap();
        world.store.commit(tx).await.unwrap();
    }

    // The CRM changes another field of them, and says so: of one only that, of the other what the record holds now.
    world.later(Duration::from_secs(5));
    for deal in &deals[..2] {
        update(world.crm(), *deal, json!({"Amount": 4_321.5}));
    }
    let held = world.crm().row(deals[1]).unwrap();
    let stamp = world.clock().now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let theirs = held.get("NextStep").and_then(|text| text.as_str()).unwrap_or_default();
    let carrying = format!(
        "<sf:Id>{}</sf:Id><sf:SystemModstamp>{stamp}</sf:SystemModstamp><sf:Amount>4321.5</sf:Amount>\
         <sf:NextStep>{theirs}</sf:NextStep>",
        deals[1]
    );
    world.settle();
    assert!(door.send(&[hint(800, deals[0].as_str()), (nth(801), carrying)]).await);
    drain().await;
    for deal in &deals[..2] {
        assert_eq!(next_step(&world, *deal).await, ours, "it waits, and is not overwritten");
    }

    let way = writeback::salesforce::writeback::<Opportunity, S>(&module, &world.crm).unwrap();
    let sent = way.execute(world.request()).await.unwrap();
    assert!(sent.failure.is_none() && sent.counts.updated == 2, "{sent:?}");
    for deal in &deals[..2] {
        let row = world.crm().row(*deal).unwrap();
        assert_eq!((&row["NextStep"], &row["Amount"]), (&json!("call them"), &json!(4_321.5)));
    }
    // The calls that the writes set off.
    world.settle();
    assert!(door.send(&[hint(802, deals[0].as_str()), hint(803, deals[1].as_str())]).await);
    drain().await;
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
    door.close().await;
}

async fn woken<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::opportunities(20)).await else { return };
    let door = Door::open(&world).await;
    world.settle();
    let feed = world.subscription::<Opportunity>().clone();
    let feed = salesforce::drain::<Opportunity, S>(&world.module(), &world.crm, feed).unwrap();
    let stop = CancellationToken::new();
    // It would not ask by itself while this test lasts.
    let options = DrainOptions { poll_every: Duration::from_secs(3_600), ..DrainOptions::default() };
    let feeds = [Arc::new(feed) as Arc<dyn DrainFeed>];
    let drainer = Drainer::new(Arc::clone(&world.store), Arc::clone(&door.wake), feeds, options);
    let drainer = tokio::spawn(drainer.run(stop.clone()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    for (n, id) in live::<Opportunity>(world.crm()).iter().enumerate() {
        assert!(door.send(&[hint(n, id.as_str())]).await);
    }
    until_nothing_waits(&world).await;
    door.close().await;
    stop.cancel();
    drainer.await.unwrap();
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// INV-SIG-1: what one process stages, the loop of another applies, though it does not ask while this test lasts.
#[tokio::test]
async fn loop_of_another_process_is_woken_by_the_server() {
    let Some(world) = World::<PgStore>::start(Setup::opportunities(20)).await else { return };
    let door = Door::open_on(&world, PgStore::open(&world.home).await).await;
    world.settle();
    let feed = world.subscription::<Opportunity>().clone();
    let feed = salesforce::drain::<Opportunity, PgStore>(&world.module(), &world.crm, feed).unwrap();
    let stop = CancellationToken::new();
    let options = DrainOptions { poll_every: Duration::from_secs(3_600), ..DrainOptions::default() };
    let store = Arc::clone(&world.store);
    let drainer = Drainer::new(store, Arc::default(), [Arc::new(feed) as Arc<dyn DrainFeed>], options)
        .listen(Arc::clone(&world.store) as Arc<dyn Signal>);
    let drainer = tokio::spawn(drainer.run(stop.clone()));
    for (n, id) in live::<Opportunity>(world.crm()).iter().enumerate() {
        assert!(door.send(&[hint(n, id.as_str())]).await);
        // One after the other, so that nearly all of them come when it has long begun to listen.
        until_nothing_waits(&world).await;
    }
    door.close().await;
    stop.cancel();
    drainer.await.unwrap();
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// INV-INB-1: while the database can't be reached nothing is acknowledged; what was acknowledged in doubt is there
/// once.
#[tokio::test]
async fn gone_database_acknowledges_nothing() {
    let Some(home) = PgHome::new(false) else { return };
    let (home, proxy) = home.behind_proxy().await;
    let world = World::<PgStore>::start_in(home, Setup::opportunities(20)).await;
    let door = Door::open(&world).await;
    let ids = live::<Opportunity>(world.crm());
    let message: Vec<_> = ids.iter().enumerate().map(|(n, id)| hint(n, id.as_str())).collect();

    proxy.refuse(true);
    proxy.cut_all();
    assert!(!door.send(&message[..10]).await);
    proxy.refuse(false);
    assert_eq!(n_waiting(&world).await, 0);

    for cut in [Cut::BeforeCommit, Cut::AfterCommit] {
        proxy.cut_at_commit(1, cut);
        let _ = door.send(&message).await;
        // HubSpot and Salesforce come again when they hear nothing; and when they do, nothing is twice.
        assert!(door.send(&message).await);
        assert_eq!(n_waiting(&world).await, message.len());
    }
    world.settle();
    assert_eq!(drain(&world).await, ids.len() as u64);
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
    door.close().await;
}

/// INV-INB-1, INV-INB-2, R9: the connection to the database ends after the notices were inserted and before the call is
/// answered, and so does the one of the second try. The caller hears of a failure and comes again, and whether the server
/// had committed or not, and whether it was applied meanwhile or not, each notice is applied once.
#[tokio::test]
async fn call_cut_off_between_staging_and_answer_is_applied_once() {
    for (cut, is_drained_between) in [
        (Cut::BeforeCommit, false),
        (Cut::BeforeCommit, true),
        (Cut::AfterCommit, false),
        (Cut::AfterCommit, true),
    ] {
        let case = format!("{cut:?}, drained in between: {is_drained_between}");
        let Some(home) = PgHome::new(false) else { return };
        let (home, proxy) = home.behind_proxy().await;
        let world = World::<PgStore>::start_in(home, Setup::opportunities(10)).await;
        let door = Door::open(&world).await;
        world.settle();
        let ids = live::<Opportunity>(world.crm());
        let message: Vec<_> = ids.iter().enumerate().map(|(n, id)| hint(n, id.as_str())).collect();

        let n_before = proxy.commits_cut();
        proxy.cut_at_commit(1, cut);
        proxy.cut_at_commit(2, cut);
        let status = door.call(&message).await;
        assert!(status.is_server_error(), "{case}: {status}");
        assert_eq!(proxy.commits_cut() - n_before, 2, "{case}: it was tried twice");
        let n_staged = if cut == Cut::AfterCommit { ids.len() } else { 0 };
        assert_eq!(n_waiting(&world).await, n_staged, "{case}");
        let mut n_applied = if is_drained_between { drain(&world).await } else { 0 };

        assert!(door.send(&message).await, "{case}");
        n_applied += drain(&world).await;
        assert_eq!(n_applied, ids.len() as u64, "{case}");
        assert_eq!(n_waiting(&world).await, 0, "{case}");
        assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new(), "{case}");
        assert_eq!(world.audit::<Opportunity>().await.n_applied(), ids.len(), "{case}");
        door.close().await;
    }
}
