//! What an account holds: objects with their properties, rows, associations, owners, pipelines.

mod account;
mod associations;
mod calculated;
mod object;
mod people;
mod property;
mod table;
pub(crate) mod time;

pub use account::Account;
pub use associations::{AssociationLabel, Category};
pub(crate) use associations::{Associations, Pair};
pub use object::ObjectDef;
pub(crate) use people::{Owner, Pipeline, Stage, Team};
pub(crate) use property::{Formula, Source};
pub use property::{PropertyDef, PropertyOption, PropertyType};
pub use table::Row;
pub(crate) use table::{Change, Table, Value};
