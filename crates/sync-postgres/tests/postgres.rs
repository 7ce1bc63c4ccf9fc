//! What only PostgreSQL does: the binary format against a server, races between writers, logins, migrations.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]

mod fixture;

use std::error::Error as _;

use chrono::{DateTime, Utc};
use fixture::{PgFixture, fixture, server};
use rust_decimal::Decimal;
use sqlx::{AssertSqlSafe, Executor};
use sync_core::contract::{EAV_SAMPLES, SAMPLE_PARENTS, SAMPLES, Sample, SampleParent, SinkFixture, Tenancy};
use sync_core::{
    Canonical, ExternalId, FieldValue, LocalId, Merge, Scope, SinkError, StoreError, SubscriptionId,
    SyncSink, TableDef, UnitOfWork, Upsert,
};
use sync_postgres::{PgStore, PgTableSink};
use uuid::Uuid;

/// Decimals are written digit by digit; the server reads each as the number it is.
#[tokio::test]
async fn server_reads_decimals_as_they_were() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let texts = [
        "0",
        "0.00",
        "1",
        "-1",
        "0.1",
        "-0.001",
        "9999",
        "10000",
        "10000.00010",
        "123456789.12345",
        "0.0000000000000000000000000001",
        "79228162514264337593543950335",
        "-7.9228162514264337593543950335",
    ];
    let rows: Vec<_> =
        texts.iter().map(|text| new_row(text, sample(|s| s.price = text.parse::<Decimal>().ok()))).collect();
    write(&f, &SAMPLES, &rows).await;
    let seen: Vec<(String, String)> = sqlx::query_as("select external_id, price::text from samples")
        .fetch_all(f.store.pool())
        .await
        .unwrap();
    assert_eq!(seen.len(), texts.len());
    for (id, price) in seen {
        assert_eq!(id, price);
    }
}

/// A row that another transaction creates while ours copies it is updated instead, and keeps the other's id.
#[tokio::test]
async fn copy_falls_back_when_another_writer_was_faster() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let sink = PgTableSink::<Sample>::new(SAMPLES);
    let (ours, theirs) = (new_row("a", named("ours")), new_row("a", named("theirs")));
    let mut first = f.store.begin().await.unwrap();
    sink.upsert_many(&mut first, &scope(), std::slice::from_ref(&theirs), at()).await.unwrap();
    let (store, other) = (f.store.clone(), sink.clone());
    let second = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        let ids =
            other.upsert_many(&mut tx, &scope(), &[new_row("b", named("b")), ours], at()).await.unwrap();
        store.commit(tx).await.unwrap();
        ids
    });
    tokio::task::yield_now().await;
    f.store.commit(first).await.unwrap();
    assert_eq!(second.await.unwrap()[1], theirs.local_id);
    let mut tx = f.store.begin().await.unwrap();
    let row = sink.find_many(&mut tx, &scope(), &["a".into()]).await.unwrap().remove(0).unwrap();
    assert_eq!((row.record.name.as_deref(), row.local_id), (Some("ours"), theirs.local_id));
}

/// INV-SNK-5: a child and its parent that are written at the same moment find each other, whoever commits first.
#[tokio::test]
async fn simultaneous_parent_and_child_are_bound() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let children = PgTableSink::<Sample>::new(SAMPLES);
    let parents = PgTableSink::<SampleParent>::new(SAMPLE_PARENTS);
    for child_first in [true, false] {
        let name = format!("p-{child_first}");
        let child = new_row(&format!("c-{child_first}"), sample(|s| s.parent = Some(name.as_str().into())));
        let parent = new_row(&name, SampleParent::default());
        let mut tx = f.store.begin().await.unwrap();
        let store = f.store.clone();
        let second = if child_first {
            children.upsert_many(&mut tx, &scope(), std::slice::from_ref(&child), at()).await.unwrap();
            let (parents, parent) = (parents.clone(), parent.clone());
            tokio::spawn(async move { write_with(&store, &parents, &[parent]).await })
        } else {
            parents.upsert_many(&mut tx, &scope(), std::slice::from_ref(&parent), at()).await.unwrap();
            let (children, child) = (children.clone(), child.clone());
            tokio::spawn(async move { write_with(&store, &children, &[child]).await })
        };
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // until the second waits for the first
        f.store.commit(tx).await.unwrap();
        second.await.unwrap();
        assert_eq!(f.bound_parent(&SAMPLES, &scope(), &child.external_id).await, Some(parent.local_id));
    }
}

/// INV-SNK-6: a child that is written while its parent is merged finds the survivor, whoever commits first; a new one
/// and one that is linked anew.
#[tokio::test]
async fn simultaneous_merge_and_child_find_each_other() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let children = PgTableSink::<Sample>::new(SAMPLES);
    let parents = PgTableSink::<SampleParent>::new(SAMPLE_PARENTS);
    for (merge_first, exists) in [(false, false), (true, false), (false, true), (true, true)] {
        let name = |what: &str| format!("{what}-{merge_first}-{exists}");
        let [loser, survivor] = ["loser", "survivor"].map(|n| new_row(&name(n), SampleParent::default()));
        write_with(&f.store, &parents, &[loser.clone(), survivor.clone()]).await;
        let child = new_row(&name("child"), sample(|_| {}));
        if exists {
            write_with(&f.store, &children, std::slice::from_ref(&child)).await;
        }
        let parent = Some(loser.external_id.clone());
        let child = Upsert { exists, record: sample(|s| s.parent = parent), ..child };
        let write = async |tx: &mut sync_postgres::PgTx| {
            children.upsert_many(tx, &scope(), std::slice::from_ref(&child), at()).await.unwrap();
        };
        let merges = [Merge { loser: loser.external_id.clone(), winner: survivor.external_id.clone() }];
        let merge = async |tx: &mut sync_postgres::PgTx| {
            let losers = std::slice::from_ref(&loser.external_id);
            parents.soft_delete_many(tx, &scope(), losers, at()).await.unwrap();
            parents.redirect_many(tx, &scope(), &merges, at()).await.unwrap();
        };
        let mut first = f.store.begin().await.unwrap();
        let mut second = f.store.begin().await.unwrap();
        let commit_first = async |first| {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await; // until the second waits for the first
            f.store.commit(first).await.unwrap();
        };
        if merge_first {
            merge(&mut first).await;
            tokio::join!(write(&mut second), commit_first(first));
        } else {
            write(&mut first).await;
            tokio::join!(merge(&mut second), commit_first(first));
        }
        f.store.commit(second).await.unwrap();
        let bound = f.bound_parent(&SAMPLES, &scope(), &child.external_id).await;
        assert_eq!(bound, Some(survivor.local_id), "merge first: {merge_first}, child there: {exists}");
    }
}

/// Custom fields as values can be queried by name and type: the definition tells the kind, a column of that type holds
/// the value. Values go with their row when it is removed for good; definitions stay.
#[tokio::test]
async fn custom_fields_are_typed_and_go_with_their_row() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let record = |rate: &str| {
        sample(|s| {
            s.custom.set("Rate__c", FieldValue::Decimal(rate.parse().unwrap()));
            s.custom.set("Tier__c", FieldValue::Text("gold".to_owned()));
            s.custom.set("Never__c", FieldValue::Null);
        })
    };
    let rows = [new_row("a", record("0.10")), new_row("b", record("0.3333333333333333333333333333"))];
    write(&f, &EAV_SAMPLES, &rows).await;
    let whole = Upsert {
        exists: true,
        record: sample(|s| s.custom.set("Rate__c", FieldValue::Int(7))),
        ..rows[0].clone()
    };
    write(&f, &EAV_SAMPLES, &[whole]).await;
    let defined: Vec<(String, String, Option<String>, DateTime<Utc>)> = sqlx::query_as(
        "select entity, name, kind, first_seen_at from custom_field_definitions order by name",
    )
    .fetch_all(f.store.pool())
    .await
    .unwrap();
    let define = |name: &str, kind: Option<&str>| {
        ("sample".to_owned(), name.to_owned(), kind.map(str::to_owned), at())
    };
    let expected =
        [define("Never__c", None), define("Rate__c", Some("decimal")), define("Tier__c", Some("text"))];
    assert_eq!(defined, expected);
    let select = "select s.external_id, v.kind, v.number_value::text from eav_samples s \
         join custom_field_values v on v.row_id = s.id join custom_field_definitions d on d.id = v.definition_id \
         where d.name = 'Rate__c' order by 1";
    let values: Vec<(String, String, String)> =
        sqlx::query_as(select).fetch_all(f.store.pool()).await.unwrap();
    let value = |id: &str, kind: &str, number: &str| (id.to_owned(), kind.to_owned(), number.to_owned());
    let exact = "0.3333333333333333333333333333";
    assert_eq!(values, [value("a", "int", "7"), value("b", "decimal", exact)]);
    f.store.pool().execute("delete from eav_samples where external_id = 'b'").await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from custom_field_values")
        .fetch_one(f.store.pool())
        .await
        .unwrap();
    assert_eq!(left, 1);
    f.store.pool().execute("delete from custom_field_definitions where name = 'Rate__c'").await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from custom_field_values")
        .fetch_one(f.store.pool())
        .await
        .unwrap();
    assert_eq!(left, 0);
}

/// A value that the table refuses within a COPY names its record, and no value.
#[tokio::test]
async fn refused_row_of_a_copy_is_named() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    f.store.pool().execute("alter table samples add constraint positive check (amount > 0)").await.unwrap();
    let amount = |id: &str, n| new_row(id, sample(|s| s.amount = Some(n)));
    let mut tx = f.store.begin().await.unwrap();
    let sink = PgTableSink::<Sample>::new(SAMPLES);
    let rows = [amount("a", 1), amount("b", -987), amount("c", 3)];
    match sink.upsert_many(&mut tx, &scope(), &rows, at()).await.unwrap_err() {
        SinkError::Record { external_id, class, reason } => {
            assert_eq!((external_id, class), (Some(ExternalId::from("b")), "constraint"));
            assert!(reason.contains("positive") && !reason.contains("987"), "{reason}");
        }
        other => panic!("the record is at fault: {other:?}"),
    }
    // The sink goes back to its own savepoint, so that the transaction can be used at once.
    sink.upsert_many(&mut tx, &scope(), &[amount("a", 1), amount("c", 3)], at()).await.unwrap();
    f.store.commit(tx).await.unwrap();
}

/// The server answers a commit of a failed transaction with success and a rollback; the store does not.
#[tokio::test]
async fn commit_after_a_failed_statement_is_an_error() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let mut tx = f.store.begin().await.unwrap();
    tx.connection().execute("select 1 / 0").await.unwrap_err();
    assert!(matches!(f.store.commit(tx).await, Err(StoreError::Refused { .. })));
}

/// Look-ups read the rows they are asked for and no others, also right after the first load, before the server has
/// statistics, and although the plan was made when the table was empty.
#[tokio::test]
async fn look_ups_use_the_key_of_a_table_just_filled() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let sink = PgTableSink::<Sample>::new(SAMPLES);
    let ids: Vec<_> = (0..2_000).map(|i| format!("r{i:05}")).collect();
    let asked: Vec<_> = ids[..10].iter().map(|id| ExternalId::from(id.as_str())).collect();
    let mut tx = f.store.begin().await.unwrap();
    for _ in 0..8 {
        sink.find_many(&mut tx, &scope(), &asked).await.unwrap(); // the server settles on a plan
    }
    let rows: Vec<_> = ids.iter().map(|id| new_row(id, named(id))).collect();
    sink.upsert_many(&mut tx, &scope(), &rows, at()).await.unwrap();
    let read = "select sum(pg_stat_get_xact_tuples_fetched(indexrelid))::bigint, \
         pg_stat_get_xact_numscans('samples'::regclass) from pg_index where indrelid = 'samples'::regclass";
    let before: (i64, i64) = sqlx::query_as(read).fetch_one(tx.connection()).await.unwrap();
    assert!(sink.find_many(&mut tx, &scope(), &asked).await.unwrap().iter().all(Option::is_some));
    let after: (i64, i64) = sqlx::query_as(read).fetch_one(tx.connection()).await.unwrap();
    assert_eq!((after.0 - before.0, after.1), (10, 0), "rows read, whole tables read");
}

/// A database without tables is too old, one that a newer release migrated too new; migrating twice is no error.
#[tokio::test]
async fn versions_are_told_apart() {
    let Some(url) = server() else { return fixture(Tenancy::Single).await.map_or((), drop) };
    let schema = format!("test_{}", Uuid::now_v7().simple());
    let store = PgStore::builder(url).schema(&schema).connect().await.unwrap();
    assert!(matches!(store.check_version().await, Err(StoreError::TooOld { found: 0, .. })));
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store.check_version().await.unwrap();
    store
        .pool()
        .execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
             values (9999, 'of the future', true, '', 0)",
        )
        .await
        .unwrap();
    assert!(matches!(store.check_version().await, Err(StoreError::TooNew { found: 9999, .. })));
    assert!(matches!(store.migrate().await, Err(StoreError::TooNew { found: 9999, .. })));
    store.pool().execute(AssertSqlSafe(format!("drop schema {schema} cascade"))).await.unwrap();
}

/// A database that does not exist is named as the reason.
#[tokio::test]
async fn missing_database_says_what_to_do() {
    let Some(mut url) = server() else { return fixture(Tenancy::Single).await.map_or((), drop) };
    url.set_path("no_such_database");
    let error = PgStore::connect(url).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }));
    assert!(error.source().unwrap().to_string().contains("create it first"));
}

fn new_row<T>(id: &str, record: T) -> Upsert<T> {
    Upsert {
        external_id: id.into(),
        local_id: LocalId::from(Uuid::now_v7()),
        record,
        version: None,
        exists: false,
    }
}

fn sample(fill: impl FnOnce(&mut Sample)) -> Sample {
    let mut sample = Sample::default();
    fill(&mut sample);
    sample
}

fn named(name: &str) -> Sample {
    sample(|s| s.name = Some(name.to_owned()))
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn scope() -> Scope {
    Scope {
        tenant: None,
        connection: "connection".into(),
        subscription: SubscriptionId(Uuid::nil()),
        entity: "sample",
        provider: "suite".into(),
        user: "system".into(),
    }
}

async fn write<T: Canonical>(f: &PgFixture, table: &TableDef, rows: &[Upsert<T>]) {
    write_with(&f.store, &PgTableSink::new(*table), rows).await;
}

async fn write_with<T: Canonical>(store: &PgStore, sink: &PgTableSink<T>, rows: &[Upsert<T>]) {
    let mut tx = store.begin().await.unwrap();
    sink.upsert_many(&mut tx, &scope(), rows, at()).await.unwrap();
    store.commit(tx).await.unwrap();
}
