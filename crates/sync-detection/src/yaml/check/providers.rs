//! Providers: the same in `sync.providers` and `detection`, each with a mode, a position and a mapping.

use std::collections::HashMap;

use serde::Deserialize;
use sync_core::FieldKind;

use super::super::Mode;
use super::super::node::{Key, Node, Scalar, Value};
use super::super::problem::{Findings, Position};
use super::super::suggest::near;
use super::remote::{Crm, KEYS};
use super::{File, filters, kind_name, mapping, names};
use crate::{CursorConfig, CursorKind, PollProvenance};

pub(super) fn check(file: &File<'_>, found: &mut Findings) {
    let mut bases: HashMap<&str, &str> = HashMap::new();
    for (key, provider) in file.providers() {
        provider_key(key, &mut bases, found);
        remote_entity(key, provider, found);
        if file.tree.get("detection").is_some() && !file.detected.contains(key.text.as_str()) {
            undetected_provider(file, key, found);
        }
    }
    for (key, detection) in file.detection() {
        let Some(provider) = file.providers.get(key.text.as_str()) else {
            unknown_provider(file, key, found);
            continue;
        };
        let remote = provider.get("remote_entity").and_then(Node::text).unwrap_or_default();
        let place = Place { file, crm: Crm::of(&key.text), provider: &key.text, remote };
        place.mode(key, detection, found);
        mapping::check(&place, key, detection, found);
        filters::check(&place, detection, found);
    }
}

/// One provider's detection.
pub(super) struct Place<'a> {
    pub(super) file: &'a File<'a>,
    pub(super) crm: Option<Crm>,
    pub(super) provider: &'a str,
    remote: &'a str,
}

fn provider_key<'a>(key: &'a Key, bases: &mut HashMap<&'a str, &'a str>, found: &mut Findings) {
    let name = key.text.as_str();
    if let Err(refusal) = names::provider(name) {
        found.add(key.at, format!("the provider's key `{name}` {}", refusal.reason), refusal.help);
        return;
    }
    let base = name.strip_suffix("-crm").unwrap_or(name);
    if let Some(other) = bases.insert(base, name) {
        let message = format!("`{name}` and `{other}` are the same provider");
        found.add(key.at, message, "keep one of them; a second account of a CRM is another connection");
    }
    if Crm::of(name).is_none()
        && let Some(help) = near(base, KEYS.iter().copied())
    {
        let message = format!("`{name}` is no provider that comes with a crate, and close to one");
        found.add(key.at, message, format!("{help} A provider of your own needs a name further away."));
    }
}

fn remote_entity(key: &Key, provider: &Node, found: &mut Findings) {
    let Some(node) = provider.get("remote_entity") else { return };
    let Some(name) = node.text() else { return };
    if name.trim().is_empty() {
        found.add(node.at, "the remote entity has no name", None);
    } else if let Some(crm) = Crm::of(&key.text)
        && let Err((reason, help)) = crm.object(name)
    {
        found.add(node.at, format!("`{name}` {reason}"), help);
    }
}

fn undetected_provider(file: &File<'_>, key: &Key, found: &mut Findings) {
    let message =
        format!("`{}` is a provider, and `detection` does not say how its changes are noticed", key.text);
    let names = file.detection().iter().map(|(other, _)| other.text.as_str());
    let mut unknown = names.filter(|name| !file.providers.contains_key(name));
    // A misspelt key is told once, where it is misspelt.
    if near(&key.text, &mut unknown).is_none() {
        found.add(key.at, message, format!("add `{}:` to `detection`", key.text));
    }
}

fn unknown_provider(file: &File<'_>, key: &Key, found: &mut Findings) {
    if file.tree.get("sync").is_none() {
        return;
    }
    let names = file.providers().iter().map(|(provider, _)| provider.text.as_str());
    let undetected = names.filter(|name| !file.detected.contains(name));
    let help =
        near(&key.text, undetected).unwrap_or_else(|| format!("add `{}:` to `sync.providers`", key.text));
    found.add(key.at, format!("`{}` is not among `sync.providers`", key.text), help);
}

impl Place<'_> {
    /// The mode's own key holds its details, and no other mode's is there.
    fn mode(&self, key: &Key, detection: &Node, found: &mut Findings) {
        let Some(node) = detection.get("mode") else { return };
        let Ok(mode) = Mode::deserialize(node) else { return };
        let own = match mode {
            Mode::Poll => "poll",
            Mode::Webhook => "webhook",
            Mode::Cdc => "cdc",
        };
        for (other, _) in detection.entries() {
            if ["poll", "webhook", "cdc"].contains(&other.text.as_str()) && other.text != own {
                let message = format!("`{}` has no meaning in mode `{own}`", other.text);
                found.add(other.at, message, format!("remove it, or write `mode: {}`", other.text));
            }
        }
        let Some(details) = detection.get(own) else {
            let example = match mode {
                Mode::Poll => format!("poll: {{ cursor: {} }}", self.example()),
                Mode::Webhook => "webhook: { eventIdField: eventId }".to_owned(),
                Mode::Cdc => "cdc: { cursor: { kind: replayId, field: … } }".to_owned(),
            };
            found.add(node.at, format!("`{}` lacks the key `{own}`", key.text), format!("add `{example}`"));
            return;
        };
        if mode == Mode::Webhook {
            event_id_field(details, found);
        }
        self.cursor(mode, details, detection, found);
    }

    fn example(&self) -> String {
        match self.crm {
            Some(Crm::Salesforce) => "{ kind: systemModstamp, field: SystemModstamp }".to_owned(),
            Some(Crm::Hubspot) => {
                format!("{{ kind: timestamp, field: {} }}", Crm::Hubspot.stamp(self.remote))
            }
            None => "{ kind: timestamp, field: … }".to_owned(),
        }
    }

    fn cursor(&self, mode: Mode, details: &Node, detection: &Node, found: &mut Findings) {
        let Some(node) = details.get("cursor") else { return };
        let Ok(cursor) = CursorConfig::deserialize(node) else { return };
        let at = |key: &str| node.get(key).map_or(node.at, |node| node.at);
        let from_stream = details.get("provenance").is_some_and(|node| {
            PollProvenance::deserialize(node).is_ok_and(|from| from == PollProvenance::Cdc)
        });
        if cursor.field.trim().is_empty() {
            found.add(at("field"), "the cursor's field has no name", None);
            return;
        }
        if mode == Mode::Poll && !from_stream {
            self.stamp(&cursor, node, found);
        }
        let fitting: &[CursorKind] = match mode {
            Mode::Poll if from_stream => return,
            Mode::Poll => &[CursorKind::SystemModstamp, CursorKind::Timestamp],
            Mode::Webhook => &[CursorKind::EventId],
            Mode::Cdc => &[CursorKind::ReplayId],
        };
        if !fitting.contains(&cursor.kind) {
            let fitting: Vec<_> = fitting.iter().map(|kind| format!("`{}`", kind.as_str())).collect();
            let what = if mode == Mode::Poll { "polling goes by a timestamp: use " } else { "use " };
            let message = format!("a cursor of kind `{}` does not fit this mode", cursor.kind.as_str());
            found.add(at("kind"), message, format!("{what}{}", fitting.join(" or ")));
        } else if mode == Mode::Poll {
            self.mapped_cursor(&cursor, at("field"), detection, found);
        }
    }

    /// The two CRMs have one stamp per object; other fields read too little, and nobody says so.
    fn stamp(&self, cursor: &CursorConfig, node: &Node, found: &mut Findings) {
        let at = |key: &str| node.get(key).map_or(node.at, |node| node.at);
        let Some(crm) = self.crm else {
            if cursor.kind == CursorKind::SystemModstamp {
                let message = "`systemModstamp` is Salesforce's own stamp";
                found.add(at("kind"), message, "use `timestamp`");
            }
            return;
        };
        let (kind, field) = match crm {
            Crm::Salesforce => (CursorKind::SystemModstamp, crm.stamp(self.remote)),
            Crm::Hubspot => (CursorKind::Timestamp, crm.stamp(self.remote)),
        };
        let is_stamp = matches!(cursor.kind, CursorKind::SystemModstamp | CursorKind::Timestamp);
        if is_stamp && cursor.kind != kind {
            let message = format!("{} is not polled by `{}`", crm.name(), cursor.kind.as_str());
            found.add(at("kind"), message, format!("use `{}`", self.example()));
        }
        if cursor.field != field {
            let message = format!(
                "`{}` does not move with every change of {} of {}",
                cursor.field,
                self.remote,
                crm.name()
            );
            found.add(at("field"), message, format!("the field that does is `{field}`"));
        }
    }

    /// A field that is mapped to something else than a time is no timestamp; a number may be one.
    fn mapped_cursor(&self, cursor: &CursorConfig, at: Position, detection: &Node, found: &mut Findings) {
        if self.crm.is_some() {
            return;
        }
        let mappings = detection.get("mapping").map(Node::items).unwrap_or_default();
        let is_cursor = |one: &&Node| one.get("source").and_then(Node::text) == Some(&cursor.field);
        let filled = mappings.iter().find(is_cursor).and_then(|one| one.get("target")?.text());
        let Some(target) = filled.and_then(|name| self.file.target(name)) else { return };
        let Some(kind) = target.kind else { return };
        if !matches!(kind, FieldKind::Instant | FieldKind::Date | FieldKind::Int) {
            let kind = kind_name(kind);
            let message =
                format!("the cursor's field fills `{}`, which is {kind}: it is no timestamp", target.name);
            found.add(at, message, "choose the field that holds when a record was last changed");
        }
    }
}

fn event_id_field(details: &Node, found: &mut Findings) {
    if let Some(node) = details.get("eventIdField")
        && let Value::Scalar(Scalar::Text(field)) = &node.value
        && field.trim().is_empty()
    {
        found.add(node.at, "`eventIdField` has no name", None);
    }
}
