//! Records that __Product__'s calls carry.

use std::sync::Arc;

use sync_core::CarriedRecords;

use crate::{From__Provider__, __Provider__Client};

/// How what calls of this account carry is read. As long as it is not, a call is a hint, and records are fetched.
#[must_use]
pub fn carried<T: From__Provider__>(_: &__Provider__Client) -> Option<Arc<dyn CarriedRecords<T>>> {
    None
}
