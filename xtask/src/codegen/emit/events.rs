//! `src/generated/events.rs`: the events of an entity's applied changes, and those of its `events/*.yaml`.

use std::fmt::Write as _;

use sync_core::FieldKind;
use sync_detection::yaml::{EventConfig, FieldConfig, FieldView};

use super::canonical::{list, plain_type};
use crate::codegen::model::{Entity, sentence};
use crate::codegen::names::{doc, words};

/// The kinds of applied changes, and what they mean.
const OPERATIONS: [(&str, &str); 4] = [
    ("Created", "was created"),
    ("Updated", "was changed"),
    ("Deleted", "was deleted, softly"),
    ("Restored", "came back after it had been deleted"),
];

pub(super) fn file(entity: &Entity) -> String {
    let mut text = format!("//! The events of {}.\n\n", entity.many());
    text += &imports(entity);
    text += &changes(entity);
    text += &applied(entity);
    for event in &entity.events {
        text += &application(event);
    }
    text
}

/// What `mod.rs` exports of it.
pub(super) fn exports(entity: &Entity) -> String {
    let ty = entity.ty();
    let mut names = vec![format!("{ty}Changes"), format!("{ty}Event")];
    names.extend(OPERATIONS.map(|(operation, _)| format!("{ty}{operation}")));
    names.extend(entity.events.iter().map(EventConfig::type_name));
    names.sort_unstable();
    names.join(", ")
}

fn imports(entity: &Entity) -> String {
    let kinds: Vec<FieldKind> = entity.kinds().collect();
    let has = |kind| kinds.contains(&kind);
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
    let own = !entity.events.is_empty();
    let fields = entity.events.iter().any(|event| !event.fields.is_empty());
    text + &list(
        "sync_core",
        &[
            ("AppEvent", own),
            ("ChangeSet", true),
            ("ChangedFields", true),
            ("EventPayload", own),
            ("EventReadError", true),
            ("ExternalId", has(FieldKind::Link)),
            ("FieldChange", true),
            ("FieldType", fields),
            ("Lane", own),
            ("OutboxEvent", own),
            ("Step", true),
            ("TypedEvent", own),
            ("event_field", fields),
            ("event_object", own),
            ("event_payload", own),
        ],
    )
}

/// The type of the changed fields.
fn changes(entity: &Entity) -> String {
    let ty = entity.ty();
    let fields = entity.fields();
    let one = words(entity.name());
    let mut text = format!(
        "\n/// What changed of one {one}, each field with its type; `None` is a field that did not change.\n\
         #[derive(Clone, Debug, Default, PartialEq)]\npub struct {ty}Changes {{\n"
    );
    for field in &fields {
        text += &doc("///", 4, &sentence(field));
        let _ = writeln!(text, "    pub {}: Option<Step<{}>>,", field.name, plain_type(field.kind));
    }
    text += "    /// Custom fields, and what the entity had in the release that published the event.\n\
         \x20   pub custom: Vec<FieldChange>,\n}\n";
    let _ = write!(
        text,
        "\nimpl ChangeSet for {ty}Changes {{\n    fn read(changed: &ChangedFields) -> Result<Self, EventReadError> {{\n\
         let mut read = Self::default();\n        for change in changed.iter() {{\n            match &*change.field {{\n"
    );
    for FieldView { name, .. } in &fields {
        let _ = writeln!(text, "                \"{name}\" => read.{name} = Some(Step::read(change)?),");
    }
    text + "                _ => read.custom.push(change.clone()),\n            }\n        }\n        Ok(read)\n    }\n}\n"
}

/// The events of applied changes.
fn applied(entity: &Entity) -> String {
    let (ty, name) = (entity.ty(), entity.name());
    let one = words(name);
    let mut text = format!(
        "\nsync_core::change_events! {{\n    {ty}Changes,\n    /// Any applied change of one {one}.\n    {ty}Event {{\n"
    );
    for (operation, meaning) in OPERATIONS {
        let kind = operation.to_lowercase();
        let _ = writeln!(
            text,
            "        /// The {one} {meaning}.\n        {operation} = {ty}{operation}(\"{name}_{kind}\"),"
        );
    }
    text + "    }\n}\n"
}

/// An event of the application.
fn application(event: &EventConfig) -> String {
    let ty = event.type_name();
    let mut text = String::from("\n") + &doc("///", 0, event.doc.trim());
    if event.fields.is_empty() {
        let _ = writeln!(text, "#[derive(Clone, Debug, Default, PartialEq)]\npub struct {ty};");
    } else {
        let _ = writeln!(text, "#[derive(Clone, Debug, PartialEq)]\npub struct {ty} {{");
        for (name, field) in &event.fields {
            let view = FieldView {
                name,
                kind: field.kind.field_kind(),
                doc: field.doc.as_deref(),
                required: false,
                link: None,
            };
            text += &doc("///", 4, &sentence(&view));
            let _ = writeln!(text, "    pub {name}: {},", own_type(field));
        }
        text += "}\n";
    }
    let names: Vec<&str> = event.fields.keys().map(String::as_str).collect();
    let reads: String = names
        .iter()
        .map(|name| format!("            {name}: event_field(payload, \"{name}\")?,\n"))
        .collect();
    let body = if names.is_empty() {
        "        event_payload(event, Self::KIND).map(|_| Self)\n".to_owned()
    } else {
        format!(
            "        let payload = event_payload(event, Self::KIND)?;\n        Ok(Self {{\n{reads}        }})\n"
        )
    };
    let _ = write!(
        text,
        "\nimpl TypedEvent for {ty} {{\n    const KIND: &'static str = \"{}\";\n\n    \
         fn read(event: &OutboxEvent) -> Result<Self, EventReadError> {{\n{body}    }}\n}}\n",
        event.event
    );
    let values: String = names.iter().map(|name| format!("(\"{name}\", self.{name}.as_value()), ")).collect();
    let _ = write!(
        text,
        "\nimpl AppEvent for {ty} {{\n    const LANE: Lane = Lane::{:?};\n\n    \
         fn payload(&self) -> EventPayload {{\n        event_object([{values}])\n    }}\n}}\n",
        event.direction.lane()
    );
    text
}

fn own_type(field: &FieldConfig) -> String {
    let ty = plain_type(field.kind.field_kind());
    if field.required { ty.to_owned() } else { format!("Option<{ty}>") }
}
