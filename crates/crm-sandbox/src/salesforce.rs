//! A simulated Salesforce org, written from Salesforce's public guides.

pub mod model;
pub mod schema;
pub mod soql;
pub mod write;
