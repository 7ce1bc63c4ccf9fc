//! Creates whose answer was lost, before an inbound run.
//!
//! While nobody knows whether a create took place, the record it made may come in as one that was made there: it would
//! be here twice, each half edited and deleted on its own, and one that is made anew would be there twice. So a run asks
//! first: a record that the CRM finds by our key gets the id it has there before anything of it is taken in. A create
//! that made nothing waits on, for the next outbound run. Outbound runs need no such question: what they send again
//! finds the record. No create comes into doubt meanwhile, because a subscription runs one way at a time.

use std::sync::Arc;

use super::decide::{Claim, Step, What};
use super::fate::Fate;
use super::outbound::{WritebackOptions, claims_of};
use super::record::Recording;
use crate::engine::ActiveRun;
use crate::{
    Canonical, EditOperation, ExecuteSync, ExternalId, FieldSet, LocalId, RemoteOp, RunFailure, RunRequest,
    Standing, StoreError, UnitOfWork, WritebackPorts,
};

/// Records that wait, of which those in doubt are looked for.
const WAITING: u32 = 10_000;

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    /// Records what creates in doubt have made.
    pub(crate) async fn settle_doubts(
        &self,
        run: &mut ActiveRun,
        request: &RunRequest<T>,
    ) -> Result<(), RunFailure> {
        let (Some(pending), Some(writer)) = (&self.pending, &self.writer) else { return Ok(()) };
        if !writer.creates_by_key() {
            return Ok(());
        }
        let writer = Arc::clone(writer);
        let mut attempt = 0;
        let claims = loop {
            match self.doubtful(run, &pending.ports).await {
                Ok(claims) => break claims,
                Err(error) if self.waited_for_store(&error, &mut attempt).await => {}
                Err(error) => return Err(error.into()),
            }
        };
        if claims.is_empty() {
            return Ok(());
        }
        let keys: Vec<LocalId> = claims.iter().map(Claim::key).collect();
        let made = writer.find_made(&request.subscription, &keys).await?;
        let found = claims.into_iter().zip(made).filter_map(|(claim, id)| found(claim, id?));
        let (steps, fates): (Vec<Step<T>>, Vec<Fate>) = found.unzip();
        if steps.is_empty() {
            return Ok(());
        }
        let stale_attempts = WritebackOptions::default().stale_attempts;
        let recording = Recording { engine: self, ports: &pending.ports, stale_attempts };
        recording.round(run, &steps, &fates).await
    }

    /// Creates of which it is not known whether they took place.
    async fn doubtful(
        &self,
        run: &ActiveRun,
        ports: &WritebackPorts<S>,
    ) -> Result<Vec<Claim<T>>, StoreError> {
        let (unit_of_work, scope) = (&self.ports.unit_of_work, &run.scope);
        let mut tx = unit_of_work.begin_for(scope.tenant.as_ref()).await?;
        let waiting = ports.changes.waiting_records(&mut tx, scope, WAITING).await?;
        let ids: Vec<ExternalId> =
            waiting.into_iter().filter(is_create).map(|standing| standing.external_id).collect();
        let mut claims = Vec::new();
        if !ids.is_empty() {
            let edits = ports.changes.edits_of(&mut tx, scope, &ids).await?;
            claims = claims_of(&mut tx, scope, &*self.sink, ports, &edits).await?;
        }
        unit_of_work.commit(tx).await?;
        Ok(claims)
    }
}

fn is_create(standing: &Standing) -> bool {
    standing.intent.as_ref().is_some_and(|intent| intent.operation == EditOperation::Create)
}

/// A create of which it is known now what it made: as if its answer came only now.
fn found<T: Canonical>(claim: Claim<T>, id: ExternalId) -> Option<(Step<T>, Fate)> {
    let intent = claim.standing.as_ref()?.intent.clone()?;
    let op = RemoteOp::Create { key: claim.key(), record: T::default(), fields: FieldSet::EMPTY };
    let mut step = Step::undecided(claim);
    step.notes.push("made by a write whose answer was lost".to_owned());
    step.what = What::Send { op, intent };
    Some((step, Fate::Done { id, version: None }))
}
