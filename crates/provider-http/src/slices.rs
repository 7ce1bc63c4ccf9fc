//! JSON objects as slices of their text, without a detour through a tree or a binary float.
//!
//! Values are cut out and not looked into: each is checked when it is read. That, and nothing being copied, is
//! what a page of thousands of records needs.

use std::borrow::Cow;

/// The names and values of an object, in order, as slices of its text.
#[derive(Debug)]
pub struct Fields<'a> {
    json: &'a str,
    at: usize,
    state: State,
}

#[derive(Debug, PartialEq)]
enum State {
    Start,
    Within,
    End,
    Malformed,
}

impl<'a> Fields<'a> {
    /// The fields of this text.
    #[must_use]
    pub fn of(json: &'a str) -> Self {
        Self { json, at: 0, state: State::Start }
    }

    /// Whether what was iterated over was an object from its first to its last character.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.state == State::End
    }

    fn step(&mut self) -> Option<Option<(&'a str, &'a str)>> {
        if self.state == State::Start {
            self.expect(b'{')?;
            if self.peek()? == b'}' {
                return self.finish();
            }
        } else {
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => return self.finish(),
                _ => return None,
            }
        }
        self.state = State::Within;
        if self.peek()? != b'"' {
            return None;
        }
        let quoted = self.cut(string_end)?;
        let name = &quoted[1..quoted.len() - 1];
        self.expect(b':')?;
        self.peek()?;
        let value = self.cut(value_end)?;
        // No field's name needs an escape.
        if name.contains('\\') { None } else { Some(Some((name, value))) }
    }

    fn finish(&mut self) -> Option<Option<(&'a str, &'a str)>> {
        self.at += 1;
        if self.peek().is_some() {
            return None;
        }
        self.state = State::End;
        Some(None)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.json.as_bytes()[self.at..];
        let skipped = rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        self.at += skipped.unwrap_or(rest.len());
        self.json.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn cut(&mut self, end: fn(&[u8], usize) -> Option<usize>) -> Option<&'a str> {
        let end = end(self.json.as_bytes(), self.at)?;
        let piece = self.json.get(self.at..end)?;
        self.at = end;
        Some(piece)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.state, State::End | State::Malformed) {
            return None;
        }
        self.step().unwrap_or_else(|| {
            self.state = State::Malformed;
            None
        })
    }
}

/// After the closing quote of the text that begins at `at`.
fn string_end(json: &[u8], mut at: usize) -> Option<usize> {
    at += 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// After the value that begins at `at`.
fn value_end(json: &[u8], mut at: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' => return string_end(json, at),
        b'{' | b'[' => {}
        _ => {
            let end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
            let length = json[at..].iter().position(end)?;
            return (length > 0).then_some(at + length);
        }
    }
    let mut depth = 0_usize;
    loop {
        match json.get(at)? {
            b'"' => {
                at = string_end(json, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// All fields of an object; `None` if it is none.
#[must_use]
pub fn object(json: &str) -> Option<Vec<(&str, &str)>> {
    let mut fields = Fields::of(json);
    // Room for most objects, so that it need not grow.
    let mut all = Vec::with_capacity(32);
    all.extend(&mut fields);
    fields.is_whole().then_some(all)
}

/// One field of an object; `None` if it lacks the field.
///
/// # Errors
/// [`NotAnObject`] if it is none.
pub fn field<'a>(json: &'a str, name: &str) -> Result<Option<&'a str>, NotAnObject> {
    let mut fields = Fields::of(json);
    match fields.find(|(field, _)| *field == name) {
        Some((_, value)) => Ok(Some(value)),
        None if fields.is_whole() => Ok(None),
        None => Err(NotAnObject),
    }
}

/// The text of a JSON string; `None` if it is none.
#[must_use]
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The text is something else than a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no json object")]
pub struct NotAnObject;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_cut_out_in_order() {
        let json = r#" { "a" : 1 , "b":{"c":[",}"]}, "d":"x\"y" } "#;
        assert_eq!(object(json).unwrap(), [("a", "1"), ("b", r#"{"c":[",}"]}"#), ("d", r#""x\"y""#)]);
        assert_eq!(field(json, "d").unwrap().and_then(text).as_deref(), Some(r#"x"y"#));
        assert_eq!(field(json, "e"), Ok(None));
        assert_eq!(field("[1]", "a"), Err(NotAnObject));
        assert_eq!(text("1"), None);
    }
}
