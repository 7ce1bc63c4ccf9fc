//! What a batch does to parked changes (R11): failed ones are parked, older ones applied or superseded.

use std::collections::HashMap;
use std::time::Duration;

use super::ExecuteSync;
use super::plan::{Plan, STALE};
use super::run::ActiveRun;
use crate::{
    Canonical, Change, DeadLetter, DeadLetterId, ExternalId, FILTERED_OUT, ItemStatus, ParkedPayload,
    Payload, UnitOfWork,
};

/// The outcome for parked changes.
#[derive(Default)]
pub(super) struct Settled {
    /// To be parked, one per record.
    pub parked: Vec<DeadLetter>,
    /// Letters whose content was applied.
    pub applied: Vec<DeadLetterId>,
    /// Letters that a later change made meaningless.
    pub superseded: Vec<DeadLetterId>,
}

/// Decides it. `retry` says that the batch consists of parked changes tried again.
pub(super) fn settle<T: Canonical, S: UnitOfWork>(
    engine: &ExecuteSync<T, S>,
    run: &ActiveRun,
    batch: &mut [Change<T>],
    plan: &mut Plan<T>,
    letters: &HashMap<ExternalId, DeadLetter>,
    retry: bool,
) -> Settled {
    let mut settled = Settled::default();
    let any_failed = plan.steps.iter().any(|step| step.status == ItemStatus::Failed);
    if !any_failed && letters.is_empty() {
        return settled;
    }
    plan.return_failed(batch);
    let mut parked: HashMap<usize, DeadLetter> = HashMap::new();
    for (step, change) in plan.steps.iter().zip(batch.iter_mut()) {
        let letter = letters.get(&change.external_id);
        match (step.status, &step.failure, letter) {
            (ItemStatus::Failed, Some(failure), earlier) => {
                // Several failed changes of one record in a batch become one, the newest on top.
                if let Some(earlier) = parked.get(&step.slot) {
                    super::plan::fold_parked(earlier, change);
                }
                if let Some(payload) = ParkedPayload::of(&change.payload) {
                    let letter = engine.letter(run, change, payload, failure, earlier);
                    parked.insert(step.slot, letter);
                }
            }
            (ItemStatus::Success, _, Some(letter)) => {
                if retry
                    || matches!(&change.payload, Payload::Upsert(r) if r.coverage != crate::Coverage::Full)
                {
                    settled.applied.push(letter.id);
                } else {
                    settled.superseded.push(letter.id);
                }
            }
            (ItemStatus::Skipped, _, Some(letter)) if retry && is_moot(step.reason.as_deref()) => {
                settled.superseded.push(letter.id);
            }
            _ => {}
        }
    }
    settled.parked = parked.into_values().collect();
    settled.parked.sort_by(|a, b| a.external_id.cmp(&b.external_id));
    let failed_again: Vec<DeadLetterId> = settled.parked.iter().map(|letter| letter.id).collect();
    for ids in [&mut settled.applied, &mut settled.superseded] {
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !failed_again.contains(id));
    }
    settled
}

/// Whether a parked change that was passed over for this reason is not worth another try.
fn is_moot(reason: Option<&str>) -> bool {
    matches!(reason, Some(STALE | FILTERED_OUT))
}

impl<T> Plan<T> {
    /// Returns the records of failed steps to their changes, so that they can be parked.
    fn return_failed(&mut self, batch: &mut [Change<T>]) {
        let mut failed = vec![false; self.slots.len()];
        for step in &self.steps {
            failed[step.slot] |= step.status == ItemStatus::Failed;
        }
        for (slot, failed) in self.slots.iter_mut().zip(failed) {
            if failed {
                slot.give_back(batch);
            }
        }
    }
}

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    fn letter(
        &self,
        run: &ActiveRun,
        change: &Change<T>,
        payload: ParkedPayload,
        failure: &super::plan::Failure,
        earlier: Option<&DeadLetter>,
    ) -> DeadLetter {
        let now = self.clock.now();
        let (attempts, next_attempt_at) = match earlier {
            // Read again within an overlap, which is no attempt: it must not use up the backoff.
            Some(letter) if change.reread && letter.version == change.version => {
                (letter.attempts, letter.next_attempt_at)
            }
            _ => {
                let attempts = earlier.map_or(0, |letter| letter.attempts) + 1;
                (attempts, now + self.retry_wait(attempts))
            }
        };
        DeadLetter {
            id: earlier.map_or_else(|| DeadLetterId(self.ids.next_id()), |letter| letter.id),
            external_id: change.external_id.clone(),
            payload,
            version: change.version,
            error_class: failure.class.to_string(),
            error: failure.text.clone(),
            attempts,
            run: run.id,
            parked_at: earlier.map_or(now, |letter| letter.parked_at),
            next_attempt_at,
        }
    }

    /// Doubling, bounded, and spread over half its length so that retries don't come in waves.
    pub(crate) fn retry_wait(&self, attempts: u32) -> Duration {
        let doubled = self.options.retry_first.saturating_mul(1 << attempts.saturating_sub(1).min(30));
        doubled.min(self.options.retry_max).mul_f64(0.5 + self.jitter.fraction() / 2.0)
    }
}
