//! `POST /crm/v3/objects/{type}/search`: filters, order, paging by offset, over what the index knows.

mod compile;
mod filter;
mod glob;
mod run;

pub(crate) use compile::{Search, SearchBody};
pub(crate) use run::{Cache, find};
