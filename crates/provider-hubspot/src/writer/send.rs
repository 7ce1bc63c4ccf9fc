//! Chunks on their way, with what becomes of each row.

use std::collections::HashMap;

use provider_http::HttpError;
use sync_core::{DeleteEvidence, SourceError, Version, Written};

use super::links::Link;
use super::outcome::{BatchAnswer, Failure, RowError, RowResult};
use super::{Action, ROWS, Row};
use crate::client::HubspotClient;
use crate::describe::ObjectDescription;
use crate::error::CallError;
use crate::id::HubspotId;
use crate::map::version;
use crate::record::HubspotRecord;

/// How often calls that were refused as a whole are halved to find the row at fault.
const SPLITS: usize = 40;

/// The rows of one call of the port on their way.
pub(super) struct Sending<'a> {
    pub(super) client: &'a HubspotClient,
    pub(super) object: &'a ObjectDescription,
    pub(super) key: Option<&'static str>,
    /// The property with the version.
    pub(super) stamp: &'static str,
    pub(super) answers: &'a mut Vec<Option<Written>>,
    /// Whether anything may have been written yet.
    pub(super) has_sent: bool,
    pub(super) splits: usize,
    /// Rows that have to be sent once more, in another form.
    pub(super) again: Vec<Row>,
    /// Records that were written and have links to be written as well.
    pub(super) linked: Vec<(usize, HubspotId, Vec<Link>)>,
}

/// The answer for a row that got none; the code that answers every row makes it impossible.
pub(super) fn unanswered() -> Written {
    Written::Unknown { reason: "the row was not answered".to_owned() }
}

impl Sending<'_> {
    /// Sends rows that are in order.
    ///
    /// # Errors
    /// [`SourceError`] when HubSpot can't be asked, and nothing was written.
    pub(super) async fn all(&mut self, rows: Vec<Row>) -> Result<(), SourceError> {
        let mut put_off = self.round(rows).await?;
        // Once more: survivors of merges, contacts that exist, keys that were taken. What comes of it is told.
        if !self.again.is_empty() && put_off.is_none() {
            let again = std::mem::take(&mut self.again);
            put_off = self.round(again).await?;
        }
        for row in std::mem::take(&mut self.again) {
            let answer = put_off.clone().unwrap_or_else(|| Written::Later {
                reason: "the record is being merged or made elsewhere at the same time".to_owned(),
                after: None,
            });
            self.put(row.at, answer);
        }
        self.link().await;
        Ok(())
    }

    /// Sends rows once; returns why the rest was put off, if it was.
    async fn round(&mut self, mut rows: Vec<Row>) -> Result<Option<Written>, SourceError> {
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
                self.answer_open(&ats, &Written::Unknown { reason: error.summary() });
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
            return Ok(Some(later));
        }
        Ok(None)
    }

    fn answer_open(&mut self, ats: &[usize], answer: &Written) {
        for at in ats {
            self.answers[*at].get_or_insert_with(|| answer.clone());
        }
    }

    async fn chunk(&mut self, rows: Vec<Row>, halves: &mut Vec<Vec<Row>>) -> Result<(), CallError> {
        let rows = self.without_stale(rows).await.map_err(before_writing)?;
        let rows = self.without_mere_links(rows).await.map_err(before_writing)?;
        if rows.is_empty() {
            return Ok(());
        }
        let answer = match self.client.write_rows(&self.object.path, self.key, &rows).await {
            Ok(answer) => answer,
            Err(error) => return self.whole_call(rows, error, halves),
        };
        self.has_sent = true;
        self.answered(rows, answer).await
    }

    /// Matches an answer's results and errors with the rows.
    async fn answered(&mut self, rows: Vec<Row>, answer: BatchAnswer) -> Result<(), CallError> {
        let (mut results, errors) = (answer.results, answer.errors);
        let mut open = Vec::new();
        for row in rows {
            if let Action::Archive { id } = row.action {
                self.put(row.at, Written::Done { id: id.into(), version: None, created: false });
            } else if let Some(error) = errors.iter().find(|error| error.is_of(&row)) {
                self.failed(row, error).await;
            } else if let Some(at) = results.iter().position(|result| self.is_of(result, &row)) {
                let result = results.swap_remove(at);
                self.written(row, &result);
            } else {
                open.push(row);
            }
        }
        let alone = open.len() == 1 && results.len() == 1;
        for row in open {
            if let Action::Update { id, .. } = row.action {
                self.vanished(row, id).await;
            } else if let Some(at) = results.iter().position(|result| alone || result.holds(&row)) {
                let result = results.swap_remove(at);
                self.written(row, &result);
            } else {
                let reason = "the answer names neither the record nor an error of it".to_owned();
                self.put(row.at, Written::Unknown { reason });
            }
        }
        Ok(())
    }

    fn is_of(&self, result: &RowResult, row: &Row) -> bool {
        if let Some(trace) = &result.object_write_trace_id {
            return *trace == row.trace;
        }
        match &row.action {
            Action::Update { id, .. } => result.id() == Some(*id),
            Action::Create { key, .. } => self.key.is_some_and(|property| {
                result.properties.get(property).and_then(Option::as_deref) == Some(key.as_str())
            }),
            Action::Archive { .. } => false,
        }
    }

    fn written(&mut self, row: Row, result: &RowResult) {
        let Some(id) = result.id() else {
            let reason = "a record was written, and its id can't be read".to_owned();
            return self.put(row.at, Written::Unknown { reason });
        };
        let creates = matches!(row.action, Action::Create { .. });
        let created = creates && result.new.unwrap_or(self.key.is_none());
        self.put(row.at, Written::Done { id: id.into(), version: result.version(self.stamp), created });
        if !row.links.is_empty() {
            self.linked.push((row.at, id, row.links));
        }
    }

    async fn failed(&mut self, row: Row, error: &RowError) {
        match error.meaning(&row, self.key) {
            Failure::Answer(answer) => self.put(row.at, answer),
            Failure::KeyTaken => self.again.push(row),
            Failure::Exists(id) => {
                let Action::Create { key, body } = row.action else { return };
                let body = match self.key {
                    Some(property) => body.with(property, &key),
                    None => body,
                };
                self.again.push(Row { action: Action::Update { id, body, expected: None }, ..row });
            }
            Failure::Missing => match row.action {
                Action::Update { id, .. } => self.vanished(row, id).await,
                _ => self.put(row.at, Written::Gone(DeleteEvidence::LookedUp)),
            },
        }
    }

    /// An id that batches don't know any more is gone, or lives on as the survivor of a merge.
    async fn vanished(&mut self, row: Row, id: HubspotId) {
        match self.survivor(id).await {
            Ok(None) => self.put(row.at, Written::Gone(DeleteEvidence::LookedUp)),
            Ok(Some(survivor)) if survivor != id => {
                let Action::Update { body, .. } = row.action else { return };
                self.again.push(Row { action: Action::Update { id: survivor, body, expected: None }, ..row });
            }
            Ok(Some(_)) => {
                let reason = "the record is there, and the answer did not name it".to_owned();
                self.put(row.at, Written::Unknown { reason });
            }
            Err(error) => self.put(row.at, Written::Unknown { reason: error.summary() }),
        }
    }

    /// The record that answers to an id: itself, or the one it was merged into.
    async fn survivor(&self, id: HubspotId) -> Result<Option<HubspotId>, CallError> {
        let rows = self.client.batch_read(&self.object.path, &[self.stamp.to_owned()], &[id]).await?;
        Ok(rows.into_iter().find_map(|row| row.id))
    }

    /// Answers the rows whose record is gone or has another version than expected, and returns the others.
    async fn without_stale(&mut self, rows: Vec<Row>) -> Result<Vec<Row>, CallError> {
        let compared: Vec<HubspotId> = rows.iter().filter_map(expected).map(|(id, _)| id).collect();
        if compared.is_empty() {
            return Ok(rows);
        }
        let present = self.versions(&compared).await?;
        let mut fresh = Vec::with_capacity(rows.len());
        for row in rows {
            let Some((id, version)) = expected(&row) else {
                fresh.push(row);
                continue;
            };
            match present.get(&id) {
                Some(present) if *present == Some(version) => fresh.push(row),
                Some(_) => self.put(row.at, Written::Stale),
                None => {
                    let is_merged = self.survivor(id).await?.is_some();
                    let gone = Written::Gone(DeleteEvidence::LookedUp);
                    self.put(row.at, if is_merged { Written::Stale } else { gone });
                }
            }
        }
        Ok(fresh)
    }

    /// The present versions of the records that are there under these ids.
    async fn versions(&self, ids: &[HubspotId]) -> Result<HashMap<HubspotId, Option<Version>>, CallError> {
        let rows = self.client.batch_read(&self.object.path, &[self.stamp.to_owned()], ids).await?;
        let read = |row: &crate::wire::Row| {
            let record = HubspotRecord::parse(row.text()).ok()?;
            let stamp = record.instant(self.stamp).ok().flatten();
            stamp.or_else(|| record.instant("updatedAt").ok().flatten()).map(version)
        };
        Ok(rows.iter().filter_map(|row| Some((row.id?, read(row)))).collect())
    }

    /// Of rows that change nothing but links, only what is there is needed.
    async fn without_mere_links(&mut self, rows: Vec<Row>) -> Result<Vec<Row>, CallError> {
        let is_mere = |row: &Row| matches!(&row.action, Action::Update { body, .. } if body.is_empty());
        let (mere, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_mere);
        for row in mere {
            let Action::Update { id, .. } = row.action else { continue };
            match self.survivor(id).await? {
                None => self.put(row.at, Written::Gone(DeleteEvidence::LookedUp)),
                Some(id) => {
                    self.put(row.at, Written::Done { id: id.into(), version: None, created: false });
                    self.linked.push((row.at, id, row.links));
                }
            }
        }
        Ok(rows)
    }

    /// A call that was refused as a whole: the row at fault is found by halving.
    fn whole_call(
        &mut self,
        mut rows: Vec<Row>,
        error: CallError,
        halves: &mut Vec<Vec<Row>>,
    ) -> Result<(), CallError> {
        let CallError::Http(HttpError::Refused { status: 400 | 409, body, .. }) = &error else {
            return Err(error);
        };
        let Some(told) = RowError::of_call(&body.0) else { return Err(error) };
        self.has_sent = true;
        if rows.len() == 1 {
            let row = rows.remove(0);
            match told.meaning(&row, self.key) {
                Failure::Exists(id) => {
                    let Action::Create { key, body } = row.action else { return Ok(()) };
                    let body =
                        self.key.map_or_else(|| body.clone(), |property| body.clone().with(property, &key));
                    self.again.push(Row { action: Action::Update { id, body, expected: None }, ..row });
                }
                Failure::KeyTaken => self.again.push(row),
                Failure::Missing => self.put(row.at, Written::Gone(DeleteEvidence::LookedUp)),
                Failure::Answer(answer) => self.put(row.at, answer),
            }
        } else if self.splits < SPLITS {
            self.splits += 1;
            let half = rows.split_off(rows.len() / 2);
            halves.push(half);
            halves.push(rows);
        } else {
            let reason = "another record of the same call was refused".to_owned();
            for row in &rows {
                self.put(row.at, Written::Later { reason: reason.clone(), after: None });
            }
        }
        Ok(())
    }

    /// Writes the links of the records that were written. Their versions are not known afterwards.
    async fn link(&mut self) {
        let linked = std::mem::take(&mut self.linked);
        if linked.is_empty() {
            return;
        }
        let links: Vec<(HubspotId, Link)> =
            linked.iter().flat_map(|(_, id, links)| links.iter().map(|link| (*id, link.clone()))).collect();
        match self.client.link_rows(&self.object.path, &links).await {
            Ok(changed) => {
                for (at, id, _) in &linked {
                    if let Some(Written::Done { version, .. }) = &mut self.answers[*at]
                        && changed.contains(id)
                    {
                        *version = None;
                    }
                }
            }
            // One that fails holds up no other.
            Err(_) if linked.len() > 1 => {
                for (at, id, links) in linked {
                    self.link_one(at, id, links).await;
                }
            }
            Err(error) => self.unlinked(linked[0].0, &error),
        }
    }

    async fn link_one(&mut self, at: usize, id: HubspotId, links: Vec<Link>) {
        let links: Vec<_> = links.into_iter().map(|link| (id, link)).collect();
        match self.client.link_rows(&self.object.path, &links).await {
            Ok(_) => {
                if let Some(Written::Done { version, .. }) = &mut self.answers[at] {
                    *version = None;
                }
            }
            Err(error) => self.unlinked(at, &error),
        }
    }

    fn unlinked(&mut self, at: usize, error: &CallError) {
        let reason = format!("the values are written, the links are not: {}", error.summary());
        self.put(at, Written::Unknown { reason });
    }

    fn put(&mut self, at: usize, answer: Written) {
        self.answers[at] = Some(answer);
    }
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

fn expected(row: &Row) -> Option<(HubspotId, Version)> {
    match &row.action {
        Action::Update { id, expected, .. } => expected.map(|version| (*id, version)),
        _ => None,
    }
}
