#![doc = include_str!("../README.md")]

mod config;
mod error;
mod store;

pub use config::RedisLoopbackBuilder;
pub use error::{ConfigError, RedisFailure};
pub use store::RedisLoopbackStore;
