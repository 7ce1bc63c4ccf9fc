//! Changes of the application's own, on their way to the CRM.
//!
//! [`LocalEditor`] notes them in the transaction that writes the row; the inbound engine asks what creates in doubt have
//! made (`doubt`) and respects edits while they wait (`pending`); [`WriteBack`] sends them: claim, fetch what the CRM holds now, decide (`decide`), note the intent, call
//! the writer, record what became of it (`record`).

mod decide;
mod doubt;
mod editor;
mod fate;
pub(crate) mod fields;
mod outbound;
mod outcome;
mod pending;
mod record;
mod stance;

pub use editor::{EditError, LocalEditor};
pub use outbound::{Outgoing, WriteBack, WritebackOptions};
pub(crate) use pending::{Pending, PendingEdits, Reception};
