//! Custom fields are told of, and single ones of them read for every record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;

use super::fixture::CustomFieldFixture;
use crate::{Canonical, Change, Coverage, ExternalId, FieldKind, FieldSet, FieldValue, Payload};

/// A stream that takes longer than this without a change is taken to be one that does not end.
const PATIENCE: Duration = Duration::from_secs(30);

/// INV-CFS-1: a field is listed from when it was added until it is removed, once, with what its values are read as.
pub async fn field_is_listed_while_it_is_there<F: CustomFieldFixture>(f: F) {
    let before = names(&f).await;
    let (a, b) = (f.add_field("suite_a").await, f.add_field("suite_b").await);
    let mut expected = before.clone();
    expected.extend([a.clone(), b.clone()]);
    expected.sort();
    assert_eq!(names(&f).await, expected);
    let listed = f.source().custom_fields(&f.subscription()).await.unwrap();
    let found = listed.into_iter().find(|field| field.name == a).unwrap();
    assert_eq!((found.kind, found.calculated), (FieldKind::Text, false));
    assert!(!found.remote_type.is_empty());
    f.remove_field(&a).await;
    expected.retain(|name| *name != a);
    assert_eq!(names(&f).await, expected);
}

/// INV-CFS-1: an answer that broke off is an error, never an object with fewer fields.
pub async fn broken_description_is_an_error<F: CustomFieldFixture>(f: F) {
    f.add_field("suite_a").await;
    names(&f).await;
    f.break_description().await;
    f.source().custom_fields(&f.subscription()).await.unwrap_err();
}

/// INV-CFS-2: the values of the named fields come, of the records that have one, over as many pages as it takes; the
/// others' don't.
pub async fn values_of_the_named_fields_come<F: CustomFieldFixture>(f: F) {
    let ids = f.seed(7).await;
    let (a, b, c) =
        (f.add_field("suite_a").await, f.add_field("suite_b").await, f.add_field("suite_c").await);
    for (n, id) in ids.iter().enumerate().skip(1) {
        f.set(id, &a, &format!("value {n}")).await;
    }
    f.set(&ids[3], &b, "besides").await;
    f.set(&ids[0], &c, "not asked for").await;
    let values = backfill(&f, &[&a, &b]).await;
    let mut expected = BTreeMap::new();
    for (n, id) in ids.iter().enumerate().skip(1) {
        let besides = if n == 3 { text("besides") } else { FieldValue::Null };
        let values = BTreeMap::from([(a.clone(), text(&format!("value {n}"))), (b.clone(), besides)]);
        expected.insert(id.clone(), values);
    }
    assert_eq!(values, expected);
}

/// INV-CFS-2: where no record has a value, nothing comes.
pub async fn empty_fields_are_an_empty_stream<F: CustomFieldFixture>(f: F) {
    f.seed(3).await;
    let a = f.add_field("suite_a").await;
    assert_eq!(backfill(&f, &[&a]).await, BTreeMap::new());
    assert_eq!(backfill(&f, &[]).await, BTreeMap::new());
}

/// A field that is not there any more brings nothing, and holds up none of the others.
pub async fn removed_field_holds_up_no_other<F: CustomFieldFixture>(f: F) {
    let ids = f.seed(2).await;
    let (a, b) = (f.add_field("suite_a").await, f.add_field("suite_b").await);
    f.set(&ids[0], &a, "stays").await;
    f.set(&ids[1], &b, "goes").await;
    names(&f).await;
    f.remove_field(&b).await;
    let values = backfill(&f, &[&a, &b]).await;
    assert_eq!(values.keys().collect::<Vec<_>>(), [&ids[0]]);
    assert_eq!(values[&ids[0]][&a], text("stays"));
    f.remove_field(&a).await;
    assert_eq!(backfill(&f, &[&a, &b]).await, BTreeMap::new());
}

/// INV-SRC-3: an access token that ran out and a call for patience are nobody else's business.
pub async fn disturbances_are_not_seen<F: CustomFieldFixture>(f: F) {
    let ids = f.seed(3).await;
    let a = f.add_field("suite_a").await;
    for id in &ids {
        f.set(id, &a, "there").await;
    }
    f.disturb().await;
    assert!(names(&f).await.contains(&a));
    f.disturb().await;
    assert_eq!(backfill(&f, &[&a]).await.len(), 3);
}

fn text(value: &str) -> FieldValue {
    FieldValue::Text(value.to_owned())
}

async fn names<F: CustomFieldFixture>(f: &F) -> Vec<Arc<str>> {
    let fields = f.source().custom_fields(&f.subscription()).await.unwrap();
    let names: Vec<_> = fields.into_iter().map(|field| field.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    names
}

/// What came, by record. A record may come in parts.
async fn backfill<F: CustomFieldFixture>(
    f: &F,
    fields: &[&Arc<str>],
) -> BTreeMap<ExternalId, BTreeMap<Arc<str>, FieldValue>> {
    let fields: Vec<Arc<str>> = fields.iter().copied().cloned().collect();
    let mut stream = f.source().backfill(&f.subscription(), &fields);
    let mut values: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    while let Some(change) = timeout(PATIENCE, stream.next()).await.expect("the stream stands still") {
        let Change { external_id, payload, cursor, .. } = change.unwrap();
        assert_eq!(cursor, None, "a backfill has no position");
        let Payload::Upsert(record) = payload else { panic!("{payload:?}") };
        assert_eq!(record.coverage, Coverage::Partial(FieldSet::EMPTY));
        assert!(
            (0..F::Record::FIELDS.len())
                .all(|field| record.value.value(field) == F::Record::default().value(field)),
            "nothing but custom fields: {record:?}"
        );
        let sent = record.value.custom().unwrap().iter();
        values
            .entry(external_id)
            .or_default()
            .extend(sent.map(|(name, value)| (Arc::from(name), value.clone())));
    }
    values
}
