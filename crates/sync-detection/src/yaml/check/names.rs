//! Names that code and tables can take.

use super::super::access::snake_case;

/// The longest name of a field: PostgreSQL cuts names after 63 bytes, and a link's gets `_external_id`.
const LONGEST: usize = 51;

/// Words that Rust keeps for itself.
const RUST: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// Words that PostgreSQL or SQLite keep for themselves.
const SQL: &[&str] = &[
    "add",
    "all",
    "alter",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "autoincrement",
    "between",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "index",
    "initially",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "nothing",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "transaction",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// Columns that every table has.
const COLUMNS: &[&str] = &[
    "id",
    "tenant_id",
    "connection_id",
    "external_id",
    "provider",
    "remote_version",
    "custom_fields",
    "created_at",
    "updated_at",
    "deleted_at",
];

/// Types that generated code uses without a path.
const TYPES: &[&str] = &[
    "Box",
    "Change",
    "CustomFields",
    "DateTime",
    "Decimal",
    "Err",
    "ExternalId",
    "Json",
    "NaiveDate",
    "None",
    "Ok",
    "Option",
    "Result",
    "Self",
    "Some",
    "String",
    "Utc",
    "Vec",
];

/// A reason why a name can't be taken, and what would do.
pub(super) struct Refusal {
    /// After the name: ``is a word of Rust``.
    pub(super) reason: String,
    pub(super) help: Option<String>,
}

fn refuse(reason: impl Into<String>, help: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { reason: reason.into(), help: Some(help.into()) })
}

/// Words in small letters with underscores between them.
pub(super) fn spelling(name: &str) -> Result<(), Refusal> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let is_snake_case =
        name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('_').all(is_word);
    if !is_snake_case {
        let better = snake_case(name);
        let starts_well = better.starts_with(|first: char| first.is_ascii_lowercase());
        let help = starts_well.then(|| format!("write `{better}`"));
        let reason = "is not in snake_case: small letters, digits and single underscores, a letter first";
        return Err(Refusal { reason: reason.to_owned(), help });
    }
    if name.len() > LONGEST {
        let reason = format!("has {} characters; databases cut names, {LONGEST} are safe", name.len());
        return refuse(reason, "find a shorter one");
    }
    if RUST.contains(&name) {
        return refuse("is a word of Rust", format!("find another one, such as `{name}_value`"));
    }
    Ok(())
}

/// A field: a column by its own name.
pub(super) fn field(name: &str) -> Result<(), Refusal> {
    let help = || format!("find another one, such as `{name}_value`");
    spelling(name)?;
    if COLUMNS.contains(&name) {
        return refuse("is a column that every table has", help());
    }
    if name == "custom" {
        return refuse("is where the customers' own fields are kept", help());
    }
    if SQL.contains(&name) {
        return refuse("is a word of SQL", help());
    }
    Ok(())
}

/// A relationship: two columns, `<name>_external_id` and `<name>_id`.
pub(super) fn link(name: &str) -> Result<(), Refusal> {
    spelling(name)?;
    let id = format!("{name}_id");
    if COLUMNS.contains(&id.as_str()) {
        return refuse(format!("makes a column `{id}`, which every table has"), "find another one");
    }
    if name == "custom" {
        return refuse("is where the customers' own fields are kept", "find another one");
    }
    Ok(())
}

/// An entity: a type and a module.
pub(super) fn entity(name: &str) -> Result<(), Refusal> {
    spelling(name)?;
    let type_name = super::super::access::pascal_case(name);
    if TYPES.contains(&type_name.as_str()) {
        let reason = format!("makes a type `{type_name}`, which generated code uses for something else");
        return refuse(reason, format!("find another one, such as `crm_{name}`"));
    }
    Ok(())
}

/// A table.
pub(super) fn table(name: &str) -> Result<(), Refusal> {
    spelling(name)?;
    if SQL.contains(&name) {
        return refuse("is a word of SQL", format!("find another one, such as `crm_{name}`"));
    }
    if name.starts_with("sync_") || name.starts_with("sqlite_") || name.starts_with("pg_") {
        return refuse("is a name that the store keeps for itself", "start with another word");
    }
    Ok(())
}

/// A provider's key: a variant, a field and a module.
pub(super) fn provider(key: &str) -> Result<(), Refusal> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if !key.starts_with(|first: char| first.is_ascii_lowercase()) || !key.split('-').all(is_word) {
        let better = snake_case(key).replace('_', "-");
        let starts_well = better.starts_with(|first: char| first.is_ascii_lowercase());
        let help = starts_well.then(|| format!("write `{better}`"));
        let reason = "is not in kebab-case: small letters, digits and single hyphens, a letter first";
        return Err(Refusal { reason: reason.to_owned(), help });
    }
    let own = key.strip_suffix("-crm").unwrap_or(key).replace('-', "_");
    if RUST.contains(&own.as_str())
        || ["mod", "canonical", "table", "sinks", "providers"].contains(&own.as_str())
    {
        return refuse(
            "is a name that generated code uses for something else",
            format!("write `{key}-crm-system`"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_taken() {
        for name in ["name", "kind", "close_date", "title", "billing_state", "employees", "x1"] {
            assert!(field(name).is_ok(), "{name}");
        }
        for name in ["user", "account", "order", "parent"] {
            assert!(link(name).is_ok(), "{name}");
            assert!(entity(name).is_ok(), "{name}");
        }
        for key in ["salesforce", "hubspot-crm", "my-crm-2"] {
            assert!(provider(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn lists_are_sorted_and_lower_case() {
        for list in [RUST, SQL] {
            assert!(list.is_sorted());
            assert!(
                list.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            );
        }
    }
}
