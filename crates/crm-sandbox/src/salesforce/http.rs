//! The wire: routes, answers, headers. Each file serves one family of endpoints.

mod answer;
mod collections;
mod control;
mod describe;
mod error;
mod limits;
mod oauth;
mod query;
mod replication;
mod request;
mod route;
mod rows;
mod server;
mod struck;

pub(crate) use query::Locators;
pub(crate) use server::serve_connections;
