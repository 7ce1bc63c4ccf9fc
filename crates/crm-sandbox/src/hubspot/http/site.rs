//! The account as a site that serves HTTP.

use std::sync::Arc;

use http::header::{DATE, HeaderName};

use super::error::{ApiError, correlation};
use super::{route, struck};
use crate::faults::Fault;
use crate::hubspot::model::time::http_date;
use crate::hubspot::state::{RequestKind, State};
use crate::wire::{Answer, Arrival, Call, Refusal, Site};

const CORRELATION: HeaderName = HeaderName::from_static("x-hubspot-correlation-id");

impl Site for State {
    /// The account's own limit is a setting and below this.
    const MAX_URI: usize = 65_536;
    const MAX_HEAD: usize = 131_072;

    fn arrive(&self, call: &mut Call) -> Arrival {
        let kind = route::kind(call);
        let (number, struck) = self.count(kind);
        call.number = number;
        Arrival { struck, control: kind == RequestKind::Control }
    }

    fn refuse(&self, call: &Call, refusal: Refusal) -> Answer {
        match refusal {
            Refusal::UriTooLong => struck::uri_too_long(),
            Refusal::HeadersTooLarge => {
                ApiError::new(431, "VALIDATION_ERROR", "Request Header Fields Too Large").answer(self, call)
            }
            Refusal::BodyTooLarge => {
                ApiError::new(413, "VALIDATION_ERROR", "Request Entity Too Large").answer(self, call)
            }
            Refusal::BadGzip => {
                ApiError::bad_request("the request body is not valid gzip").answer(self, call)
            }
        }
    }

    fn struck(&self, call: &Call, fault: &Fault) -> Option<Answer> {
        struck::answer(self, call, fault)
    }

    fn dispatch(self: &Arc<Self>, call: &Call) -> Answer {
        route::dispatch(self, call)
    }

    fn log(&self, call: &Call, status: Option<u16>) {
        let kind = route::kind(call);
        if kind != RequestKind::Control {
            let with_body = kind.writes() && self.setting(|settings| settings.log_bodies);
            self.requests().push(call, kind.as_str(), status, self.clock.now_ms(), with_body);
        }
    }

    fn compresses(&self) -> bool {
        self.setting(|settings| settings.gzip)
    }

    fn finish(&self, call: &Call, answer: Answer) -> Answer {
        answer.with(DATE, &http_date(self.clock.now_ms())).with(CORRELATION, &correlation(self, call))
    }
}
