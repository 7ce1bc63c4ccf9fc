//! Whether the tree has the form that the types' schema describes: keys, kinds of values, words.

use serde_json::{Map, Value as Json};

use super::node::{Node, Scalar, Value};
use super::problem::{Findings, Position};
use super::suggest::{allowed, meant, near};

/// Reports everything whose form is not the schema's.
pub(super) fn check(tree: &Node, schema: &Json, found: &mut Findings) {
    Walk { found, root: schema }.value(tree, schema, "the file", Position { length: 1, ..tree.at });
}

struct Walk<'a> {
    found: &'a mut Findings,
    /// The file's schema, which references lead into.
    root: &'a Json,
}

/// What a place of the file may hold: the alternatives of its schema, sorted by kind.
#[derive(Default)]
struct Forms<'s> {
    /// Words, of which text has to be one.
    words: Vec<&'s str>,
    is_text: bool,
    is_bool: bool,
    is_number: bool,
    is_null: bool,
    /// Schemas of whole numbers, lists and maps.
    integer: Option<&'s Map<String, Json>>,
    list: Option<&'s Map<String, Json>>,
    map: Option<&'s Map<String, Json>>,
    /// Maps with exactly one key, by that key.
    variants: Vec<(&'s str, &'s Json)>,
}

impl<'s> Forms<'s> {
    fn of(schema: &'s Json, root: &'s Json) -> Self {
        let mut forms = Self::default();
        forms.add(schema, root, false);
        forms
    }

    fn add(&mut self, schema: &'s Json, root: &'s Json, is_alternative: bool) {
        let Some(object) = schema.as_object() else { return };
        if let Some(reference) = object.get("$ref").and_then(Json::as_str) {
            let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            return self.add(target.unwrap_or(&Json::Null), root, is_alternative);
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(Json::Array(alternatives)) = object.get(key) {
                // A variant with content is an alternative of `oneOf`; a long form is one of `anyOf`.
                alternatives.iter().for_each(|one| self.add(one, root, key == "oneOf"));
                return;
            }
        }
        if let Some(word) = object.get("const").and_then(Json::as_str) {
            self.words.push(word);
            return;
        }
        match object.get("type") {
            Some(Json::Array(kinds)) => {
                kinds.iter().filter_map(Json::as_str).for_each(|kind| self.add_kind(kind, object));
            }
            Some(Json::String(kind)) if kind == "object" && is_alternative => {
                let properties = object.get("properties").and_then(Json::as_object);
                self.variants
                    .extend(properties.into_iter().flatten().map(|(key, value)| (key.as_str(), value)));
            }
            Some(Json::String(kind)) => self.add_kind(kind, object),
            _ => {}
        }
    }

    fn add_kind(&mut self, kind: &str, object: &'s Map<String, Json>) {
        match kind {
            "string" => self.is_text = true,
            "boolean" => self.is_bool = true,
            "number" => self.is_number = true,
            "null" => self.is_null = true,
            "integer" => self.integer = Some(object),
            "array" => self.list = Some(object),
            "object" => self.map = Some(object),
            _ => {}
        }
    }

    /// For messages: `a text or a list`.
    fn expected(&self) -> String {
        let mut kinds = Vec::new();
        if !self.words.is_empty() || !self.variants.is_empty() {
            let variants = self.variants.iter().map(|(key, _)| *key);
            kinds.push(format!("one of {}", allowed(self.words.iter().copied().chain(variants))));
        }
        for (is_one, kind) in [
            (self.is_null, "null"),
            (self.is_bool, "true or false"),
            (self.is_number, "a number"),
            (self.integer.is_some(), "a whole number"),
            (self.is_text, "a text"),
            (self.list.is_some(), "a list"),
            (self.map.is_some(), "a map"),
        ] {
            if is_one {
                kinds.push(kind.to_owned());
            }
        }
        match kinds.pop() {
            Some(last) if kinds.is_empty() => last,
            Some(last) => format!("{} or {last}", kinds.join(", ")),
            None => "nothing".to_owned(),
        }
    }
}

impl Walk<'_> {
    /// A value at the place called `name`, whose key stands at `key`.
    fn value(&mut self, node: &Node, schema: &Json, name: &str, key: Position) {
        let root = self.root;
        let forms = Forms::of(schema, root);
        match &node.value {
            Value::Broken => {}
            Value::Scalar(scalar) => self.scalar(scalar, node, &forms, name, key),
            Value::List(items) => match forms.list {
                Some(list) => self.list(items, list, name, node.at),
                None => self.wrong_kind(node, &forms, name, node.at),
            },
            Value::Map(_) => match forms.map {
                Some(map) => self.map(node, map, name, key),
                None if !forms.variants.is_empty() => self.variant(node, &forms, name),
                None => self.wrong_kind(node, &forms, name, node.at),
            },
        }
    }

    fn scalar(&mut self, scalar: &Scalar, node: &Node, forms: &Forms<'_>, name: &str, key: Position) {
        match scalar {
            Scalar::Text(_) if forms.is_text => {}
            Scalar::Text(word) if forms.words.contains(&word.as_str()) => {}
            Scalar::Text(word) if !forms.words.is_empty() || !forms.variants.is_empty() => {
                self.unknown_word(word, node.at, forms, name);
            }
            Scalar::Bool(_) if forms.is_bool => {}
            Scalar::Float(..) if forms.is_number => {}
            Scalar::Int(_) if forms.is_number => {}
            Scalar::Int(n) if forms.integer.is_some() => self.integer(*n, node.at, forms, name),
            Scalar::Null if forms.is_null => {}
            Scalar::Null => {
                self.wrong_kind(node, forms, name, if node.at.length > 1 { node.at } else { key });
            }
            _ => self.wrong_kind(node, forms, name, node.at),
        }
    }

    fn integer(&mut self, n: i64, at: Position, forms: &Forms<'_>, name: &str) {
        let bound = |key| forms.integer.and_then(|schema| schema.get(key)).and_then(Json::as_i64);
        let (least, most) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
        if !(least..=most).contains(&n) {
            let range = match bound("maximum") {
                Some(most) => format!("from {least} to {most}"),
                None => format!("of at least {least}"),
            };
            self.found.add(at, format!("{name} has to be a whole number {range}"), None);
        }
    }

    fn unknown_word(&mut self, word: &str, at: Position, forms: &Forms<'_>, name: &str) {
        if forms.variants.iter().any(|(key, _)| *key == word) {
            let message = format!("`{word}` needs a value");
            self.found.add(at, message, format!("write `{{ {word}: … }}`"));
            return;
        }
        let words = || forms.words.iter().copied().chain(forms.variants.iter().map(|(key, _)| *key));
        let help = meant(word, words()).or_else(|| near(word, words()));
        let help = help.unwrap_or_else(|| format!("allowed: {}", allowed(words())));
        self.found.add(at, format!("{name} can't be `{word}`"), help);
    }

    fn wrong_kind(&mut self, node: &Node, forms: &Forms<'_>, name: &str, at: Position) {
        let help = match &node.value {
            Value::Scalar(Scalar::Null) if forms.words.contains(&"null") => {
                Some("put the word in quotes: `\"null\"`".to_owned())
            }
            Value::Scalar(Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(..)) if forms.is_text => {
                Some("put it in quotes if it is meant as text".to_owned())
            }
            Value::Scalar(Scalar::Text(word))
                if forms.is_bool && ["true", "false"].contains(&word.as_str()) =>
            {
                Some(format!("without quotes: `{word}`"))
            }
            Value::Scalar(Scalar::Text(text)) if forms.integer.is_some() && text.parse::<i64>().is_ok() => {
                Some(format!("without quotes: `{text}`"))
            }
            _ => None,
        };
        let message = format!("{name} has to be {}, found {}", forms.expected(), node.describe());
        self.found.add(at, message, help);
    }

    fn list(&mut self, items: &[Node], schema: &Map<String, Json>, name: &str, at: Position) {
        if items.is_empty() && schema.get("minItems").is_some() {
            self.found.add(at, format!("{name} needs at least one value"), None);
        }
        let Some(of_items) = schema.get("items") else { return };
        for item in items {
            self.value(item, of_items, &format!("a value of {name}"), item.at);
        }
    }

    fn map(&mut self, node: &Node, schema: &Map<String, Json>, name: &str, key: Position) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        for (key, value) in node.entries() {
            match (properties.and_then(|properties| properties.get(&key.text)), others) {
                (Some(schema), _) | (None, Some(schema)) => {
                    self.value(value, schema, &format!("`{}`", key.text), key.at);
                }
                // An alias or a merge key was reported.
                (None, None) if matches!(value.value, Value::Broken) => {}
                (None, None) => {
                    let known = || properties.into_iter().flatten().map(|(name, _)| name.as_str());
                    let help = near(&key.text, known())
                        .unwrap_or_else(|| format!("the keys of {name} are {}", allowed(known())));
                    self.found.add(key.at, format!("{name} has no key `{}`", key.text), help);
                }
            }
        }
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten();
        for missing in required.filter_map(Json::as_str).filter(|required| node.get(required).is_none()) {
            let about =
                properties.and_then(|properties| properties.get(missing)?.get("description")?.as_str());
            let help = about.map(|about| format!("`{missing}`: {about}"));
            self.found.add(key, format!("{name} lacks the key `{missing}`"), help);
        }
        if node.entries().is_empty() && schema.get("minProperties").is_some() {
            self.found.add(node.at, format!("{name} needs at least one entry"), None);
        }
    }

    /// A map with one key, that names what it is.
    fn variant(&mut self, node: &Node, forms: &Forms<'_>, name: &str) {
        let keys = || forms.variants.iter().map(|(key, _)| *key);
        let [(key, value)] = node.entries() else {
            let message = format!("{name} has to be a word, or a map with exactly one key");
            self.found.add(
                node.at,
                message,
                format!("several go into a list; the keys are {}", allowed(keys())),
            );
            return;
        };
        if let Some((_, schema)) = forms.variants.iter().find(|(name, _)| *name == key.text) {
            self.value(value, schema, &format!("`{}`", key.text), key.at);
        } else if forms.words.contains(&key.text.as_str()) {
            let message = format!("`{}` takes no value", key.text);
            self.found.add(key.at, message, format!("write the word alone: `{}`", key.text));
        } else {
            let words = || forms.words.iter().copied().chain(keys());
            let help = near(&key.text, words()).unwrap_or_else(|| format!("allowed: {}", allowed(words())));
            self.found.add(key.at, format!("{name} can't be `{}`", key.text), help);
        }
    }
}
