//! Serving HTTP/1.1: connections, requests taken apart, answers, and the faults that work on a connection. What a
//! request means is the business of the simulated provider, a [`Site`].

mod answer;
mod call;
mod server;

pub(crate) use answer::{Answer, HTML, JSON};
pub(crate) use call::Call;
pub(crate) use server::{Arrival, Refusal, Site, serve_connections};
