#![doc = include_str!("../README.md")]

mod bus;
mod dispatcher;
mod error;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "redis")]
mod redis;
mod relay;
mod subscribers;

pub use bus::{About, EventBus};
pub use dispatcher::{Dispatcher, DispatcherBuilder, DrainReport, LaneOptions};
pub use error::BuildError;
#[cfg(feature = "nats")]
pub use nats::{NatsError, NatsRelay, NatsRelayBuilder};
#[cfg(feature = "redis")]
pub use redis::{RedisRelay, RedisRelayBuilder, RedisRelayError};
pub use relay::{Delivery, Outcome, Relay};
pub use subscribers::Subscribers;
