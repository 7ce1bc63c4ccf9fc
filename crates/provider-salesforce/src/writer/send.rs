//! Chunks on their way, with what becomes of each row.

use std::time::Duration;

use provider_http::{Delivery, HttpError};
use sync_core::{DeleteEvidence, Jitter, SourceError, Written};

use super::calls::errors_of;
use super::outcome::{Failure, PartAnswer, RowError, RowResult};
use super::{Action, Row};
use crate::client::SalesforceClient;
use crate::describe::ObjectDescription;
use crate::error::CallError;
use crate::id::SalesforceId;

/// The rows of one call of the port on their way.
pub(super) struct Sending<'a> {
    pub(super) client: &'a SalesforceClient,
    pub(super) jitter: &'a dyn Jitter,
    pub(super) object: &'a ObjectDescription,
    pub(super) key: Option<&'static str>,
    pub(super) delivery: Delivery<Row>,
}

/// What became of a row, or what has to be found out or done about it.
type Outcome = Result<Written, (Failure, RowError)>;

/// Rows that have to be sent again.
#[derive(Default)]
struct Again {
    /// Because of locks.
    locked: Vec<Row>,
    /// Because their keys were taken meanwhile: now they are found by them.
    taken: Vec<Row>,
}

/// A row whose record is gone, or is there.
struct Doubt {
    row: Row,
    /// The answer if it is there.
    if_there: Written,
}

impl Sending<'_> {
    /// Sends what is queued.
    ///
    /// # Errors
    /// [`SourceError`] when Salesforce can't be asked, and nothing was written.
    pub(super) async fn all(&mut self) -> Result<(), SourceError> {
        while let Some(rows) = self.delivery.next_call() {
            if let Err(error) = self.chunk(rows).await {
                self.delivery.failed(error, |error| self.client.source_error(error))?;
            }
        }
        Ok(())
    }

    /// Sends a chunk until every row is answered, or queued in smaller parts.
    async fn chunk(&mut self, mut rows: Vec<Row>) -> Result<(), CallError> {
        let tries = self.client.config().lock_tries.max(1);
        let mut keys_taken = false;
        for tried in 1..=tries {
            let again = self.once(rows).await?;
            rows = again.locked;
            if !again.taken.is_empty() {
                // Once is enough: who takes a key keeps it.
                if std::mem::replace(&mut keys_taken, true) {
                    again.taken.iter().for_each(|row| self.delivery.put(row.at, key_taken()));
                } else {
                    rows.extend(again.taken);
                }
            }
            if rows.is_empty() {
                return Ok(());
            }
            if tried < tries {
                self.pause(tried).await;
            }
        }
        for row in &rows {
            let reason = "the record is locked by another change".to_owned();
            self.delivery.put(row.at, Written::Later { reason, after: None });
        }
        Ok(())
    }

    /// One second, doubling from try to try, and up to as much again.
    async fn pause(&self, tried: u32) {
        let pause = self.client.config().lock_pause.saturating_mul(2_u32.saturating_pow(tried - 1));
        let more: Duration = pause.mul_f64(self.jitter.fraction().clamp(0.0, 1.0));
        tokio::time::sleep(pause + more).await;
    }

    /// Sends rows once.
    async fn once(&mut self, rows: Vec<Row>) -> Result<Again, CallError> {
        let outcomes = match self.send(&rows).await {
            Ok(outcomes) => outcomes,
            Err(error) if is_lock(&error) => {
                self.delivery.reached();
                return Ok(Again { locked: rows, ..Again::default() });
            }
            Err(error) => return self.whole_call(rows, error).map(|()| Again::default()),
        };
        self.delivery.reached();
        let (mut again, mut doubts) = (Again::default(), Vec::new());
        for (row, outcome) in rows.into_iter().zip(outcomes) {
            match outcome {
                Ok(answer) | Err((Failure::Answer(answer), _)) => self.delivery.put(row.at, answer),
                Err((Failure::Locked, _)) => again.locked.push(row),
                Err((Failure::KeyTaken, _)) => again.taken.push(row),
                Err((Failure::Deleted, _)) => self.delivery.put(row.at, deleted(&row)),
                Err((Failure::Missing, error)) => doubts.push(Doubt { row, if_there: error.refused() }),
                Err((Failure::Changed, _)) => doubts.push(Doubt { row, if_there: Written::Stale }),
            }
        }
        self.look(doubts).await;
        Ok(again)
    }

    /// What became of each row, in order.
    async fn send(&self, rows: &[Row]) -> Result<Vec<Outcome>, CallError> {
        if rows.iter().all(Row::is_guarded) {
            let answers = self.client.update_unchanged(&self.object.name, rows).await?;
            let outcome = |(row, answer): (&Row, Option<PartAnswer>)| match answer {
                Some(answer) => answer.outcome(row, self.key).map(|()| self.done(row, None, false)),
                None => Ok(Written::Unknown { reason: "the answer does not name the record".to_owned() }),
            };
            return Ok(rows.iter().zip(answers).map(outcome).collect());
        }
        let results = self.client.write_rows(&self.object.name, self.key, rows).await?;
        Ok(rows.iter().zip(results).map(|(row, result)| self.judge(row, result)).collect())
    }

    fn judge(&self, row: &Row, result: RowResult) -> Outcome {
        if !result.success {
            let error = result.errors.into_iter().next().unwrap_or_default();
            return Err((error.meaning(row, self.key), error));
        }
        Ok(self.done(row, result.id.as_deref(), result.created))
    }

    fn done(&self, row: &Row, id: Option<&str>, created: bool) -> Written {
        match id.and_then(SalesforceId::parse).or(row.id()) {
            Some(id) => Written::Done {
                id: id.into(),
                version: None,
                created: matches!(row.action, Action::Create { .. }) && (created || self.key.is_none()),
            },
            None => Written::Unknown { reason: "a record was made, and its id can't be read".to_owned() },
        }
    }

    /// A call that was refused as a whole, as for a value of the wrong kind: the row at fault is found by halving.
    fn whole_call(&mut self, rows: Vec<Row>, error: CallError) -> Result<(), CallError> {
        let CallError::Http(HttpError::Refused { status: 400, body, .. }) = &error else { return Err(error) };
        let Some(told) = errors_of(&body.0).and_then(|errors| errors.into_iter().next()) else {
            return Err(error);
        };
        if let Some(row) = self.delivery.refused(rows) {
            self.delivery.put(row.at, told.refused());
        }
        Ok(())
    }

    /// Answers rows whose record may be gone.
    async fn look(&mut self, doubts: Vec<Doubt>) {
        let ids: Vec<SalesforceId> = doubts.iter().filter_map(|doubt| doubt.row.id()).collect();
        if ids.is_empty() {
            return;
        }
        let found = self.client.are_there(&self.object.name, &ids).await;
        for (n, Doubt { row, if_there }) in doubts.into_iter().enumerate() {
            let answer = match &found {
                Ok(found) if found.get(n) == Some(&false) => Written::Gone(DeleteEvidence::LookedUp),
                Ok(_) => if_there,
                // Whoever reads it next finds out.
                Err(_) if if_there == Written::Stale => if_there,
                Err(error) => Written::Later { reason: error.summary(), after: None },
            };
            self.delivery.put(row.at, answer);
        }
    }
}

fn is_lock(error: &CallError) -> bool {
    matches!(error, CallError::Http(HttpError::Refused { code, .. }) if code == "UNABLE_TO_LOCK_ROW")
}

/// A record in the recycle bin: for a deletion that is what was wanted.
fn deleted(row: &Row) -> Written {
    match &row.action {
        Action::Archive { id } => Written::Done { id: (*id).into(), version: None, created: false },
        _ => Written::Gone(DeleteEvidence::LookedUp),
    }
}

fn key_taken() -> Written {
    Written::Refused {
        code: "DUPLICATE_VALUE".to_owned(),
        reason:
            "another record has this key, and it is not visible to this user; look for it in the recycle bin"
                .to_owned(),
    }
}
