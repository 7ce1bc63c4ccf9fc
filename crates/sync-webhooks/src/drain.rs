//! From what waits to runs.

mod collapse;
mod drainer;
mod feed;
mod feeds;
mod listen;
mod source;

pub use drainer::{DrainOptions, Drainer};
pub use feed::{Drain, DrainError, DrainFeed, Drained};
pub use feeds::DrainFeeds;
pub use source::InboxSource;
