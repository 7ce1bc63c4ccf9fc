//! What is known of custom fields is kept, per connection and entity.

use std::sync::Arc;

use uuid::Uuid;

use super::fixture::StoreFixture;
use super::setup::{at, commit, subscribe, subscribe_as};
use crate::{
    BackfillState, FieldBackfill, FieldCatalog, FieldContract, FieldKind, FieldStanding, KnownField,
    RemoteType, Retyped, RunId, Scope, Store, UnitOfWork,
};

/// Nothing is known before anything was saved, also when the fields were held.
pub async fn nothing_is_known_at_first<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    assert_eq!(known(&*store, &scope).await, None);
    commit(&*store, async |tx| store.hold_fields(tx, &scope).await.unwrap()).await;
    assert_eq!(known(&*store, &scope).await, None);
}

/// That there are no fields is something to know: what appears later is new.
pub async fn saving_none_is_a_beginning<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    save(&*store, &scope, &[]).await;
    assert_eq!(known(&*store, &scope).await, Some(Vec::new()));
}

/// Fields come back as they were saved, by name.
pub async fn saved_fields_come_back_whole<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let fields = fields_of_every_kind();
    let mut shuffled = fields.clone();
    shuffled.reverse();
    save(&*store, &scope, &shuffled).await;
    assert_eq!(known(&*store, &scope).await, Some(fields));
}

/// INV-FLD-1: saving a field again replaces it, except for when it was first seen; the others stay.
pub async fn saving_again_replaces<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let other = field("Other__c");
    save(&*store, &scope, &[field("A__c"), other.clone()]).await;
    let full = fields_of_every_kind().remove(0);
    let changed = KnownField { name: "A__c".into(), first_seen_at: at(500), ..full };
    save(&*store, &scope, std::slice::from_ref(&changed)).await;
    let expected = KnownField { first_seen_at: at(0), ..changed };
    assert_eq!(known(&*store, &scope).await, Some(vec![expected, other.clone()]));
    // What was there may go again.
    save(&*store, &scope, &[field("A__c")]).await;
    assert_eq!(known(&*store, &scope).await, Some(vec![field("A__c"), other]));
}

/// INV-FLD-1: connection and entity are part of the key; the subscription is not.
pub async fn fields_are_of_the_connection_and_entity<F: StoreFixture>(f: F) {
    let store = f.store();
    let one = subscribe(&*store).await;
    let other = subscribe_as(&*store, None, "other").await;
    save(&*store, &one, &[field("A__c")]).await;
    save(&*store, &other, &[field("B__c")]).await;
    let of_entity = Scope { entity: "sample_parent", ..one.clone() };
    assert_eq!(known(&*store, &of_entity).await, None);
    assert_eq!(known(&*store, &one).await, Some(vec![field("A__c")]));
    assert_eq!(known(&*store, &other).await, Some(vec![field("B__c")]));
    let same = Scope { connection: one.connection.clone(), ..other };
    assert_eq!(known(&*store, &same).await, Some(vec![field("A__c")]));
}

/// Fields of a transaction that was rolled back were never saved.
pub async fn rolled_back_fields_are_gone<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.save_fields(&mut tx, &scope, &[field("A__c")]).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!(known(&*store, &scope).await, None);
    save(&*store, &scope, &[field("A__c")]).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.save_fields(&mut tx, &scope, &[filled("A__c"), field("B__c")]).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!(known(&*store, &scope).await, Some(vec![field("A__c")]));
}

/// Fields that were undone to a savepoint were not saved, though their transaction was.
pub async fn fields_go_with_their_savepoint<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    commit(&*store, async |tx| {
        store.save_fields(tx, &scope, &[field("A__c")]).await.unwrap();
        store.savepoint(tx).await.unwrap();
        store.save_fields(tx, &scope, &[filled("A__c"), field("B__c")]).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
    })
    .await;
    assert_eq!(known(&*store, &scope).await, Some(vec![field("A__c")]));
}

/// INV-FLD-2: of several that hold the fields to change them, none loses what another did.
pub async fn holders_take_turns<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let workers = (0..8).map(|_| {
        let (store, scope) = (Arc::clone(&store), scope.clone());
        async move {
            commit(&*store, async |tx| {
                store.hold_fields(tx, &scope).await.unwrap();
                let known = store.known_fields(tx, &scope).await.unwrap().unwrap_or_default();
                let n_found = known.first().and_then(|field| Some(field.backfill.as_ref()?.n_found));
                let n_found = n_found.unwrap_or_default() + 1;
                let backfill = Some(FieldBackfill { n_found, ..FieldBackfill::pending(at(0)) });
                let counted = KnownField { backfill, ..field("Count__c") };
                store.save_fields(tx, &scope, &[counted]).await.unwrap();
            })
            .await;
        }
    });
    futures_util::future::join_all(workers).await;
    let counted = known(&*store, &scope).await.unwrap().remove(0);
    assert_eq!(counted.backfill.unwrap().n_found, 8);
}

/// An object may have hundreds of custom fields.
pub async fn hundreds_of_fields_at_once<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let fields: Vec<_> = (0..800).map(|n| filled(&format!("Field_{n:03}__c"))).collect();
    save(&*store, &scope, &fields).await;
    save(&*store, &scope, &fields).await;
    assert_eq!(known(&*store, &scope).await, Some(fields));
}

/// What people write into a label is no error.
pub async fn odd_text_in_labels_is_no_error<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    for label in ["Ünïcode 🦀 'quoted' \"twice\"", "", "a\u{0}b", "null", "{}", "tab\tline\nend"] {
        let odd = KnownField { label: Some(label.to_owned()), ..field("A__c") };
        save(&*store, &scope, &[odd]).await;
        let kept = known(&*store, &scope).await.unwrap().remove(0).label.unwrap();
        assert!(label.contains('\0') || kept == label, "{label:?} {kept:?}");
    }
}

/// A field about which there is nothing to tell.
pub(super) fn field(name: &str) -> KnownField {
    KnownField {
        name: name.into(),
        label: None,
        field_type: RemoteType { name: "string".to_owned(), kind: FieldKind::Text },
        calculated: false,
        contract: FieldContract::Evolve,
        standing: FieldStanding::Taken,
        first_seen_at: at(0),
        last_seen_at: at(1),
        gone_at: None,
        retyped: None,
        backfill: None,
    }
}

/// A field about which there is everything to tell.
fn filled(name: &str) -> KnownField {
    KnownField {
        label: Some("Région · 地域".to_owned()),
        field_type: RemoteType { name: "currency".to_owned(), kind: FieldKind::Decimal },
        calculated: true,
        contract: FieldContract::Freeze,
        standing: FieldStanding::Kept,
        last_seen_at: at(9),
        gone_at: Some(at(10)),
        retyped: Some(Retyped {
            from: RemoteType { name: "double".to_owned(), kind: FieldKind::Int },
            at: at(8),
        }),
        backfill: Some(FieldBackfill {
            state: BackfillState::Done,
            at: at(7),
            run: Some(RunId(Uuid::from_u128(7))),
            n_found: 9_007_199_254_740_993,
            n_updated: 12,
        }),
        ..field(name)
    }
}

fn fields_of_every_kind() -> Vec<KnownField> {
    let contracts = [FieldContract::Evolve, FieldContract::Freeze, FieldContract::Discard];
    let standings =
        [FieldStanding::Taken, FieldStanding::Frozen, FieldStanding::Kept, FieldStanding::Discarded];
    let states = [BackfillState::Pending, BackfillState::Running, BackfillState::Done];
    let kinds = ["bool", "int", "decimal", "text", "date", "instant", "json", "link"];
    let mut fields: Vec<_> = (0..8)
        .map(|n| {
            let full = filled(&format!("F{n}__c"));
            KnownField {
                field_type: RemoteType {
                    name: format!("type {n}"),
                    kind: FieldKind::parse(kinds[n]).unwrap(),
                },
                contract: contracts[n % 3],
                standing: standings[n % 4],
                backfill: full.backfill.map(|backfill| FieldBackfill { state: states[n % 3], ..backfill }),
                ..filled(&format!("F{n}__c"))
            }
        })
        .collect();
    fields.push(field("G__c"));
    fields
}

pub(super) async fn save<S: Store>(store: &S, scope: &Scope, fields: &[KnownField]) {
    commit(store, async |tx| store.save_fields(tx, scope, fields).await.unwrap()).await;
}

pub(super) async fn known<S: Store>(store: &S, scope: &Scope) -> Option<Vec<KnownField>> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.known_fields(&mut tx, scope).await.unwrap()
}
