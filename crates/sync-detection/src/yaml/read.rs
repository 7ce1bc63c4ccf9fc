//! From text to the tree. What YAML allows and an entity's file does not need is refused: anchors, aliases,
//! merge keys, tags, several documents. So a small file stays small.

use std::collections::HashMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, options};

use super::node::{Key, Node, Scalar, Value};
use super::problem::{Findings, Position, START};

/// Bytes of a file. The largest sensible one, 128 fields with documentation from five providers, has a tenth.
const LARGEST: usize = 1024 * 1024;
/// Maps and lists within each other; the format needs 7.
const DEEPEST: usize = 20;

/// The tree, or nothing where the text is no YAML at all. Findings are added either way.
pub(super) fn read(text: &str, found: &mut Findings) -> Option<Node> {
    if text.len() > LARGEST {
        let message = format!("the file has {} bytes, an entity's file has at most {LARGEST}", text.len());
        found.add(START, message, "this is probably not the file you meant");
        return None;
    }
    if refuse_tabs(text, found) {
        return None;
    }
    let n_lines = text.lines().count().max(1);
    let mut builder = Builder { n_lines, found, open: Vec::new(), root: None, n_documents: 0 };
    let options = options! { emit_anchor_events: true, emit_unresolved_aliases: true };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                if builder.take(event, span).is_err() {
                    return None;
                }
            }
            Err(error) => {
                let at = builder.position(*error.marker(), 1);
                builder.found.add(at, format!("this is no YAML: {}", error.info()), hint(&error.info()));
                return None;
            }
        }
    }
    let root = builder.root;
    match root {
        Some(Node { value: Value::Scalar(Scalar::Null), .. }) | None => {
            let help = "start with `entity: `, `doc: `, `fields: `, `sync: ` and `detection: `";
            found.add(START, "the file is empty", help);
            None
        }
        root => root,
    }
}

fn hint(info: &str) -> Option<String> {
    let hint = if info.contains("mapping values are not allowed") {
        "text that contains `: ` has to stand in quotes"
    } else if info.contains("tab") {
        "indent with blanks"
    } else if info.contains("did not find expected") {
        "look at the indentation, the brackets and the quotes of this line and of the one above"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// Whether tabs indent anything.
fn refuse_tabs(text: &str, found: &mut Findings) -> bool {
    let mut any = false;
    for (n, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t')
            && !line[indent..].trim_end().is_empty()
            && !line[indent..].starts_with('#')
        {
            let at = Position { line: n + 1, column: tab + 1, length: indent - tab };
            found.add(at, "a tab in the indentation", "indent with blanks, two per level");
            any = true;
        }
    }
    any
}

/// The file is refused as a whole.
struct Refused;

/// Puts events together.
struct Builder<'a> {
    n_lines: usize,
    found: &'a mut Findings,
    open: Vec<Open>,
    root: Option<Node>,
    n_documents: usize,
}

/// A map or a list that is being read.
struct Open {
    at: Position,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, lines: HashMap<String, usize>, key: Option<Key>, is_repeated: bool },
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Refused> {
        let at = self.span(span);
        if event.tag().is_some() {
            self.found.add(at, "a tag (`!…`) has no meaning here", "leave it out");
        }
        match event {
            Event::DocumentStart(..) => {
                self.n_documents += 1;
                if self.n_documents > 1 {
                    self.found.add(at, "a second document in one file", "one file, one entity: remove `---`");
                    return Err(Refused);
                }
            }
            Event::Anchor(..) => {
                self.found.add(
                    at,
                    "an anchor (`&…`) has no meaning here",
                    "write the value where it is used",
                );
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.found.add(at, "an alias (`*…`) has no meaning here", "write out what it stands for");
                self.place(Node { value: Value::Broken, at });
            }
            Event::Scalar(text, style, ..) => {
                let value = self.scalar(&text, style, at);
                self.place_scalar(text.into_owned(), value, at);
            }
            Event::SequenceStart(..) => self.open(OpenKind::List(Vec::new()), at)?,
            Event::MappingStart(..) => {
                self.open(
                    OpenKind::Map {
                        entries: Vec::new(),
                        lines: HashMap::new(),
                        key: None,
                        is_repeated: false,
                    },
                    at,
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Position) -> Value {
        if !matches!(style, ScalarStyle::Plain) {
            return Value::Scalar(Scalar::Text(text.to_owned()));
        }
        let Some(other) = Scalar::ambiguity(text) else { return Value::Scalar(Scalar::plain(text)) };
        let message = format!("`{text}` is read as {other} by some readers of YAML");
        let help = match other {
            "true" | "false" => format!("write `\"{text}\"` for the text, or `{other}`"),
            _ => format!("write `\"{text}\"` for the text, or the number in plain digits"),
        };
        self.found.add(at, message, help);
        Value::Broken
    }

    fn open(&mut self, kind: OpenKind, at: Position) -> Result<(), Refused> {
        if self.open.len() == DEEPEST {
            let message = format!("more than {DEEPEST} maps and lists within each other");
            self.found.add(at, message, "the format needs no more than 7");
            return Err(Refused);
        }
        self.open.push(Open { at, kind });
        Ok(())
    }

    fn close(&mut self) {
        let Some(Open { at, kind }) = self.open.pop() else { return };
        let value = match kind {
            OpenKind::List(items) => Value::List(items),
            OpenKind::Map { entries, .. } => Value::Map(entries),
        };
        self.place(Node { value, at });
    }

    fn place_scalar(&mut self, text: String, value: Value, at: Position) {
        if let Some(Open { kind: OpenKind::Map { key: key @ None, lines, is_repeated, .. }, .. }) =
            self.open.last_mut()
        {
            *is_repeated = false;
            if text == "<<" {
                self.found.add(at, "a merge key (`<<`) has no meaning here", "write out what is merged");
            }
            if let Some(line) = lines.get(&text) {
                let message = format!("`{text}` stands here a second time; the first is in line {line}");
                self.found.add(at, message, "remove one of them");
                *is_repeated = true;
            } else {
                lines.insert(text.clone(), at.line);
            }
            *key = Some(Key { text, at });
        } else {
            self.place(Node { value, at });
        }
    }

    fn place(&mut self, node: Node) {
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map { entries, key, is_repeated, .. }) => match key.take() {
                Some(key) => {
                    // The first of two counts, and what is merged was reported.
                    if key.text != "<<" && !*is_repeated {
                        entries.push((key, node));
                    }
                }
                None => {
                    self.found.add(node.at, "a key has to be a word", "put lists and maps after the colon");
                    (*key, *is_repeated) = (Some(Key { text: String::new(), at: node.at }), true);
                }
            },
        }
    }

    fn span(&self, span: Span) -> Position {
        let length = if span.start.line() == span.end.line() {
            span.end.index().saturating_sub(span.start.index())
        } else {
            1
        };
        self.position(span.start, length)
    }

    /// A position within the file, whatever the parser says.
    fn position(&self, marker: Marker, length: usize) -> Position {
        let (line, column) = (marker.line().max(1), marker.col() + 1);
        let (line, column) = if line > self.n_lines { (self.n_lines, 1) } else { (line, column) };
        Position { line, column, length: length.max(1) }
    }
}
