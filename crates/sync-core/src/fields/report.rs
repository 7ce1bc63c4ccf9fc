//! What tracking found, for people and programs.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::{ConnectionId, FieldContract, FieldStanding, RemoteType};

/// What became of the custom fields of one connection and entity since they were last looked at.
///
/// Its text has one line per change, none when nothing changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldReport {
    /// Which entity.
    pub entity: &'static str,
    /// Which connection.
    pub connection: ConnectionId,
    /// Whether they were looked at for the first time: then there is nothing to compare with.
    pub first: bool,
    /// How many are there.
    pub n_fields: usize,
    /// What changed, by name.
    pub drift: Vec<FieldDrift>,
    /// The fields whose values older records still lack, by name.
    pub pending: Vec<Arc<str>>,
}

/// What changed in one field, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldDrift {
    /// The provider's name.
    pub name: Arc<str>,
    /// What people call it.
    pub label: Option<String>,
    /// What changed.
    #[serde(flatten)]
    pub drift: Drift,
    /// The contract in force.
    pub contract: FieldContract,
    /// What follows from it.
    pub standing: FieldStanding,
    /// Whether its values are brought to the records that are here already.
    pub backfill: bool,
}

/// What changed in a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "drift", rename_all = "lowercase")]
pub enum Drift {
    /// It was never seen before.
    New {
        /// Its type.
        r#type: RemoteType,
    },
    /// It is not there any more, or can't be read.
    Gone,
    /// It was gone, and is there again.
    Back,
    /// It has another type.
    Retyped {
        /// The type before.
        from: RemoteType,
        /// The type now.
        to: RemoteType,
    },
    /// It is the same, and its contract says something else than before.
    Contract {
        /// How it stood.
        from: FieldStanding,
    },
}

impl fmt::Display for FieldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, drift) in self.drift.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{drift}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.drift {
            Drift::New { r#type } => write!(f, "field {name} ({type}) is new: {}", self.consequence()),
            Drift::Gone => write!(f, "field {name} is gone upstream: its values stay"),
            Drift::Back => write!(f, "field {name} is back: {}", self.consequence()),
            Drift::Retyped { from, to } => {
                write!(f, "field {name} changed from {from} to {to}: {}", self.consequence())
            }
            Drift::Contract { .. } => {
                write!(f, "field {name} is under the contract {} now: {}", self.contract, self.consequence())
            }
        }
    }
}

impl FieldDrift {
    fn consequence(&self) -> &'static str {
        match (self.standing, self.backfill) {
            (FieldStanding::Taken, true) => "read from now on, and backfilled for records that are here",
            (FieldStanding::Taken, false) => "read from now on",
            (FieldStanding::Frozen, _) => "not read, because custom fields are frozen",
            (FieldStanding::Kept, _) => "its last values stay, because it is frozen",
            (FieldStanding::Discarded, _) => "discarded",
        }
    }
}

impl fmt::Display for RemoteType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for FieldContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
