//! The org as a site that serves HTTP.

use std::sync::Arc;

use http::HeaderValue;
use http::header::{DATE, HeaderName};

use super::describe::http_date;
use super::error::ApiError;
use super::{limits, request, route, struck};
use crate::faults::Fault;
use crate::salesforce::state::{RequestKind, State};
use crate::wire::{Answer, Arrival, Call, Refusal, Site};

const LIMIT_INFO: HeaderName = HeaderName::from_static("sforce-limit-info");

impl Site for State {
    const MAX_URI: usize = 16_384;
    const MAX_HEAD: usize = 16_384;

    fn arrive(&self, call: &mut Call) -> Arrival {
        request::override_method(call);
        let kind = route::kind(call);
        let (number, struck) = self.arrive(kind);
        call.number = number;
        Arrival { struck, control: kind == RequestKind::Control }
    }

    fn refuse(&self, _: &Call, refusal: Refusal) -> Answer {
        let (status, code, message) = match refusal {
            Refusal::UriTooLong => (414, "URI_TOO_LONG", "the request URI is longer than 16,384 bytes"),
            Refusal::HeadersTooLarge => (
                431,
                "REQUEST_HEADER_FIELDS_TOO_LARGE",
                "the request URI and headers are longer than 16,384 bytes",
            ),
            Refusal::BodyTooLarge => {
                (413, "REQUEST_ENTITY_TOO_LARGE", "the request body is larger than 50 MB")
            }
            Refusal::BadGzip => (400, "JSON_PARSER_ERROR", "the request body is not valid gzip"),
        };
        ApiError::new(status, code, message).answer()
    }

    fn struck(&self, call: &Call, fault: &Fault) -> Option<Answer> {
        struck::answer(call, fault)
    }

    fn dispatch(self: &Arc<Self>, call: &Call) -> Answer {
        route::dispatch(self, call)
    }

    fn log(&self, call: &Call, status: Option<u16>) {
        let kind = route::kind(call);
        if kind != RequestKind::Control {
            let with_body = kind.writes() && self.settings().log_bodies;
            self.requests().push(call, kind.as_str(), status, self.clock.now_ms(), with_body);
        }
    }

    fn compresses(&self) -> bool {
        self.settings().gzip
    }

    fn finish(&self, _: &Call, mut answer: Answer) -> Answer {
        let texts = [(DATE, http_date(self.clock.now_ms())), (LIMIT_INFO, limits::header(self))];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::from_str(&text) {
                answer.headers.insert(name, value);
            }
        }
        answer
    }
}
