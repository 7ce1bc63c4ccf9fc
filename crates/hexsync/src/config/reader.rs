//! Walking a parsed document, collecting problems with their places instead of stopping at the first.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// Keys under which people would write a secret.
const SECRETS: [&str; 5] = ["client_secret", "refresh_token", "access_token", "private_key", "password"];

/// Collects problems and knows where in the file they are.
pub(super) struct Reader<'a> {
    text: &'a str,
    dir: PathBuf,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader of the text of the file at `path`.
    pub(super) fn new(path: &Path, text: &'a str) -> Self {
        let dir = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        Self { text, dir, problems: Vec::new() }
    }

    /// The directory that relative paths of the file start from: its own.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Parses the document. With syntax errors there is nothing else to say of it.
    pub(super) fn document<'i>(&mut self, text: &'i str) -> Option<Spanned<DeTable<'i>>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Some(document);
        }
        for error in errors {
            // Only the message: the parser's display quotes the line, which may hold a secret.
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            self.problem(error.span().unwrap_or(0..0), message, None);
        }
        None
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, at: Range<usize>, message: impl Into<String>, help: Option<String>) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |position| position + 1);
        self.problems.push(Problem {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
            help,
        });
    }

    /// All problems in the order of the file.
    pub(super) fn finish(self) -> Vec<Problem> {
        let mut problems = self.problems;
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }
}

/// One table of the file. Keys that were never asked for are unknown.
pub(super) struct Section<'d, 'i> {
    name: &'static str,
    table: &'d DeTable<'i>,
    at: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'d, 'i> Section<'d, 'i> {
    /// A table under the name that messages call it.
    pub(super) fn new(name: &'static str, table: &'d DeTable<'i>, at: Range<usize>) -> Self {
        Self { name, table, at, asked: Vec::new() }
    }

    /// What messages call it.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Where it begins.
    pub(super) fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// Whether a key is there. Does not make it known.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Where a key is.
    pub(super) fn key_at(&self, key: &str) -> Option<Range<usize>> {
        self.find(key).map(|(at, _)| at)
    }

    /// Makes a key known without reading it.
    pub(super) fn know(&mut self, key: &'static str) {
        self.ask(key);
    }

    fn find(&self, key: &str) -> Option<(Range<usize>, &'d Spanned<DeValue<'i>>)> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| (name.span(), value))
    }

    fn ask(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'i>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.find(key).map(|(_, value)| value)
    }

    /// A text, with its place.
    pub(super) fn text(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<Spanned<String>> {
        let value = self.ask(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned::new(value.span(), text.clone().into_owned())),
            other => {
                wrong_kind(reader, value.span(), key, "a text in quotes", other);
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        help: &str,
    ) -> Option<Spanned<String>> {
        if !self.has(key) {
            self.ask(key);
            reader.problem(self.at(), format!("`{key}` is missing in {}", self.name), Some(help.to_owned()));
            return None;
        }
        self.text(reader, key)
    }

    /// A whole number within bounds.
    pub(super) fn int(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        allowed: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let value = self.ask(key)?;
        let DeValue::Integer(number) = value.get_ref() else {
            wrong_kind(reader, value.span(), key, "a whole number", value.get_ref());
            return None;
        };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if allowed.contains(&number) => Some(number),
            _ => {
                let help = format!("allowed: {} to {}", allowed.start(), allowed.end());
                reader.problem(value.span(), format!("`{key}` is out of range"), Some(help));
                None
            }
        }
    }

    /// True or false.
    pub(super) fn bool(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<bool> {
        let value = self.ask(key)?;
        match value.get_ref() {
            DeValue::Boolean(on) => Some(*on),
            other => {
                wrong_kind(reader, value.span(), key, "true or false", other);
                None
            }
        }
    }

    /// A length of time.
    pub(super) fn duration(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
    ) -> Option<std::time::Duration> {
        let text = self.text(reader, key)?;
        match super::parse_duration(text.get_ref()) {
            Ok(duration) => Some(duration),
            Err(help) => {
                reader.problem(text.span(), format!("`{key}` is not a length of time"), Some(help));
                None
            }
        }
    }

    /// One of a list of words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(reader, key)?;
        one_of(reader, key, &text, choices)
    }

    /// A list of texts, each with its place.
    pub(super) fn texts(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
    ) -> Option<Vec<Spanned<String>>> {
        let value = self.ask(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            wrong_kind(reader, value.span(), key, "a list of texts", value.get_ref());
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Spanned::new(item.span(), text.clone().into_owned())),
                other => wrong_kind(reader, item.span(), key, "a list of texts", other),
            }
        }
        Some(texts)
    }

    /// A table of its own.
    pub(super) fn table(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<Section<'d, 'i>> {
        let value = self.ask(key)?;
        let at = self.key_at(key).unwrap_or_default();
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::new(section_name(key), table, at)),
            other => {
                wrong_kind(reader, value.span(), key, &format!("a section [{key}]"), other);
                None
            }
        }
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Vec<Section<'d, 'i>> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            wrong_kind(reader, value.span(), key, &format!("sections [[{key}]]"), value.get_ref());
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section::new(section_name(key), table, item.span())),
                other => wrong_kind(reader, item.span(), key, &format!("sections [[{key}]]"), other),
            }
        }
        sections
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, reader: &mut Reader<'_>) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let (message, help) = if SECRETS.contains(&name) {
                (format!("`{name}` would put a secret into this file"), self.secret_help(name))
            } else {
                let help = suggest(name, self.asked.iter().copied());
                (format!("unknown key `{name}` in {}", self.name), help)
            };
            reader.problem(key.span(), message, Some(help));
        }
    }

    fn secret_help(&self, name: &str) -> String {
        if self.asked.iter().any(|asked| asked.strip_suffix("_env") == Some(name)) {
            format!(
                "put it into an environment variable and write {name}_env = \"ITS_NAME\", or into a file and write {name}_file = \"its/path\"; a secret that was saved here should be replaced"
            )
        } else {
            "it is not used here; remove it, and replace the secret if this file was shared".to_owned()
        }
    }
}

/// One of a list of words, with a suggestion for a near miss.
pub(super) fn one_of<T: Copy>(
    reader: &mut Reader<'_>,
    key: &str,
    text: &Spanned<String>,
    choices: &[(&str, T)],
) -> Option<T> {
    let found = choices.iter().find(|(name, _)| name == text.get_ref());
    if found.is_none() {
        let help = suggest(text.get_ref(), choices.iter().map(|(name, _)| *name));
        reader.problem(text.span(), format!("`{key}` has a value that is not known"), Some(help));
    }
    found.map(|(_, value)| *value)
}

/// "did you mean …? allowed: …".
fn suggest<'k>(given: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    let allowed = format!("allowed: {}", known.clone().collect::<Vec<_>>().join(", "));
    let near = known
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min();
    match near {
        Some((_, name)) => format!("did you mean `{name}`? {allowed}"),
        None => allowed,
    }
}

fn section_name(key: &str) -> &'static str {
    match key {
        "database" => "[database]",
        "engine" => "[engine]",
        "events" => "[events]",
        "keys" => "[keys]",
        "serve" => "[serve]",
        _ => "[[connections]]",
    }
}

fn wrong_kind(reader: &mut Reader<'_>, at: Range<usize>, key: &str, expected: &str, found: &DeValue<'_>) {
    let found = match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    };
    reader.problem(at, format!("`{key}` has to be {expected}, not {found}"), None);
}
