//! Links between records of different entities, whichever arrives first.

use e2e::edit::{live, update};
use e2e::on_stores;
use e2e::store::{Backend, Binding, Row};
use e2e::world::{Setup, World};
use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use entity_user::User;
use serde_json::json;
use sync_core::RunStatus;

on_stores! { [sqlite, postgres]
    /// INV-SNK-5: children that arrive before their parents wait, and are bound when the parents land.
    #[tokio::test]
    async fn late_parent_is_bound() = children_first;
    /// INV-SNK-5: children and parents that are written at the same moment don't miss each other.
    #[tokio::test]
    async fn parents_and_children_at_once_are_bound() = at_once;
    /// R8, R16: a link removed upstream is removed here, and the history says so.
    #[tokio::test]
    async fn link_removed_upstream_is_removed() = removed_link;
}

fn bindings<'a>(rows: impl IntoIterator<Item = &'a Row>, link: &str) -> Vec<Binding> {
    rows.into_iter()
        .flat_map(|row| &row.bound)
        .filter(|(name, _)| *name == link)
        .map(|(_, binding)| *binding)
        .collect()
}

async fn children_first<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    world.run::<Opportunity>().await;
    let waiting = bindings(world.rows::<Opportunity>().await.values(), "account");
    assert!(waiting.len() > 10 && waiting.iter().all(|binding| *binding == Binding::Waiting), "{waiting:?}");
    world.run::<Account>().await;
    world.run::<User>().await;
    let rows = world.rows::<Opportunity>().await;
    let bound = bindings(rows.values(), "account");
    assert!(bound.contains(&Binding::Right) && !bound.contains(&Binding::Wrong), "{bound:?}");
    assert!(bindings(rows.values(), "owner").iter().all(|binding| *binding == Binding::Right));
    world.run::<Contact>().await;
    assert_eq!(world.check().await, Vec::<String>::new());
}

async fn at_once<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::opportunities(200)).await else { return };
    world.settle();
    let users = world.engine::<User>().build().unwrap();
    let accounts = world.engine::<Account>().build().unwrap();
    let contacts = world.engine::<Contact>().build().unwrap();
    let deals = world.engine::<Opportunity>().build().unwrap();
    let requests = (world.request(), world.request(), world.request(), world.request());
    let runs = tokio::join!(
        tokio::spawn(async move { deals.execute(requests.0).await }),
        tokio::spawn(async move { contacts.execute(requests.1).await }),
        tokio::spawn(async move { accounts.execute(requests.2).await }),
        tokio::spawn(async move { users.execute(requests.3).await }),
    );
    for run in [runs.0, runs.1, runs.2, runs.3] {
        let report = run.unwrap().unwrap();
        assert_eq!(report.status, RunStatus::Success, "{:?}", report.failure);
    }
    assert_eq!(world.check().await, Vec::<String>::new());
}

async fn removed_link<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    world.run_all().await;
    let rows = world.rows::<Opportunity>().await;
    let linked = live::<Opportunity>(world.crm()).into_iter();
    let id =
        linked.into_iter().find(|id| rows[id.as_str()].bound.contains(&("account", Binding::Right))).unwrap();
    update(world.crm(), id, json!({ "AccountId": null }));
    world.run::<Opportunity>().await;
    let row = world.rows::<Opportunity>().await.remove(id.as_str()).unwrap();
    assert!(row.bound.iter().all(|(link, _)| *link != "account"), "{:?}", row.bound);
    let audit = world.audit::<Opportunity>().await;
    let change = audit.applied(id.as_str()).last().unwrap().item.changed_fields.clone();
    assert!(change.iter().any(|change| &*change.field == "account" && change.to.is_null()));
    assert_eq!(world.check().await, Vec::<String>::new());
}
