
/// Writes `T` to this account. Entities for which `entity.yaml` says `direction: outbound` or `bidirectional` can be.
#[must_use]
pub fn writer<T: To__Provider__>(crm: &__Provider__Client) -> Arc<dyn sync_core::RemoteWriter<T>> {
    Arc::new(__Provider__Writer::<T>::new(crm.clone()))
}

/// Whose value counts when a field of `T` was changed here and there, by the entity's YAML.
#[must_use]
pub const fn conflicts<T: To__Provider__>() -> sync_core::ConflictPolicy {
    T::CONFLICTS
}
