//! An org made of the sales pipeline files, where they are at hand.

use std::path::PathBuf;

use crm_sandbox::salesforce::generate::load_pipeline;
use crm_sandbox::{SalesforceSandbox, SimClock};

use crate::support::{Json, World};

/// The folder beside the workspace, if it is there.
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/b2b-pipeline");
    folder.is_dir().then_some(folder)
}

async fn world() -> Option<World> {
    let Some(folder) = folder() else {
        eprintln!("skipped: no b2b-pipeline data beside the workspace");
        return None;
    };
    let org = load_pipeline(&folder, SimClock::default()).unwrap();
    Some(World::start(SalesforceSandbox::builder().org(org)).await)
}

async fn count(world: &World, soql: &str) -> u64 {
    world.query(soql).await.1["totalSize"].as_u64().unwrap()
}

#[tokio::test]
async fn blemishes_survive() {
    let Some(world) = world().await else { return };
    assert_eq!(count(&world, "SELECT COUNT() FROM Opportunity").await, 8_800);
    assert_eq!(count(&world, "SELECT COUNT() FROM Account").await, 85);
    assert_eq!(count(&world, "SELECT COUNT() FROM User").await, 36, "35 agents and the API user");
    assert_eq!(count(&world, "SELECT COUNT() FROM Opportunity WHERE AccountId = null").await, 1_425);
    assert!(count(&world, "SELECT COUNT() FROM Opportunity WHERE Product__c = 'GTXPro'").await > 1_000);
    assert_eq!(count(&world, "SELECT COUNT() FROM Opportunity WHERE Product__c = 'GTX Pro'").await, 0);
    assert!(count(&world, "SELECT COUNT() FROM Account WHERE Industry = 'technolgy'").await > 0);
    assert!(count(&world, "SELECT COUNT() FROM Opportunity WHERE CloseDate = null").await > 0);
    assert!(count(&world, "SELECT COUNT() FROM Account WHERE ParentId != null").await > 0);
}

#[tokio::test]
async fn a_deal_is_what_its_line_says() {
    let Some(world) = world().await else { return };
    let fields = "Amount, StageName, CloseDate, Product__c, Owner.Name, Account.Name, IsWon";
    let row =
        world.records(&format!("SELECT {fields} FROM Opportunity WHERE Ext__c = '1C1I7A6R'")).await.remove(0);
    assert_eq!(row["Amount"].to_string(), "1054.0");
    assert_eq!((&row["StageName"], &row["CloseDate"]), (&Json::from("Won"), &Json::from("2017-03-01")));
    assert_eq!((&row["Owner"]["Name"], &row["Account"]["Name"]), (&"Moses Frase".into(), &"Cancity".into()));
    assert_eq!((&row["Product__c"], &row["IsWon"]), (&"GTX Plus Basic".into(), &true.into()));
}
