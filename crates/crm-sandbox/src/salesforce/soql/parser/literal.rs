//! Values in conditions.

use super::super::ast::Literal;
use super::super::dates::{DateLiteral, parse_date, parse_datetime};
use super::super::error::SoqlError;
use super::super::lexer::Kind;
use super::super::like::{Pattern, Piece};
use super::Parser;

/// Longest string literal, in characters (provider limit).
const MAX_LITERAL: usize = 4_000;

impl Parser<'_> {
    pub(super) fn literal(&mut self) -> Result<Literal, SoqlError> {
        let token = self.next();
        match token.kind {
            Kind::Str => string(token.text).map(Literal::Str),
            Kind::Number => number(token.text).ok_or_else(|| SoqlError::unexpected(token.text)),
            Kind::Word if token.is("NULL") => Ok(Literal::Null),
            Kind::Word if token.is("TRUE") => Ok(Literal::Bool(true)),
            Kind::Word if token.is("FALSE") => Ok(Literal::Bool(false)),
            Kind::Word => {
                let mut n = None;
                if self.eat_kind(Kind::Colon) {
                    let count = self.next();
                    n = Some(count.text.parse().map_err(|_| SoqlError::unexpected(count.text))?);
                }
                DateLiteral::named(token.text, n)
                    .map(Literal::Named)
                    .ok_or_else(|| SoqlError::unexpected(token.text))
            }
            _ => Err(SoqlError::unexpected(token.text)),
        }
    }
}

/// A number, date or datetime.
fn number(text: &str) -> Option<Literal> {
    if let Some(at) = parse_datetime(text) {
        return Some(Literal::DateTime(at));
    }
    if let Some(day) = parse_date(text) {
        return Some(Literal::Date(day));
    }
    // Rust's parser also takes words and a bare point, which never start with a digit after the sign.
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mantissa = digits.split(['e', 'E']).next().unwrap_or("");
    if !mantissa.contains(|c: char| c.is_ascii_digit())
        || !mantissa.chars().all(|c| c.is_ascii_digit() || c == '.')
    {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    let whole = digits.chars().all(|c| c.is_ascii_digit());
    value.is_finite().then_some(Literal::Number(value, whole))
}

/// Resolves the escapes of a quoted string.
pub(in super::super) fn string(raw: &str) -> Result<String, SoqlError> {
    let mut out = String::with_capacity(raw.len());
    unescape(raw, |piece| match piece {
        Unescaped::Char(c) => {
            out.push(c);
            Ok(())
        }
        Unescaped::Wildcard(c) => Err(illegal(c)),
    })?;
    limit(out.chars().count())?;
    Ok(out)
}

/// Resolves the escapes of a `LIKE` pattern.
pub(in super::super) fn pattern(raw: &str) -> Result<Pattern, SoqlError> {
    let mut pieces = Vec::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    // Unescaped wildcards are the only thing the two kinds of string see differently, so the text
    // between them goes through the same resolver.
    let mut plain = String::new();
    let flush = |plain: &mut String, pieces: &mut Vec<Piece>| {
        let result = unescape(plain, |piece| {
            let (Unescaped::Char(c) | Unescaped::Wildcard(c)) = piece;
            pieces.push(Piece::Char(c));
            Ok(())
        });
        plain.clear();
        result
    };
    while let Some(c) = chars.next() {
        match c {
            '%' | '_' => {
                flush(&mut plain, &mut pieces)?;
                pieces.push(if c == '%' { Piece::Run } else { Piece::One });
            }
            '\\' => {
                plain.push(c);
                plain.extend(chars.next());
            }
            c => plain.push(c),
        }
    }
    flush(&mut plain, &mut pieces)?;
    limit(pieces.len())?;
    Ok(Pattern::new(pieces))
}

enum Unescaped {
    Char(char),
    /// `\%` or `\_`.
    Wildcard(char),
}

fn unescape(raw: &str, mut push: impl FnMut(Unescaped) -> Result<(), SoqlError>) -> Result<(), SoqlError> {
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(Unescaped::Char(c))?;
            continue;
        }
        let escape = chars.next().ok_or_else(|| illegal(' '))?;
        push(match escape {
            'n' => Unescaped::Char('\n'),
            'r' => Unescaped::Char('\r'),
            't' => Unescaped::Char('\t'),
            'b' => Unescaped::Char('\u{8}'),
            'f' => Unescaped::Char('\u{c}'),
            '"' | '\'' | '\\' => Unescaped::Char(escape),
            '%' | '_' => Unescaped::Wildcard(escape),
            'u' => Unescaped::Char(unicode(&mut chars).ok_or_else(|| illegal('u'))?),
            other => return Err(illegal(other)),
        })?;
    }
    Ok(())
}

/// Four hex digits; characters beyond 16 bits come as two such escapes.
fn unicode(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let unit = hex4(chars)?;
    if !(0xd800..0xdc00).contains(&unit) {
        return char::from_u32(unit);
    }
    if chars.next()? != '\\' || chars.next()? != 'u' {
        return None;
    }
    let low = hex4(chars)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
}

fn hex4(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |sum, _| Some(sum * 16 + chars.next()?.to_digit(16)?))
}

fn illegal(escape: char) -> SoqlError {
    SoqlError::malformed(format!("Illegal character sequence '\\{escape}' in string literal"))
}

fn limit(chars: usize) -> Result<(), SoqlError> {
    if chars <= MAX_LITERAL {
        return Ok(());
    }
    Err(SoqlError::malformed("string literals in WHERE cannot be longer than 4000 characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_escape_resolves() {
        let table = [
            (r"a\nb", "a\nb"),
            (r"\r\t\b\f", "\r\t\u{8}\u{c}"),
            (r#"\"\'\\"#, "\"'\\"),
            (r"\u0041\u00e9", "Aé"),
            (r"\uD83D\uDE00", "😀"),
            ("", ""),
            ("%_", "%_"),
        ];
        for (raw, expected) in table {
            assert_eq!(string(raw).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn any_other_backslash_is_malformed() {
        for raw in [
            r"\d", r"\N", r"\%", r"\_", r"\u12", r"\u12g4", r"\uD83D", r"\uD83Dx", r"\uDE00", r"\é",
            r"\u+123",
        ] {
            assert_eq!(string(raw).unwrap_err().code, "MALFORMED_QUERY", "{raw}");
        }
        assert_eq!(pattern(r"a\d%").unwrap_err().code, "MALFORMED_QUERY");
    }

    #[test]
    fn literals_end_at_four_thousand_characters() {
        assert!(string(&"é".repeat(4_000)).is_ok());
        assert!(string(&"é".repeat(4_001)).is_err());
        // What counts is the value, not how it was escaped.
        assert!(string(&r"\'".repeat(4_000)).is_ok());
        assert!(pattern(&"_".repeat(4_001)).is_err());
    }

    #[test]
    fn numbers_dates_and_datetimes_are_recognised() {
        assert_eq!(number("12500"), Some(Literal::Number(12_500.0, true)));
        assert_eq!(number("-1.5e3"), Some(Literal::Number(-1_500.0, false)));
        assert_eq!(number("+.5"), Some(Literal::Number(0.5, false)));
        assert_eq!(number("1970-01-02"), Some(Literal::Date(1)));
        assert_eq!(number("1970-01-01T00:00:01Z"), Some(Literal::DateTime(1_000)));
        for bad in ["1.2.3", "12abc", "1e", "1e999", "2026-13-01", "-", "+inf", "-e5", "1-2", "0x10", "1:2"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
