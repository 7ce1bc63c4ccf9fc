//! The org in memory: objects, fields, rows and what a reader may see of them.
//!
//! Nothing here knows HTTP or SOQL. Readers go through [`Org::value`], because calculated fields are not stored:
//! they are worked out when read, which is why they change without moving `SystemModstamp`.

mod def;
mod id;
mod org;
mod table;
mod value;

pub use def::{FieldDef, FieldType, Formula, ObjectDef, PicklistValue};
pub use id::{RecordId, salesforce_id};
pub use org::{Deletion, Org};
pub use table::{Row, Slot, Table};
pub use value::{Value, decimal_text, double_text, write_datetime, write_json_string};

/// Position of `Id` in every object.
pub const ID: usize = 0;
/// Position of `IsDeleted` in every object (hidden on objects that can't be deleted, such as User).
pub const IS_DELETED: usize = 1;
/// Position of `CreatedDate` in every object.
pub const CREATED_DATE: usize = 2;
/// Position of `CreatedById` in every object.
pub const CREATED_BY: usize = 3;
/// Position of `LastModifiedDate` in every object.
pub const LAST_MODIFIED_DATE: usize = 4;
/// Position of `LastModifiedById` in every object.
pub const LAST_MODIFIED_BY: usize = 5;
/// Position of `SystemModstamp` in every object.
pub const SYSTEM_MODSTAMP: usize = 6;
