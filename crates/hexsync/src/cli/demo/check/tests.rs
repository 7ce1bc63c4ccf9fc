//! The proof notices what is wrong: each test breaks one thing behind the runs' backs.

use serde_json::{Value as Json, json};
use sync_wiring::EntityStore;
use sync_wiring::core::{ExternalId, LocalRow, SyncSink, UnitOfWork, Upsert};
use sync_wiring::sqlite::SqliteStore;
use sync_wiring::user::User;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::cli::demo::upstream::{Key, Source};
use crate::cli::demo::{names, play, stage, upstream};
use crate::generated::Entity;
use crate::output::Progress;

/// A demo up to its last run.
struct World {
    upstreams: Upstreams,
    stage: Stage<SqliteStore>,
    runs: Vec<RunLine>,
    known: Vec<Known>,
}

impl World {
    async fn played() -> Self {
        // Refused only when another test of this process was first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let upstreams = upstream::start(&Crm::ALL, &Source::Generated(400), 3).await.unwrap();
        let store = SqliteStore::in_memory().await.unwrap();
        store.migrate().await.unwrap();
        let feeds = stage::subscribe(&store, &Crm::ALL).await.unwrap();
        let mut clients = Vec::new();
        for upstream in &upstreams {
            clients.push(upstream.client().await.unwrap());
        }
        let stage =
            Stage::new(store, &feeds, &clients, Progress::new(true), CancellationToken::new()).unwrap();
        let (runs, known) = play(&stage, &upstreams, 3).await.unwrap();
        Self { upstreams, stage, runs, known }
    }

    /// The names of the checks that do not hold.
    async fn broken(&self) -> Vec<&'static str> {
        let task = Progress::new(true).task("check", None);
        let checks =
            Checks::carry_out(&self.stage, &self.upstreams, &self.runs, &self.known, &task).await.unwrap();
        assert_eq!(checks.hold(), checks.0.iter().all(|check| check.problems.is_empty()));
        checks.0.into_iter().filter(|check| !check.holds).map(|check| check.name).collect()
    }

    fn upstream(&self, crm: Crm) -> &dyn Upstream {
        &**self.upstreams.iter().find(|upstream| upstream.crm() == crm).unwrap()
    }

    fn known(&self, crm: Crm) -> &Known {
        self.known.iter().find(|known| known.crm == crm).unwrap()
    }

    /// A live record that no run failed on.
    fn any(&self, crm: Crm, entity: Entity) -> Key {
        let known = self.known(crm);
        let spared = |key: &Key| {
            !known.first.unfit.contains(key)
                && !known.second.restored.contains(key)
                && known.merges().all(|merge| merge.winner != key.id)
        };
        self.upstream(crm).keys(entity).into_iter().find(spared).unwrap()
    }

    /// Changes a record past the runs.
    fn edit(&self, key: &Key, crm: Crm, field: &str, value: &str) {
        let fields = Json::Object(serde_json::Map::from_iter([(field.to_owned(), json!(value))]));
        assert!(self.upstream(crm).edit(key, &fields), "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn untouched_demo_holds() {
    assert_eq!(World::played().await.broken().await, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_that_was_not_synced_is_noticed() {
    for (crm, field) in [(Crm::Salesforce, "Phone"), (Crm::Hubspot, "phone")] {
        let world = World::played().await;
        world.edit(&world.any(crm, Entity::Account), crm, field, "changed since");
        assert_eq!(world.broken().await, ["rows"], "{crm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_field_that_was_not_synced_is_noticed() {
    for (crm, field) in [(Crm::Salesforce, "Region__c"), (Crm::Hubspot, "product")] {
        let world = World::played().await;
        world.edit(&world.any(crm, Entity::Opportunity), crm, field, "changed since");
        assert_eq!(world.broken().await, ["rows"], "{crm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_that_was_not_synced_is_noticed() {
    for (crm, field) in [(Crm::Salesforce, "LastName"), (Crm::Hubspot, "lastname")] {
        let world = World::played().await;
        let fields = Json::Object(serde_json::Map::from_iter([(field.to_owned(), json!("New"))]));
        assert!(world.upstream(crm).insert(Entity::Contact, &fields));
        assert_eq!(world.broken().await, ["rows"], "{crm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_that_was_not_synced_is_noticed() {
    for crm in Crm::ALL {
        let world = World::played().await;
        assert!(world.upstream(crm).delete(&world.any(crm, Entity::Account)));
        assert!(world.broken().await.contains(&"rows"), "{crm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_record_that_is_still_here_is_noticed() {
    for crm in Crm::ALL {
        let mut world = World::played().await;
        // Back in the CRM, and by a further run here as well; but the demo knows of no such thing.
        let known = world.known(crm);
        let is_left = |key: &&Key| key.entity == Entity::Opportunity && !known.second.restored.contains(key);
        let gone = known.first.deleted.iter().find(is_left).unwrap().clone();
        assert!(world.upstream(crm).restore(&gone));
        world.upstream(crm).wait();
        world.runs.extend(world.stage.play(Act::Quiet, |_, _| None).await.unwrap());
        let broken = world.broken().await;
        for check in ["deletions", "counts", "quiet"] {
            assert!(broken.contains(&check), "{crm:?}: {check} in {broken:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_that_its_audit_does_not_tell_is_noticed() {
    for crm in Crm::ALL {
        let world = World::played().await;
        let (store, scope) = (world.stage.store(), world.stage.scope(crm, Entity::User).unwrap());
        let sink = EntityStore::<User>::sink(store);
        let id = world.any(crm, Entity::User).id;
        let mut tx = UnitOfWork::begin(store).await.unwrap();
        let row: Option<LocalRow<User>> =
            sink.find_many(&mut tx, &scope, std::slice::from_ref(&id)).await.unwrap().remove(0);
        let row = row.unwrap();
        let record = User { department: Some("written past the engine".into()), ..row.record };
        let upsert =
            Upsert { external_id: id, local_id: row.local_id, record, version: row.version, exists: true };
        sink.upsert_many(&mut tx, &scope, &[upsert], chrono::Utc::now()).await.unwrap();
        UnitOfWork::commit(store, tx).await.unwrap();
        assert_eq!(world.broken().await, ["rows", "history"], "{crm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_change_is_noticed() {
    let mut world = World::played().await;
    for run in 0..world.runs.len() {
        world.runs[run].counts.found += 1;
        let found = counts(&world.runs, &world.known);
        assert!(!found.holds, "{}", world.runs[run].entity.name());
        world.runs[run].counts.found -= 1;
    }
    assert!(counts(&world.runs, &world.known).holds);
}

/// Both CRMs fill the same tables: a row of one is never taken for a row of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_two_crms_share_a_table_and_are_told_apart() {
    let world = World::played().await;
    for entity in names::entities(Crm::Salesforce) {
        for (crm, other) in [(Crm::Salesforce, Crm::Hubspot), (Crm::Hubspot, Crm::Salesforce)] {
            let key = world.any(crm, entity);
            let found = with_entity!(entity, T => {
                let store = world.stage.store();
                let sink = EntityStore::<T>::sink(store);
                let mut tx = UnitOfWork::begin(store).await.unwrap();
                let ids: [ExternalId; 1] = [key.id];
                let mut found = Vec::new();
                for crm in [crm, other] {
                    let scope = world.stage.scope(crm, entity).unwrap();
                    let rows: Vec<Option<LocalRow<T>>> = sink.find_many(&mut tx, &scope, &ids).await.unwrap();
                    found.push(rows[0].is_some());
                }
                UnitOfWork::rollback(store, tx).await.unwrap();
                found
            });
            assert_eq!(found, [true, false], "{} of {crm:?}", entity.name());
        }
    }
}
