#![doc = include_str!("../README.md")]

mod config;
#[cfg(feature = "contract-tests")]
pub mod contract;
mod cursor;
mod filter;
mod literal;
mod mapping;
mod poll;
pub mod transform;
mod webhook;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use config::{CdcConfig, DetectionConfig, DetectionMode, PollConfig, PollProvenance, WebhookConfig};
pub use cursor::{CursorConfig, CursorKind};
pub use filter::{Comparable, Filter, FilterError, FilterOp, FilterValue, Ordered};
pub use literal::{Literal, Words};
pub use mapping::FieldMapping;
pub use poll::{OwnedPollRequest, PollChangeSource, PollFetch, PollRequest, poll_fetch};
pub use transform::{Transform, TransformError};
pub use webhook::{WebhookChangeSource, WrongMode};
