//! SOQL: a parser, and an evaluator over the simulated org.
//!
//! [`parse`] knows the grammar, [`execute`] the org, [`render_page`] the wire form. Names are resolved to
//! positions once per query; conditions on `SystemModstamp` and `Id` go through the tables' indexes.
//! Rows come back in descending index order when no order was asked for, so that a client which relies on
//! an order it did not ask for is caught.

mod access;
mod aggregate;
mod ast;
mod column;
mod compile;
mod dates;
mod error;
mod eval;
mod fold;
mod lexer;
mod like;
mod order;
mod parser;
mod plan;
mod predicate;
mod projection;
mod render;
#[cfg(test)]
mod tests;

pub use ast::Query;
pub use error::SoqlError;
pub use eval::{ResultSet, execute};
pub use parser::parse;
pub use render::render_page;
