//! `hexsync writeback` that is killed after the CRM has written and before it could be recorded.

mod scene;

use serde_json::json;

use scene::{Crm, Scene, Store};

const NAME: &str = "Made here";
const PHONE: &str = "+1 555 0100";

/// A creation, an edit and a deletion, each killed at that moment: the next run finds out what the CRM holds, records
/// it, and nothing is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_a_killed_process_are_found_and_not_repeated() {
    killed_after_each_write(Crm::Salesforce, Store::File).await;
}

/// The same on PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_a_killed_process_on_postgres_are_found_and_not_repeated() {
    killed_after_each_write(Crm::Salesforce, Store::Server).await;
}

/// The same with HubSpot, on PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_a_killed_process_to_hubspot_are_found_and_not_repeated() {
    killed_after_each_write(Crm::Hubspot, Store::Server).await;
}

async fn killed_after_each_write(crm: Crm, store: Store) {
    let Some(scene) = Scene::loaded(crm, store).await else { return };
    let this = &scene.this;
    scene.add_key();
    let ids: Vec<String> = scene.companies().into_iter().map(|company| company.id).collect();
    let (edited, deleted) = (&ids[1], &ids[2]);

    this.ok(&["edit", "account", "new", &format!("name={NAME}")]).await;
    scene.kill_once(|scene| scene.n_named(NAME) == 1).await;
    assert_eq!(scene.send().await["created"], 1);
    assert_eq!(scene.n_named(NAME), 1, "made again");

    this.ok(&["edit", "account", edited, &format!("phone={PHONE}")]).await;
    scene.kill_once(|scene| scene.company(edited).is_some_and(|company| company.phone == PHONE)).await;
    let written_at = scene.company(edited).unwrap().written_at;
    assert_eq!(scene.send().await["updated"], 1);
    assert_eq!(scene.company(edited).unwrap().written_at, written_at, "written again");

    this.ok(&["edit", "account", deleted, "--delete"]).await;
    scene.kill_once(|scene| scene.company(deleted).is_none()).await;
    assert_eq!(scene.send().await["deleted"], 1);

    // Nothing waits, nothing is asked, and the CRM has nothing that is not here.
    assert_eq!(scene.send().await["found"], 0);
    assert_eq!(this.json(&["conflicts", "list"]).await["conflicts"], json!([]));
    // The first poll brings the key by which the record was made, a custom field of the CRM's.
    let first = scene.follow(&[]).await;
    assert_eq!((&first["created"], &first["deleted"]), (&json!(0), &json!(0)), "{first}");
    let polled = scene.follow(&["--full"]).await;
    for applied in ["created", "updated", "deleted", "restored", "parked"] {
        assert_eq!(polled[applied], 0, "{polled}");
    }
    assert!(polled["found"].as_u64().unwrap() >= scene.companies().len() as u64, "{polled}");
    for (id, steps) in [(edited, ["created", "updated"]), (deleted, ["created", "deleted"])] {
        let history = this.json(&["history", "account", id]).await;
        let told = history["records"][0]["steps"].as_array().unwrap();
        let told: Vec<_> = told.iter().map(|step| step["operation"].as_str().unwrap()).collect();
        assert_eq!(told, steps, "{history}");
    }
    scene.close().await;
}

/// A CRM without the field by which a record would be found again is asked for none: nothing can be made twice, the
/// record waits and says why, and is made once when the field is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creation_without_a_key_field_waits_and_says_so() {
    for crm in [Crm::Salesforce, Crm::Hubspot] {
        let scene = Scene::loaded(crm, Store::File).await.unwrap();
        let (this, n_before) = (&scene.this, scene.companies().len());
        let made = this.json(&["edit", "account", "new", &format!("name={NAME}")]).await;
        let said = this.run(&["writeback", "--entity", "account", "--json"]).await;
        assert_eq!(said.code, Some(3), "{}", said.stdout);
        let sent: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let items = this.json(&["items", sent["runs"][0]["run"].as_str().unwrap()]).await;
        let told = items["items"][0]["error"].as_str().unwrap();
        assert!(told.to_lowercase().contains("hexsync_key"), "{told}");
        assert_eq!(scene.companies().len(), n_before, "{crm:?}");

        // It is tried again in a minute, or as soon as somebody edits it.
        scene.add_key();
        let made = made["external_id"].as_str().unwrap();
        this.ok(&["edit", "account", made, &format!("phone={PHONE}")]).await;
        assert_eq!(scene.send().await["created"], 1, "{crm:?}");
        assert_eq!(scene.n_named(NAME), 1, "{crm:?}");
        assert_eq!(scene.follow(&[]).await["created"], 0, "{crm:?}");
        scene.close().await;
    }
}
