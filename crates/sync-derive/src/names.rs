//! What an entity or a field may be called.

/// Columns that every table has beside those of the fields, so no field can have them; `custom_fields` is
/// another.
const KEPT_BY_THE_STORE: [&str; 9] = [
    "id",
    "tenant_id",
    "connection_id",
    "external_id",
    "provider",
    "created_at",
    "updated_at",
    "deleted_at",
    "remote_version",
];

/// What is wrong with an entity's name, and what to do.
pub(crate) fn entity_problem(name: &str) -> Option<String> {
    let problem =
        || format!("an entity's name is lower snake case in the singular, such as `line_item`, not {name:?}");
    (!is_lower_snake(name)).then(problem)
}

/// What is wrong with a field's stable name, and what to do.
pub(crate) fn field_problem(name: &str) -> Option<String> {
    if name == "custom" || name == "custom_fields" {
        return Some(format!(
            "`{name}` means the custom fields; mark the field that holds them with `#[canonical(custom)]`, or \
             give another name with `#[canonical(rename = \"…\")]`"
        ));
    }
    if name.starts_with("custom.") {
        return Some(format!(
            "names like `{name}` are those of custom fields; give a name without the prefix, or keep the \
             value in the field marked `#[canonical(custom)]`"
        ));
    }
    if KEPT_BY_THE_STORE.contains(&name) {
        return Some(format!(
            "`{name}` is kept by the store beside the record; remove this field, or, if it means something \
             else, give another name with `#[canonical(rename = \"…\")]`"
        ));
    }
    (!is_lower_snake(name)).then(|| {
        format!(
            "a field's name is lower snake case, such as `stage_name`, not {name:?}; give such a name with \
             `#[canonical(rename = \"…\")]`"
        )
    })
}

fn is_lower_snake(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
