//! The stores under test, each with a place of its own that outlives the handles on it: what a second process, or the
//! same one after a crash, would find.

mod memory;
mod postgres;
mod sqlite;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use entity_user::User;
use sync_core::history::Folded;
use sync_core::{
    ChangeEmitter, ConnectionStore, FieldKind, FieldValue, RefreshStore, Scope, Store, WebhookInbox,
};
use sync_wiring::EntityStore;

use crate::entity::Entity;

pub use postgres::PgHome;
pub use sqlite::SqliteHome;

/// A store that the end-to-end tests run on.
#[async_trait]
pub trait Backend:
    Store
    + ChangeEmitter<Self::Tx>
    + WebhookInbox<Self::Tx>
    + ConnectionStore<Self::Tx>
    + RefreshStore<Self::Tx>
    + EntityStore<User>
    + EntityStore<Account>
    + EntityStore<Contact>
    + EntityStore<Opportunity>
    + Clone
{
    /// Where it keeps its data. Dropping it removes them.
    type Home: Clone + Send + Sync + 'static;

    /// A place without data, migrated. `None`, with a line that says so, when this machine lacks the server.
    async fn home(multi_tenant: bool) -> Option<Self::Home>;

    /// A handle on it, as a process that has just started makes one.
    async fn open(home: &Self::Home) -> Arc<Self>;

    /// Every row of an entity within the scope's tenant and connection, by external id, read past the store's ports
    /// where it has any other way in. Stores without one look up `ids`.
    async fn rows<T: Entity>(
        &self,
        home: &Self::Home,
        scope: &Scope,
        ids: &BTreeSet<String>,
    ) -> BTreeMap<String, Row>
    where
        Self: EntityStore<T>;

    /// What was published for a subscription, in order: record, and operation with its run.
    async fn events(&self, home: &Self::Home, scope: &Scope) -> Vec<Event>;
}

/// A row as it lies in its table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its fields that are not empty.
    pub state: Folded,
    /// Its links that are not empty: field, and whether it is bound as it should be (to its parent's row if there is
    /// one, or that of the record its parent was merged into, to nothing otherwise).
    pub bound: Vec<(&'static str, Binding)>,
}

/// How a link is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// To the parent's row.
    Right,
    /// To nothing, and there is no such parent.
    Waiting,
    /// To nothing although the parent is there, or to another row.
    Wrong,
}

/// A published change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Of which record.
    pub external_id: String,
    /// What was done.
    pub operation: String,
    /// By which run.
    pub run: String,
}

/// The query for [`Backend::rows`]: external id, deletion, the fields in order, custom fields, and per link the parent
/// it is bound to and the parent there is. Everything as text; `text` casts a column.
fn select<T: Entity>(text: impl Fn(&str) -> String, tenant: &str, connection: &str) -> String {
    let table = T::TABLE;
    let mut columns = vec!["t.external_id".to_owned(), text("t.deleted_at")];
    columns.extend((0..T::FIELDS.len()).map(|field| text(&format!("t.{}", table.column::<T>(field)))));
    columns.push(text("t.custom_fields"));
    let mut joins = String::new();
    for (n, link) in table.links.iter().enumerate() {
        let (parents, id, external) = (link.parent_table, link.id_column(), link.external_column());
        columns.push(format!("b{n}.external_id"));
        columns.push(format!("e{n}.external_id"));
        joins.push_str(&format!(
            " left join {parents} b{n} on b{n}.id = t.{id} left join {parents} e{n} on e{n}.tenant_id = t.tenant_id \
             and e{n}.connection_id = t.connection_id and e{n}.external_id = coalesce((select r.winner_external_id \
             from sync_redirects r where r.tenant_id = t.tenant_id and r.connection_id = t.connection_id \
             and r.entity = '{parent}' and r.loser_external_id = t.{external}), t.{external})",
            parent = link.parent_entity
        ));
    }
    format!(
        "select {} from {} t{joins} where t.tenant_id = {tenant} and t.connection_id = {connection}",
        columns.join(", "),
        table.name
    )
}

/// A row of [`select`].
fn parse<T: Entity>(cells: Vec<Option<String>>) -> (String, Row) {
    let mut cells = cells.into_iter();
    let mut next = || cells.next().flatten();
    let external_id = next().unwrap_or_default();
    let deleted = next().is_some();
    let mut fields = BTreeMap::new();
    for field in T::FIELDS {
        if let Some(text) = next() {
            fields.insert(field.name.to_owned(), value(field.kind, text));
        }
    }
    let custom: BTreeMap<String, serde_json::Value> =
        next().and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    for (name, json) in custom.into_iter().filter(|(_, json)| !json.is_null()) {
        fields.insert(format!("{}{name}", sync_core::CUSTOM_PREFIX), FieldValue::from_json(json));
    }
    let mut bound = Vec::new();
    for link in T::TABLE.links {
        let (actual, expected) = (next(), next());
        if fields.contains_key(link.field) {
            let binding = match (actual, expected) {
                (Some(actual), Some(expected)) if actual == expected => Binding::Right,
                (None, None) => Binding::Waiting,
                _ => Binding::Wrong,
            };
            bound.push((link.field, binding));
        } else if actual.is_some() {
            bound.push((link.field, Binding::Wrong));
        }
    }
    (external_id, Row { state: Folded { fields, deleted }, bound })
}

fn value(kind: FieldKind, text: String) -> FieldValue {
    match kind {
        FieldKind::Bool => FieldValue::Bool(matches!(text.as_str(), "1" | "t" | "true")),
        FieldKind::Int => text.parse().map_or(FieldValue::Text(text), FieldValue::Int),
        FieldKind::Decimal => text.parse().map_or(FieldValue::Text(text), FieldValue::Decimal),
        FieldKind::Date => text.parse().map_or(FieldValue::Text(text), FieldValue::Date),
        _ => FieldValue::Text(text),
    }
}

/// Says that a test did not run. Fails instead where every service has to be there.
///
/// # Panics
/// When `HEXSYNC_REQUIRE_SERVICES` is `1`.
pub fn skipped(why: &str) {
    let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|set| set == "1");
    assert!(!required, "{why}");
    println!("skipped: {why}");
}
