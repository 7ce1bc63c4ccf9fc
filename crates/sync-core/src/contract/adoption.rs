//! Rows that were made here take the ids the CRM gave to their records.

use super::fixture::SinkFixture;
use super::sample::Sample;
use super::setup::{at, commit, subscribe};
use super::values::filled;
use crate::{Adoption, ExternalId, LocalId, LocalRow, Scope, UnitOfWork, Upsert, Version};

/// INV-SNK-10: everything but the external id stays, the local id first; a placeholder without a row is no error.
pub async fn adopted_row_keeps_everything_else<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    write(&f, &scope, &["local:1", "other"]).await;
    let before = find(&f, &scope, "local:1").await.unwrap();
    let other = find(&f, &scope, "other").await;
    assert_eq!(adopt(&f, &scope, &[("local:2", "006B"), ("local:1", "006A")]).await, [false, true]);
    assert_eq!(find(&f, &scope, "006A").await, Some(before));
    assert_eq!(find(&f, &scope, "local:1").await, None);
    assert_eq!(find(&f, &scope, "006B").await, None);
    assert_eq!(find(&f, &scope, "other").await, other);
}

/// INV-SNK-10: where the CRM's record has a row already, both rows stay as they are.
pub async fn taken_id_is_left_alone<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    write(&f, &scope, &["local:1", "006A"]).await;
    let before = (find(&f, &scope, "local:1").await, find(&f, &scope, "006A").await);
    assert_eq!(adopt(&f, &scope, &[("local:1", "006A")]).await, [false]);
    assert_eq!((find(&f, &scope, "local:1").await, find(&f, &scope, "006A").await), before);
}

async fn write<F: SinkFixture>(f: &F, scope: &Scope, ids: &[&str]) {
    let rows: Vec<Upsert<Sample>> = ids
        .iter()
        .map(|id| Upsert {
            external_id: ExternalId::from(*id),
            local_id: LocalId::from(uuid::Uuid::now_v7()),
            record: filled(),
            version: Some(Version(7)),
            exists: false,
        })
        .collect();
    let sink = f.sink::<Sample>(F::SAMPLES);
    commit(&*f.store(), async |tx| sink.upsert_many(tx, scope, &rows, at(0)).await.unwrap()).await;
}

async fn find<F: SinkFixture>(f: &F, scope: &Scope, id: &str) -> Option<LocalRow<Sample>> {
    let mut tx = f.store().begin_across_tenants().await.unwrap();
    f.sink::<Sample>(F::SAMPLES).find_many(&mut tx, scope, &[id.into()]).await.unwrap().remove(0)
}

async fn adopt<F: SinkFixture>(f: &F, scope: &Scope, ids: &[(&str, &str)]) -> Vec<bool> {
    let adoptions: Vec<Adoption> = ids
        .iter()
        .map(|(placeholder, id)| Adoption { placeholder: (*placeholder).into(), external_id: (*id).into() })
        .collect();
    let sink = f.sink::<Sample>(F::SAMPLES);
    commit(&*f.store(), async |tx| sink.adopt_many(tx, scope, &adoptions, at(1)).await.unwrap()).await
}
