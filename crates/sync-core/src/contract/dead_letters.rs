//! Parked changes wait, one per record.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::fixture::StoreFixture;
use super::setup::{at, commit, ids, open_run, subscribe, subscribe_as};
use crate::{
    Cursor, CursorStore, DeadLetter, DeadLetterFilter, DeadLetterId, DeadLetterStore, DeleteEvidence,
    ExternalId, ParkedPayload, Resolution, RunId, Scope, Store, UnitOfWork, Version,
};

/// Letters come back as they were parked: partial and full records, deletions, unreadable ones.
pub async fn letters_come_back_whole<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let payloads = [
        upsert("Ünïcode 🦀 'x' \" \\"),
        ParkedPayload::Upsert { fields: Map::new(), sent: Some(vec!["name".to_owned(), "price".to_owned()]) },
        ParkedPayload::Delete { evidence: DeleteEvidence::DeleteLog, merged_into: Some("winner".into()) },
        ParkedPayload::Delete { evidence: DeleteEvidence::Feed, merged_into: None },
        ParkedPayload::Unreadable {
            reason: "no decimal".to_owned(),
            raw: r#"{"Amount":"a lot"}"#.to_owned(),
        },
    ];
    let letters: Vec<_> = payloads
        .into_iter()
        .zip(ids(5))
        .zip(0..)
        .map(|((payload, id), n)| DeadLetter {
            payload,
            version: (n > 0).then_some(Version(i64::MAX - n)),
            parked_at: at(n),
            ..letter(run, id.as_str())
        })
        .collect();
    park(&*store, &scope, &letters).await;
    assert_eq!(list(&*store, &scope, &DeadLetterFilter::default()).await, letters);
}

/// INV-DLQ-1: a letter of a transaction that was rolled back was never parked, like the position that went past it.
pub async fn letter_and_position_go_together<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.park(&mut tx, &scope, &[letter(run, "r1")]).await.unwrap();
    store.put_cursor(&mut tx, &scope, &Cursor::new("1")).await.unwrap();
    store.rollback(tx).await.unwrap();
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert_eq!(store.count_open(&mut tx, &scope).await.unwrap(), 0);
    assert_eq!(store.cursor(&mut tx, &scope).await.unwrap(), None);
}

/// INV-DLQ-1: letters that were undone to a savepoint were not parked; one that was replaced is as before.
pub async fn letters_go_with_their_savepoint<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let first = letter(run, "r1");
    park(&*store, &scope, std::slice::from_ref(&first)).await;
    commit(&*store, async |tx| {
        store.savepoint(tx).await.unwrap();
        store
            .park(tx, &scope, &[DeadLetter { attempts: 9, ..letter(run, "r1") }, letter(run, "r2")])
            .await
            .unwrap();
        store.resolve(tx, &scope, &[first.id], Resolution::Applied, at(9)).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
    })
    .await;
    assert_eq!(list(&*store, &scope, &DeadLetterFilter::default()).await, [first]);
}

/// INV-DLQ-2: parking again replaces the open letter and keeps its id and when it was first parked.
pub async fn parking_again_replaces<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let first = letter(run, "r1");
    park(&*store, &scope, std::slice::from_ref(&first)).await;
    let later = open_run(&*store, &scope).await;
    let again = DeadLetter {
        payload: upsert("newer"),
        version: Some(Version(2)),
        error_class: "number".to_owned(),
        error: "other".to_owned(),
        attempts: 2,
        parked_at: at(50),
        next_attempt_at: at(99),
        ..letter(later, "r1")
    };
    park(&*store, &scope, std::slice::from_ref(&again)).await;
    let kept = DeadLetter { id: first.id, parked_at: first.parked_at, ..again };
    assert_eq!(list(&*store, &scope, &DeadLetterFilter::default()).await, [kept]);
    assert_eq!(count(&*store, &scope).await, 1);
}

/// INV-DLQ-2: after a letter was closed the record can be parked anew, as a new letter.
pub async fn closed_letter_does_not_block_a_new_one<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    for resolution in [Resolution::Applied, Resolution::Superseded] {
        let parked = letter(run, "r1");
        park(&*store, &scope, std::slice::from_ref(&parked)).await;
        assert_eq!(list(&*store, &scope, &DeadLetterFilter::default()).await, std::slice::from_ref(&parked));
        commit(&*store, async |tx| store.resolve(tx, &scope, &[parked.id], resolution, at(9)).await.unwrap())
            .await;
        assert_eq!(count(&*store, &scope).await, 0);
    }
}

/// INV-DLQ-2: subscriptions park the same record apart.
pub async fn letters_are_per_subscription<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let other = subscribe_as(&*store, None, "other").await;
    let other_run = open_run(&*store, &other).await;
    let (here, there) = (letter(run, "r1"), letter(other_run, "r1"));
    park(&*store, &scope, std::slice::from_ref(&here)).await;
    park(&*store, &other, std::slice::from_ref(&there)).await;
    assert_eq!(list(&*store, &scope, &DeadLetterFilter::default()).await, [here]);
    assert_eq!(list(&*store, &other, &DeadLetterFilter::default()).await, [there]);
}

/// The open letters of named records are found, and no others.
pub async fn open_letters_are_found_by_record<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let letters = ["r1", "r2", "r3"].map(|id| letter(run, id));
    park(&*store, &scope, &letters).await;
    commit(&*store, async |tx| {
        store.resolve(tx, &scope, &[letters[2].id], Resolution::Applied, at(9)).await.unwrap();
    })
    .await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    let asked = ["r2", "r3", "never parked"].map(ExternalId::from);
    assert_eq!(store.open_letters(&mut tx, &scope, &asked).await.unwrap(), letters[1..2]);
    assert!(store.open_letters(&mut tx, &scope, &[]).await.unwrap().is_empty());
}

/// Letters whose time has come are answered oldest first, as many as asked.
pub async fn due_letters_are_oldest_first<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let waiting = |id: &str, parked: i64, next: i64| DeadLetter {
        parked_at: at(parked),
        next_attempt_at: at(next),
        ..letter(run, id)
    };
    let letters = [
        waiting("a", 3, 10),
        waiting("b", 1, 12),
        waiting("c", 2, 11),
        waiting("d", 0, 13),
        waiting("e", 4, 10),
    ];
    park(&*store, &scope, &letters).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    for (seconds, limit, expected) in
        [(12, 10, &["b", "c", "a", "e"][..]), (12, 2, &["b", "c"]), (9, 10, &[])]
    {
        let due = store.due(&mut tx, &scope, at(seconds), limit).await.unwrap();
        let due: Vec<_> = due.iter().map(|letter| letter.external_id.as_str()).collect();
        assert_eq!(due, expected);
    }
}

/// Closed letters are neither due nor listed nor counted; others stay.
pub async fn closed_letters_are_gone<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let letters = ["r1", "r2", "r3"].map(|id| letter(run, id));
    park(&*store, &scope, &letters).await;
    commit(&*store, async |tx| {
        let closed = [letters[0].id, letters[2].id, DeadLetterId(Uuid::now_v7())];
        store.resolve(tx, &scope, &closed, Resolution::Superseded, at(9)).await.unwrap();
        store.resolve(tx, &scope, &[], Resolution::Superseded, at(9)).await.unwrap();
    })
    .await;
    assert_eq!(list(&*store, &scope, &DeadLetterFilter::default()).await, letters[1..2]);
    assert_eq!(count(&*store, &scope).await, 1);
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert_eq!(store.due(&mut tx, &scope, at(1_000), 10).await.unwrap(), letters[1..2]);
}

/// Letters are listed by record, by kind of failure, by run, by all of these, oldest first and as many as asked.
pub async fn listed_by_each_filter<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, letters) = three_kinds(&*store).await;
    for (filter, expected) in filters(&letters) {
        let read = list(&*store, &scope, &filter).await;
        let expected: Vec<_> = expected.into_iter().map(|n| letters[n].clone()).collect();
        assert_eq!(read, expected, "{filter:?}");
    }
    let mut tx = store.begin_across_tenants().await.unwrap();
    let first = store.list(&mut tx, &scope, &DeadLetterFilter::default(), 1).await.unwrap();
    assert_eq!(first, letters[..1]);
}

/// Letters are made due by record, by kind of failure, by run, by all of these; the answer says how many.
pub async fn made_due_by_each_filter<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, letters) = three_kinds(&*store).await;
    for (filter, expected) in filters(&letters) {
        let mut tx = store.begin_across_tenants().await.unwrap();
        assert!(store.due(&mut tx, &scope, at(70), 10).await.unwrap().is_empty());
        let made = store.make_due(&mut tx, &scope, &filter, at(70)).await.unwrap();
        assert_eq!(made, expected.len() as u64, "{filter:?}");
        let due = store.due(&mut tx, &scope, at(70), 10).await.unwrap();
        let due: Vec<_> = due.into_iter().map(|letter| letter.id).collect();
        let expected: Vec<_> = expected.into_iter().map(|n| letters[n].id).collect();
        assert_eq!(due, expected, "{filter:?}");
        store.rollback(tx).await.unwrap();
    }
}

/// Thousands are parked, found and closed in one call each.
pub async fn thousands_of_letters_at_once<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let ids = ids(5_000);
    let letters: Vec<_> = ids.iter().map(|id| letter(run, id.as_str())).collect();
    park(&*store, &scope, &letters).await;
    assert_eq!(count(&*store, &scope).await, 5_000);
    commit(&*store, async |tx| {
        assert_eq!(store.open_letters(tx, &scope, &ids).await.unwrap().len(), 5_000);
        let closed: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        store.resolve(tx, &scope, &closed, Resolution::Applied, at(9)).await.unwrap();
        store.park(tx, &scope, &[]).await.unwrap();
    })
    .await;
    assert_eq!(count(&*store, &scope).await, 0);
}

/// A payload comes back exactly, with text that a database can't keep; in words it is replaced.
pub async fn odd_text_is_kept_in_payloads<F: StoreFixture>(f: F) {
    let store = f.store();
    let (scope, run) = start(&*store).await;
    let odd = [
        DeadLetter {
            payload: upsert("a\0b \\u0000 \u{FFFE}"),
            error: "a\0b".to_owned(),
            ..letter(run, "r1")
        },
        DeadLetter {
            payload: ParkedPayload::Unreadable { reason: "\0".to_owned(), raw: "\0{".repeat(100_000) },
            parked_at: at(1),
            ..letter(run, "r2")
        },
    ];
    park(&*store, &scope, &odd).await;
    let read = list(&*store, &scope, &DeadLetterFilter::default()).await;
    assert_eq!(read[0].payload, odd[0].payload);
    assert_eq!(read[0].error, "a\u{FFFD}b");
    assert!(read[1].payload == odd[1].payload, "the raw text of an unreadable record was altered");
}

fn upsert(name: &str) -> ParkedPayload {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), Json::from(name));
    fields.insert("price".to_owned(), Json::from("0.10"));
    ParkedPayload::Upsert { fields, sent: None }
}

pub(super) fn letter(run: RunId, id: &str) -> DeadLetter {
    DeadLetter {
        id: DeadLetterId(Uuid::now_v7()),
        external_id: id.into(),
        payload: upsert("a"),
        version: Some(Version(1)),
        error_class: "text".to_owned(),
        error: "name can't be kept".to_owned(),
        attempts: 1,
        run,
        parked_at: at(0),
        next_attempt_at: at(60),
    }
}

/// Three letters that differ in record, kind and run, none due before second 100.
async fn three_kinds<S: Store>(store: &S) -> (Scope, [DeadLetter; 3]) {
    let (scope, run) = start(store).await;
    let later = open_run(store, &scope).await;
    let kind = |run, id: &str, class: &str, parked: i64| DeadLetter {
        error_class: class.to_owned(),
        parked_at: at(parked),
        next_attempt_at: at(100 + parked),
        ..letter(run, id)
    };
    let letters = [kind(run, "r1", "text", 0), kind(later, "r2", "text", 1), kind(later, "r3", "number", 2)];
    park(store, &scope, &[letters[2].clone(), letters[0].clone(), letters[1].clone()]).await;
    (scope, letters)
}

/// Filters, and which of [`three_kinds`] each means.
fn filters(letters: &[DeadLetter; 3]) -> Vec<(DeadLetterFilter, Vec<usize>)> {
    let all = DeadLetterFilter::default;
    let (record, class) = (Some("r2".into()), Some("text".to_owned()));
    let run = Some(letters[2].run);
    vec![
        (all(), vec![0, 1, 2]),
        (DeadLetterFilter { external_id: record.clone(), ..all() }, vec![1]),
        (DeadLetterFilter { error_class: class.clone(), ..all() }, vec![0, 1]),
        (DeadLetterFilter { run, ..all() }, vec![1, 2]),
        (DeadLetterFilter { error_class: class.clone(), run, ..all() }, vec![1]),
        (DeadLetterFilter { external_id: record, error_class: class, run }, vec![1]),
        (DeadLetterFilter { error_class: Some("other".to_owned()), ..all() }, vec![]),
    ]
}

async fn start<S: Store>(store: &S) -> (Scope, RunId) {
    let scope = subscribe(store).await;
    let run = open_run(store, &scope).await;
    (scope, run)
}

async fn park<S: Store>(store: &S, scope: &Scope, letters: &[DeadLetter]) {
    commit(store, async |tx| store.park(tx, scope, letters).await.unwrap()).await;
}

async fn list<S: Store>(store: &S, scope: &Scope, filter: &DeadLetterFilter) -> Vec<DeadLetter> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.list(&mut tx, scope, filter, 100).await.unwrap()
}

async fn count<S: Store>(store: &S, scope: &Scope) -> u64 {
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.count_open(&mut tx, scope).await.unwrap()
}
