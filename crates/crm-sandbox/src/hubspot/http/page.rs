//! Lists in pages, written straight into the answer.

use crate::hubspot::render::write_text;
use crate::wire::{Answer, JSON};

/// A body `{"results":[…]}` in the making.
pub(super) struct Page {
    out: Vec<u8>,
    empty: bool,
}

impl Page {
    /// `head` is what stands before the results: `{` or `{"total":7,`.
    pub(super) fn new(head: &str, expected: usize) -> Self {
        let mut out = Vec::with_capacity(64 + expected);
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"\"results\":[");
        Self { out, empty: true }
    }

    /// Writes one result.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        write(&mut self.out);
    }

    /// Ends the results; `next` is where the following page starts, absent on the last one.
    pub(super) fn end(mut self, next: Option<(&str, &str)>) -> Answer {
        self.out.push(b']');
        if let Some((after, link)) = next {
            self.out.extend_from_slice(b",\"paging\":{\"next\":{\"after\":");
            write_text(after, &mut self.out);
            if !link.is_empty() {
                self.out.extend_from_slice(b",\"link\":");
                write_text(link, &mut self.out);
            }
            self.out.extend_from_slice(b"}}");
        }
        self.out.push(b'}');
        Answer::bytes(200, JSON, self.out)
    }

    /// Ends the results and adds what else belongs to a batch.
    pub(super) fn end_batch(mut self, status: u16, tail: &str) -> Answer {
        self.out.push(b']');
        self.out.extend_from_slice(tail.as_bytes());
        self.out.push(b'}');
        Answer::bytes(status, JSON, self.out)
    }
}

/// The values of a list parameter, given several times or separated by commas.
pub(super) fn list_param<'a>(call: &'a crate::wire::Call, name: &str) -> Vec<&'a str> {
    let values = call.query.iter().filter(|(key, _)| key == name);
    values.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|value| !value.is_empty()).collect()
}

/// A number parameter within its range.
pub(super) fn limit_param(
    call: &crate::wire::Call,
    default: usize,
    max: usize,
) -> Result<usize, super::error::ApiError> {
    let Some(text) = call.param("limit") else { return Ok(default.min(max)) };
    let limit = text.parse::<usize>().ok().filter(|limit| (1..=max).contains(limit));
    limit.ok_or_else(|| {
        super::error::ApiError::bad_request(format!("limit must be between 1 and {max}, but was {text}"))
    })
}

/// A switch such as `archived`.
pub(super) fn flag(call: &crate::wire::Call, name: &str) -> bool {
    call.param(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}
