//! Row-level security below the store's queries: raw statements in a tenant's transaction, on every table there is.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]

mod fixture;

use std::error::Error as _;

use fixture::{PgFixture, fixture, server};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection, Executor};
use sync_core::contract::mixed::{self, Mixed};
use sync_core::contract::{SAMPLES, Sample, Tenancy};
use sync_core::{
    LocalId, Scope, StoreError, Subscription, SubscriptionId, SubscriptionStore, SyncSink, TenantId,
    UnitOfWork, Upsert,
};
use sync_postgres::{PgStore, PgTableSink};
use uuid::Uuid;

/// Tables without a forced policy, of those a schema has.
async fn unguarded(pool: &PgPool) -> Vec<String> {
    let sql = "select c.relname::text from pg_class c where c.relkind in ('r', 'p') \
         and c.relnamespace = current_schema()::regnamespace and c.relname <> '_sqlx_migrations' \
         and not (c.relrowsecurity and c.relforcerowsecurity \
         and exists (select from pg_policy where polrelid = c.oid and polname = 'hexsync_tenant')) order by 1";
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

/// Every table that holds tenants' rows, those of entities and of this test's samples included.
async fn tables(pool: &PgPool) -> Vec<String> {
    let sql = "select c.relname::text from pg_class c where c.relkind in ('r', 'p') \
         and c.relnamespace = current_schema()::regnamespace and (c.relname = 'custom_field_values' or exists \
         (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped)) order by 1";
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

/// The installation's own tables.
async fn shared_tables(pool: &PgPool) -> Vec<String> {
    let sql = "select c.relname::text from pg_class c where c.relkind in ('r', 'p') \
         and c.relnamespace = current_schema()::regnamespace \
         and c.relname not in ('_sqlx_migrations', 'custom_field_values') and not exists \
         (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped) order by 1";
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

/// Every table is confined, for its owner too; one that is forgotten is found, and one call is enough for it.
#[tokio::test]
async fn every_table_has_a_forced_policy() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    let pool = f.store.pool();
    assert_eq!(unguarded(pool).await, Vec::<String>::new());
    pool.execute("create table invoices (id serial primary key, tenant_id text not null)").await.unwrap();
    assert_eq!(unguarded(pool).await, ["invoices"]);
    pool.execute("select hexsync_isolate('invoices')").await.unwrap();
    assert_eq!(unguarded(pool).await, Vec::<String>::new());
    let red = TenantId::from("red");
    let mut tx = f.store.begin_for(Some(&red)).await.unwrap();
    tx.connection().execute("insert into invoices (tenant_id) values ('red')").await.unwrap();
    f.store.commit(tx).await.unwrap();
    let mut tx = f.store.begin_for(Some(&red)).await.unwrap();
    let refused =
        tx.connection().execute("insert into invoices (tenant_id) values ('blue')").await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
}

/// Without tenants nothing is switched on: whoever owns the tables works with them as before.
#[tokio::test]
async fn single_tenant_tables_have_no_row_security() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let on: i64 = sqlx::query_scalar(
        "select count(*) from pg_class where relnamespace = current_schema()::regnamespace and relrowsecurity",
    )
    .fetch_one(f.store.pool())
    .await
    .unwrap();
    assert_eq!(on, 0);
}

/// A row of each table for a tenant, by the catalogue alone, so that no table is forgotten. Past the store, as a
/// superuser and without foreign keys.
async fn seed(f: &PgFixture, tenant: &str) {
    let mut connection = f.store.pool().acquire().await.unwrap();
    connection.execute("set session_replication_role = replica").await.unwrap();
    let shared = if tenant == "red" { shared_tables(f.store.pool()).await } else { Vec::new() };
    for table in tables(f.store.pool()).await.into_iter().chain(shared) {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select attname::text, format_type(atttypid, null) from pg_attribute where attrelid = to_regclass($1) \
             and attnum > 0 and not attisdropped and attidentity <> 'a' and attgenerated = '' order by attnum",
        )
        .bind(&table)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let value = |(name, kind): &(String, String)| match (name.as_str(), kind.as_str()) {
            ("tenant_id", _) => format!("'{tenant}'"),
            ("definition_id", _) => {
                format!("(select max(id) from custom_field_definitions where tenant_id = '{tenant}')")
            }
            // Which of local changes are checked.
            ("fields", "text") => "'{}'".to_owned(),
            ("operation", "text") => "'update'".to_owned(),
            (_, "text" | "character varying") => "md5(random()::text)".to_owned(),
            (_, "uuid") => "gen_random_uuid()".to_owned(),
            (_, "json" | "jsonb") => "'{}'".to_owned(),
            (_, "boolean") => "false".to_owned(),
            (_, "bytea") => "'\\x00'".to_owned(),
            (_, "date") => "'2026-01-01'".to_owned(),
            (_, "timestamp with time zone") => "'2026-01-01Z'".to_owned(),
            (_, "bigint" | "integer" | "smallint" | "numeric") => "1".to_owned(),
            (_, kind) => format!("null::{kind}"),
        };
        let names: Vec<_> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let values: Vec<_> = columns.iter().map(value).collect();
        let insert = format!("insert into {table} ({}) values ({})", names.join(", "), values.join(", "));
        let inserted = connection.execute(AssertSqlSafe(insert.as_str())).await;
        inserted.unwrap_or_else(|error| panic!("{insert}: {error}"));
    }
    connection.execute("set session_replication_role = default").await.unwrap();
}

/// The condition of a table's rows that are a tenant's.
fn of(table: &str, tenant: &str) -> String {
    if table == "custom_field_values" {
        format!("definition_id in (select id from custom_field_definitions where tenant_id = '{tenant}')")
    } else {
        format!("tenant_id = '{tenant}'")
    }
}

/// Every row of a tenant as one text, read past all confinement.
async fn image(f: &PgFixture, tenant: &str) -> Vec<(String, i64, Option<String>)> {
    let mut image = Vec::new();
    for table in tables(f.store.pool()).await {
        let sql = format!(
            "select '{table}', count(*), string_agg(t::text, '|' order by t::text) from {table} t where {}",
            of(&table, tenant)
        );
        image.push(sqlx::query_as(AssertSqlSafe(sql)).fetch_one(f.store.pool()).await.unwrap());
    }
    image
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let sql = format!("select count(*) from {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap()
}

/// With the application's own check gone, raw statements in a tenant's transaction read, update and delete rows of
/// that tenant alone, on every table.
#[tokio::test]
async fn raw_statements_reach_no_other_tenants_rows() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    for tenant in ["red", "blue"] {
        seed(&f, tenant).await;
    }
    let blue = image(&f, "blue").await;
    assert!(blue.iter().all(|(_, rows, _)| *rows == 1), "{blue:?}");
    let red = TenantId::from("red");
    for table in tables(f.store.pool()).await {
        let mut tx = f.store.begin_for(Some(&red)).await.unwrap();
        assert_eq!(count(tx.connection(), &table).await, 1, "{table} is read");
        let foreign = format!("select count(*) from {table} where not ({})", of(&table, "red"));
        let seen: i64 = sqlx::query_scalar(AssertSqlSafe(foreign)).fetch_one(tx.connection()).await.unwrap();
        assert_eq!(seen, 0, "{table} is read");
        let column = if table == "custom_field_values" { "kind" } else { "tenant_id" };
        let update = format!("update {table} set {column} = {column}");
        let updated = tx.connection().execute(AssertSqlSafe(update)).await.unwrap();
        assert_eq!(updated.rows_affected(), 1, "{table} is updated");
        let deleted = tx.connection().execute(AssertSqlSafe(format!("delete from {table}"))).await.unwrap();
        assert_eq!(deleted.rows_affected(), 1, "{table} is emptied");
        f.store.rollback(tx).await.unwrap();
    }
    for table in shared_tables(f.store.pool()).await {
        let mut tx = f.store.begin_for(Some(&red)).await.unwrap();
        let deleted = tx.connection().execute(AssertSqlSafe(format!("delete from {table}"))).await.unwrap();
        assert_eq!(deleted.rows_affected(), 0, "{table} is the installation's");
    }
    // All of it for good, in any order that foreign keys allow.
    for table in tables(f.store.pool()).await {
        let mut tx = f.store.begin_for(Some(&red)).await.unwrap();
        let delete = format!("delete from {table}");
        match tx.connection().execute(AssertSqlSafe(delete)).await {
            Ok(_) => f.store.commit(tx).await.unwrap(),
            Err(_) => f.store.rollback(tx).await.unwrap(),
        }
    }
    assert_eq!(image(&f, "blue").await, blue);
}

/// A row can neither be written for another tenant nor given to it, on any table.
#[tokio::test]
async fn raw_statements_write_for_no_other_tenant() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    for tenant in ["red", "blue"] {
        seed(&f, tenant).await;
    }
    let red = TenantId::from("red");
    let foreign: i64 = sqlx::query_scalar("select id from custom_field_definitions where tenant_id = 'blue'")
        .fetch_one(f.store.pool())
        .await
        .unwrap();
    for table in tables(f.store.pool()).await {
        let given = if table == "custom_field_values" {
            format!("update {table} set definition_id = {foreign}")
        } else {
            format!("update {table} set tenant_id = 'blue'")
        };
        let copied = if table == "custom_field_values" {
            format!(
                "insert into {table} (row_id, definition_id, kind) values (gen_random_uuid(), {foreign}, 'null')"
            )
        } else {
            // Its own row anew, for the other tenant: what else the row lacks would be refused after the policy.
            format!(
                "insert into {table} select (jsonb_populate_record(t, '{{\"tenant_id\": \"blue\"}}')).* from {table} t"
            )
        };
        let overriding = copied.replace(" select ", " overriding system value select ");
        for statement in [given, overriding] {
            let mut tx = f.store.begin_for(Some(&red)).await.unwrap();
            let refused = tx.connection().execute(AssertSqlSafe(statement.as_str())).await;
            let refused = refused.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(refused.contains("violates row-level security policy"), "{statement}: {refused:?}");
        }
    }
}

/// A transaction that names no tenant sees no row at all; one across tenants sees everybody's; and neither leaves
/// anything behind on its connection.
#[tokio::test]
async fn unnamed_tenant_sees_nothing() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    let store = PgStore::builder(server().unwrap())
        .schema(&f.schema)
        .application_name(&f.schema)
        .multi_tenant(true)
        .pool_size(1)
        .open()
        .await
        .unwrap();
    for tenant in ["red", "blue"] {
        seed(&f, tenant).await;
    }
    let red = TenantId::from("red");
    for _ in 0..2 {
        let mut own = store.begin_for(Some(&red)).await.unwrap();
        let mut counts = vec![count(own.connection(), "accounts").await];
        store.commit(own).await.unwrap();
        let mut none = store.begin().await.unwrap();
        for table in tables(f.store.pool()).await {
            assert_eq!(count(none.connection(), &table).await, 0, "{table}");
        }
        store.commit(none).await.unwrap();
        let mut all = store.begin_across_tenants().await.unwrap();
        for table in tables(f.store.pool()).await {
            assert_eq!(count(all.connection(), &table).await, 2, "{table}");
        }
        drop(all);
        let mut own = store.begin_for(Some(&red)).await.unwrap();
        counts.push(count(own.connection(), "accounts").await);
        drop(own);
        assert_eq!(counts, [1, 1]);
        let left: (Option<String>, Option<String>, bool) = sqlx::query_as(
            "select nullif(current_setting('hexsync.tenant', true), ''), \
             nullif(current_setting('hexsync.across_tenants', true), ''), current_user = session_user",
        )
        .fetch_one(store.pool())
        .await
        .unwrap();
        assert_eq!(left, (None, None, true));
    }
    assert!(matches!(store.begin_for(None).await, Err(StoreError::MissingTenantId(_))));
}

/// A setting that somebody left on the connection opens nothing.
#[tokio::test]
async fn settings_left_on_a_connection_open_nothing() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    let store = PgStore::builder(server().unwrap())
        .schema(&f.schema)
        .application_name(&f.schema)
        .multi_tenant(true)
        .pool_size(1)
        .open()
        .await
        .unwrap();
    seed(&f, "blue").await;
    let pool = store.pool();
    pool.execute("set hexsync.across_tenants = 'on'; set hexsync.tenant = 'blue'").await.unwrap();
    let red = TenantId::from("red");
    for tenant in [Some(&red), None] {
        let mut tx = match tenant {
            Some(tenant) => store.begin_for(Some(tenant)).await.unwrap(),
            None => store.begin().await.unwrap(),
        };
        assert_eq!(count(tx.connection(), "accounts").await, 0);
    }
}

/// Tenants whose names are SQL, quotes or other alphabets are names and nothing else.
#[tokio::test]
async fn odd_tenant_names_are_names() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    for name in ["it's", "a\\'; select hexsync_across_tenants(); --", "接続 🦀", "\"", "$$", "on", " ", "%s"]
    {
        let tenant = TenantId::from(name);
        let wanted =
            Subscription { tenant: Some(tenant.clone()), ..Subscription::new("c", "suite-poll", "sample") };
        let mut tx = f.store.begin_for(Some(&tenant)).await.unwrap();
        f.store.add_subscription(&mut tx, &wanted).await.unwrap();
        f.store.commit(tx).await.unwrap();
        let mut tx = f.store.begin_for(Some(&tenant)).await.unwrap();
        assert_eq!(count(tx.connection(), "sync_subscriptions").await, 1, "{name}");
    }
    assert!(f.store.begin_for(Some(&TenantId::from("a\0b"))).await.is_err());
}

/// A login that no policy binds is refused rather than let through, also after a failure on the same connection.
#[tokio::test]
async fn login_past_row_security_is_refused() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    let builder = || PgStore::builder(server().unwrap()).schema(&f.schema).multi_tenant(true).pool_size(1);
    let red = TenantId::from("red");
    let superuser = builder().tenant_role(None).open().await.unwrap();
    for _ in 0..2 {
        let error = superuser.begin_for(Some(&red)).await.unwrap_err();
        let why = error.source().unwrap().to_string();
        assert!(why.contains("superuser"), "{why}");
    }
    let roleless = builder().tenant_role(Some("hexsync_no_such_role")).open().await.unwrap();
    for _ in 0..2 {
        let why = roleless.begin_for(Some(&red)).await.unwrap_err().source().unwrap().to_string();
        assert!(why.contains("grant hexsync_no_such_role"), "{why}");
    }
    // The connection is as good as new.
    let alive: i32 = sqlx::query_scalar("select 1").fetch_one(roleless.pool()).await.unwrap();
    assert_eq!(alive, 1);
}

/// Tables and store have to agree on whether tenants are told apart; migrating switches it on, later as well.
#[tokio::test]
async fn database_made_without_tenants_is_isolated_later() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let multi = || {
        PgStore::builder(server().unwrap()).schema(&f.schema).application_name(&f.schema).multi_tenant(true)
    };
    let why = multi().open().await.unwrap_err();
    assert!(why.source().unwrap().to_string().contains("run `hexsync migrate`"), "{why:?}");
    let why = multi().connect().await.unwrap().begin_for(Some(&"red".into())).await.unwrap_err();
    assert!(why.source().unwrap().to_string().contains("hexsync migrate"), "{why:?}");
    let store = multi().connect().await.unwrap();
    let (one, two) = tokio::join!(store.migrate(), store.migrate());
    one.and(two).unwrap();
    multi().open().await.unwrap();
    assert_eq!(unguarded(store.pool()).await, Vec::<String>::new());
    let why = f.store.check_version().await.unwrap_err();
    assert!(why.source().unwrap().to_string().contains("multi_tenant = true"), "{why:?}");
}

/// On a database where roles can't be made, an ordinary login is enough without one: the policies bind the tables'
/// owner. With one, the error says what an administrator has to run.
#[tokio::test]
async fn ordinary_owner_is_bound_without_a_role() {
    let Some(f) = fixture(Tenancy::Single).await else { return };
    let login = format!("test_{}", Uuid::now_v7().simple());
    let mut admin = PgConnection::connect(server().unwrap().as_str()).await.unwrap();
    let make =
        format!("create role {login} login password 'ordinary'; create schema {login} authorization {login}");
    admin.execute(AssertSqlSafe(make)).await.unwrap();
    let mut url = server().unwrap();
    url.set_username(&login).unwrap();
    url.set_password(Some("ordinary")).unwrap();
    let builder =
        || PgStore::builder(url.as_str()).schema(&login).application_name(&f.schema).multi_tenant(true);

    let roled = builder().tenant_role(Some("hexsync_unmade")).connect().await.unwrap();
    let why = roled.migrate().await.unwrap_err().source().unwrap().to_string();
    assert!(why.contains("create role hexsync_unmade nologin") && why.contains("tenant_role(None)"), "{why}");
    roled.pool().close().await;

    let store = builder().tenant_role(None).connect().await.unwrap();
    store.migrate().await.unwrap();
    store.check_version().await.unwrap();
    for name in ["red", "blue"] {
        let tenant = TenantId::from(name);
        let wanted =
            Subscription { tenant: Some(tenant.clone()), ..Subscription::new("c", "suite-poll", "sample") };
        let mut tx = store.begin_for(Some(&tenant)).await.unwrap();
        store.add_subscription(&mut tx, &wanted).await.unwrap();
        assert_eq!(count(tx.connection(), "sync_subscriptions").await, 1);
        store.commit(tx).await.unwrap();
    }
    let mut all = store.begin_across_tenants().await.unwrap();
    assert_eq!(count(all.connection(), "sync_subscriptions").await, 2);
    drop(all);
    let outside: i64 =
        sqlx::query_scalar("select count(*) from sync_subscriptions").fetch_one(store.pool()).await.unwrap();
    assert_eq!(outside, 0, "the owner itself sees nothing outside of a tenant's transaction");
    store.pool().close().await;
    let gone = format!("drop schema {login} cascade; drop owned by {login}; drop role {login}");
    admin.execute(AssertSqlSafe(gone)).await.unwrap();
}

/// The server does not combine COPY with row-level security; arrays take its place, and keep every kind of value. The
/// key is used all the same.
#[tokio::test]
async fn confined_rows_are_written_whole_and_found_by_their_key() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    let sink = PgTableSink::<Sample>::new(SAMPLES);
    let tenant = TenantId::from("red");
    let scope = Scope {
        tenant: Some(tenant.clone()),
        connection: "connection".into(),
        subscription: SubscriptionId(Uuid::nil()),
        entity: "sample",
        provider: "suite".into(),
        user: "system".into(),
    };
    let record = |n: i64| Sample {
        name: (n % 3 != 0).then(|| format!("Ünï {n} \\ \" ' \n")),
        active: n % 2 == 0,
        amount: (n % 5 != 0).then_some(i64::MAX - n),
        price: Some("-0.0000100".parse().unwrap()),
        day: "2026-02-28".parse().ok(),
        moment: "2026-02-28T23:59:59.123456Z".parse().ok(),
        details: Some(serde_json::json!({"a": [1, null, "x"]})),
        parent: None,
        custom: sync_core::CustomFields::default(),
    };
    let rows: Vec<_> = (0..2_000)
        .map(|n| Upsert {
            external_id: format!("r{n:05}").into(),
            local_id: LocalId::from(Uuid::now_v7()),
            record: record(n),
            version: None,
            exists: false,
        })
        .collect();
    let at = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let mut tx = f.store.begin_for(Some(&tenant)).await.unwrap();
    let asked: Vec<_> = rows.iter().take(10).map(|row| row.external_id.clone()).collect();
    for _ in 0..8 {
        sink.find_many(&mut tx, &scope, &asked).await.unwrap();
    }
    sink.upsert_many(&mut tx, &scope, &rows, at).await.unwrap();
    let read = "select sum(pg_stat_get_xact_tuples_fetched(indexrelid))::bigint, \
         pg_stat_get_xact_numscans('samples'::regclass) from pg_index where indrelid = 'samples'::regclass";
    let before: (i64, i64) = sqlx::query_as(read).fetch_one(tx.connection()).await.unwrap();
    let found = sink.find_many(&mut tx, &scope, &asked).await.unwrap();
    let after: (i64, i64) = sqlx::query_as(read).fetch_one(tx.connection()).await.unwrap();
    assert_eq!((after.0 - before.0, after.1), (10, 0), "rows read, whole tables read");
    let found: Vec<_> = found.into_iter().map(|row| row.unwrap().record).collect();
    assert_eq!(found, (0..10).map(record).collect::<Vec<_>>());
}

/// A tenant's rows on every table as one digest, and whether there are any.
async fn digest(f: &PgFixture, tables: &[String], tenant: &str) -> String {
    let parts: Vec<_> = tables
        .iter()
        .map(|table| {
            format!("select '{table}' as name, t::text as line from {table} t where {}", of(table, tenant))
        })
        .collect();
    let sql = format!(
        "select md5(string_agg(name || line, '|' order by name, line)) || ' ' || count(*) from ({}) as every",
        parts.join(" union all ")
    );
    let digest: Option<String> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(f.store.pool()).await.unwrap();
    digest.unwrap_or_default()
}

/// Two tenants make random calls of every port, in transactions of their own, with scopes, subscriptions, runs, letters,
/// leases and rows that are as often the other's: no call reads what is the other's, and none changes a row of it.
#[tokio::test]
async fn random_calls_of_two_tenants_never_cross() {
    let Some(f) = fixture(Tenancy::Multi).await else { return };
    let tables = tables(f.store.pool()).await;
    let mut mixed = Mixed::new(20_260_301);
    let names = ["zebra", "quagga"];
    let (mut done, mut refused, mut seen) = (0, 0, 0);
    for tenant in names {
        for connection in 0..2 {
            let tenant = TenantId::from(tenant);
            let wanted = Subscription {
                tenant: Some(tenant.clone()),
                ..Subscription::new(format!("c{connection}"), "suite-poll", "sample")
            };
            let mut tx = f.store.begin_for(Some(&tenant)).await.unwrap();
            mixed.subscriptions.push(f.store.add_subscription(&mut tx, &wanted).await.unwrap().id);
            f.store.commit(tx).await.unwrap();
        }
    }
    let mut last: [Option<String>; 2] = [None, None];
    for step in 0..240 {
        let (acting, other) = if mixed.below(2) == 0 { ("zebra", "quagga") } else { ("quagga", "zebra") };
        let claimed = if mixed.below(3) == 0 { other } else { acting };
        let n_subscriptions = mixed.subscriptions.len() as u64;
        let place = mixed.below(n_subscriptions) as usize;
        let subscription = mixed.subscriptions[place];
        let scope = Scope {
            tenant: Some(claimed.into()),
            connection: format!("c{}", mixed.below(2)).into(),
            subscription,
            entity: "sample",
            provider: "suite".into(),
            user: "system".into(),
        };
        let kind = mixed.below(mixed::KINDS);
        let (own, others) = if acting == names[0] { (0, 1) } else { (1, 0) };
        let before = match last[others].take() {
            Some(known) => known,
            None => digest(&f, &tables, other).await,
        };
        last[own] = None;
        let mut tx = f.store.begin_for(Some(&acting.into())).await.unwrap();
        let answer = mixed::call(&f, &mut tx, &mut mixed, &scope, kind).await;
        match answer {
            Ok(read) => {
                done += 1;
                seen += usize::from(read.contains(acting));
                assert!(!read.contains(other), "step {step}, kind {kind}: {acting} read {read}");
                f.store.commit(tx).await.unwrap();
            }
            Err(_) => {
                refused += 1;
                f.store.rollback(tx).await.unwrap();
            }
        }
        let after = digest(&f, &tables, other).await;
        assert_eq!(after, before, "step {step}, kind {kind}: {acting} as {claimed} changed rows of {other}");
        last[others] = Some(after);
    }
    assert!(done > 80 && refused > 15 && seen > 10, "{done} done, {refused} refused, {seen} read their own");
}
