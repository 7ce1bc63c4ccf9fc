//! Tenants in one database.

use e2e::on_stores;
use e2e::store::Backend;
use e2e::world::{Setup, World};
use entity_account::Account;
use entity_opportunity::Opportunity;
use serde_json::json;
use sync_core::{RunRequest, SyncError};

on_stores! { [sqlite, postgres]
    /// R1: two tenants with the same connection and the same external ids keep their own rows, audit and links.
    #[tokio::test]
    async fn tenants_do_not_see_each_other() = two_tenants;
    /// R1: a run without a tenant opens nothing.
    #[tokio::test]
    async fn run_without_a_tenant_is_refused() = no_tenant;
}

fn setup(tenant: &str, seed: u64) -> Setup {
    // Made-up ids count from one in every org: only the values differ with the seed.
    Setup { tenant: Some(tenant.into()), seed, ..Setup::default() }
}

async fn two_tenants<S: Backend>() {
    let Some(home) = S::home(true).await else { return };
    let red = World::<S>::start_in(home.clone(), setup("red", 3)).await;
    let blue = World::<S>::start_in(home, setup("blue", 4)).await;
    // The children of one tenant arrive before the parents of both: each has to find its own.
    red.run::<Opportunity>().await;
    blue.run_all().await;
    red.run_all().await;
    red.check().await;
    blue.check().await;
    let (reds, blues) = (red.rows::<Account>().await, blue.rows::<Account>().await);
    assert!(reds.keys().eq(blues.keys()), "the same external ids");
    assert!(reds.iter().any(|(id, row)| row.state != blues[id].state), "with other values");

    let id = reds.keys().next().unwrap().clone();
    let record = id.parse().unwrap();
    red.crm().update(record, serde_json::from_value(json!({"Name": "Red only"})).as_ref().unwrap()).unwrap();
    red.run_all().await;
    assert_eq!(blue.rows::<Account>().await, blues);
    let changed = red.rows::<Account>().await;
    assert_eq!(changed[&id].state.fields["name"], sync_core::FieldValue::Text("Red only".to_owned()));
    red.check().await;
    blue.check().await;
    for (subscription, other) in [(&red, &blue), (&blue, &red)] {
        let stolen =
            RunRequest { tenant_id: other.scope::<Account>().tenant, ..subscription.request::<Account>() };
        let refused = other.engine::<Account>().build().unwrap().execute(stolen).await;
        assert!(matches!(refused, Err(SyncError::WrongTenant)), "{refused:?}");
    }
}

async fn no_tenant<S: Backend>() {
    let Some(home) = S::home(true).await else { return };
    let world = World::<S>::start_in(home, setup("red", 3)).await;
    let mut request = world.request::<Account>();
    request.tenant_id = None;
    let refused = world.engine::<Account>().build().unwrap().execute(request).await;
    assert!(matches!(refused, Err(SyncError::MissingTenantId(_))), "{refused:?}");
    assert!(world.audit::<Account>().await.runs.is_empty());
}
