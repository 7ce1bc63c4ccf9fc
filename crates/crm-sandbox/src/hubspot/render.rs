//! Rows as JSON, written straight from where they lie.

use super::model::{Account, ObjectDef, Pair, Row, Source, time};

/// How many associations a row shows inline; further ones come by the associations API.
const INLINE_ASSOCIATIONS: usize = 100;

/// What is shown of each row.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// `"name":` and the property's place; by name.
    properties: Vec<(Vec<u8>, usize)>,
    history: Vec<(Vec<u8>, usize)>,
    /// Other objects.
    associations: Vec<usize>,
}

impl Columns {
    /// These properties, or the defaults when none are named; unknown names are ignored. The id and both dates always.
    pub(crate) fn new<'a>(def: &ObjectDef, asked: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<&str> = asked.into_iter().filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            names = def.defaults.iter().map(String::as_str).collect();
        }
        names.extend([def.created_property(), def.modified_property(), "hs_object_id"]);
        Self { properties: keys(def, names), ..Self::default() }
    }

    /// Adds the history of these properties.
    pub(crate) fn with_history<'a>(
        mut self,
        def: &ObjectDef,
        asked: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.history = keys(def, asked.into_iter().collect());
        self
    }

    /// Adds associations to these objects.
    pub(crate) fn with_associations(mut self, objects: Vec<usize>) -> Self {
        self.associations = objects;
        self
    }

    pub(crate) fn has_history(&self) -> bool {
        !self.history.is_empty()
    }
}

fn keys(def: &ObjectDef, mut names: Vec<&str>) -> Vec<(Vec<u8>, usize)> {
    names.sort_unstable();
    names.dedup();
    let key = |name: &str| {
        let mut key = Vec::with_capacity(name.len() + 3);
        write_text(name, &mut key);
        key.push(b':');
        key
    };
    names.into_iter().filter_map(|name| def.live_index(name).map(|index| (key(name), index))).collect()
}

/// Appends one row, without the closing brace: callers may add keys.
pub(crate) fn write_open(
    account: &Account,
    object: usize,
    (id, row): (u64, &Row),
    columns: &Columns,
    out: &mut Vec<u8>,
) {
    let def = &account.tables[object].def;
    out.extend_from_slice(b"{\"id\":\"");
    write_number(id, out);
    out.extend_from_slice(b"\",\"properties\":{");
    for (place, (key, index)) in columns.properties.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        write_value(account, object, (id, row), *index, out);
    }
    out.push(b'}');
    if columns.has_history() {
        write_history(account, object, (id, row), columns, out);
    }
    out.extend_from_slice(b",\"createdAt\":\"");
    time::write_iso(row.created_at, out);
    out.extend_from_slice(b"\",\"updatedAt\":\"");
    time::write_iso(row.updated_at, out);
    out.extend_from_slice(b"\",\"archived\":");
    match row.archived_at {
        None => out.extend_from_slice(b"false"),
        Some(at) => {
            out.extend_from_slice(b"true,\"archivedAt\":\"");
            time::write_iso(at, out);
            out.push(b'"');
        }
    }
    write_associations(account, object, id, columns, out);
    out.extend_from_slice(b",\"url\":\"https://app.hubspot.com/contacts/");
    write_number(account.portal_id, out);
    out.extend_from_slice(b"/record/");
    out.extend_from_slice(def.type_id.as_bytes());
    out.push(b'/');
    write_number(id, out);
    out.push(b'"');
}

/// Appends one row.
pub(crate) fn write_row(
    account: &Account,
    object: usize,
    row: (u64, &Row),
    columns: &Columns,
    out: &mut Vec<u8>,
) {
    write_open(account, object, row, columns, out);
    out.push(b'}');
}

fn write_value(account: &Account, object: usize, (id, row): (u64, &Row), index: usize, out: &mut Vec<u8>) {
    let property = &account.tables[object].def.properties()[index];
    match &property.source {
        Source::Stored(slot) => match row.stored(*slot) {
            Some(text) => write_text(text, out),
            None => out.extend_from_slice(b"null"),
        },
        Source::Created | Source::Modified => {
            let at = if property.source == Source::Created { row.created_at } else { row.updated_at };
            out.push(b'"');
            time::write_iso(at, out);
            out.push(b'"');
        }
        _ => match account.value_of(object, id, row, property) {
            Some(text) => write_text(&text, out),
            None => out.extend_from_slice(b"null"),
        },
    }
}

fn write_history(
    account: &Account,
    object: usize,
    (id, row): (u64, &Row),
    columns: &Columns,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b",\"propertiesWithHistory\":{");
    for (place, (key, index)) in columns.history.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        out.push(b'[');
        let property = &account.tables[object].def.properties()[*index];
        let slot = if let Source::Stored(slot) = property.source { Some(slot) } else { None };
        let mut first = true;
        for change in row.history.iter().rev().filter(|change| Some(change.slot) == slot) {
            let text = change.value.as_deref().unwrap_or("");
            write_change(&mut first, text, change.at, change.source, out);
        }
        if first && let Some(text) = account.value_of(object, id, row, property) {
            write_change(&mut first, &text, row.created_at, "IMPORT", out);
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn write_change(first: &mut bool, text: &str, at: i64, source: &str, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    out.extend_from_slice(b"{\"value\":");
    write_text(text, out);
    out.extend_from_slice(b",\"timestamp\":\"");
    time::write_iso(at, out);
    out.extend_from_slice(b"\",\"sourceType\":");
    write_text(source, out);
    if source == "CRM_UI" {
        out.extend_from_slice(b",\"sourceId\":\"userId:77\",\"sourceLabel\":null,\"updatedByUserId\":77}");
    } else {
        out.extend_from_slice(b",\"sourceId\":null,\"sourceLabel\":null}");
    }
}

/// One entry per type: an association with a label shows up under its plain type too.
fn write_associations(account: &Account, object: usize, id: u64, columns: &Columns, out: &mut Vec<u8>) {
    let mut any = false;
    for to in &columns.associations {
        let pair = Pair { from: object, to: *to };
        let other = &account.tables[*to];
        let mut live = account.links.of(pair, id).filter(|(id, _)| other.live_row(*id).is_some()).peekable();
        if live.peek().is_none() {
            continue;
        }
        out.extend_from_slice(if any { b"," } else { b",\"associations\":{" });
        any = true;
        write_text(&other.def.name, out);
        out.extend_from_slice(b":{\"results\":[");
        let mut first = true;
        for (to_id, types) in live.by_ref().take(INLINE_ASSOCIATIONS) {
            for label in types.iter().filter_map(|type_id| account.links.label(pair, *type_id)) {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                out.extend_from_slice(b"{\"id\":\"");
                write_number(to_id, out);
                out.extend_from_slice(b"\",\"type\":");
                write_text(&label.name, out);
                out.push(b'}');
            }
        }
        out.push(b']');
        if let Some((next, _)) = live.next() {
            out.extend_from_slice(b",\"paging\":{\"next\":{\"after\":\"");
            write_number(next, out);
            out.extend_from_slice(b"\",\"link\":\"https://api.hubapi.com/crm/v3/objects/");
            out.extend_from_slice(account.tables[object].def.name.as_bytes());
            out.push(b'/');
            write_number(id, out);
            out.extend_from_slice(b"/associations/");
            out.extend_from_slice(other.def.name.as_bytes());
            out.extend_from_slice(b"?after=");
            write_number(next, out);
            out.extend_from_slice(b"\"}}");
        }
        out.push(b'}');
    }
    if any {
        out.push(b'}');
    }
}

pub(crate) fn write_number(number: u64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing into a Vec can't fail.
    let _ = write!(out, "{number}");
}

/// A JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    // Neither can this.
    let _ = serde_json::to_writer(&mut *out, text);
}
