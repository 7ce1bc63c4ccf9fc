//! What stands between a store and its file: other processes, other releases, other files, full disks.

mod support;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use sqlx::Executor;
use support::SqliteFixture;
use sync_core::contract::{EAV_SAMPLES, SAMPLES, Sample, SinkFixture, StoreFixture, Tenancy};
use sync_core::{
    ConnectionId, FieldValue, LocalId, Scope, SinkError, StoreError, Subscription, SubscriptionId,
    SubscriptionStore, UnitOfWork, Upsert,
};
use sync_sqlite::{SqliteStore, SqliteStoreBuilder};
use uuid::Uuid;

/// Two processes on one file take turns: the second waits for the first, then sees what it wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_process_waits_its_turn() {
    let f = SqliteFixture::fresh(Tenancy::Single).await.unwrap();
    let (here, there) = (f.store(), SqliteStore::open(f.path()).await.unwrap());
    let mut tx = here.begin().await.unwrap();
    here.add_subscription(&mut tx, &subscription("here")).await.unwrap();
    let waits = tokio::spawn(async move {
        let mut tx = there.begin().await.unwrap();
        let seen = there.subscriptions(&mut tx, None).await.unwrap();
        there.add_subscription(&mut tx, &subscription("there")).await.unwrap();
        there.commit(tx).await.unwrap();
        seen.len()
    });
    // Gives the other the time to run into the lock. Were it too short, the test would still hold.
    tokio::time::sleep(Duration::from_millis(30)).await;
    here.commit(tx).await.unwrap();
    assert_eq!(waits.await.unwrap(), 1);
    let mut tx = here.begin().await.unwrap();
    assert_eq!(here.subscriptions(&mut tx, None).await.unwrap().len(), 2);
}

/// A writer that does not end is not waited for beyond the busy time-out, by another process or by this one.
#[tokio::test]
async fn waiting_ends_with_the_busy_timeout() {
    let f = SqliteFixture::fresh(Tenancy::Single).await.unwrap();
    let impatient = SqliteStoreBuilder::file(f.path()).busy_timeout(Duration::from_millis(20));
    let impatient = impatient.connect().await.unwrap();
    let tx = f.store().begin().await.unwrap();
    let error = impatient.begin().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    f.store().rollback(tx).await.unwrap();
    let _tx = impatient.begin().await.unwrap();
    let error = impatient.begin().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

/// Many processes may open, and migrate, a file that is not there yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_is_migrated_once_by_many() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let openers: Vec<_> = (0..6)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = SqliteStore::open(path).await?;
                store.migrate().await?;
                store.check_version().await
            })
        })
        .collect();
    for opener in openers {
        opener.await.unwrap().unwrap();
    }
}

/// A file that was never migrated is too old; migrating twice changes nothing.
#[tokio::test]
async fn versions_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("new.db")).await.unwrap();
    let error = store.check_version().await.unwrap_err();
    assert!(matches!(error, StoreError::TooOld { found: 0, required: 1.. }), "{error:?}");
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store.check_version().await.unwrap();
}

/// A file that a newer release migrated is refused when it is opened, and by a store that had it open before.
#[tokio::test]
async fn newer_release_is_left_alone() {
    let f = SqliteFixture::fresh(Tenancy::Single).await.unwrap();
    f.outside()
        .await
        .execute("insert into _sqlx_migrations values (9999, 'later', '2030-01-01', true, x'00', 0)")
        .await
        .unwrap();
    for error in [
        SqliteStore::open(f.path()).await.map(drop).unwrap_err(),
        f.store().check_version().await.unwrap_err(),
        f.store().migrate().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::TooNew { found: 9_999, .. }), "{error:?}");
    }
}

/// Opening what can't be opened says what to do.
#[tokio::test]
async fn unusable_paths_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("notes.txt");
    std::fs::write(&garbage, "these are not the pages of a database\n".repeat(200)).unwrap();
    refused(&folder.path().join("missing/app.db"), "create it first").await;
    refused(folder.path(), "is a directory").await;
    refused(&garbage, "is not an SQLite database").await;
    let kept = std::fs::read_to_string(&garbage).unwrap();
    assert!(kept.starts_with("these are not"), "the file was altered");
}

/// A directory that can't be written to is named.
#[cfg(unix)]
#[tokio::test]
async fn read_only_directory_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    // Permissions don't bind the superuser; the kernel's own file system does.
    let candidates = [folder.path(), Path::new("/sys/kernel")];
    let unwritable = |folder: &&Path| folder.is_dir() && std::fs::write(folder.join("probe"), "").is_err();
    match candidates.into_iter().find(unwritable) {
        Some(folder) => refused(&folder.join("app.db"), "have to be writable").await,
        None => println!("skipped: every directory can be written to"),
    }
}

/// A full disk fails the batch for good, not for a record, and leaves what was committed before; once there is
/// room again the same store goes on.
#[tokio::test]
async fn full_disk_is_refused_and_survived() {
    let f = SqliteFixture::fresh(Tenancy::Single).await.unwrap();
    let (store, sink, scope) = (f.store(), f.sink::<Sample>(&SAMPLES), scope());
    let big = |id: &str| upsert(id, &"x".repeat(500_000));
    let mut tx = store.begin().await.unwrap();
    sink.upsert_many(&mut tx, &scope, &[upsert("before", "small")], chrono::Utc::now()).await.unwrap();
    store.commit(tx).await.unwrap();

    let mut tx = store.begin().await.unwrap();
    tx.connection().execute("pragma max_page_count = 150").await.unwrap();
    let error =
        sink.upsert_many(&mut tx, &scope, &[big("a"), big("b")], chrono::Utc::now()).await.unwrap_err();
    assert!(matches!(error, SinkError::Store(StoreError::Refused { .. })), "{error:?}");
    drop(tx);

    let mut tx = store.begin().await.unwrap();
    tx.connection().execute("pragma max_page_count = 1000000").await.unwrap();
    let asked = ["before", "a"].map(Into::into);
    let found = sink.find_many(&mut tx, &scope, &asked).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    sink.upsert_many(&mut tx, &scope, &[big("a")], chrono::Utc::now()).await.unwrap();
    store.commit(tx).await.unwrap();
}

/// A constraint of the application's own is the record's fault and says which; the engine finds out whose.
#[tokio::test]
async fn constraint_is_the_records_fault() {
    let f = SqliteFixture::fresh(Tenancy::Single).await.unwrap();
    f.outside().await.execute("create unique index names on samples (name)").await.unwrap();
    let (store, sink, scope) = (f.store(), f.sink::<Sample>(&SAMPLES), scope());
    let mut tx = store.begin().await.unwrap();
    let rows = [upsert("a", "secret"), upsert("b", "secret")];
    match sink.upsert_many(&mut tx, &scope, &rows, chrono::Utc::now()).await.unwrap_err() {
        SinkError::Record { external_id: None, class: "constraint", reason } => {
            assert!(reason.contains("samples.name") && !reason.contains("secret"), "{reason}");
        }
        other => panic!("a record is at fault: {other:?}"),
    }
}

/// Custom fields as values can be queried by name, and the definition tells the kind. Values go with their row when it
/// is removed for good; definitions stay.
#[tokio::test]
async fn custom_fields_go_with_their_row() {
    let f = SqliteFixture::fresh(Tenancy::Single).await.unwrap();
    let (store, sink, scope) = (f.store(), f.sink::<Sample>(&EAV_SAMPLES), scope());
    let mut rows = ["a", "b"].map(|id| upsert(id, id));
    for row in &mut rows {
        row.record
            .custom
            .set("Rate__c", FieldValue::Decimal("0.3333333333333333333333333333".parse().unwrap()));
        row.record.custom.set("Never__c", FieldValue::Null);
    }
    let mut tx = store.begin().await.unwrap();
    sink.upsert_many(&mut tx, &scope, &rows, chrono::Utc::now()).await.unwrap();
    store.commit(tx).await.unwrap();
    let mut outside = f.outside().await;
    let kinds: Vec<(String, String, Option<String>)> =
        sqlx::query_as("select entity, name, kind from custom_field_definitions order by name")
            .fetch_all(&mut outside)
            .await
            .unwrap();
    let define =
        |name: &str, kind: Option<&str>| ("sample".to_owned(), name.to_owned(), kind.map(str::to_owned));
    assert_eq!(kinds, [define("Never__c", None), define("Rate__c", Some("decimal"))]);
    let select = "select v.value from eav_samples s join custom_field_values v on v.row_id = s.id \
         join custom_field_definitions d on d.id = v.definition_id where d.name = 'Rate__c'";
    let values: Vec<String> = sqlx::query_scalar(select).fetch_all(&mut outside).await.unwrap();
    assert_eq!(values, ["0.3333333333333333333333333333"; 2]);
    outside.execute("delete from eav_samples where external_id = 'b'").await.unwrap();
    let left: i64 =
        sqlx::query_scalar("select count(*) from custom_field_values").fetch_one(&mut outside).await.unwrap();
    assert_eq!(left, 2);
}

/// A row that was damaged from outside is named with its column, and is not taken for an empty one.
#[tokio::test]
async fn unreadable_row_is_named() {
    let f = SqliteFixture::fresh(Tenancy::Single).await.unwrap();
    let (store, sink, scope) = (f.store(), f.sink::<Sample>(&SAMPLES), scope());
    let mut tx = store.begin().await.unwrap();
    let ids = sink.upsert_many(&mut tx, &scope, &[upsert("a", "x")], chrono::Utc::now()).await.unwrap();
    tx.connection().execute("update samples set price = 'a lot'").await.unwrap();
    match sink.find_many(&mut tx, &scope, &["a".into()]).await.unwrap_err() {
        StoreError::Corrupt { table: "samples", column: "price", row, reason } => {
            assert_eq!(row, ids[0].as_str());
            assert!(!reason.contains("a lot"), "{reason}");
        }
        other => panic!("the row is damaged: {other:?}"),
    }
}

/// A database in memory works like a file, and outlives each of its transactions.
#[tokio::test]
async fn memory_is_kept_between_transactions() {
    for store in
        [SqliteStore::in_memory().await.unwrap(), SqliteStore::connect("sqlite::memory:").await.unwrap()]
    {
        store.migrate().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        store.add_subscription(&mut tx, &subscription("a")).await.unwrap();
        store.commit(tx).await.unwrap();
        let mut tx = store.clone().begin().await.unwrap();
        assert_eq!(store.subscriptions(&mut tx, None).await.unwrap().len(), 1);
    }
}

/// Closing folds the log into the file, so that the file alone is the database.
#[tokio::test]
async fn closed_store_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("app.db")).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["app.db"]);
    let error = store.begin().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

#[expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]
async fn refused(path: &Path, expected: &str) {
    let error = SqliteStore::open(path).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains(expected) && cause.contains(path.to_str().unwrap()), "{cause}");
}

fn subscription(connection: &str) -> Subscription {
    Subscription {
        id: SubscriptionId(Uuid::now_v7()),
        tenant: None,
        connection: ConnectionId::from(connection),
        adapter: "poll".to_owned(),
        domain: "sample".to_owned(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at: chrono::Utc::now(),
    }
}

fn scope() -> Scope {
    Scope {
        tenant: None,
        connection: "connection".into(),
        subscription: SubscriptionId(Uuid::now_v7()),
        entity: "sample",
        provider: "suite".into(),
        user: "system".into(),
    }
}

fn upsert(id: &str, name: &str) -> Upsert<Sample> {
    Upsert {
        external_id: id.into(),
        local_id: LocalId::from(Uuid::now_v7()),
        record: Sample { name: Some(name.to_owned()), ..Sample::default() },
        version: None,
        exists: false,
    }
}
