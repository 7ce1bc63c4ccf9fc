//! From the entity to what is written.

use sync_core::{Canonical, ConflictPolicy, FieldSet, FieldValue};
use sync_detection::FieldMapping;

use crate::FromSalesforce;

/// An entity that can be written to Salesforce. Entity crates implement it behind a feature, where `entity.yaml` says
/// `direction: outbound` or `bidirectional`.
///
/// What is written follows from the [`mapping`](FromSalesforce::mapping): each field goes where it came from, through
/// its transforms turned back. Not written are fields that the mapping excludes, whose transforms have no way back, and
/// those of related records. Parts of compound fields are (`BillingAddress.city` is written as `BillingCity`).
pub trait ToSalesforce: FromSalesforce {
    /// The custom field of the object that holds our key: text of at least 36 characters, unique, marked as external
    /// id. Records are made by it, so that a create that is tried again makes no second record. `None`: creates are
    /// plain inserts.
    const KEY: Option<&'static str>;

    /// Whose value counts when a field changed on both sides.
    const CONFLICTS: ConflictPolicy;
}

/// The fields that can be written, as far as the mapping alone tells.
pub(crate) fn mapped<T: ToSalesforce>() -> FieldSet {
    let writable = T::mapping().iter().filter(|mapping| mapping.is_writable() && may_be_own(&mapping.source));
    FieldSet::named::<T>(writable.map(|mapping| &*mapping.target))
}

/// Whether a source can be a field of the object itself: standard compounds are all called `…Address`, any other path
/// is known to be no relationship only once the object is described.
fn may_be_own(source: &str) -> bool {
    source.split_once('.').is_none_or(|(first, _)| first.ends_with("Address"))
}

/// The mapping that fills a field of `T`, by the field's number.
pub(crate) fn mapping_of<T: ToSalesforce>(field: usize) -> Option<&'static FieldMapping> {
    let name = T::FIELDS.get(field)?.name;
    T::mapping().iter().find(|mapping| mapping.target == name)
}

/// The record that `record` hangs on, for sorting: rows of one parent in one call don't lock each other out.
pub(crate) fn parent<T: Canonical>(record: &T) -> String {
    let links = T::FIELDS.iter().enumerate().filter(|(_, field)| field.kind == sync_core::FieldKind::Link);
    for (field, _) in links {
        if let FieldValue::Text(id) = record.value(field).to_owned() {
            return id;
        }
    }
    String::new()
}
