//! Values from their JSON text, without a detour through a tree or a binary float.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use sync_core::value::{parse_decimal, parse_instant};

/// What a decimal holds exactly.
const DIGITS: usize = 28;

/// The names and values of an object, in order, as slices of its text.
///
/// Values are cut out and not looked into: each is checked when it is read. That, and nothing being copied,
/// is what a page of thousands of records needs.
pub(super) struct Fields<'a> {
    json: &'a str,
    at: usize,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Start,
    Within,
    End,
    Malformed,
}

impl<'a> Fields<'a> {
    pub(super) fn of(json: &'a str) -> Self {
        Self { json, at: 0, state: State::Start }
    }

    /// Whether what was iterated over was an object from its first to its last character.
    pub(super) fn is_whole(&self) -> bool {
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
pub(super) fn object(json: &str) -> Option<Vec<(&str, &str)>> {
    let mut fields = Fields::of(json);
    // Room for most objects, so that it need not grow.
    let mut all = Vec::with_capacity(32);
    all.extend(&mut fields);
    fields.is_whole().then_some(all)
}

/// One field of an object: `Err` if it is no object, `Ok(None)` if it lacks the field.
pub(super) fn field<'a>(json: &'a str, name: &str) -> Result<Option<&'a str>, ()> {
    let mut fields = Fields::of(json);
    match fields.find(|(field, _)| *field == name) {
        Some((_, value)) => Ok(Some(value)),
        None if fields.is_whole() => Ok(None),
        None => Err(()),
    }
}

pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

pub(super) fn boolean(raw: &str) -> Option<bool> {
    match raw {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

pub(super) fn integer(raw: &str) -> Option<i64> {
    let whole = raw.strip_suffix(".0").unwrap_or(raw);
    whole.parse().ok().or_else(|| decimal(raw).filter(Decimal::is_integer)?.try_into().ok())
}

pub(super) fn is_number(raw: &str) -> bool {
    raw.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

pub(super) fn decimal(raw: &str) -> Option<Decimal> {
    let mantissa = raw.split(['e', 'E']).next()?;
    if mantissa.len() < raw.len() {
        // The scientific form would be rounded to fit; count the digits that mean something first.
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
        if digits > DIGITS {
            return None;
        }
    }
    parse_decimal(raw)
}

pub(super) fn date(raw: &str) -> Option<NaiveDate> {
    let text = text(raw)?;
    if text.len() == 10 { day(text.as_bytes()) } else { None }
}

pub(super) fn instant(raw: &str) -> Option<DateTime<Utc>> {
    let text = text(raw)?;
    salesforce_instant(text.as_bytes()).or_else(|| parse_instant(&text))
}

/// `2026-01-02T10:04:05.000+0000`, the form of nearly every stamp, without a general parser.
fn salesforce_instant(text: &[u8]) -> Option<DateTime<Utc>> {
    let [.., b'+', b'0', b'0', b'0', b'0'] = text else { return None };
    if text.len() != 28 || text[10] != b'T' || text[13] != b':' || text[16] != b':' || text[19] != b'.' {
        return None;
    }
    let [hour, minute, second] = [digits(&text[11..13])?, digits(&text[14..16])?, digits(&text[17..19])?];
    let time = NaiveTime::from_hms_milli_opt(hour, minute, second, digits(&text[20..23])?)?;
    Some(day(&text[..10])?.and_time(time).and_utc())
}

fn day(text: &[u8]) -> Option<NaiveDate> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i32::try_from(digits(&text[..4])?).ok()?;
    NaiveDate::from_ymd_opt(year, digits(&text[5..7])?, digits(&text[8..10])?)
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}
