//! Writes on their way to a provider: call after call, with an answer for every row.

#[cfg(test)]
mod tests;

use sync_core::{SourceError, Written};

use crate::call_error::CallError;

/// How often calls that were refused as a whole are halved to find the row at fault.
const SPLITS: usize = 40;

/// A write that is ready to be sent.
pub trait DeliveryRow {
    /// Its place among the writes.
    fn at(&self) -> usize;

    /// Rows of different kinds never share a call.
    fn kind(&self) -> u8;

    /// How many rows of its kind one call takes, at least 1.
    fn per_call(&self) -> usize;
}

/// Writes on their way to a provider, and what became of each so far.
///
/// The rules by which a writer keeps its promises whatever happens to a call, the same for every provider:
///
/// - A call whose answer is lost leaves its rows [`Written::Unknown`], and the other calls go on.
/// - A call that can't be made is the port's error as long as nothing was written. After that what was written has to
///   be told, so the rest is put off: [`Written::Later`].
/// - A call that was refused as a whole is [halved](Self::refused) until the row at fault stands alone.
///
/// How a chunk is sent, and what an answer means for a row, is the provider's own:
///
/// ```text
/// while let Some(rows) = delivery.next_call() {
///     if let Err(error) = send(rows, &mut delivery).await {
///         delivery.failed(error, into_source_error)?;
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Delivery<R> {
    answers: Vec<Option<Written>>,
    /// What has to be sent, the next call last.
    waiting: Vec<Vec<R>>,
    /// The rows of the call that is under way, by their places.
    under_way: Vec<usize>,
    has_written: bool,
    splits: usize,
    put_off: Option<Written>,
}

impl<R: DeliveryRow> Delivery<R> {
    /// Makes rows of writes. Those with an answer already, because there is nothing to send, are answered.
    pub fn prepare<W>(
        writes: &[W],
        mut row_of: impl FnMut(usize, &W) -> Result<R, Written>,
    ) -> (Self, Vec<R>) {
        let mut answers = vec![None; writes.len()];
        let mut rows = Vec::with_capacity(writes.len());
        for (at, write) in writes.iter().enumerate() {
            match row_of(at, write) {
                Ok(row) => rows.push(row),
                Err(answer) => answers[at] = Some(answer),
            }
        }
        let delivery = Self {
            answers,
            waiting: Vec::new(),
            under_way: Vec::new(),
            has_written: false,
            splits: 0,
            put_off: None,
        };
        (delivery, rows)
    }

    /// Queues rows behind the others, in this order: neighbours of one kind share a call. Once the rest was put off,
    /// so are they.
    pub fn queue(&mut self, rows: Vec<R>) {
        if let Some(later) = self.put_off.clone() {
            return self.answer_open(rows.iter().map(DeliveryRow::at), &later);
        }
        let mut calls: Vec<Vec<R>> = Vec::new();
        for row in rows {
            match calls.last_mut() {
                Some(call) if call[0].kind() == row.kind() && call.len() < row.per_call() => call.push(row),
                _ => calls.push(vec![row]),
            }
        }
        calls.reverse();
        calls.append(&mut self.waiting);
        self.waiting = calls;
    }

    /// The rows of the next call; `None` when all were sent.
    pub fn next_call(&mut self) -> Option<Vec<R>> {
        let call = self.waiting.pop()?;
        self.under_way = call.iter().map(DeliveryRow::at).collect();
        Some(call)
    }

    /// Takes note that a call reached the provider: from now on what was written has to be told.
    pub fn reached(&mut self) {
        self.has_written = true;
    }

    /// Answers a row.
    pub fn put(&mut self, at: usize, answer: Written) {
        self.answers[at] = Some(answer);
    }

    /// A row that is answered as done has another version by now, which is not known.
    pub fn forget_version(&mut self, at: usize) {
        if let Some(Written::Done { version, .. }) = &mut self.answers[at] {
            *version = None;
        }
    }

    /// The call under way failed: answers its rows, and those that can't be sent any more.
    ///
    /// # Errors
    /// `source` of the error, when the provider can't be asked and nothing was written.
    pub fn failed(
        &mut self,
        error: CallError,
        source: impl FnOnce(CallError) -> SourceError,
    ) -> Result<(), SourceError> {
        let under_way = std::mem::take(&mut self.under_way);
        if error.may_have_taken_effect() {
            self.has_written = true;
            self.answer_open(under_way, &Written::Unknown { reason: error.summary() });
            return Ok(());
        }
        let error = source(error);
        if !self.has_written {
            return Err(error);
        }
        let after = match error {
            SourceError::Throttled { retry_after, .. } => Some(retry_after),
            _ => None,
        };
        let later = Written::Later { reason: error.to_string(), after };
        let rest = std::mem::take(&mut self.waiting);
        let rest = rest.iter().flatten().map(DeliveryRow::at);
        self.answer_open(under_way.into_iter().chain(rest), &later);
        self.put_off = Some(later);
        Ok(())
    }

    /// The provider refused a call as a whole, because of one of its rows: they are sent again in halves. Returns a
    /// row that stood alone, and so is the one at fault.
    pub fn refused(&mut self, mut rows: Vec<R>) -> Option<R> {
        self.has_written = true;
        if rows.len() < 2 {
            return rows.pop();
        }
        if self.splits < SPLITS {
            self.splits += 1;
            let half = rows.split_off(rows.len() / 2);
            self.waiting.push(half);
            self.waiting.push(rows);
        } else {
            let reason = "another record of the same call was refused".to_owned();
            self.answer_open(rows.iter().map(DeliveryRow::at), &Written::Later { reason, after: None });
        }
        None
    }

    /// Why the rest was put off, if it was.
    #[must_use]
    pub fn put_off(&self) -> Option<&Written> {
        self.put_off.as_ref()
    }

    /// An answer per write, in order.
    #[must_use]
    pub fn into_answers(self) -> Vec<Written> {
        // The code that sends answers every row, which makes this impossible.
        let unanswered = || Written::Unknown { reason: "the row was not answered".to_owned() };
        self.answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }

    fn answer_open(&mut self, ats: impl IntoIterator<Item = usize>, answer: &Written) {
        for at in ats {
            self.answers[at].get_or_insert_with(|| answer.clone());
        }
    }
}
