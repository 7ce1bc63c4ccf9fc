//! Chunks on their way, with what becomes of each row.

use std::collections::HashMap;

use provider_http::{Delivery, HttpError};
use sync_core::{DeleteEvidence, SourceError, Version, Written};

use super::links::Link;
use super::outcome::{BatchAnswer, Failure, RowError, RowResult};
use super::{Action, Row};
use crate::client::HubspotClient;
use crate::describe::ObjectDescription;
use crate::error::CallError;
use crate::id::HubspotId;
use crate::map::version;
use crate::record::HubspotRecord;

/// The rows of one call of the port on their way.
pub(super) struct Sending<'a> {
    pub(super) client: &'a HubspotClient,
    pub(super) object: &'a ObjectDescription,
    pub(super) key: Option<&'static str>,
    /// The property with the version.
    pub(super) stamp: &'static str,
    pub(super) delivery: Delivery<Row>,
    /// Rows that have to be sent once more, in another form.
    pub(super) again: Vec<Row>,
    /// Records that were written and have links to be written as well.
    pub(super) linked: Vec<(usize, HubspotId, Vec<Link>)>,
}

impl Sending<'_> {
    /// Sends what is queued.
    ///
    /// # Errors
    /// [`SourceError`] when HubSpot can't be asked, and nothing was written.
    pub(super) async fn all(&mut self) -> Result<(), SourceError> {
        self.queued().await?;
        // Once more: survivors of merges, contacts that exist, keys that were taken. What comes of it is told.
        let again = std::mem::take(&mut self.again);
        self.delivery.queue(again);
        self.queued().await?;
        for row in std::mem::take(&mut self.again) {
            let answer = self.delivery.put_off().cloned().unwrap_or_else(|| Written::Later {
                reason: "the record is being merged or made elsewhere at the same time".to_owned(),
                after: None,
            });
            self.delivery.put(row.at, answer);
        }
        self.link().await;
        Ok(())
    }

    async fn queued(&mut self) -> Result<(), SourceError> {
        while let Some(rows) = self.delivery.next_call() {
            if let Err(error) = self.chunk(rows).await {
                self.delivery.failed(error, |error| self.client.source_error(error))?;
            }
        }
        Ok(())
    }

    async fn chunk(&mut self, rows: Vec<Row>) -> Result<(), CallError> {
        let rows = self.without_stale(rows).await.map_err(CallError::of_a_look)?;
        // Nothing comes between the look and the writing, because nobody compares again.
        let is_mere = |row: &Row| matches!(&row.action, Action::Update { body, .. } if body.is_empty());
        let (mere, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_mere);
        if !rows.is_empty() {
            match self.client.write_rows(&self.object.path, self.key, &rows).await {
                Ok(answer) => {
                    self.delivery.reached();
                    self.answered(rows, answer).await;
                }
                Err(error) => self.whole_call(rows, error).await?,
            }
        }
        self.mere_links(mere).await.map_err(CallError::of_a_look)
    }

    /// Matches an answer's results and errors with the rows.
    async fn answered(&mut self, rows: Vec<Row>, answer: BatchAnswer) {
        let (mut results, errors) = (answer.results, answer.errors);
        let mut open = Vec::new();
        for row in rows {
            if let Action::Archive { id } = row.action {
                self.delivery.put(row.at, Written::Done { id: id.into(), version: None, created: false });
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
                self.delivery.put(row.at, Written::Unknown { reason });
            }
        }
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
            return self.delivery.put(row.at, Written::Unknown { reason });
        };
        let creates = matches!(row.action, Action::Create { .. });
        let created = creates && result.new.unwrap_or(self.key.is_none());
        self.delivery
            .put(row.at, Written::Done { id: id.into(), version: result.version(self.stamp), created });
        if !row.links.is_empty() {
            self.linked.push((row.at, id, row.links));
        }
    }

    async fn failed(&mut self, row: Row, error: &RowError) {
        match error.meaning(&row, self.key) {
            Failure::Answer(answer) => self.delivery.put(row.at, answer),
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
                _ => self.delivery.put(row.at, Written::Gone(DeleteEvidence::LookedUp)),
            },
        }
    }

    /// An id that batches don't know any more is gone, or lives on as the survivor of a merge.
    async fn vanished(&mut self, row: Row, id: HubspotId) {
        match self.survivor(id).await {
            Ok(None) => self.delivery.put(row.at, Written::Gone(DeleteEvidence::LookedUp)),
            Ok(Some(survivor)) if survivor != id => {
                let Action::Update { body, expected: None, .. } = row.action else {
                    return self.delivery.put(row.at, Written::Stale);
                };
                self.again.push(Row { action: Action::Update { id: survivor, body, expected: None }, ..row });
            }
            Ok(Some(_)) => {
                let reason = "the record is there, and the answer did not name it".to_owned();
                self.delivery.put(row.at, Written::Unknown { reason });
            }
            Err(error) => self.delivery.put(row.at, Written::Unknown { reason: error.summary() }),
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
                Some(_) => self.delivery.put(row.at, Written::Stale),
                None => {
                    let is_merged = self.survivor(id).await?.is_some();
                    let gone = Written::Gone(DeleteEvidence::LookedUp);
                    self.delivery.put(row.at, if is_merged { Written::Stale } else { gone });
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
    async fn mere_links(&mut self, rows: Vec<Row>) -> Result<(), CallError> {
        for row in rows {
            let Action::Update { id, .. } = row.action else { continue };
            match self.survivor(id).await? {
                None => self.delivery.put(row.at, Written::Gone(DeleteEvidence::LookedUp)),
                Some(id) => {
                    self.delivery.put(row.at, Written::Done { id: id.into(), version: None, created: false });
                    self.linked.push((row.at, id, row.links));
                }
            }
        }
        Ok(())
    }

    /// A call that was refused as a whole: the row at fault is found by halving.
    async fn whole_call(&mut self, rows: Vec<Row>, error: CallError) -> Result<(), CallError> {
        let CallError::Http(HttpError::Refused { status: 400 | 409, body, .. }) = &error else {
            return Err(error);
        };
        let Some(told) = RowError::of_call(&body.0) else { return Err(error) };
        if let Some(row) = self.delivery.refused(rows) {
            self.failed(row, &told).await;
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
                for (at, _, _) in linked.iter().filter(|(_, id, _)| changed.contains(id)) {
                    self.delivery.forget_version(*at);
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
            Ok(_) => self.delivery.forget_version(at),
            Err(error) => self.unlinked(at, &error),
        }
    }

    fn unlinked(&mut self, at: usize, error: &CallError) {
        let reason = format!("the values are written, the links are not: {}", error.summary());
        self.delivery.put(at, Written::Unknown { reason });
    }
}

fn expected(row: &Row) -> Option<(HubspotId, Version)> {
    match &row.action {
        Action::Update { id, expected, .. } => expected.map(|version| (*id, version)),
        _ => None,
    }
}
