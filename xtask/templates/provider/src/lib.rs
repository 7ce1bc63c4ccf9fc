#![doc = include_str!("../README.md")]

mod carried;
mod client;
mod custom;
mod cursor;
mod fetch;
mod listing;
mod map;
mod poll;
mod record;

pub use carried::carried;
pub use client::__Provider__Client;
pub use custom::__Provider__Fields;
pub use fetch::__Provider__Fetcher;
pub use listing::__Provider__Listing;
pub use map::From__Provider__;
pub use poll::__Provider__PollSource;
pub use record::{RecordError, __Provider__Record};
