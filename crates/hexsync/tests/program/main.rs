//! The real program, from outside: arguments, files, exit codes, what it prints and what it leaves behind.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod connections;
mod dead_letters;
mod diagnosis;
mod events;
mod fields;
mod hubspot;
mod installation;
mod interruptions;
#[cfg(unix)]
mod killed;
mod loopback;
mod multi_tenant;
mod postgres;
mod sandbox;
mod secrets;
mod serve;
mod support;
mod tour;
mod wrong;
