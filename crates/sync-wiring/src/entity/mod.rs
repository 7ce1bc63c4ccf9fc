//! One file per entity, alike but for its names.

#[cfg(feature = "entity-account")]
pub mod account;
#[cfg(feature = "entity-contact")]
pub mod contact;
#[cfg(feature = "entity-opportunity")]
pub mod opportunity;
#[cfg(feature = "entity-user")]
pub mod user;
