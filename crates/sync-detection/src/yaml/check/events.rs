//! An event's name and its fields.

use std::path::Path;

use super::super::node::Node;
use super::super::problem::Findings;
use super::names;

/// What the engine's own events end with.
const OPERATIONS: [&str; 4] = ["created", "updated", "deleted", "restored"];

/// Reports everything of an event's file that has the right form and makes no sense.
pub(in super::super) fn check_event(tree: &Node, path: &Path, entity: &str, found: &mut Findings) {
    if let Some((name, at)) = tree.get("event").and_then(|node| Some((node.text()?, node.at))) {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let is_change = name
            .strip_prefix(entity)
            .and_then(|rest| rest.strip_prefix('_'))
            .is_some_and(|rest| OPERATIONS.contains(&rest));
        let is_generated = [entity.to_owned(), format!("{entity}_changes"), format!("{entity}_event")];
        if let Err(refusal) = names::entity(name) {
            found.add(at, format!("the event's name `{name}` {}", refusal.reason), refusal.help);
        } else if is_change {
            let message =
                format!("`{name}` is the name of applied changes, which are published without a file");
            found.add(at, message, "find another one, that says what the application means by it");
        } else if is_generated.iter().any(|taken| taken == name) {
            let message = format!("`{name}` makes a type that generated code has already");
            found.add(at, message, format!("say what happened: `{entity}_won`"));
        } else if name != stem {
            let message = format!("the event is `{name}`, and the file is called `{stem}`");
            found.add(at, message, format!("rename the file to `{name}.yaml`, or the event"));
        }
    }
    for (key, _) in tree.get("fields").map(Node::entries).unwrap_or_default() {
        if let Err(refusal) = names::spelling(&key.text) {
            found.add(key.at, format!("the field's name `{}` {}", key.text, refusal.reason), refusal.help);
        }
    }
}
