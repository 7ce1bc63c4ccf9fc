//! The contract of writers, on a simulated org, and what is Salesforce's own about it.

use std::sync::Arc;

use crm_sandbox::salesforce::model::{FieldType, RecordId};
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::{Fault, FaultRule};
use provider_salesforce::{SalesforceFetcher, SalesforceWriter};
use serde_json::json;
use sync_core::contract::WriterFixture;
use sync_core::{
    ExternalId, Fetched, FieldSet, IntentId, LocalId, RemoteOp, RemoteWrite, RemoteWriter, Subscription,
    Version, Written,
};

use crate::entity::{Account, Opportunity};
use crate::world::{World, fields, subscription};

struct Salesforce(World);

fn row(id: &ExternalId) -> RecordId {
    RecordId::parse(id.as_str()).unwrap()
}

fn add_key(world: &World, object: &str) {
    let key = FieldSpec { external_id: true, ..FieldSpec::new("Hexsync_Key__c", FieldType::String) };
    world.control().add_field(object, &key).unwrap();
}

impl WriterFixture for Salesforce {
    type Record = Account;

    const TEXTS: [&'static str; 2] = ["name", "phone"];
    const ROWS_PER_CALL: usize = 200;
    const SPOILT: &'static str = "a-number-that-is-longer-than-the-forty-characters-it-may-have";

    async fn fresh() -> Option<Self> {
        let world = World::new().await;
        add_key(&world, "Account");
        Some(Self(world))
    }

    fn writer(&self) -> Arc<dyn RemoteWriter<Account>> {
        Arc::new(SalesforceWriter::new(self.0.client.clone()))
    }

    fn subscription(&self) -> Subscription {
        subscription()
    }

    fn sample(&self, n: usize) -> Account {
        Account {
            name: Some(format!("Account {n}")),
            phone: Some(format!("+1 555 {n}")),
            employees: Some(7),
            revenue: Some("1000000".parse().unwrap()),
            city: Some("Lyon".to_owned()),
            ..Account::default()
        }
    }

    fn spoil(&self, record: &mut Account) -> FieldSet {
        record.phone = Some(Self::SPOILT.to_owned());
        FieldSet::named::<Account>(["phone"])
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        let insert = |n: usize| {
            let values =
                json!({"Name": format!("Seed {n}"), "Phone": "5", "Type": "Prospect", "BillingCity": "Lyon"});
            self.0.control().insert("Account", &fields(&values)).unwrap().as_str().into()
        };
        (0..n_records).map(insert).collect()
    }

    async fn read(&self, id: &ExternalId) -> Option<(Account, Option<Version>)> {
        match SalesforceFetcher::new(self.0.client.clone()).get(id).await.unwrap() {
            Fetched::Found { record, version } => Some((record, version)),
            Fetched::Gone(_) => None,
            other @ (Fetched::Unreadable(_) | Fetched::Outside) => panic!("{other:?}"),
        }
    }

    async fn live(&self) -> Vec<ExternalId> {
        self.0.control().read(|org| {
            let table = org.table("Account").unwrap();
            table.all().filter(|(_, row)| !row.is_deleted()).map(|(id, _)| id.as_str().into()).collect()
        })
    }

    async fn edit(&self, id: &ExternalId, field: &str, text: &str) {
        self.0.settle();
        let name = if field == "name" { "Name" } else { "Phone" };
        self.0.control().update(row(id), &fields(&json!({ name: text }))).unwrap();
    }

    async fn delete(&self, id: &ExternalId) {
        self.0.settle();
        self.0.control().delete(row(id)).unwrap();
    }

    async fn add_custom(&self, stem: &str) -> Arc<str> {
        let name = format!("{stem}__c");
        self.0.control().add_field("Account", &FieldSpec::new(&name, FieldType::String)).unwrap();
        name.into()
    }

    async fn lose_an_answer(&self) {
        self.0.control().add_fault(FaultRule::new(Fault::DropAnswer).on("collection_write").times(1));
    }
}

sync_core::writer_contract!(Salesforce);

fn intent<T>(op: RemoteOp<T>) -> RemoteWrite<T> {
    RemoteWrite { intent: IntentId(uuid::Uuid::now_v7()), op }
}

fn rename(id: &ExternalId, name: &str) -> RemoteWrite<Account> {
    let record = Account { name: Some(name.to_owned()), ..Account::default() };
    let fields = FieldSet::named::<Account>(["name"]);
    intent(RemoteOp::Update { id: id.clone(), record, fields, expected: None })
}

async fn write(f: &Salesforce, writes: &[RemoteWrite<Account>]) -> Vec<Written> {
    f.writer().write_many(&subscription(), writes).await.unwrap()
}

/// Every kind of value comes back as it was sent.
#[tokio::test]
async fn record_comes_back_as_it_was_written() {
    let f = Salesforce::fresh().await.unwrap();
    let parent = f.seed(1).await.remove(0);
    let record = Account { parent: Some(parent), ..f.sample(1) };
    let writable = f.writer().writable();
    let op = RemoteOp::Create { key: LocalId::new("k"), record: record.clone(), fields: writable };
    let answers = write(&f, &[intent(op)]).await;
    let Written::Done { id, .. } = &answers[0] else { panic!("{answers:?}") };
    let (found, _) = f.read(id).await.unwrap();
    // The description tells that `created` is not.
    let writable = f.writer().writable();
    for field in writable.iter() {
        use sync_core::Canonical as _;
        assert!(found.value(field).same(record.value(field)), "{}", Account::FIELDS[field].name);
    }
    assert_eq!(writable.iter().count(), 6, "name, phone, employees, revenue, city, parent");
}

/// Where the org lacks the key field, creates say what to add, and the rest goes on.
#[tokio::test]
async fn missing_key_field_stops_creates_alone() {
    let f = Salesforce(World::new().await);
    let seeded = f.seed(1).await;
    let op = RemoteOp::Create { key: LocalId::new("k"), record: f.sample(1), fields: f.writer().writable() };
    let answers = write(&f, &[intent(op.clone()), rename(&seeded[0], "renamed")]).await;
    let Written::Refused { code, reason } = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(code, "NO_KEY_FIELD");
    assert!(reason.contains("`Hexsync_Key__c`") && reason.contains("add it to Account"), "{reason}");
    assert!(matches!(answers[1], Written::Done { .. }), "{answers:?}");
    assert_eq!(f.live().await.len(), 1);
    add_key(&f.0, "Account");
    let answers = write(&f, &[intent(op)]).await;
    assert!(matches!(answers[0], Written::Done { created: true, .. }), "once it is there: {answers:?}");
}

/// A lock that opens is not seen, one that stays puts the record off.
#[tokio::test]
async fn locked_record_is_tried_again_and_then_put_off() {
    let f = Salesforce::fresh().await.unwrap();
    let seeded = f.seed(2).await;
    let lock = |times| {
        f.0.control().set_faults(vec![FaultRule::new(Fault::LockedRow).on("collection_write").times(times)]);
    };
    lock(3);
    let answers = write(&f, &[rename(&seeded[0], "a"), rename(&seeded[1], "b")]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Written::Done { .. })), "{answers:?}");
    lock(4);
    let answers = write(&f, &[rename(&seeded[0], "c")]).await;
    assert!(matches!(&answers[0], Written::Later { .. }), "{answers:?}");
    assert_eq!(f.read(&seeded[0]).await.unwrap().0.name.as_deref(), Some("a"));
}

/// Of several calls, the ones that were answered are told, although a later one can't be made any more.
#[tokio::test]
async fn spent_budget_after_some_rows_puts_off_the_rest() {
    let f = Salesforce::fresh().await.unwrap();
    let seeded = f.seed(201).await;
    let writes: Vec<_> = seeded.iter().map(|id| rename(id, "x")).collect();
    f.0.control().set_faults(vec![FaultRule::new(Fault::DailyLimit).on("collection_write").skip(1)]);
    let answers = write(&f, &writes).await;
    let done = answers.iter().filter(|answer| matches!(answer, Written::Done { .. })).count();
    let later = answers.iter().filter(|answer| matches!(answer, Written::Later { .. })).count();
    assert_eq!((done, later), (200, 1), "{:?}", answers.last());
}

/// A call that can't be made at all is the port's error, and nothing was written.
#[tokio::test]
async fn dead_connection_is_an_error_of_the_call() {
    let f = Salesforce::fresh().await.unwrap();
    let seeded = f.seed(1).await;
    f.0.control().expire_sessions();
    f.0.control().revoke_refresh_tokens();
    let error = f.writer().write_many(&subscription(), &[rename(&seeded[0], "x")]).await.unwrap_err();
    assert!(matches!(error, sync_core::SourceError::Unauthorised { .. }), "{error}");
}

/// Rows of one parent are sent together, whatever the order of the writes.
#[tokio::test]
async fn rows_are_sorted_by_parent() {
    let world = World::new().await;
    add_key(&world, "Opportunity");
    let insert = |name: &str| -> ExternalId {
        world.control().insert("Account", &fields(&json!({"Name": name}))).unwrap().as_str().into()
    };
    let parents = [insert("A"), insert("B")];
    world.control().edit_settings(|settings| settings.log_bodies = true);
    let op = |n: usize| RemoteOp::Create {
        key: LocalId::new(format!("k{n}")),
        record: Opportunity {
            name: Some(format!("Deal {n}")),
            stage: Some("Prospecting".to_owned()),
            close_date: Some("2026-06-30".parse().unwrap()),
            account: Some(parents[n % 2].clone()),
            ..Opportunity::default()
        },
        fields: FieldSet::all::<Opportunity>(),
    };
    let writes: Vec<_> = (0..6).map(|n| intent(op(n))).collect();
    let writer = SalesforceWriter::<Opportunity>::new(world.client.clone());
    let answers = writer.write_many(&subscription(), &writes).await.unwrap();
    assert!(
        answers.iter().all(|answer| matches!(answer, Written::Done { created: true, .. })),
        "{answers:?}"
    );
    let log = world.control().request_log();
    let sent =
        log.iter().filter(|call| call.kind == "collection_write").find_map(|call| call.body.clone()).unwrap();
    let order: Vec<_> =
        sent["records"].as_array().unwrap().iter().map(|row| row["AccountId"].clone()).collect();
    assert!(order.is_sorted_by_key(|id| id.as_str().map(str::to_owned)), "{order:?}");
}
