//! From the entity to what is written.

use sync_core::{ConflictPolicy, FieldSet};
use sync_detection::FieldMapping;

use crate::FromHubspot;
use crate::record::ASSOCIATIONS;

/// An entity that can be written to HubSpot. Entity crates implement it behind a feature, where `entity.yaml` says
/// `direction: outbound` or `bidirectional`.
///
/// What is written follows from the [`mapping`](FromHubspot::mapping): each field goes where it came from, through its
/// transforms turned back; `associations.companies` becomes the association, as the primary one where there is such a
/// label. Not written are fields that the mapping excludes and those whose transforms have no way back.
pub trait ToHubspot: FromHubspot {
    /// The property of the object that holds our key: text with `hasUniqueValue`. Records are made by it, so that a
    /// create that is tried again makes no second record. `None`: creates are plain ones.
    const KEY: Option<&'static str>;

    /// Whose value counts when a field changed on both sides.
    const CONFLICTS: ConflictPolicy;
}

/// What a record has beside its properties; HubSpot's to set.
const ENVELOPE: &[&str] = &["id", "createdAt", "updatedAt", "archived", "archivedAt", "url", "hs_object_id"];

/// The fields that can be written, as far as the mapping alone tells.
pub(crate) fn mapped<T: ToHubspot>() -> FieldSet {
    let writable =
        T::mapping().iter().filter(|mapping| mapping.is_writable() && !ENVELOPE.contains(&&*mapping.source));
    FieldSet::named::<T>(writable.map(|mapping| &*mapping.target))
}

/// The mapping that fills a field of `T`, by the field's number.
pub(crate) fn mapping_of<T: ToHubspot>(field: usize) -> Option<&'static FieldMapping> {
    let name = T::FIELDS.get(field)?.name;
    T::mapping().iter().find(|mapping| mapping.target == name)
}

/// The associated object of a mapped source.
pub(crate) fn associated(source: &str) -> Option<&str> {
    source.strip_prefix(ASSOCIATIONS)
}
