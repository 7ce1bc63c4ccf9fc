//! What waits for a subscription, as a source.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use sync_core::{
    CarriedRecords, Change, ChangeSource, ChangeStream, Coverage, Cursor, DeleteEvidence, Deletion,
    ExternalId, FILTERED_OUT, Fetched, Notice, NoticeKind, Payload, Provenance, Record, RecordFetcher,
    SourceError, Subscription, WaitingNotice,
};

use super::collapse::{Step, Work, collapse};

/// Why a notice is left out.
const COLLAPSED: &str = "a later notice of the same record was applied with it";

/// What waits for a subscription, as the source of one run: give it to a request as its `source_override`.
///
/// - Every notice is one change, and carries its dedup key, by which the engine settles it in the transaction of its
///   batch (INV-INB-2).
/// - A notice is a hint: the record is read, once for all of its notices; the others are left out, counted and not
///   recorded. A record that is gone is a deletion, by the feed's evidence where a notice said so.
/// - Notices that carry fields with their version are changes themselves, applied in the order of their versions.
/// - Merges and purges can't be undone, so nothing is asked.
/// - No change has a position: the subscription's cursor is polling's.
pub struct InboxSource<T> {
    waiting: Vec<WaitingNotice>,
    fetcher: Arc<dyn RecordFetcher<T>>,
    carried: Option<Arc<dyn CarriedRecords<T>>>,
}

impl<T: Send + Sync + 'static> InboxSource<T> {
    /// A source of these notices, all of one subscription. Records are read through `fetcher`; what notices carry is
    /// used where `carried` can read it.
    pub fn new(
        waiting: Vec<WaitingNotice>,
        fetcher: Arc<dyn RecordFetcher<T>>,
        carried: Option<Arc<dyn CarriedRecords<T>>>,
    ) -> Self {
        Self { waiting, fetcher, carried }
    }
}

impl<T: Send + Sync + 'static> ChangeSource<T> for InboxSource<T> {
    fn label(&self) -> String {
        "webhook-inbox".to_owned()
    }

    fn list_changes(&self, subscription: &Subscription, _: Option<&Cursor>) -> ChangeStream<T> {
        let reading = Reading {
            fetcher: Arc::clone(&self.fetcher),
            carried: self.carried.clone(),
            subscription: subscription.clone(),
        };
        let waiting = self.waiting.clone();
        stream::once(async move { reading.changes(waiting).await })
            .flat_map(|(changes, error)| stream::iter(changes.into_iter().map(Ok).chain(error.map(Err))))
            .boxed()
    }
}

struct Reading<T> {
    fetcher: Arc<dyn RecordFetcher<T>>,
    carried: Option<Arc<dyn CarriedRecords<T>>>,
    subscription: Subscription,
}

impl<T: Send + Sync + 'static> Reading<T> {
    /// What can be told without the provider comes first, so that it is applied even while the provider is away.
    async fn changes(&self, waiting: Vec<WaitingNotice>) -> (Vec<Change<T>>, Option<SourceError>) {
        let mut changes = Vec::with_capacity(waiting.len());
        let mut to_read = Vec::new();
        let mut carried = Vec::new();
        for work in collapse(waiting) {
            match work.step {
                Step::Gone => settle_with(&mut changes, gone(&work.deciding), &work.others),
                Step::Carried => carried.push(work),
                Step::Read { .. } => to_read.push(work),
            }
        }
        let mut failure = self.read_carried(carried, &mut changes, &mut to_read).await.err();
        if let Err(error) = self.read_records(to_read, &mut changes).await {
            failure.get_or_insert(error);
        }
        (changes, failure)
    }

    /// Records whose notices carry all of it; what can't be used goes with those that have to be read.
    async fn read_carried(
        &self,
        works: Vec<Work>,
        changes: &mut Vec<Change<T>>,
        to_read: &mut Vec<Work>,
    ) -> Result<(), SourceError> {
        let (Some(carried), false) = (&self.carried, works.is_empty()) else {
            to_read.extend(works.into_iter().map(Work::read_after_all));
            return Ok(());
        };
        let notices: Vec<Notice> = works.iter().flat_map(Work::notices).cloned().collect();
        let mut answers = carried.carried(&self.subscription, &notices).await?.into_iter();
        for work in works {
            let own: Vec<Option<Change<T>>> = answers.by_ref().take(work.others.len() + 1).collect();
            let n_notices = work.others.len() + 1;
            let own: Vec<Change<T>> = own.into_iter().flatten().collect();
            if own.len() < n_notices {
                to_read.push(work.read_after_all());
                continue;
            }
            let mut own: Vec<_> = own.into_iter().zip(work.into_notices()).collect();
            own.sort_by_key(|(change, _)| change.version);
            changes.extend(own.into_iter().map(|(change, notice)| Change {
                external_id: notice.external_id.clone(),
                ..stamped(change, &notice)
            }));
        }
        Ok(())
    }

    async fn read_records(&self, works: Vec<Work>, changes: &mut Vec<Change<T>>) -> Result<(), SourceError> {
        if works.is_empty() {
            return Ok(());
        }
        let ids: Vec<ExternalId> = works.iter().map(|work| work.external_id.clone()).collect();
        let fetched = self.fetcher.fetch_many(&self.subscription, &ids).await?;
        if fetched.len() != ids.len() {
            let reason = format!("{} answers for {} records", fetched.len(), ids.len());
            let (call, code) = ("fetching records by id", "NO_ANSWER".to_owned());
            return Err(SourceError::Permanent { call, code, reason });
        }
        for (work, fetched) in works.into_iter().zip(fetched) {
            let told_gone = matches!(work.step, Step::Read { told_gone: true });
            let change = as_read(&work.deciding, fetched, told_gone);
            settle_with(changes, change, &work.others);
        }
        Ok(())
    }
}

impl Work {
    fn read_after_all(self) -> Self {
        Self { step: Step::Read { told_gone: false }, ..self }
    }

    /// In the order in which they took place.
    fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.others.iter().chain([&self.deciding])
    }

    fn into_notices(self) -> impl Iterator<Item = Notice> {
        self.others.into_iter().chain([self.deciding])
    }
}

/// Adds the change that decides, and before it the notices that it makes pointless.
fn settle_with<T>(changes: &mut Vec<Change<T>>, deciding: Change<T>, others: &[Notice]) {
    changes.extend(others.iter().map(|notice| {
        let skipped = Change::new(notice.external_id.clone(), Payload::Skip(COLLAPSED.into()));
        // Counted, but without a line of its own: what the record came to is told by the other change.
        Change { reread: true, ..stamped(skipped, notice) }
    }));
    changes.push(deciding);
}

fn stamped<T>(change: Change<T>, notice: &Notice) -> Change<T> {
    Change { source: Provenance::Webhook, dedup_key: Some(notice.dedup_key.clone()), cursor: None, ..change }
}

/// A record that is gone for good.
fn gone<T>(notice: &Notice) -> Change<T> {
    let merged_into = if notice.kind == NoticeKind::Merged { notice.merged_into.clone() } else { None };
    let deletion = Deletion { evidence: DeleteEvidence::Feed, merged_into };
    stamped(Change::new(notice.external_id.clone(), Payload::Delete(deletion)), notice)
}

fn as_read<T>(notice: &Notice, fetched: Fetched<T>, told_gone: bool) -> Change<T> {
    let (payload, version) = match fetched {
        Fetched::Found { record, version } => {
            (Payload::Upsert(Record { value: record, coverage: Coverage::Full }), version)
        }
        Fetched::Gone(looked_up) => {
            let evidence = if told_gone { DeleteEvidence::Feed } else { looked_up };
            (Payload::Delete(Deletion { evidence, merged_into: None }), None)
        }
        Fetched::Unreadable(unreadable) => (Payload::Unreadable(unreadable), None),
        // As polling does, which reads nothing of it: what is here of the record stays as it is.
        Fetched::Outside => (Payload::Skip(FILTERED_OUT.into()), None),
    };
    let change = Change::new(notice.external_id.clone(), payload);
    stamped(Change { version, ..change }, notice)
}
