#![doc = include_str!("../README.md")]

mod budget;
mod call_error;
mod client;
mod delivery;
mod error;
mod exchange;
mod limit;
mod origin;
pub mod redact;
mod request;
mod response;
mod retry;
mod retry_after;
mod server_clock;
pub mod slices;
mod verdict;

pub use budget::{Budget, BudgetPermit, BudgetSnapshot, BudgetSpent, Usage};
pub use call_error::{CallError, ReadRefusal};
pub use client::{BuildError, HttpClient, HttpClientBuilder};
pub use delivery::{Delivery, DeliveryRow};
pub use error::{BoxError, HiddenBytes, HttpError};
pub use limit::{RateLimit, RateLimiter};
pub use request::ApiRequest;
pub use response::ApiResponse;
pub use retry::RetryPolicy;
pub use retry_after::retry_after;
pub use server_clock::ServerClock;
pub use verdict::{Answer, Classify, StatusClassifier, Verdict};
