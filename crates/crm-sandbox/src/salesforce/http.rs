//! The wire: routes, answers, headers. Each file serves one family of endpoints.

mod authorize;
mod collections;
mod composite;
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
mod site;
mod struck;

pub(crate) use query::Locators;
