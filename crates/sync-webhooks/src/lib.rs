#![doc = include_str!("../README.md")]

mod connected;
mod counters;
mod drain;
mod error;
pub mod hubspot;
mod limits;
mod rate;
mod receiver;
mod recipients;
pub mod salesforce;
mod serve;
mod stage;
mod wake;

pub use connected::ConnectedRecipients;
pub use counters::{Counters, Seen};
pub use drain::{Drain, DrainError, DrainFeed, DrainFeeds, DrainOptions, Drained, Drainer, InboxSource};
pub use error::StageError;
pub use limits::Limits;
pub use receiver::{
    HubspotReceiver, Organizations, Receiver, ReceiverBuilder, SalesforceReceiver, WeakToken,
};
pub use recipients::{Recipient, Recipients, StaticRecipients};
pub use serve::serve;
pub use stage::{Stager, StagerOptions, StagerTask};
pub use wake::{Staged, Wake};
