//! The proof notices what is wrong: each test breaks one thing behind the runs' backs.

use serde_json::json;
use sync_wiring::sqlite::SqliteStore;
use sync_wiring::user::User;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::cli::demo::crm::Source;
use crate::cli::demo::stage;
use crate::output::Progress;

/// A demo up to its last run.
struct World {
    crm: Crm,
    stage: Stage<SqliteStore>,
    runs: Vec<RunLine>,
    known: (Census, FirstChanges, SecondChanges),
}

impl World {
    async fn played() -> Self {
        // Refused only when another test of this process was first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let crm = Crm::start(Source::Generated(200), 3).await.unwrap();
        let store = SqliteStore::in_memory().await.unwrap();
        store.migrate().await.unwrap();
        let feeds = stage::subscribe(&store).await.unwrap();
        let client = crm.client().await.unwrap();
        let stage = Stage::new(store, feeds, client, Progress::new(true), CancellationToken::new()).unwrap();
        let census = crm.census();
        let mut runs = stage.play(Act::Load, |_| None).await.unwrap();
        let first = crm.change(3);
        runs.extend(stage.play(Act::Delta, |_| None).await.unwrap());
        let second = crm.change_again(&first);
        runs.extend(stage.play(Act::SecondDelta, |_| None).await.unwrap());
        crm.wait();
        runs.extend(stage.play(Act::Quiet, |_| None).await.unwrap());
        Self { crm, stage, runs, known: (census, first, second) }
    }

    /// The names of the checks that do not hold.
    async fn broken(&self) -> Vec<&'static str> {
        let (census, first, second) = &self.known;
        let task = Progress::new(true).task("check", None);
        let checks = Checks::carry_out(&self.stage, &self.crm, &self.runs, (census, first, second), &task)
            .await
            .unwrap();
        assert_eq!(checks.hold(), checks.0.iter().all(|check| check.problems.is_empty()));
        checks.0.into_iter().filter(|check| !check.holds).map(|check| check.name).collect()
    }

    /// A record that no run failed on.
    fn any(&self, object: &str) -> RecordId {
        let spared =
            |id: &RecordId| self.known.2.corrected != Some(*id) && !self.known.2.restored.contains(id);
        self.crm.control().read(|org| {
            let live = org.table(object).unwrap().all().filter(|(_, row)| !row.is_deleted());
            live.map(|(id, _)| *id).find(spared).unwrap()
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn untouched_demo_holds() {
    assert_eq!(World::played().await.broken().await, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_that_was_not_synced_is_noticed() {
    let world = World::played().await;
    let fields = json!({"Phone": "changed since"});
    world.crm.control().update(world.any("Account"), fields.as_object().unwrap()).unwrap();
    assert_eq!(world.broken().await, ["rows"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_that_was_not_synced_is_noticed() {
    let world = World::played().await;
    world.crm.control().insert("Contact", json!({"LastName": "New"}).as_object().unwrap()).unwrap();
    assert_eq!(world.broken().await, ["rows"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_that_was_not_synced_is_noticed() {
    let world = World::played().await;
    world.crm.control().delete(world.any("Contact")).unwrap();
    assert_eq!(world.broken().await, ["rows"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_record_that_is_still_here_is_noticed() {
    let mut world = World::played().await;
    // Back in the org, and by a further run here as well; but the demo knows of no such thing.
    let gone = *world.known.1.deleted().iter().find(|id| !world.known.2.restored.contains(id)).unwrap();
    world.crm.control().undelete(gone).unwrap();
    world.crm.wait();
    world.runs.extend(world.stage.play(Act::Quiet, |_| None).await.unwrap());
    assert_eq!(world.broken().await, ["deletions", "counts", "quiet"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_that_its_audit_does_not_tell_is_noticed() {
    use sync_wiring::core::Upsert;

    let world = World::played().await;
    let (store, scope) = (world.stage.store(), world.stage.scope(Entity::User).unwrap());
    let sink = EntityStore::<User>::sink(store);
    let id = ExternalId::from(world.any("User").as_str());
    let mut tx = UnitOfWork::begin(store).await.unwrap();
    let row: Option<LocalRow<User>> =
        sink.find_many(&mut tx, &scope, std::slice::from_ref(&id)).await.unwrap().remove(0);
    let row = row.unwrap();
    let record = User { department: Some("written past the engine".into()), ..row.record };
    let upsert =
        Upsert { external_id: id, local_id: row.local_id, record, version: row.version, exists: true };
    sink.upsert_many(&mut tx, &scope, &[upsert], chrono::Utc::now()).await.unwrap();
    UnitOfWork::commit(store, tx).await.unwrap();
    assert_eq!(world.broken().await, ["rows", "history"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_change_is_noticed() {
    let mut world = World::played().await;
    world.runs[3].counts.found -= 1;
    assert_eq!(world.broken().await, ["counts"]);
}
