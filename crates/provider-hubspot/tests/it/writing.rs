//! The contract of writers, on a simulated account, and what is HubSpot's own about it.

use std::sync::Arc;

use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::{Fault, FaultRule};
use provider_hubspot::{HubspotFetcher, HubspotWriter};
use serde_json::json;
use sync_core::contract::WriterFixture;
use sync_core::{
    Canonical as _, ExternalId, Fetched, FieldSet, IntentId, LocalId, RemoteOp, RemoteWrite, RemoteWriter,
    Subscription, Version, Written,
};

use crate::entity::{Opportunity, Person};
use crate::world::{World, id, properties, subscription};

struct Hubspot(World);

fn row(id: &ExternalId) -> u64 {
    id.as_str().parse().unwrap()
}

fn add_key(world: &World, object: &str) {
    let key = PropertySpec {
        has_unique_value: Some(true),
        ..PropertySpec::new("hexsync_key", PropertyType::String)
    };
    world.control().add_property(object, &key).unwrap();
}

impl WriterFixture for Hubspot {
    type Record = Person;

    const TEXTS: [&'static str; 2] = ["last_name", "phone"];
    const ROWS_PER_CALL: usize = 100;
    const SPOILT: &'static str = "no-address-at-all";

    async fn fresh() -> Option<Self> {
        let world = World::new().await;
        add_key(&world, "contacts");
        Some(Self(world))
    }

    fn writer(&self) -> Arc<dyn RemoteWriter<Person>> {
        Arc::new(HubspotWriter::new(self.0.client.clone()))
    }

    fn subscription(&self) -> Subscription {
        subscription()
    }

    fn sample(&self, n: usize) -> Person {
        Person {
            last_name: Some(format!("Roe {n}")),
            phone: Some(format!("+1 555 {n}")),
            email: Some(format!("person{n}@example.test")),
            ..Person::default()
        }
    }

    fn spoil(&self, record: &mut Person) -> FieldSet {
        record.email = Some(Self::SPOILT.to_owned());
        FieldSet::named::<Person>(["email"])
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        let insert = |n: usize| {
            let values = json!({"lastname": format!("Seed {n}"), "phone": "5", "jobtitle": "CEO",
                                "email": format!("seed{n}@example.test")});
            id(self.0.insert("contacts", &values))
        };
        (0..n_records).map(insert).collect()
    }

    async fn read(&self, id: &ExternalId) -> Option<(Person, Option<Version>)> {
        match HubspotFetcher::new(self.0.client.clone()).get(id).await.unwrap() {
            Fetched::Found { record, version } => Some((record, version)),
            Fetched::Gone(_) => None,
            other @ (Fetched::Unreadable(_) | Fetched::Outside) => panic!("{other:?}"),
        }
    }

    async fn live(&self) -> Vec<ExternalId> {
        let rows = self.0.control().rows("contacts", false);
        rows.iter().map(|row| ExternalId::new(row["id"].as_str().unwrap())).collect()
    }

    async fn edit(&self, id: &ExternalId, field: &str, text: &str) {
        self.0.settle();
        let name = if field == "last_name" { "lastname" } else { "phone" };
        self.0.control().update("contacts", row(id), &properties(&json!({ name: text }))).unwrap();
    }

    async fn delete(&self, id: &ExternalId) {
        self.0.control().archive("contacts", row(id)).unwrap();
    }

    async fn add_custom(&self, stem: &str) -> Arc<str> {
        self.0.control().add_property("contacts", &PropertySpec::new(stem, PropertyType::String)).unwrap();
        stem.into()
    }

    async fn lose_an_answer(&self) {
        self.0.control().add_fault(FaultRule::new(Fault::DropAnswer).on("batch_write").times(1));
    }
}

sync_core::writer_contract!(Hubspot);

fn intent<T>(op: RemoteOp<T>) -> RemoteWrite<T> {
    RemoteWrite { intent: IntentId(uuid::Uuid::now_v7()), op }
}

fn change(
    id: &ExternalId,
    record: Person,
    fields: &[&str],
    expected: Option<Version>,
) -> RemoteWrite<Person> {
    let fields = FieldSet::named::<Person>(fields.iter().copied());
    intent(RemoteOp::Update { id: id.clone(), record, fields, expected })
}

fn named(name: &str) -> Person {
    Person { last_name: Some(name.to_owned()), ..Person::default() }
}

async fn write(f: &Hubspot, writes: &[RemoteWrite<Person>]) -> Vec<Written> {
    f.writer().write_many(&subscription(), writes).await.unwrap()
}

fn done(answer: &Written) -> ExternalId {
    match answer {
        Written::Done { id, .. } => id.clone(),
        other => panic!("{other:?}"),
    }
}

/// Every kind of value comes back as it was sent, links included.
#[tokio::test]
async fn record_comes_back_as_it_was_written() {
    let world = World::new().await;
    add_key(&world, "deals");
    let company = id(world.insert("companies", &json!({"name": "Acme"})));
    let record = Opportunity {
        name: Some("Renewal".to_owned()),
        stage: Some("appointmentscheduled".to_owned()),
        amount: Some("1200.50".parse().unwrap()),
        close_date: Some("2026-03-31".parse().unwrap()),
        account: Some(company),
        ..Opportunity::default()
    };
    let writer = HubspotWriter::<Opportunity>::new(world.client.clone());
    let fields = writer.writable();
    assert_eq!(fields, FieldSet::all::<Opportunity>());
    let mut with_pipeline = record.clone();
    with_pipeline.custom.set("pipeline", sync_core::FieldValue::Text("default".to_owned()));
    let op = RemoteOp::Create { key: LocalId::new("k"), record: with_pipeline, fields };
    let answers = writer.write_many(&subscription(), &[intent(op)]).await.unwrap();
    let fetched =
        HubspotFetcher::<Opportunity>::new(world.client.clone()).get(&done(&answers[0])).await.unwrap();
    let Fetched::Found { record: found, .. } = fetched else { panic!("{fetched:?}") };
    for field in fields.iter() {
        assert!(found.value(field).same(record.value(field)), "{}", Opportunity::FIELDS[field].name);
    }
}

/// A link is set, replaced and taken away; the other associations of the record stay where they are not in the way.
#[tokio::test]
async fn links_follow_the_record() {
    let f = Hubspot::fresh().await.unwrap();
    let person = f.seed(1).await.remove(0);
    let companies: Vec<ExternalId> =
        ["A", "B", "C"].iter().map(|name| id(f.0.insert("companies", &json!({ "name": name })))).collect();
    f.0.associate(("contacts", row(&person)), ("companies", row(&companies[2])), None);
    for link in [Some(&companies[0]), Some(&companies[1]), Some(&companies[1]), None] {
        let record = Person { company: link.cloned(), ..named("new") };
        let answers = write(&f, &[change(&person, record, &["last_name", "company"], None)]).await;
        assert_eq!(done(&answers[0]), person);
        assert_eq!(f.read(&person).await.unwrap().0.company.as_ref(), link);
    }
    assert!(f.0.control().associations("contacts", "companies").is_empty());
}

/// Of several calls, the ones that were answered are told, although a later one can't be made any more.
#[tokio::test]
async fn spent_budget_after_some_rows_puts_off_the_rest() {
    let f = Hubspot::fresh().await.unwrap();
    let seeded = f.seed(101).await;
    let writes: Vec<_> = seeded.iter().map(|id| change(id, named("x"), &["last_name"], None)).collect();
    f.0.control().add_fault(FaultRule::new(Fault::DailyLimit).on("batch_write").skip(1));
    let answers = write(&f, &writes).await;
    let n_done = answers.iter().filter(|answer| matches!(answer, Written::Done { .. })).count();
    let n_later = answers.iter().filter(|answer| matches!(answer, Written::Later { .. })).count();
    assert_eq!((n_done, n_later), (100, 1), "{:?}", answers.last());
}

/// Nothing comes between the look at versions and the write, not even the look at records that only get links.
#[tokio::test]
async fn write_is_the_very_next_call_after_the_look() {
    let f = Hubspot::fresh().await.unwrap();
    let seeded = f.seed(2).await;
    let company = id(f.0.insert("companies", &json!({"name": "Acme"})));
    let (_, version) = f.read(&seeded[0]).await.unwrap();
    let writes = [
        change(&seeded[1], Person { company: Some(company), ..Person::default() }, &["company"], None),
        change(&seeded[0], named("new"), &["last_name"], version),
    ];
    let before = f.0.control().request_log().len();
    let answers = write(&f, &writes).await;
    assert_eq!([done(&answers[0]), done(&answers[1])], [seeded[1].clone(), seeded[0].clone()]);
    let log = f.0.control().request_log();
    let paths: Vec<_> =
        log[before..].iter().map(|call| call.path.rsplit("/contacts/").next().unwrap()).collect();
    let written = paths.iter().position(|path| *path == "batch/update").unwrap();
    assert_eq!(paths.iter().filter(|path| **path == "batch/update").count(), 1);
    assert_eq!(paths[written - 1..=written + 1], ["batch/read", "batch/update", "batch/read"], "{paths:?}");
    assert!(!paths[..written - 1].contains(&"batch/read"), "{paths:?}");
}

/// A change of a link alone asks nothing of the record's values.
#[tokio::test]
async fn link_alone_is_written() {
    let f = Hubspot::fresh().await.unwrap();
    let seeded = f.seed(2).await;
    let company = id(f.0.insert("companies", &json!({"name": "Acme"})));
    f.delete(&seeded[1]).await;
    let record = Person { company: Some(company.clone()), ..Person::default() };
    let writes = [
        change(&seeded[0], record.clone(), &["company"], None),
        change(&seeded[1], record, &["company"], None),
    ];
    let answers = write(&f, &writes).await;
    assert_eq!(done(&answers[0]), seeded[0]);
    assert!(matches!(answers[1], Written::Gone(_)), "{answers:?}");
    assert_eq!(f.read(&seeded[0]).await.unwrap().0.company, Some(company));
}

/// A link that leads nowhere holds up no other, and the answer does not claim that nothing was written.
#[tokio::test]
async fn link_that_leads_nowhere_is_told() {
    let f = Hubspot::fresh().await.unwrap();
    let seeded = f.seed(2).await;
    let company = id(f.0.insert("companies", &json!({"name": "Acme"})));
    let to = |company: ExternalId| Person { company: Some(company), ..named("new") };
    let fields = ["last_name", "company"];
    let writes = [
        change(&seeded[0], to("424242".into()), &fields, None),
        change(&seeded[1], to(company.clone()), &fields, None),
    ];
    let answers = write(&f, &writes).await;
    assert!(matches!(&answers[0], Written::Unknown { reason } if reason.contains("links")), "{answers:?}");
    done(&answers[1]);
    assert_eq!(f.read(&seeded[1]).await.unwrap().0.company, Some(company));
}

/// An update of a record that was merged away goes to the survivor; one that was decided upon a version does not.
#[tokio::test]
async fn merged_record_is_written_under_its_survivor() {
    let f = Hubspot::fresh().await.unwrap();
    let seeded = f.seed(3).await;
    let version = f.read(&seeded[1]).await.unwrap().1;
    let survivor = id(f.0.control().merge("contacts", row(&seeded[0]), row(&seeded[1])).unwrap());
    assert_eq!(
        write(&f, &[change(&seeded[1], named("ours"), &["last_name"], version)]).await,
        [Written::Stale]
    );
    let writes = [
        change(&seeded[1], named("ours"), &["last_name"], None),
        change(&seeded[2], named("c"), &["last_name"], None),
    ];
    let answers = write(&f, &writes).await;
    assert_eq!(done(&answers[0]), survivor);
    assert_eq!(done(&answers[1]), seeded[2]);
    assert_eq!(f.read(&survivor).await.unwrap().0.last_name.as_deref(), Some("ours"));
}

/// A contact that exists under the address is changed instead of made a second time, and is found by our key then.
#[tokio::test]
async fn contact_that_exists_is_taken() {
    let f = Hubspot::fresh().await.unwrap();
    let seeded = f.seed(1).await;
    let record = Person { email: Some("seed0@example.test".to_owned()), ..f.sample(1) };
    let op = RemoteOp::Create { key: LocalId::new("k"), record, fields: f.writer().writable() };
    for _ in 0..2 {
        let answers = write(&f, &[intent(op.clone()), change(&seeded[0], named("x"), &[], None)]).await;
        assert!(
            matches!(&answers[0], Written::Done { id, created: false, .. } if *id == seeded[0]),
            "{answers:?}"
        );
    }
    assert_eq!(f.read(&seeded[0]).await.unwrap().0.last_name.as_deref(), Some("Roe 1"));
    assert_eq!(f.live().await.len(), 1);
}

/// Where the account lacks the key property, creates say what to add, and the rest goes on.
#[tokio::test]
async fn missing_key_property_stops_creates_alone() {
    let f = Hubspot(World::new().await);
    let seeded = f.seed(1).await;
    let op = RemoteOp::Create { key: LocalId::new("k"), record: f.sample(1), fields: f.writer().writable() };
    let answers =
        write(&f, &[intent(op.clone()), change(&seeded[0], named("new"), &["last_name"], None)]).await;
    let Written::Refused { code, reason } = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(code, "NO_KEY_PROPERTY");
    assert!(reason.contains("`hexsync_key`") && reason.contains("add it to contacts"), "{reason}");
    done(&answers[1]);
    assert_eq!(f.live().await.len(), 1);
    add_key(&f.0, "contacts");
    let answers = write(&f, &[intent(op)]).await;
    assert!(matches!(answers[0], Written::Done { created: true, .. }), "once it is there: {answers:?}");
}

/// The answer tells the version, so that what comes back by polling is known.
#[tokio::test]
async fn version_afterwards_is_the_one_that_is_read() {
    let f = Hubspot::fresh().await.unwrap();
    let seeded = f.seed(1).await;
    f.0.settle();
    let answers = write(&f, &[change(&seeded[0], named("new"), &["last_name"], None)]).await;
    let Written::Done { version: Some(version), .. } = answers[0] else { panic!("{answers:?}") };
    assert_eq!(f.read(&seeded[0]).await.unwrap().1, Some(version));
}

/// A lock of bulk work that opens is not seen, also by writes, of which nothing was done.
#[tokio::test]
async fn lock_of_bulk_work_is_waited_for() {
    let f = Hubspot::fresh().await.unwrap();
    let seeded = f.seed(1).await;
    f.0.control().add_fault(FaultRule::new(Fault::Locked).on("batch_write").times(1));
    let answers = write(&f, &[change(&seeded[0], named("new"), &["last_name"], None)]).await;
    done(&answers[0]);
}
