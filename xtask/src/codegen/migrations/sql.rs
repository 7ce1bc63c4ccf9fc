//! As much SQL as migrations of entity tables use: which columns a table has after all of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Columns and their types.
pub(super) type Columns = BTreeMap<String, String>;

/// One migration.
pub(super) struct File {
    pub(super) number: u32,
    pub(super) name: String,
    statements: Vec<Vec<String>>,
}

impl File {
    /// A migration from its text.
    pub(super) fn new(number: u32, name: &str, text: &str) -> Self {
        Self { number, name: name.to_owned(), statements: statements(text) }
    }

    /// Whether it makes a table's trigger for deletions.
    pub(super) fn has_trigger_on(&self, table: &str) -> bool {
        self.statements.iter().any(|words| {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            matches!(words.as_slice(), ["create", "trigger", _, "after", "delete", "on", name, ..] if *name == table)
        })
    }

    /// Whether it makes or changes a table.
    pub(super) fn touches(&self, table: &str) -> bool {
        self.has_trigger_on(table)
            || self.statements.iter().any(|words| {
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                matches!(words.as_slice(), ["create" | "alter", "table", name, ..] if *name == table)
            })
    }
}

/// The migrations of a folder, in order.
pub(super) fn read(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let Ok(entries) = folder.read_dir() else { return Ok(files) };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(number) = name.split('_').next().and_then(|number| number.parse().ok()) else { continue };
        let text = std::fs::read_to_string(entry.path()).with_context(|| format!("reading {name}"))?;
        files.push(File::new(number, &name, &text));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The columns of a table after all migrations; `None` when there is no such table.
pub(super) fn table(files: &[File], table: &str) -> Option<Columns> {
    let mut columns: Option<Columns> = None;
    for words in files.iter().flat_map(|file| &file.statements) {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["create", "table", name, "(", inner @ ..] if *name == table => columns = Some(created(inner)),
            ["drop", "table", name, ..] if *name == table => columns = None,
            ["alter", "table", name, changes @ ..] if *name == table => {
                if let Some(columns) = &mut columns {
                    changes.split(|word| *word == ",").for_each(|change| altered(columns, change));
                }
            }
            _ => {}
        }
    }
    columns
}

fn created(words: &[&str]) -> Columns {
    let mut columns = Columns::new();
    let mut depth = 0;
    let mut is_start = true;
    for (at, word) in words.iter().enumerate() {
        match *word {
            ")" if depth == 0 => break,
            "(" => depth += 1,
            ")" => depth -= 1,
            "," if depth == 0 => is_start = true,
            name if is_start => {
                is_start = false;
                let is_constraint = ["unique", "primary", "foreign", "check", "constraint"].contains(&name);
                if let (false, Some(kind)) = (is_constraint, words.get(at + 1)) {
                    columns.insert(name.to_owned(), (*kind).to_owned());
                }
            }
            _ => {}
        }
    }
    columns
}

fn altered(columns: &mut Columns, change: &[&str]) {
    let skip = |words: &[&str], at: usize| usize::from(words.get(at) == Some(&"column"));
    match change {
        ["add", rest @ ..] => {
            let rest = &rest[skip(rest, 0)..];
            if let [name, kind, ..] = rest
                && *name != "constraint"
            {
                columns.insert((*name).to_owned(), (*kind).to_owned());
            }
        }
        ["drop", rest @ ..] => {
            if let Some(name) = rest.get(skip(rest, 0)) {
                columns.remove(*name);
            }
        }
        ["rename", rest @ ..] => {
            if let [old, "to", new, ..] = &rest[skip(rest, 0)..]
                && let Some(kind) = columns.remove(*old)
            {
                columns.insert((*new).to_owned(), kind);
            }
        }
        ["alter", rest @ ..] => {
            if let [name, "type", kind, ..] = &rest[skip(rest, 0)..] {
                columns.insert((*name).to_owned(), (*kind).to_owned());
            }
        }
        _ => {}
    }
}

/// The words of each statement in small letters, brackets and commas apart; without comments, texts left as they are.
fn statements(text: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    let mut in_text = false;
    while let Some(c) = chars.next() {
        if in_text {
            word.push(c);
            in_text = c != '\'';
            continue;
        }
        let ends_word = c.is_whitespace() || "(),;".contains(c) || (c == '-' && chars.peek() == Some(&'-'));
        if !ends_word {
            in_text = c == '\'';
            word.extend(c.to_lowercase());
            continue;
        }
        if let Some(last) = statements.last_mut().filter(|_| !word.is_empty()) {
            last.push(std::mem::take(&mut word).trim_matches('"').to_owned());
        }
        match c {
            '-' => while chars.next_if(|c| *c != '\n').is_some() {},
            ';' => statements.push(Vec::new()),
            '(' | ')' | ',' => statements.last_mut().into_iter().for_each(|last| last.push(c.to_string())),
            _ => {}
        }
    }
    statements
}
