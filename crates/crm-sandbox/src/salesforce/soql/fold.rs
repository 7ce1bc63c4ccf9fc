//! Text compared without regard to case, and without an allocation per row.

use std::cmp::Ordering;
use std::str::Chars;

/// The characters of a text, lower-cased when asked.
#[derive(Clone)]
pub(super) struct Folding<'a> {
    chars: Chars<'a>,
    lower: Option<std::char::ToLowercase>,
    fold: bool,
}

impl<'a> Folding<'a> {
    pub(super) fn new(text: &'a str, fold: bool) -> Self {
        Self { chars: text.chars(), lower: None, fold }
    }
}

impl Iterator for Folding<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if let Some(c) = self.lower.as_mut().and_then(Iterator::next) {
            return Some(c);
        }
        let c = self.chars.next()?;
        if !self.fold {
            return Some(c);
        }
        if c.is_ascii() {
            return Some(c.to_ascii_lowercase());
        }
        let mut lower = c.to_lowercase();
        let first = lower.next();
        self.lower = Some(lower);
        first
    }
}

/// How a text looks when case is ignored; unchanged for case-sensitive fields.
pub(super) fn folded(text: &str, fold: bool) -> String {
    Folding::new(text, fold).collect()
}

/// Orders `text` against something already [`folded`] the same way.
pub(super) fn compare(text: &str, other: &str, fold: bool) -> Ordering {
    if fold { Folding::new(text, true).cmp(other.chars()) } else { text.cmp(other) }
}
