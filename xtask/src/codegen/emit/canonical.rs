//! `src/generated/canonical.rs`: the application's own type.

use std::fmt::Write as _;

use sync_core::FieldKind;
use sync_detection::yaml::FieldView;

use crate::codegen::model::{Entity, sentence};
use crate::codegen::names::doc;

pub(super) fn file(entity: &Entity) -> String {
    let fields = entity.fields();
    let mut text = format!("//! The application's own view of {}, whatever the CRM.\n\n", entity.many());
    text += &imports(entity, &fields);
    text.push('\n');
    text += &doc("///", 0, entity.config.doc.trim());
    let title =
        entity.config.title.as_ref().map(|title| format!(", title = \"{title}\"")).unwrap_or_default();
    let _ = write!(
        text,
        "#[derive(Clone, Debug, Default, PartialEq, Canonical)]\n#[canonical(entity = \"{}\"{title})]\npub struct {} {{\n",
        entity.name(),
        entity.ty()
    );
    for field in &fields {
        text += &doc("///", 4, &sentence(field));
        let _ = writeln!(text, "    pub {}: {},", field.name, full_type(field));
    }
    if entity.has_custom() {
        text += "    /// Fields that the customer added, by the CRM's name.\n    #[canonical(custom)]\n    pub custom: CustomFields,\n";
    }
    text + "}\n"
}

fn imports(entity: &Entity, fields: &[FieldView<'_>]) -> String {
    let has = |kind| fields.iter().any(|field| field.kind == kind);
    let mut text = list(
        "chrono",
        &[
            ("DateTime", has(FieldKind::Instant)),
            ("NaiveDate", has(FieldKind::Date)),
            ("Utc", has(FieldKind::Instant)),
        ],
    );
    text += &list("rust_decimal", &[("Decimal", has(FieldKind::Decimal))]);
    if has(FieldKind::Json) {
        text += "use serde_json::Value as Json;\n";
    }
    text + &list(
        "sync_core",
        &[("Canonical", true), ("CustomFields", entity.has_custom()), ("ExternalId", has(FieldKind::Link))],
    )
}

/// The import of the names that are used.
pub(super) fn list(path: &str, names: &[(&str, bool)]) -> String {
    let names: Vec<_> = names.iter().filter(|(_, used)| *used).map(|(name, _)| *name).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("use {path}::{one};\n"),
        several => format!("use {path}::{{{}}};\n", several.join(", ")),
    }
}

/// The type of a value.
pub(super) fn plain_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Bool => "bool",
        FieldKind::Int => "i64",
        FieldKind::Decimal => "Decimal",
        FieldKind::Text => "String",
        FieldKind::Date => "NaiveDate",
        FieldKind::Instant => "DateTime<Utc>",
        FieldKind::Json => "Json",
        FieldKind::Link => "ExternalId",
    }
}

fn full_type(field: &FieldView<'_>) -> String {
    let ty = plain_type(field.kind);
    if field.required { ty.to_owned() } else { format!("Option<{ty}>") }
}
