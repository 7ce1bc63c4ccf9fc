//! A YAML document as a tree that knows where everything stands.

use super::problem::Position;

/// One value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: Position,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// Something that was already reported.
    Broken,
}

/// A key of a map.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) at: Position,
}

/// A plain value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// As written, and as a float.
    Float(String, f64),
    Text(String),
}

impl Scalar {
    /// An unquoted scalar, by the core schema of YAML 1.2.
    pub(super) fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" | "True" | "TRUE" => return Self::Bool(true),
            "false" | "False" | "FALSE" => return Self::Bool(false),
            _ => {}
        }
        let looks_numeric = text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        match (looks_numeric, text.parse::<i64>(), text.parse::<f64>()) {
            (true, Ok(n), _) => Self::Int(n),
            (true, _, Ok(x)) => Self::Float(text.to_owned(), x),
            _ => Self::Text(text.to_owned()),
        }
    }

    /// Why an unquoted scalar means different things to different readers of YAML, if it does.
    pub(super) fn ambiguity(text: &str) -> Option<&'static str> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let is_octal = digits.len() > 1
            && digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        let is_grouped = digits.contains('_')
            && digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || b"_.".contains(&byte));
        let is_based = ["0x", "0o", "0b"].iter().any(|prefix| {
            digits.strip_prefix(prefix).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_')
            })
        });
        match text {
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some("true"),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some("false"),
            _ if is_octal || is_grouped || is_based => Some("another number"),
            _ => match digits.to_ascii_lowercase().as_str() {
                ".inf" | ".nan" => Some("no finite number"),
                _ => None,
            },
        }
    }
}

impl Node {
    /// The entries of a map; none for anything else.
    pub(super) fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The values of a list; none for anything else.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entry of a map with this key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(found, _)| found.text == key).map(|(_, value)| value)
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// What it is, for messages.
    pub(super) fn describe(&self) -> &'static str {
        match &self.value {
            Value::Scalar(Scalar::Null) => "nothing (null)",
            Value::Scalar(Scalar::Bool(_)) => "true or false",
            Value::Scalar(Scalar::Int(_) | Scalar::Float(..)) => "a number",
            Value::Scalar(Scalar::Text(_)) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Broken => "something that can't be read",
        }
    }
}
