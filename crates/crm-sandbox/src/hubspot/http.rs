//! The wire: routes, answers, headers. Each file serves one family of endpoints.

mod account;
mod associations;
mod authorize;
mod batch;
mod control;
mod error;
mod labels;
mod oauth;
mod objects;
pub(super) mod owners;
mod page;
mod pipelines;
mod properties;
mod route;
mod schemas;
mod search;
mod site;
mod struck;
mod webhooks;

pub(super) use associations::category;
