#![doc = include_str!("../README.md")]

mod extras;
mod generated;

pub use generated::*;
