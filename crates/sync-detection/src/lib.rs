#![doc = include_str!("../README.md")]

mod cursor;
mod filter;
mod mapping;

pub use cursor::CursorKind;
pub use filter::{Filter, FilterError, FilterOp, FilterValue};
pub use mapping::{FieldMapping, Transform};
