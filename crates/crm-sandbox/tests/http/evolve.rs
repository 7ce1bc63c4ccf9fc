//! The change script does what it says.

use std::collections::BTreeSet;

use crm_sandbox::salesforce::evolve::{ChangePlan, Changes};
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::model::RecordId;

use crate::support::{World, json};

const SPEC: OrgSpec =
    OrgSpec { users: 4, accounts: 200, contacts: 1_000, opportunities: 1_600, ..OrgSpec::EMPTY };

fn plan() -> ChangePlan {
    ChangePlan { unfit: 3, late: 0.1, ..ChangePlan::default() }
}

/// With what hangs on accounts and opportunities as well.
const FULL: OrgSpec = OrgSpec { contact_roles: 1_500, cases: 400, projects: 400, ..SPEC };

#[tokio::test]
async fn report_is_exactly_what_moved() {
    for spec in [SPEC, FULL] {
        report_is_what_moved(spec).await;
    }
}

async fn report_is_what_moved(spec: OrgSpec) {
    let world = World::with(spec).await;
    let before = world.control().clock().now_ms();
    let changes = world.control().evolve(9, &plan());
    let lists = [&changes.updated, &changes.inserted, &changes.deleted, &changes.undeleted, &changes.unfit];
    let told: Vec<RecordId> = lists.into_iter().flatten().copied().collect();
    let told_once: BTreeSet<RecordId> = told.iter().copied().collect();
    assert_eq!(told.len(), told_once.len(), "no row is in two lists");
    let moved: BTreeSet<RecordId> = world.control().read(|org| {
        let rows = org.tables().iter().flat_map(|table| table.all());
        rows.filter(|(_, row)| row.stamp() > before).map(|(id, _)| *id).collect()
    });
    assert_eq!(told_once, moved);
    assert_eq!(world.control().clock().now_ms(), before + 600_000);
}

#[tokio::test]
async fn roles_projects_and_cases_change_too() {
    let world = World::with(FULL).await;
    let changes = world.control().evolve(9, &plan());
    let of = |ids: &[RecordId], prefix: &str| ids.iter().filter(|id| id.prefix() == prefix).count();
    assert_eq!(
        (of(&changes.updated, "a01"), of(&changes.inserted, "a01"), of(&changes.deleted, "a01")),
        (20, 4, 4)
    );
    assert_eq!(
        (of(&changes.updated, "500"), of(&changes.inserted, "500"), of(&changes.deleted, "500")),
        (20, 4, 4)
    );
    assert!(of(&changes.updated, "00K") > 50 && of(&changes.inserted, "00K") > 10);
    assert!(
        of(&changes.deleted, "00K") > 15,
        "more than the share, as roles go with contacts and opportunities"
    );
}

#[tokio::test]
async fn shares_follow_the_plan() {
    let world = World::with(SPEC).await;
    let changes = world.control().evolve(9, &plan());
    let of = |ids: &[RecordId], prefix: &str| ids.iter().filter(|id| id.prefix() == prefix).count();
    // 1,600 opportunities, of which 4 start in the bin.
    assert_eq!((of(&changes.updated, "006"), of(&changes.inserted, "006")), (80, 16));
    assert_eq!((of(&changes.deleted, "006"), of(&changes.undeleted, "006")), (16, 1));
    assert_eq!((of(&changes.deleted, "001"), changes.unfit.len()), (0, 3));
    let stamps: BTreeSet<i64> = world.control().read(|org| {
        let stamp = |id: &&RecordId| org.table("Opportunity").unwrap().newest(id).map(|row| row.stamp());
        changes.same_stamp.iter().filter(|id| id.prefix() == "006").filter_map(|id| stamp(&id)).collect()
    });
    assert_eq!((of(&changes.same_stamp, "006"), stamps.len()), (16, 1));
    assert_eq!(of(&changes.late, "006"), 8);
}

#[tokio::test]
async fn unfit_values_come_over_the_wire() {
    let world = World::with(SPEC).await;
    let changes = world.control().evolve(9, &plan());
    let ids: Vec<String> = changes.unfit.iter().map(|id| format!("'{id}'")).collect();
    let soql = format!("SELECT Name, Amount FROM Opportunity WHERE Id IN ({})", ids.join(","));
    let rows = world.records(&soql).await;
    assert_eq!(rows.iter().filter(|row| row["Name"] == "bad\u{0}name").count(), 2);
    assert_eq!(rows.iter().filter(|row| row["Amount"].as_f64() > Some(9e29)).count(), 1);
}

#[tokio::test]
async fn the_same_seed_does_the_same() {
    let run = async |seed: u64| -> Changes {
        let world = World::with(SPEC).await;
        world.control().evolve(seed, &plan())
    };
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await, run(2).await);
}

#[tokio::test]
async fn control_api_runs_scripts() {
    let world = World::with(SPEC).await;
    let (status, body) =
        world.post("/_sandbox/evolve", json!({"seed": 9, "plan": {"unfit": 3, "late": 0.1}})).await;
    assert_eq!(status, 200);
    let over_http: Changes = serde_json::from_value(body).unwrap();
    assert_eq!(over_http, World::with(SPEC).await.control().evolve(9, &plan()));
}
