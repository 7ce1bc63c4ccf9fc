//! Sources tell what changed: everything, in order, resumably.
//!
//! Cursors are opaque, so that they never fall is shown by what matters of it: from any of them, reading again yields
//! all that came after.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;

use super::fixture::SourceFixture;
use crate::{Change, Cursor, ExternalId, Payload};

/// A stream that takes longer than this without a change is taken to be one that does not end.
const PATIENCE: Duration = Duration::from_secs(30);

/// An empty CRM is an empty stream.
pub async fn nothing_is_an_empty_stream<F: SourceFixture>(f: F) {
    assert!(read(&f, None).await.is_empty());
}

/// INV-SRC-1: the first stream yields every record, also where more share a stamp than fit a page.
pub async fn everything_comes_first<F: SourceFixture>(f: F) {
    let mut seeded = f.seed(7).await;
    seeded.extend(f.seed(1).await);
    let changes = read(&f, None).await;
    assert!(changes.iter().all(|change| matches!(change.payload, Payload::Upsert(_))), "{changes:?}");
    seeded.sort();
    assert_eq!(ids(&changes), seeded);
}

/// INV-SRC-1: a stream started again from its last cursor yields nothing but what it rereads on purpose.
pub async fn end_is_the_end<F: SourceFixture>(f: F) {
    f.seed(5).await;
    let changes = read(&f, None).await;
    let again = read(&f, last_cursor(&changes).as_ref()).await;
    assert!(again.iter().all(|change| change.reread), "{again:?}");
}

/// INV-SRC-1: from any cursor of a stream, another stream yields all that came after it: nothing that shares a
/// stamp is lost between two pages, two runs or at a crash.
pub async fn resuming_anywhere_loses_nothing<F: SourceFixture>(f: F) {
    f.seed(5).await;
    f.seed(3).await;
    let changes = read(&f, None).await;
    for (n, change) in changes.iter().enumerate() {
        let Some(cursor) = &change.cursor else { continue };
        let rest = ids(&read(&f, Some(cursor)).await);
        for missed in &changes[n + 1..] {
            assert!(rest.contains(&missed.external_id), "{} is lost after change {n}", missed.external_id);
        }
    }
    assert!(last_cursor(&changes).is_some(), "no change has a cursor");
}

/// INV-SRC-1: what changed since comes, and only that; a record that was changed twice comes as it is now.
pub async fn later_changes_come_next<F: SourceFixture>(f: F) {
    let seeded = f.seed(5).await;
    let cursor = last_cursor(&read(&f, None).await);
    f.edit(&seeded[3]).await;
    f.edit(&seeded[3]).await;
    let mut expected = f.seed(2).await;
    expected.push(seeded[3].clone());
    expected.sort();
    let changes = read(&f, cursor.as_ref()).await;
    let fresh: Vec<_> = changes.into_iter().filter(|change| !change.reread).collect();
    assert_eq!(ids(&fresh), expected);
}

/// INV-SRC-1: versions grow with a record's changes, where the source has them.
pub async fn versions_grow<F: SourceFixture>(f: F) {
    let seeded = f.seed(2).await;
    let first = read(&f, None).await;
    f.edit(&seeded[0]).await;
    let second = read(&f, last_cursor(&first).as_ref()).await;
    let version = |changes: &[Change<F::Record>]| {
        changes.iter().rev().find(|change| change.external_id == seeded[0]).unwrap().version
    };
    if let (Some(before), Some(after)) = (version(&first), version(&second)) {
        assert!(before < after, "{before:?} {after:?}");
    }
}

/// INV-SRC-1: a deletion comes as one, without a record, where the source tells of deletions.
pub async fn deletions_come<F: SourceFixture>(f: F) {
    if !F::TELLS_DELETIONS {
        println!("skipped: this source leaves deletions to the comparison of ids");
        return;
    }
    let seeded = f.seed(3).await;
    let cursor = last_cursor(&read(&f, None).await);
    f.delete(&seeded[1]).await;
    let changes = read(&f, cursor.as_ref()).await;
    let gone = changes.iter().filter(|change| matches!(change.payload, Payload::Delete(_)));
    assert_eq!(gone.map(|change| change.external_id.clone()).collect::<Vec<_>>(), [seeded[1].clone()]);
    let again = read(&f, last_cursor(&changes).or(cursor).as_ref()).await;
    assert!(again.iter().all(|change| change.reread), "{again:?}");
}

/// INV-SRC-2: a record that can't be mapped comes as unreadable, in its place; its neighbours come as usual.
pub async fn unreadable_record_is_a_change<F: SourceFixture>(f: F) {
    let mut seeded = f.seed(5).await;
    if !f.spoil(&seeded[2]).await {
        println!("skipped: this provider has no values that can't be mapped");
        return;
    }
    let changes = read(&f, None).await;
    let unreadable: Vec<_> =
        changes.iter().filter(|change| matches!(change.payload, Payload::Unreadable(_))).collect();
    assert_eq!(unreadable.iter().map(|change| &change.external_id).collect::<Vec<_>>(), [&seeded[2]]);
    seeded.sort();
    assert_eq!(ids(&changes), seeded);
    let again = read(&f, last_cursor(&changes).as_ref()).await;
    assert!(
        again.iter().all(|change| change.reread),
        "an unreadable record must not come for ever: {again:?}"
    );
}

/// INV-SRC-3: an access token that ran out and a call for patience are nobody else's business.
pub async fn disturbances_are_not_seen<F: SourceFixture>(f: F) {
    let mut seeded = f.seed(5).await;
    if !f.disturb().await {
        println!("skipped: this source talks to no provider");
        return;
    }
    seeded.sort();
    assert_eq!(ids(&read(&f, None).await), seeded);
}

/// INV-SRC-4: a stream ends at a bound fixed when it began, though the CRM changes all the time; what changed
/// meanwhile comes with the next one.
pub async fn stream_ends_though_changes_go_on<F: SourceFixture>(f: F) {
    let seeded = f.seed(5).await;
    let mut stream = f.source().list_changes(&f.subscription(), None);
    let mut changes = Vec::new();
    let mut edited = Vec::new();
    while let Some(change) = timeout(PATIENCE, stream.next()).await.expect("the stream stands still") {
        changes.push(change.unwrap());
        assert!(changes.len() < 50, "the stream runs after the changes instead of ending");
        let id = &seeded[changes.len() % seeded.len()];
        f.edit(id).await;
        edited.push(id.clone());
    }
    // The last edit came after everything that this stream read.
    let next = ids(&read(&f, last_cursor(&changes).as_ref()).await);
    let last = edited.last().expect("the stream yields something");
    assert!(next.contains(last), "the later change of {last} is lost");
    let all: Vec<_> = ids(&changes).into_iter().chain(next).collect();
    assert!(seeded.iter().all(|id| all.contains(id)), "{seeded:?} {all:?}");
}

/// INV-SRC-4: a stream that is dropped midway disturbs nobody; the source can be read again.
pub async fn dropped_stream_can_be_read_again<F: SourceFixture>(f: F) {
    let mut seeded = f.seed(5).await;
    let mut stream = f.source().list_changes(&f.subscription(), None);
    stream.next().await.unwrap().unwrap();
    drop(stream);
    seeded.sort();
    assert_eq!(ids(&read(&f, None).await), seeded);
}

async fn read<F: SourceFixture>(f: &F, cursor: Option<&Cursor>) -> Vec<Change<F::Record>> {
    let mut stream = f.source().list_changes(&f.subscription(), cursor);
    let mut changes = Vec::new();
    while let Some(change) = timeout(PATIENCE, stream.next()).await.expect("the stream stands still") {
        changes.push(change.unwrap());
        assert!(changes.len() < 1_000, "the stream does not end");
    }
    changes
}

fn last_cursor<T>(changes: &[Change<T>]) -> Option<Cursor> {
    changes.iter().rev().find_map(|change| change.cursor.clone())
}

/// The records of a stream, each once, sorted.
fn ids<T>(changes: &[Change<T>]) -> Vec<ExternalId> {
    let mut ids: Vec<_> = changes.iter().map(|change| change.external_id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}
