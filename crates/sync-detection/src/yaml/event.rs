//! A file of `events/`: one event of the application.

use std::path::Path;
use std::sync::LazyLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::Lane;

use super::config::SNAKE_CASE;
use super::problem::{Findings, Problems, START};
use super::read::read;
use super::{FieldConfig, check, pascal_case, schema, shape};

/// One event that the application publishes itself.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Hexsync event")]
pub struct EventConfig {
    /// The event's name, `snake_case`; the file is called the same.
    #[schemars(regex(pattern = SNAKE_CASE))]
    pub event: String,
    /// Which way it goes; each way is delivered for itself.
    pub direction: EventDirection,
    /// What happened; the type's documentation.
    pub doc: String,
    /// What it says, by name, in the order of the type.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": SNAKE_CASE}))]
    pub fields: IndexMap<String, FieldConfig>,
}

/// Which way an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventDirection {
    /// Something outside told us.
    Inbound,
    /// Something changed here.
    Change,
    /// Something is to be told to the outside.
    Outbound,
}

impl EventDirection {
    /// The lane of the outbox.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Inbound => Lane::Inbound,
            Self::Change => Lane::Change,
            Self::Outbound => Lane::Outbound,
        }
    }
}

impl EventConfig {
    /// The Rust type: `DealWon`.
    #[must_use]
    pub fn type_name(&self) -> String {
        pascal_case(&self.event)
    }
}

/// An event's file.
#[derive(Clone, Copy, Debug)]
pub struct EventFile;

static SCHEMA: LazyLock<Json> = LazyLock::new(schema::of::<EventConfig>);

impl EventFile {
    /// Reads and checks a file's text. The path is where its entity's own events are told by: the file's name is
    /// the event's.
    ///
    /// ```
    /// use std::path::Path;
    /// use sync_detection::yaml::EventFile;
    ///
    /// let text = "event: deal_won\ndirection: outbound\ndoc: A deal was won.\nfields: { amount: decimal }\n";
    /// let event = EventFile::parse(Path::new("events/deal_won.yaml"), text, "opportunity")?;
    /// assert_eq!(event.type_name(), "DealWon");
    ///
    /// let mistake = text.replace("outbound", "outwards");
    /// let problems = EventFile::parse(Path::new("events/deal_won.yaml"), &mistake, "opportunity").unwrap_err();
    /// assert_eq!((problems.list()[0].line, problems.list()[0].column), (2, 12));
    /// # Ok::<(), sync_detection::yaml::Problems>(())
    /// ```
    ///
    /// # Errors
    /// [`Problems`] with every mistake.
    pub fn parse(path: &Path, text: &str, entity: &str) -> Result<EventConfig, Problems> {
        let mut found = Findings::default();
        if let Some(tree) = read(text, &mut found) {
            shape::check(&tree, &SCHEMA, &mut found);
            check::check_event(&tree, path, entity, &mut found);
            if found.is_empty() {
                match EventConfig::deserialize(&tree) {
                    Ok(config) => return Ok(config),
                    // What the types refuse was found before; if not, it is told here, without a place.
                    Err(error) => found.add(START, format!("the file can't be read: {error}"), None),
                }
            }
        }
        Err(found.into_problems(path, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "event: deal_won\ndirection: outbound\ndoc: A deal was won.\nfields:\n  amount: { type: decimal, required: true, doc: How much. }\n  stage: text\n";

    fn mistakes(text: &str) -> Vec<(usize, usize, String)> {
        let problems = EventFile::parse(Path::new("events/deal_won.yaml"), text, "opportunity").unwrap_err();
        problems.list().iter().map(|p| (p.line, p.column, p.message.clone())).collect()
    }

    #[test]
    fn good_file_is_read() {
        let event = EventFile::parse(Path::new("events/deal_won.yaml"), GOOD, "opportunity").unwrap();
        assert_eq!((event.type_name().as_str(), event.direction.lane()), ("DealWon", Lane::Outbound));
        let required: Vec<_> =
            event.fields.iter().map(|(name, field)| (name.as_str(), field.required)).collect();
        assert_eq!(required, [("amount", true), ("stage", false)]);
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        for (from, to, line, column, words) in [
            ("event: deal_won", "evnt: deal_won", 1, 1, "no key `evnt`"),
            ("event: deal_won", "event: DealWon", 1, 8, "snake_case"),
            ("event: deal_won", "event: deal_lost", 1, 8, "the file is called `deal_won`"),
            ("outbound", "outwards", 2, 12, "can't be `outwards`"),
            ("decimal", "decimel", 5, 19, "can't be `decimel`"),
            ("  stage", "  type", 6, 3, "is a word of Rust"),
            ("doc: A deal was won.\n", "", 1, 1, "lacks the key `doc`"),
        ] {
            let told = mistakes(&GOOD.replace(from, to));
            let is_told = |(l, c, message): &(usize, usize, String)| {
                (*l, *c) == (line, column) && message.contains(words)
            };
            assert!(told.iter().any(is_told), "{to}: {told:?}");
        }
    }

    #[test]
    fn names_of_applied_changes_are_taken() {
        for operation in ["created", "updated", "deleted", "restored"] {
            let name = format!("opportunity_{operation}");
            let path = format!("events/{name}.yaml");
            let text = GOOD.replace("deal_won", &name);
            let problems = EventFile::parse(Path::new(&path), &text, "opportunity").unwrap_err();
            assert!(problems.to_string().contains("applied changes"), "{problems}");
        }
    }
}
