//! Real data: a sales pipeline of 8,800 deals, with its gaps and misspellings.

use std::path::Path;

use crm_sandbox::SimClock;
use crm_sandbox::salesforce::generate::load_pipeline;
use e2e::store::{Binding, skipped};
use e2e::world::{Setup, World};
use entity_account::Account;
use entity_opportunity::Opportunity;
use entity_user::User;
use sync_core::{FieldValue, RunStatus};
use sync_sqlite::SqliteStore;

/// R3, R8, R19: all of it arrives in SQLite as it is: parents bound, missing values missing, names as they are spelt.
#[tokio::test]
async fn pipeline_arrives_as_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/b2b-pipeline");
    if !folder.is_dir() {
        println!("skipped: the pipeline's files are not beside this repository");
        return;
    }
    let org = load_pipeline(&folder, SimClock::default()).unwrap();
    let setup = Setup { org: org.into(), batch: 2_000, ..Setup::default() };
    let Some(world) = World::<SqliteStore>::start(setup).await else { return skipped("no store") };
    for report in world.run_all().await {
        // Nobody is a contact in this data.
        let nothing = report.counts.found == 0;
        assert_eq!(report.status, if nothing { RunStatus::NoChanges } else { RunStatus::Success });
    }
    assert_eq!(world.check().await, Vec::<String>::new());

    let (users, accounts, deals) =
        (world.rows::<User>().await, world.rows::<Account>().await, world.rows::<Opportunity>().await);
    // 35 agents; the API user of the org is one more.
    assert_eq!((users.len(), accounts.len(), deals.len()), (36, 85, 8_800));
    let subsidiaries =
        accounts.values().filter(|row| row.bound.contains(&("parent", Binding::Right))).count();
    assert_eq!(subsidiaries, 15, "accounts.csv names a parent for 15 accounts");
    assert!(
        deals.values().all(|row| row.bound.contains(&("owner", Binding::Right))),
        "every deal has its agent"
    );
    let without = |field: &str| deals.values().filter(|row| !row.state.fields.contains_key(field)).count();
    assert_eq!(without("account"), 1_425, "sales_pipeline.csv lacks the account of 1,425 deals");
    assert_eq!(without("amount"), 2_089, "and the value of those that are still open");
    let product = FieldValue::Text("GTXPro".to_owned());
    let misspelt =
        deals.values().filter(|row| row.state.fields.get("custom.Product__c") == Some(&product)).count();
    assert_eq!(misspelt, 1_480, "the product list knows a `GTX Pro`, the deals a `GTXPro`");
    let sector = FieldValue::Text("technolgy".to_owned());
    let misspelt = accounts.values().filter(|row| row.state.fields.get("industry") == Some(&sector)).count();
    assert_eq!(misspelt, 12, "accounts.csv spells the sector so");
}
