//! An entity's file: reading it, and telling what is wrong with it.
//!
//! ```
//! use std::path::Path;
//! use sync_detection::yaml::{EntityFile, KnownEntities};
//!
//! let text = "
//! entity: ticket
//! doc: A request for help.
//! fields: { subject: text }
//! sync: { providers: { hubspot: { remote_entity: tickets } } }
//! detection:
//!   hubspot:
//!     mode: poll
//!     poll: { cursor: { kind: timestamp, field: hs_lastmodifieddate } }
//!     mapping: [{ source: subject, target: subject }]
//! ";
//! let ticket = EntityFile::parse(Path::new("entity.yaml"), text, &KnownEntities::Any)?;
//! assert_eq!(ticket.type_name(), "Ticket");
//!
//! let problems = EntityFile::parse(Path::new("entity.yaml"), "entitty: ticket", &KnownEntities::Any);
//! assert!(problems.unwrap_err().to_string().contains("did you mean `entity`?"));
//! # Ok::<(), sync_detection::yaml::Problems>(())
//! ```

mod access;
mod check;
mod config;
mod de;
mod event;
mod file;
mod node;
mod problem;
mod read;
mod reference;
mod rust;
pub(crate) mod schema;
mod shape;
mod suggest;

pub use access::{FieldRead, FieldView, ProviderView, pascal_case, snake_case};
pub use config::{
    ConflictConfig, ConflictWord, ContractConfig, CustomFieldStore, CustomFields, Direction, EntityConfig,
    FieldConfig, Mode, ProviderDetection, ProviderSync, RelationshipConfig, SyncConfig, ValueKind,
};
pub use event::{EventConfig, EventDirection, EventFile};
pub use file::{EntityFile, EntityNames, KnownEntities};
pub use problem::{Problem, Problems};
pub use reference::reference_markdown;
pub use schema::entity_schema;
