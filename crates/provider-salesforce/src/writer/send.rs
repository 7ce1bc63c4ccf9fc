//! Chunks on their way, with what becomes of each row.

use std::time::Duration;

use provider_http::HttpError;
use sync_core::{DeleteEvidence, Jitter, SourceError, Version, Written};

use super::calls::errors_of;
use super::outcome::{Failure, RowError, RowResult};
use super::{Action, ROWS, Row};
use crate::client::SalesforceClient;
use crate::describe::ObjectDescription;
use crate::error::CallError;
use crate::id::SalesforceId;

/// How often calls that were refused as a whole are halved to find the row at fault.
const SPLITS: usize = 40;

/// The rows of one call of the port on their way.
pub(super) struct Sending<'a> {
    pub(super) client: &'a SalesforceClient,
    pub(super) jitter: &'a dyn Jitter,
    pub(super) object: &'a ObjectDescription,
    pub(super) key: Option<&'static str>,
    pub(super) answers: &'a mut Vec<Option<Written>>,
    /// Whether anything may have been written yet.
    pub(super) has_sent: bool,
    pub(super) splits: usize,
}

/// The answer for a row that got none; the code that answers every row makes it impossible.
pub(super) fn unanswered() -> Written {
    Written::Unknown { reason: "the row was not answered".to_owned() }
}

impl Sending<'_> {
    /// Sends rows that are in order.
    ///
    /// # Errors
    /// [`SourceError`] when Salesforce can't be asked, and nothing was written.
    pub(super) async fn all(&mut self, mut rows: Vec<Row>) -> Result<(), SourceError> {
        let mut chunks = Vec::new();
        while let Some(first) = rows.first() {
            let kind = std::mem::discriminant(&first.action);
            let is_other = |row: &Row| std::mem::discriminant(&row.action) != kind;
            let end = rows.iter().position(is_other).unwrap_or(rows.len()).min(ROWS);
            let rest = rows.split_off(end);
            chunks.push(std::mem::replace(&mut rows, rest));
        }
        chunks.reverse();
        while let Some(chunk) = chunks.pop() {
            let ats: Vec<usize> = chunk.iter().map(|row| row.at).collect();
            let Err(error) = self.chunk(chunk, &mut chunks).await else { continue };
            if error.may_have_taken_effect() {
                self.has_sent = true;
                let reason = error.summary();
                self.answer_open(&ats, &Written::Unknown { reason });
                continue;
            }
            if !self.has_sent {
                return Err(self.client.source_error(error));
            }
            // What was written has to be told, so the rest is put off.
            let error = self.client.source_error(error);
            let after = match error {
                SourceError::Throttled { retry_after, .. } => Some(retry_after),
                _ => None,
            };
            let later = Written::Later { reason: error.to_string(), after };
            self.answer_open(&ats, &later);
            for chunk in chunks.drain(..) {
                let ats: Vec<usize> = chunk.iter().map(|row| row.at).collect();
                self.answer_open(&ats, &later);
            }
        }
        Ok(())
    }

    fn answer_open(&mut self, ats: &[usize], answer: &Written) {
        for at in ats {
            self.answers[*at].get_or_insert_with(|| answer.clone());
        }
    }

    /// Sends a chunk until every row is answered. `halves` takes what has to be sent in parts.
    async fn chunk(&mut self, mut rows: Vec<Row>, halves: &mut Vec<Vec<Row>>) -> Result<(), CallError> {
        let tries = self.client.config().lock_tries.max(1);
        let mut keys_taken = false;
        for tried in 1..=tries {
            let (locked, taken) = self.once(rows, halves).await?;
            rows = locked;
            if !taken.is_empty() {
                // Now they are found by their key. Once is enough: who takes a key keeps it.
                if std::mem::replace(&mut keys_taken, true) {
                    taken.iter().for_each(|row| self.put(row.at, key_taken()));
                } else {
                    rows.extend(taken);
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
            self.put(row.at, Written::Later { reason, after: None });
        }
        Ok(())
    }

    /// One second, doubling from try to try, and up to as much again.
    async fn pause(&self, tried: u32) {
        let pause = self.client.config().lock_pause.saturating_mul(2_u32.saturating_pow(tried - 1));
        let more: Duration = pause.mul_f64(self.jitter.fraction().clamp(0.0, 1.0));
        tokio::time::sleep(pause + more).await;
    }

    /// Compares and sends rows once; returns those to be sent again: because of locks, and of keys taken meanwhile.
    async fn once(
        &mut self,
        rows: Vec<Row>,
        halves: &mut Vec<Vec<Row>>,
    ) -> Result<(Vec<Row>, Vec<Row>), CallError> {
        if let [Row { action: Action::Update { id, body, expected: Some(expected) }, .. }] = rows.as_slice() {
            let outcome = self.client.update_unchanged(&self.object.name, *id, *expected, body).await;
            return self.single(rows, outcome).await;
        }
        let rows = self.without_stale(rows).await?;
        let results = match self.client.write_rows(&self.object.name, self.key, &rows).await {
            Ok(results) => results,
            Err(error) if is_lock(&error) => {
                self.has_sent = true;
                return Ok((rows, Vec::new()));
            }
            Err(error) => return self.whole_call(rows, error, halves).map(|()| (Vec::new(), Vec::new())),
        };
        self.has_sent |= !rows.is_empty();
        let (mut locked, mut taken, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (row, result) in rows.into_iter().zip(results) {
            match self.judge(&row, result) {
                Ok(answer) => self.put(row.at, answer),
                Err((Failure::Locked, _)) => locked.push(row),
                Err((Failure::KeyTaken, _)) => taken.push(row),
                Err((Failure::Deleted, _)) => self.put(row.at, deleted(&row)),
                Err((Failure::Missing, error)) => missing.push((row, error)),
                Err((Failure::Answer(answer), _)) => self.put(row.at, answer),
            }
        }
        self.look_which_are_missing(missing).await;
        Ok((locked, taken))
    }

    fn judge(&self, row: &Row, result: RowResult) -> Result<Written, (Failure, RowError)> {
        if !result.success {
            let error = result.errors.into_iter().next().unwrap_or_default();
            return Err((error.meaning(row, self.key), error));
        }
        let id = result.id.as_deref().and_then(SalesforceId::parse).or(own_id(row));
        Ok(match id {
            Some(id) => Written::Done {
                id: id.into(),
                version: None,
                created: matches!(row.action, Action::Create { .. })
                    && (result.created || self.key.is_none()),
            },
            None => Written::Unknown { reason: "a record was made, and its id can't be read".to_owned() },
        })
    }

    /// Answers the rows whose record is gone or has another version than expected, and returns the others.
    async fn without_stale(&mut self, rows: Vec<Row>) -> Result<Vec<Row>, CallError> {
        let compared: Vec<SalesforceId> = rows.iter().filter_map(expected).map(|(id, _)| id).collect();
        if compared.is_empty() {
            return Ok(rows);
        }
        let present = self.client.versions(&self.object.name, &compared).await.map_err(before_writing)?;
        let mut present = present.into_iter();
        let mut fresh = Vec::with_capacity(rows.len());
        for row in rows {
            match expected(&row).map(|(_, version)| (version, present.next().flatten())) {
                Some((_, None)) => self.put(row.at, Written::Gone(DeleteEvidence::LookedUp)),
                Some((expected, Some(present))) if present != expected => self.put(row.at, Written::Stale),
                _ => fresh.push(row),
            }
        }
        Ok(fresh)
    }

    /// What became of a record that was sent alone.
    async fn single(
        &mut self,
        rows: Vec<Row>,
        outcome: Result<(), CallError>,
    ) -> Result<(Vec<Row>, Vec<Row>), CallError> {
        let (at, id) = (rows[0].at, own_id(&rows[0]));
        let result = match outcome {
            Ok(()) => RowResult { id: None, success: true, errors: Vec::new(), created: false },
            Err(CallError::Http(HttpError::Refused { status: 412, .. })) => {
                self.has_sent = true;
                self.stale_or_gone(at, id).await;
                return Ok((Vec::new(), Vec::new()));
            }
            Err(CallError::Http(HttpError::Refused { status: 400 | 404, body, .. }))
                if errors_of(&body.0).is_some() =>
            {
                let errors = errors_of(&body.0).unwrap_or_default();
                RowResult { id: None, success: false, errors, created: false }
            }
            Err(error) => return Err(error),
        };
        self.has_sent = true;
        match self.judge(&rows[0], result) {
            Ok(answer) => self.put(at, answer),
            Err((Failure::Locked | Failure::KeyTaken, _)) => return Ok((rows, Vec::new())),
            Err((Failure::Deleted | Failure::Missing, _)) => {
                self.put(at, Written::Gone(DeleteEvidence::LookedUp));
            }
            Err((Failure::Answer(answer), _)) => self.put(at, answer),
        }
        Ok((Vec::new(), Vec::new()))
    }

    /// A deletion moves the stamp as well, so that what is not as expected may be gone.
    async fn stale_or_gone(&mut self, at: usize, id: Option<SalesforceId>) {
        let present = self.client.versions(&self.object.name, id.as_slice()).await;
        let is_gone = present.is_ok_and(|present| present.first().is_some_and(Option::is_none));
        let gone = Written::Gone(DeleteEvidence::LookedUp);
        self.put(at, if is_gone { gone } else { Written::Stale });
    }

    /// A call that was refused as a whole, as for a value of the wrong kind: the row at fault is found by halving.
    fn whole_call(
        &mut self,
        mut rows: Vec<Row>,
        error: CallError,
        halves: &mut Vec<Vec<Row>>,
    ) -> Result<(), CallError> {
        let CallError::Http(HttpError::Refused { status: 400, body, .. }) = &error else { return Err(error) };
        let Some(told) = errors_of(&body.0).and_then(|errors| errors.into_iter().next()) else {
            return Err(error);
        };
        self.has_sent = true;
        if let [row] = rows.as_slice() {
            self.put(row.at, told.refused());
        } else if self.splits < SPLITS {
            self.splits += 1;
            let half = rows.split_off(rows.len() / 2);
            halves.push(half);
            halves.push(rows);
        } else {
            let reason = "another record of the same call was refused".to_owned();
            rows.iter().for_each(|row| {
                self.put(row.at, Written::Later { reason: reason.clone(), after: None });
            });
        }
        Ok(())
    }

    /// A reference that leads nowhere is the record's own id, or one that it holds.
    async fn look_which_are_missing(&mut self, rows: Vec<(Row, RowError)>) {
        let ids: Vec<SalesforceId> = rows.iter().filter_map(|(row, _)| own_id(row)).collect();
        if ids.is_empty() {
            return;
        }
        let found = self.client.versions(&self.object.name, &ids).await;
        for (n, (row, error)) in rows.iter().enumerate() {
            let answer = match &found {
                Ok(found) if found.get(n).is_some_and(Option::is_none) => {
                    Written::Gone(DeleteEvidence::LookedUp)
                }
                Ok(_) => error.refused(),
                Err(error) => Written::Later { reason: error.summary(), after: None },
            };
            self.put(row.at, answer);
        }
    }

    fn put(&mut self, at: usize, answer: Written) {
        self.answers[at] = Some(answer);
    }
}

fn is_lock(error: &CallError) -> bool {
    matches!(error, CallError::Http(HttpError::Refused { code, .. }) if code == "UNABLE_TO_LOCK_ROW")
}

/// A look that failed wrote nothing, whatever its answer was.
fn before_writing(error: CallError) -> CallError {
    match error {
        CallError::Garbled { call, what } => {
            CallError::Http(HttpError::Transient { call, tries: 1, source: what.into() })
        }
        error => error,
    }
}

fn own_id(row: &Row) -> Option<SalesforceId> {
    match &row.action {
        Action::Update { id, .. } | Action::Archive { id } => Some(*id),
        Action::Create { .. } => None,
    }
}

fn expected(row: &Row) -> Option<(SalesforceId, Version)> {
    match &row.action {
        Action::Update { id, expected, .. } => expected.map(|version| (*id, version)),
        _ => None,
    }
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
