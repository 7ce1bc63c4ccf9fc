//! Listing live rows, for comparing with the provider.

use super::fixture::SinkFixture;
use super::sample::Sample;
use super::setup::{ids, subscribe, subscribe_as};
use super::sink::{delete, named, write};
use crate::{ExternalId, ListedRow, Scope, UnitOfWork, Upsert, Version};

/// R20: live rows are listed page by page, each once, whatever their ids look like, with their ordering values.
pub async fn live_rows_are_paged<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let odd =
        ["Z", "a", "B", "É", "ü", "10", "9", "0", "-", "_a", "日本", "a b", "'", "\u{1F980}", "aa", "A"];
    let numbered: Vec<_> = ids(25).iter().map(ToString::to_string).collect();
    let all: Vec<&str> = odd.into_iter().chain(numbered.iter().map(String::as_str)).collect();
    let rows: Vec<_> =
        (0..).zip(&all).map(|(n, id)| Upsert { version: Some(Version(n)), ..named(id) }).collect();
    write(&f, F::SAMPLES, &scope, &rows).await;
    for limit in [1, 7, 100] {
        let mut listed = list(&f, &scope, limit).await;
        listed.sort_by_key(|row| row.version);
        let expected: Vec<_> = rows
            .iter()
            .map(|row| ListedRow { external_id: row.external_id.clone(), version: row.version })
            .collect();
        assert_eq!(listed, expected);
    }
}

/// R20: deleted rows are not listed; restored ones are.
pub async fn deleted_rows_are_not_listed<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let rows = ["a", "b", "c"].map(named);
    write(&f, F::SAMPLES, &scope, &rows).await;
    delete(&f, &scope, &["a", "b"]).await;
    write(&f, F::SAMPLES, &scope, &[Upsert { exists: true, ..rows[1].clone() }]).await;
    let mut listed: Vec<_> = list(&f, &scope, 10).await.into_iter().map(|row| row.external_id).collect();
    listed.sort();
    assert_eq!(listed, ["b", "c"].map(ExternalId::from));
}

/// R20, INV-SNK-4: rows of another connection are not listed: a sweep would delete them.
pub async fn other_connections_are_not_listed<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let other = subscribe_as(&*f.store(), None, "other").await;
    only_own_rows(&f, &scope, &other).await;
}

/// R20, INV-SNK-4: rows of another tenant are not listed.
pub async fn other_tenants_are_not_listed<F: SinkFixture>(f: F) {
    let a = subscribe_as(&*f.store(), Some("a"), "connection").await;
    let b = subscribe_as(&*f.store(), Some("b"), "connection").await;
    only_own_rows(&f, &a, &b).await;
}

async fn only_own_rows<F: SinkFixture>(f: &F, here: &Scope, there: &Scope) {
    write(f, F::SAMPLES, here, &[named("a")]).await;
    write(f, F::SAMPLES, there, &["a", "b"].map(named)).await;
    let listed = list(f, here, 10).await;
    assert_eq!(listed, [ListedRow { external_id: "a".into(), version: None }]);
}

async fn list<F: SinkFixture>(f: &F, scope: &Scope, limit: u32) -> Vec<ListedRow> {
    let listing = f.listing::<Sample>(F::SAMPLES);
    let mut tx = f.store().begin_across_tenants().await.unwrap();
    let mut listed: Vec<ListedRow> = Vec::new();
    loop {
        let after = listed.last().map(|row| row.external_id.clone());
        let page = listing.list_live(&mut tx, scope, after.as_ref(), limit).await.unwrap();
        if page.is_empty() {
            return listed;
        }
        assert!(page.len() <= limit as usize);
        assert!(listed.len() < 1_000, "the listing does not end");
        listed.extend(page);
    }
}
