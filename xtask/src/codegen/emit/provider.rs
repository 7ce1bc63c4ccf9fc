//! `src/generated/<provider>.rs`: how one provider's records become ours.

use std::fmt::Write as _;

use crate::codegen::model::{Entity, Provider};
use crate::codegen::names::literal;

pub(super) fn file(entity: &Entity, provider: &Provider) -> String {
    let config = &provider.detection.config;
    let (many, product) = (entity.many(), &provider.product);
    let mapping: String = config.mapping.iter().map(|mapping| mapping.to_rust() + ",\n").collect();
    let detection = config.to_rust("MAPPING");
    let mut record = if provider.has_crate { record(entity, provider) } else { String::new() };
    if provider.writes() {
        record += &writing(entity, provider);
    }
    format!(
        "//! {product}'s `{}` as {many}: which field fills which, and how changes are noticed.

{}
/// Which field of {product} fills which of ours.
pub(super) const MAPPING: &[FieldMapping] = &[
{mapping}];

/// How {product}'s changes are noticed.
pub(super) fn detection() -> DetectionConfig {{
{detection}
}}
{record}",
        provider.sync.remote_entity,
        imports(provider, &format!("{mapping} {detection}"), &record)
    )
}

/// What the body uses, so that nothing else is imported.
fn imports(provider: &Provider, always: &str, record: &str) -> String {
    let names: Vec<_> = [
        "CdcConfig",
        "CursorConfig",
        "CursorKind",
        "DetectionConfig",
        "FieldMapping",
        "Filter",
        "FilterValue",
        "PollConfig",
        "PollProvenance",
        "Transform",
        "WebhookConfig",
        "transform",
    ]
    .into_iter()
    .filter(|name| *name == "FieldMapping" || uses(always, name))
    .collect();
    let mut text = String::new();
    if provider.has_crate {
        let (base, prefix) = (&provider.base, provider.prefix());
        let _ = writeln!(
            text,
            "#[cfg(feature = \"{}\")]\nuse provider_{base}::{{From{prefix}, RecordError, {prefix}Record{}}};",
            provider.feature(),
            if provider.writes() { format!(", To{prefix}") } else { String::new() }
        );
        if provider.writes() {
            let rule = if uses(record, "ConflictRule") { ", ConflictRule" } else { "" };
            let _ = writeln!(
                text,
                "#[cfg(feature = \"{}\")]\nuse sync_core::{{ConflictPolicy{rule}}};",
                provider.feature()
            );
        }
        if !names.contains(&"transform") && uses(record, "transform") {
            let _ = writeln!(
                text,
                "#[cfg(feature = \"{}\")]\nuse sync_detection::transform;",
                provider.feature()
            );
        }
    }
    text + &format!("use sync_detection::{{{}}};\n", names.join(", "))
}

/// Whether code uses a name: alone, and before a path or a call.
fn uses(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let is_whole = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '"');
        is_whole && code[at + name.len()..].starts_with("::")
    })
}

/// `impl FromSalesforce for …`.
fn record(entity: &Entity, provider: &Provider) -> String {
    let (ty, name) = (entity.ty(), provider.prefix());
    let view = entity.config.providers().find(|view| view.key == provider.key);
    let reads: Vec<_> = view.iter().flat_map(|view| entity.config.reads(view).collect::<Vec<_>>()).collect();
    let mut filled = String::new();
    for read in reads.iter().filter_map(|(_, read)| read.as_ref()) {
        let mut value = read.expression("record");
        if read.field.required {
            value = format!("{name}Record::required({}, {value})?", literal(&read.mapping.source));
        }
        let _ = writeln!(filled, "{}: {value},", read.field.name);
    }
    if entity.has_custom() || reads.iter().any(|(_, read)| read.is_none()) {
        filled += "..Self::default()\n";
    }
    let body = if provider.detection.extras {
        format!(
            "let mut value = Self {{\n{filled}}};\ncrate::extras::complete_from_{}(&mut value, record)?;\nOk(value)",
            provider.base
        )
    } else {
        format!("Ok(Self {{\n{filled}}})")
    };
    format!(
        "
#[cfg(feature = \"{}\")]
impl From{name} for crate::{ty} {{
    const OBJECT: &'static str = {};

    fn mapping() -> &'static [FieldMapping] {{
        MAPPING
    }}

    fn detection() -> Option<DetectionConfig> {{
        Some(detection())
    }}

    fn from_record(record: &{name}Record<'_>) -> Result<Self, RecordError> {{
{body}
    }}
}}
",
        provider.feature(),
        literal(&provider.sync.remote_entity)
    )
}

/// `impl ToSalesforce for …`.
fn writing(entity: &Entity, provider: &Provider) -> String {
    let key = provider.sync.key.as_deref();
    let key = key.map_or_else(|| "None".to_owned(), |key| format!("Some({})", literal(key)));
    format!(
        "
#[cfg(feature = \"{}\")]
impl To{} for crate::{} {{
    const KEY: Option<&'static str> = {key};
    const CONFLICTS: ConflictPolicy = {};
}}
",
        provider.feature(),
        provider.prefix(),
        entity.ty(),
        provider.sync.conflicts.clone().unwrap_or_default().to_rust()
    )
}
