//! One outbound run: claim, fetch, decide, note the intent, send, record.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::decide::{Claim, Rules, Step, What, restrict};
use super::fate::Fate;
use super::fields;
use super::record::Recording;
use crate::engine::ActiveRun;
use crate::{
    BuildError, Canonical, ChangedFields, ConflictId, ConflictPolicy, EditOperation, ExecuteSync, ExternalId,
    Fetched, LocalEdit, RecordFetcher, RemoteOp, RemoteWrite, RemoteWriter, Retry, RunFailure, RunReport,
    RunRequest, Scope, SourceError, Standing, StoreError, SyncError, SyncSink, UnitOfWork, Version,
    WriteRecorder, WritebackPorts, Written, error_chain, fold_edits, is_placeholder,
};

/// How outbound runs behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WritebackOptions {
    /// Records per batch: one look-up, one call of the writer, one transaction. Default 200.
    pub batch_size: NonZeroU32,
    /// How often a record is decided again at once because it changed in the CRM between look-up and write; then it
    /// waits like a failed one. Default 3.
    pub stale_attempts: u32,
}

impl Default for WritebackOptions {
    fn default() -> Self {
        let batch_size = NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN);
        Self { batch_size, stale_attempts: 3 }
    }
}

/// Sends changes of the application's own to one CRM. Wraps the engine that syncs the same entity the other way, and
/// shares its lease: a subscription runs one way at a time.
pub struct WriteBack<T: Canonical, S: UnitOfWork> {
    pub(super) engine: ExecuteSync<T, S>,
    pub(super) ports: WritebackPorts<S>,
    writer: Arc<dyn RemoteWriter<T>>,
    fetcher: Arc<dyn RecordFetcher<T>>,
    recorder: Option<Arc<dyn WriteRecorder<T, S::Tx>>>,
    policy: ConflictPolicy,
    pub(super) options: WritebackOptions,
}

/// One record of an outbound run that was not carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Which record.
    pub external_id: ExternalId,
    /// What would be done in the CRM; `None` when nothing would be sent.
    pub operation: Option<EditOperation>,
    /// The fields that would be sent, from what the CRM holds.
    pub fields: ChangedFields,
    /// Fields that would wait for a person.
    pub held: Vec<String>,
    /// Fields in which the CRM's value would be taken.
    pub taken: Vec<String>,
}

impl<T: Canonical, S: UnitOfWork> WriteBack<T, S> {
    /// Sends through `writer` what the ports hold. The engine needs a fetcher: nothing is written without a look at what
    /// the CRM holds.
    ///
    /// # Errors
    /// [`BuildError`] when it has none.
    pub fn new(
        engine: ExecuteSync<T, S>,
        ports: WritebackPorts<S>,
        writer: Arc<dyn RemoteWriter<T>>,
        policy: ConflictPolicy,
    ) -> Result<Self, BuildError> {
        let Some(fetcher) = engine.fetcher.clone() else {
            return Err(BuildError { entity: T::ENTITY, missing: vec!["fetcher"] });
        };
        let options = WritebackOptions::default();
        Ok(Self { engine, ports, writer, fetcher, recorder: None, policy, options })
    }

    /// Records fingerprints of what is sent, so that the inbound engine knows its echo. None by default.
    #[must_use]
    pub fn recorder(mut self, recorder: Arc<dyn WriteRecorder<T, S::Tx>>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Looks at what the CRM holds through this fetcher, in place of the engine's: one without the filters of the feed,
    /// so that records are sent as well that have left them.
    #[must_use]
    pub fn fetcher(mut self, fetcher: Arc<dyn RecordFetcher<T>>) -> Self {
        self.fetcher = fetcher;
        self
    }

    /// How runs behave.
    #[must_use]
    pub fn options(mut self, options: WritebackOptions) -> Self {
        self.options = options;
        self
    }

    /// Carries out one outbound run of the request's subscription, whatever direction the request names.
    ///
    /// # Errors
    /// As [`ExecuteSync::execute`].
    pub async fn execute(&self, request: RunRequest<T>) -> Result<RunReport, SyncError> {
        let request = request.outbound();
        self.engine.admit(&request)?;
        let mut run = self.engine.open(&request).await?;
        failpoint!("outbound.opened");
        let failure = self.drive(&mut run, &request).await.err();
        self.engine.close(run, failure).await
    }

    /// What a run would send, without sending it: no run, no lease. At most one batch.
    ///
    /// # Errors
    /// [`RunFailure`] when the store or the CRM can't be asked.
    pub async fn preview(&self, request: RunRequest<T>) -> Result<Vec<Outgoing>, RunFailure> {
        let scope = self.engine.scope(&request);
        let mut tx = self.engine.ports.unit_of_work.begin_for(scope.tenant.as_ref()).await?;
        let (claims, adopted) = self.claims(&mut tx, &scope).await?;
        self.engine.ports.unit_of_work.rollback(tx).await?;
        let wanted = to_fetch(&claims);
        let fetched = self.fetch(&request, &wanted).await?;
        Ok(self.decide(claims, fetched, &adopted).iter().map(outgoing).collect())
    }

    async fn drive(&self, run: &mut ActiveRun, request: &RunRequest<T>) -> Result<(), RunFailure> {
        loop {
            if request.cancel.is_cancelled() {
                return Err(RunFailure::Cancelled);
            }
            let mut attempt = 0;
            let (claims, adopted) = loop {
                match self.claim(run).await {
                    Ok(claimed) => break claimed,
                    Err(error) if self.engine.waited_for_store(&error, &mut attempt).await => {}
                    Err(error) => return Err(error.into()),
                }
            };
            failpoint!("outbound.claimed");
            if claims.is_empty() {
                break;
            }
            self.round(run, request, claims, &adopted).await?;
            if let Some(observer) = &request.observer {
                observer.batch_committed(&run.counts);
            }
        }
        if run.counts.all_failed() { Err(RunFailure::AllFailed(run.counts.found)) } else { Ok(()) }
    }

    async fn claim(
        &self,
        run: &ActiveRun,
    ) -> Result<(Vec<Claim<T>>, HashMap<ExternalId, ExternalId>), StoreError> {
        let ports = &self.engine.ports;
        let mut tx = ports.unit_of_work.begin_for(run.scope.tenant.as_ref()).await?;
        ports.leases.renew(&mut tx, &run.scope, &run.lease, self.engine.clock.now()).await?;
        let claimed = self.claims(&mut tx, &run.scope).await?;
        ports.unit_of_work.commit(tx).await?;
        Ok(claimed)
    }

    async fn claims(
        &self,
        tx: &mut S::Tx,
        scope: &Scope,
    ) -> Result<(Vec<Claim<T>>, HashMap<ExternalId, ExternalId>), StoreError> {
        let (now, limit) = (self.engine.clock.now(), self.options.batch_size.get());
        let edits = self.ports.changes.due_edits(tx, scope, now, limit).await?;
        if edits.is_empty() {
            return Ok((Vec::new(), HashMap::new()));
        }
        let claims = claims_of(tx, scope, &*self.engine.sink, &self.ports, &edits).await?;
        let parents = placeholders(&claims);
        let adopted = match parents.is_empty() {
            true => Vec::new(),
            false => self.ports.changes.adopted_ids(tx, scope, &parents).await?,
        };
        let adopted = adopted.into_iter().map(|adoption| (adoption.placeholder, adoption.external_id));
        Ok((claims, adopted.collect()))
    }

    /// One batch.
    async fn round(
        &self,
        run: &mut ActiveRun,
        request: &RunRequest<T>,
        claims: Vec<Claim<T>>,
        adopted: &HashMap<ExternalId, ExternalId>,
    ) -> Result<(), RunFailure> {
        let wanted = to_fetch(&claims);
        let fetched = self.keeping_lease(run, self.fetch(request, &wanted)).await??;
        failpoint!("outbound.fetched");
        let mut steps = self.decide(claims, fetched, adopted);
        let mut attempt = 0;
        while let Err(error) = self.note_intents(run, &steps).await {
            if !self.engine.waited_for_store(&error, &mut attempt).await {
                return Err(error.into());
            }
        }
        failpoint!("outbound.intended");
        let (fates, broken) = self.send(run, request, &steps).await?;
        failpoint!("outbound.sent");
        self.look_again(request, &mut steps, &fates).await;
        let (engine, ports) = (&self.engine, &self.ports);
        let recording = Recording { engine, ports, stale_attempts: self.options.stale_attempts };
        recording.round(run, &steps, &fates).await?;
        broken.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn fetch(
        &self,
        request: &RunRequest<T>,
        ids: &[ExternalId],
    ) -> Result<HashMap<ExternalId, Fetched<T>>, SourceError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let fetched = self.fetcher.fetch_many(&request.subscription, ids).await?;
        Ok(ids.iter().cloned().zip(fetched).collect())
    }

    fn decide(
        &self,
        claims: Vec<Claim<T>>,
        mut fetched: HashMap<ExternalId, Fetched<T>>,
        adopted: &HashMap<ExternalId, ExternalId>,
    ) -> Vec<Step<T>> {
        let rules = Rules {
            policy: &self.policy,
            writable: self.writer.writable(),
            creates_by_key: self.writer.creates_by_key(),
            adopted,
            next_id: &|| self.engine.ids.next_id(),
            now: self.engine.clock.now(),
        };
        let decide = |claim: Claim<T>| {
            let found = fetched.remove(&claim.folded.external_id);
            Step::decide(claim, found, &rules)
        };
        claims.into_iter().map(decide).collect()
    }

    /// Commits what is about to be sent, with the fingerprints of its echoes, before it is sent.
    async fn note_intents(&self, run: &ActiveRun, steps: &[Step<T>]) -> Result<(), StoreError> {
        let standing = |step: &Step<T>| {
            let What::Send { intent, .. } = &step.what else { return None };
            let earlier = step.claim.standing.as_ref();
            Some(Standing {
                external_id: step.claim.folded.external_id.clone(),
                intent: Some(intent.clone()),
                seen: step.claim.last,
                attempts: earlier.map_or(0, |earlier| earlier.attempts),
                // Should the process die now, the next run looks at once.
                next_attempt_at: self.engine.clock.now(),
                error_class: earlier.and_then(|earlier| earlier.error_class.clone()),
                error: earlier.and_then(|earlier| earlier.error.clone()),
            })
        };
        let standings: Vec<Standing> = steps.iter().filter_map(standing).collect();
        let echoes: Vec<(ExternalId, T)> = steps.iter().filter_map(Step::expected).collect();
        if standings.is_empty() && echoes.is_empty() {
            return Ok(());
        }
        let ports = &self.engine.ports;
        let mut tx = ports.unit_of_work.begin_for(run.scope.tenant.as_ref()).await?;
        ports.leases.renew(&mut tx, &run.scope, &run.lease, self.engine.clock.now()).await?;
        self.ports.changes.put_standings(&mut tx, &run.scope, &standings).await?;
        let used: Vec<ConflictId> = steps.iter().flat_map(Step::used_decisions).collect();
        self.ports.conflicts.close_conflicts(&mut tx, &run.scope, &used, self.engine.clock.now()).await?;
        if let (Some(recorder), false) = (&self.recorder, echoes.is_empty())
            && let Err(error) = recorder.record_writes(&mut tx, &run.scope, &echoes).await
        {
            run.goes_on_without(format!(
                "fingerprints of what was sent could not be kept ({}); its echoes come in as changes of nothing",
                error_chain(&error)
            ));
        }
        ports.unit_of_work.commit(tx).await
    }

    /// Sends what is to be sent. Answers what became of every step, and why the provider could not be asked.
    async fn send(
        &self,
        run: &ActiveRun,
        request: &RunRequest<T>,
        steps: &[Step<T>],
    ) -> Result<(Vec<Fate>, Option<SourceError>), RunFailure> {
        let write = |step: &Step<T>| match &step.what {
            What::Send { op, intent } => Some(RemoteWrite { intent: intent.id, op: op.clone() }),
            _ => None,
        };
        let writes: Vec<RemoteWrite<T>> = steps.iter().filter_map(write).collect();
        let mut broken = None;
        let mut written = Vec::new();
        if !writes.is_empty() {
            let call = self.writer.write_many(&request.subscription, &writes);
            match self.keeping_lease(run, call).await? {
                Ok(answers) => written = answers,
                Err(error) => broken = Some(error),
            }
            failpoint!("outbound.written");
            self.reread_versions(request, &writes, &mut written).await;
        }
        let lost =
            broken.as_ref().map_or_else(|| "the writer gave no answer".to_owned(), ToString::to_string);
        let mut written = written.into_iter();
        let fates = steps.iter().map(|step| match &step.what {
            What::Send { .. } => {
                Fate::of(written.next().unwrap_or_else(|| Written::Unknown { reason: lost.clone() }))
            }
            What::Settle | What::DeleteHere(_) | What::RestoreHere | What::GiveUp => Fate::Settled,
            What::Hold => Fate::Held,
            What::Wait { class, reason } => {
                Fate::Failed { class: (*class).to_owned(), text: reason.clone(), after: None, doubt: false }
            }
        });
        Ok((fates.collect(), broken))
    }

    /// Looks at records whose update was sent again because its answer was lost. The CRM may have made something else of
    /// the first try, as its own automations do; then the second changes nothing there and no change comes in: what the
    /// record holds has to be asked for. Where that can't be, the row holds what was sent.
    async fn look_again(&self, request: &RunRequest<T>, steps: &mut [Step<T>], fates: &[Fate]) {
        let sent_again = |(step, fate): (&Step<T>, &Fate)| {
            let again = step.is_update_sent_again() && matches!(fate, Fate::Done { .. });
            again.then(|| step.claim.folded.external_id.clone())
        };
        let ids: Vec<ExternalId> = steps.iter().zip(fates).filter_map(sent_again).collect();
        let Ok(mut fetched) = self.fetch(request, &ids).await else { return };
        for step in steps {
            if let Some(Fetched::Found { record, .. }) = fetched.remove(&step.claim.folded.external_id) {
                step.held_after = Some(record);
            }
        }
    }

    /// Looks up the versions that the writer did not tell, so that what is older than our write is known to be. Without
    /// them an older change may be applied, until the next one corrects it.
    async fn reread_versions(
        &self,
        request: &RunRequest<T>,
        writes: &[RemoteWrite<T>],
        written: &mut [Written],
    ) {
        let unknown: Vec<ExternalId> = written
            .iter()
            .zip(writes)
            .filter(|(_, write)| !matches!(write.op, RemoteOp::Archive { .. }))
            .filter_map(|(written, _)| match written {
                Written::Done { id, version: None, .. } => Some(id.clone()),
                _ => None,
            })
            .collect();
        let Ok(fetched) = self.fetch(request, &unknown).await else { return };
        for written in written {
            if let Written::Done { id, version: version @ None, .. } = written
                && let Some(Fetched::Found { version: found, .. }) = fetched.get(id)
            {
                *version = *found;
            }
        }
    }

    /// Waits for the provider without losing the lease (R12).
    async fn keeping_lease<R>(
        &self,
        run: &ActiveRun,
        call: impl Future<Output = R> + Send,
    ) -> Result<R, StoreError> {
        let mut call = std::pin::pin!(call);
        loop {
            match tokio::time::timeout(run.lease.renew_every(), call.as_mut()).await {
                Ok(answer) => return Ok(answer),
                Err(_waited) => match self.engine.renew_lease(run).await {
                    Err(error) if error.retry() == Retry::Soon => {
                        tracing::warn!(error = %error, "the lease could not be renewed; trying again");
                    }
                    renewed => renewed?,
                },
            }
        }
    }
}

impl<T: Canonical> Step<T> {
    /// The version of what the CRM held.
    pub(super) fn remote_version(&self) -> Option<Version> {
        self.remote.as_ref().and_then(|(_, version)| *version)
    }
}

/// Edits by record, with everything that is known of it.
pub(super) async fn claims_of<T: Canonical, S: UnitOfWork>(
    tx: &mut S::Tx,
    scope: &Scope,
    sink: &dyn SyncSink<T, S::Tx>,
    ports: &WritebackPorts<S>,
    edits: &[LocalEdit],
) -> Result<Vec<Claim<T>>, StoreError> {
    let ids: Vec<ExternalId> = fold_edits(edits).into_iter().map(|folded| folded.external_id).collect();
    let rows = sink.find_many(tx, scope, &ids).await?;
    let standings = ports.changes.standings(tx, scope, &ids).await?;
    let conflicts = ports.conflicts.conflicts_of(tx, scope, &ids).await?;
    let mut claims = Vec::with_capacity(ids.len());
    for (id, row) in ids.iter().zip(rows) {
        let standing = standings.iter().find(|standing| standing.external_id == *id).cloned();
        let own: Vec<LocalEdit> = edits.iter().filter(|edit| edit.edit.external_id == *id).cloned().collect();
        let last = own.last().map(|edit| edit.id).unwrap_or_default();
        let own = restrict(own, standing.as_ref());
        let Some(folded) = fold_edits(&own).pop() else { continue };
        let conflicts = conflicts.iter().filter(|c| c.external_id == *id).cloned().collect();
        claims.push(Claim { folded, edits: own, last, standing, conflicts, row });
    }
    Ok(claims)
}

/// Records that are looked up before they are decided: those that the CRM has.
fn to_fetch<T>(claims: &[Claim<T>]) -> Vec<ExternalId> {
    let known = |claim: &&Claim<T>| match claim.folded.operation {
        Some(operation) => operation != EditOperation::Create,
        None => !is_placeholder(&claim.folded.external_id),
    };
    claims.iter().filter(known).map(|claim| claim.folded.external_id.clone()).collect()
}

/// Parents that the CRM may not have yet.
fn placeholders<T: Canonical>(claims: &[Claim<T>]) -> Vec<ExternalId> {
    let mut found = HashSet::new();
    for claim in claims {
        for edited in &claim.folded.fields {
            found.extend(fields::placeholder_in::<T>(&edited.field, edited.to.as_ref()));
        }
        if let Some(row) = &claim.row {
            for (n, field) in T::FIELDS.iter().enumerate() {
                found.extend(fields::placeholder_in::<T>(field.name, row.record.value(n)));
            }
        }
    }
    found.into_iter().collect()
}

fn outgoing<T>(step: &Step<T>) -> Outgoing {
    let (operation, fields) = match &step.what {
        What::Send { intent, .. } => (Some(intent.operation), intent.fields.clone()),
        _ => (None, ChangedFields::default()),
    };
    Outgoing {
        external_id: step.claim.folded.external_id.clone(),
        operation,
        fields,
        held: step.held.iter().cloned().collect(),
        taken: step.taken.iter().cloned().collect(),
    }
}
